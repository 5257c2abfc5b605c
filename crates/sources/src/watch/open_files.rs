//! Finds the files that are open for writing by the user's own processes, or by any process for root.
//!
//! The open files are read from `/proc`, so only on Linux. Elsewhere no file counts as open.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// O_WRONLY and O_RDWR, in the octal number of `/proc/PID/fdinfo/FD` (proc(5)).
const WRITING: u32 = 0o3;

/// The identity of a file, whatever its name: device and inode.
pub(super) type Identity = (u64, u64);

/// Returns the files of `files` that are open for writing.
pub(super) fn open_for_writing(files: &[PathBuf]) -> HashSet<PathBuf> {
    let known: Vec<(Identity, &PathBuf)> =
        files.iter().filter_map(|file| Some((identity(&fs::metadata(file).ok()?), file))).collect();
    // `/proc` shows an open file by its own name, not by that of a link to it. Only files with these names
    // are examined further, because a file on an unreachable server would block.
    let names: HashSet<OsString> = files
        .iter()
        .filter_map(|file| fs::canonicalize(file).ok()?.file_name().map(ToOwned::to_owned))
        .collect();
    if known.is_empty() {
        return HashSet::new();
    }
    let written: HashSet<Identity> = open_files()
        .filter(|link| {
            fs::read_link(link).is_ok_and(|file| file.file_name().is_some_and(|name| names.contains(name)))
        })
        .filter(|link| is_writing(link).unwrap_or(false))
        .filter_map(|link| fs::metadata(link).ok())
        .map(|metadata| identity(&metadata))
        .collect();
    known
        .into_iter()
        .filter(|(identity, _)| written.contains(identity))
        .map(|(_, file)| file.clone())
        .collect()
}

pub(super) fn identity(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Returns `/proc/PID/fd/FD` of all processes that may be examined.
fn open_files() -> impl Iterator<Item = PathBuf> {
    let processes = entries(Path::new("/proc"));
    let processes = processes.filter(|process| {
        process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    });
    processes.flat_map(|process| entries(&process.join("fd")))
}

/// Returns the entries of a directory; none if it cannot be read, because processes end and belong to other
/// users.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_writing(link: &Path) -> io::Result<bool> {
    let (Some(process), Some(number)) = (link.ancestors().nth(2), link.file_name()) else { return Ok(false) };
    // The link itself does not tell in which mode the file is open.
    let info = fs::read_to_string(process.join("fdinfo").join(number))?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    Ok(flags
        .is_some_and(|flags| u32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & WRITING != 0)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_open_as_long_as_a_process_may_write_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let [written, read, link] = ["written", "read", "link"].map(|name| directory.path().join(name));
        let writer = fs::File::create(&written).unwrap();
        fs::write(&read, "x").unwrap();
        let reader = fs::File::open(&read).unwrap();
        symlink(&written, &link).unwrap();
        let files = [written.clone(), read, link.clone(), directory.path().join("none")];
        assert_eq!(open_for_writing(&files), HashSet::from([written, link]));
        drop(writer);
        assert_eq!(open_for_writing(&files), HashSet::new());
        drop(reader);
    }
}
