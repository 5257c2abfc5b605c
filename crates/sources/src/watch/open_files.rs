//! Which files are open for writing, by the user's own processes (or anybody's, for root): read from `/proc`, so on Linux
//! alone. Elsewhere none is known.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// O_WRONLY and O_RDWR, in the octal number of `/proc/PID/fdinfo/FD` (proc(5)).
const WRITING: u32 = 0o3;

/// A file, whatever it is called.
pub(super) type Identity = (u64, u64);

/// Those of the files that are open for writing now.
pub(super) fn held(files: &[PathBuf]) -> HashSet<PathBuf> {
    let known: Vec<(Identity, &PathBuf)> =
        files.iter().filter_map(|file| Some((identity(&fs::metadata(file).ok()?), file))).collect();
    // An open file is told by its own name, not by that of a link to it. Only files of these names are asked further, since
    // one on a server that is gone would not answer.
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

/// `/proc/PID/fd/FD` of all processes that may be looked into.
fn open_files() -> impl Iterator<Item = PathBuf> {
    let processes = entries(Path::new("/proc"));
    let processes = processes.filter(|process| {
        process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    });
    processes.flat_map(|process| entries(&process.join("fd")))
}

/// Processes end and belong to others: what cannot be read is not there.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_writing(link: &Path) -> io::Result<bool> {
    let (Some(process), Some(number)) = (link.ancestors().nth(2), link.file_name()) else { return Ok(false) };
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
    fn a_file_is_held_as_long_as_somebody_may_write_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let [written, read, link] = ["written", "read", "link"].map(|name| directory.path().join(name));
        let writer = fs::File::create(&written).unwrap();
        fs::write(&read, "x").unwrap();
        let reader = fs::File::open(&read).unwrap();
        symlink(&written, &link).unwrap();
        let files = [written.clone(), read, link.clone(), directory.path().join("none")];
        assert_eq!(held(&files), HashSet::from([written, link]));
        drop(writer);
        assert_eq!(held(&files), HashSet::new());
        drop(reader);
    }
}
