//! Decodes the arguments of system calls from `/proc` and the memory of the process that makes them.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use nix::{libc, unistd::Pid};

use crate::ptrace::Call;

/// Returns the path of an open file; an empty path if it is closed.
#[must_use]
pub fn link(thread: Pid, fd: u64) -> PathBuf {
    fs::read_link(format!("/proc/{thread}/fd/{fd}")).unwrap_or_default()
}

/// Returns the offset of an open file (proc_pid_fdinfo(5)).
pub(crate) fn position(thread: Pid, fd: u64) -> u64 {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).unwrap();
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    position.unwrap().trim().parse().unwrap()
}

/// Reads memory of a process.
#[must_use]
pub fn bytes(thread: Pid, address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length.try_into().unwrap()];
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    memory.read_exact_at(&mut bytes, address).unwrap();
    bytes
}

/// Reads the buffers of a writev(2) or pwritev(2).
pub(crate) fn vector(thread: Pid, address: u64, count: u64) -> Vec<u8> {
    let table = bytes(thread, address, count * 16);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    table.chunks_exact(16).flat_map(|entry| bytes(thread, number(&entry[..8]), number(&entry[8..]))).collect()
}

/// Reads a text that ends with a zero.
fn text(thread: Pid, address: u64) -> String {
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 256];
    loop {
        // The read is short at the end of the mapped memory.
        let length = memory.read_at(&mut piece, address + text.len() as u64).unwrap();
        assert!(length > 0, "the text has no end");
        let end = piece[..length].iter().position(|byte| *byte == 0);
        text.extend_from_slice(&piece[..end.unwrap_or(length)]);
        if end.is_some() {
            return String::from_utf8(text).unwrap();
        }
    }
}

/// Reads the path at an address, relative to an open directory or to the working directory of the process.
#[must_use]
pub fn path(call: &Call, directory: Option<u64>, address: u64) -> PathBuf {
    let path = PathBuf::from(text(call.thread, address));
    // The register holds an int; its upper half is undefined.
    let directory = match directory.map(|fd| fd & u64::from(u32::MAX)) {
        Some(fd) if fd != u64::from(libc::AT_FDCWD.cast_unsigned()) => link(call.thread, fd),
        _ => fs::read_link(format!("/proc/{}/cwd", call.thread)).unwrap(),
    };
    directory.join(path)
}

/// Returns the path relative to a directory, if it is below that.
pub(crate) fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_owned)
}
