//! What system calls are about, read from `/proc` and the memory of the process that makes them.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use nix::{libc, unistd::Pid};

use crate::trace::Call;

/// What an open file is called; of no use where it is closed.
#[must_use]
pub fn link(thread: Pid, fd: u64) -> PathBuf {
    fs::read_link(format!("/proc/{thread}/fd/{fd}")).unwrap_or_default()
}

/// Where an open file is read and written next (proc_pid_fdinfo(5)).
pub(crate) fn position(thread: Pid, fd: u64) -> u64 {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).unwrap();
    let position = info.lines().find_map(|line| line.strip_prefix("pos:"));
    position.unwrap().trim().parse().unwrap()
}

/// Memory of a process.
#[must_use]
pub fn bytes(thread: Pid, address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length.try_into().unwrap()];
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    memory.read_exact_at(&mut bytes, address).unwrap();
    bytes
}

/// The buffers of a writev(2).
pub(crate) fn vector(thread: Pid, address: u64, count: u64) -> Vec<u8> {
    let table = bytes(thread, address, count * 16);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    table.chunks_exact(16).flat_map(|entry| bytes(thread, number(&entry[..8]), number(&entry[8..]))).collect()
}

/// A text that ends with a zero.
fn text(thread: Pid, address: u64) -> String {
    let memory = File::open(format!("/proc/{thread}/mem")).unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 256];
    loop {
        // It is cut short where memory ends.
        let length = memory.read_at(&mut piece, address + text.len() as u64).unwrap();
        assert!(length > 0, "the text has no end");
        let end = piece[..length].iter().position(|byte| *byte == 0);
        text.extend_from_slice(&piece[..end.unwrap_or(length)]);
        if end.is_some() {
            return String::from_utf8(text).unwrap();
        }
    }
}

/// The path at an address, seen from an open directory, or from where the process works.
#[must_use]
pub fn path(call: &Call, directory: Option<u64>, address: u64) -> PathBuf {
    let path = PathBuf::from(text(call.thread, address));
    // An int in a register, with whatever is above it.
    let directory = match directory.map(|fd| fd & u64::from(u32::MAX)) {
        Some(fd) if fd != u64::from(libc::AT_FDCWD.cast_unsigned()) => link(call.thread, fd),
        _ => fs::read_link(format!("/proc/{}/cwd", call.thread)).unwrap(),
    };
    directory.join(path)
}

/// The place of a path below a directory.
pub(crate) fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_owned)
}
