//! Locks temporary files while they are written, and removes those of killed writers.
//!
//! A writer locks its temporary file (flock) after it has created it, and holds the lock until the file is
//! renamed. A temporary file that can be locked has therefore lost its writer and is swept, even if a process
//! or the machine has restarted since. A sweep may come between creating and locking the file, so the writer
//! checks that the file still has its name once it has the lock.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::safe_file;

/// The permissions of a new file before the umask is applied.
const MODE: u32 = 0o666;
/// The maximum number of temporary files that are created for one file, if sweeps remove them.
const TRIES_MAX: usize = 64;

/// The result of locking a file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The file is locked and still has its name.
    Ours,
    /// A writer holds the lock.
    Other,
    /// The file is locked, but was renamed or removed in between.
    Gone,
}

/// Creates a temporary file in a directory, and locks it. It is removed if it is dropped.
///
/// # Errors
/// Returns an error if the file cannot be created or locked.
pub fn create(directory: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix);
    // tempfile would add the temporary path to the error, which means nothing to people.
    let open = |path: &Path| File::options().read(true).write(true).create_new(true).mode(MODE).open(path);
    // A sweep may remove the file between its creation and its lock.
    for _ in 0..TRIES_MAX {
        let file = builder.make_in(directory, open)?;
        if hold(file.as_file(), file.path())? == Held::Ours {
            return Ok(file);
        }
    }
    Err(io::Error::other("other processes keep removing its temporary file"))
}

/// Locks an open file for as long as it stays open.
///
/// # Errors
/// Returns an error if the file system cannot lock files, or if the metadata of the file or path cannot be
/// read.
pub fn hold(file: &File, path: &Path) -> io::Result<Held> {
    match file.try_lock() {
        Ok(()) => {}
        // Not an error: the other holder is a living writer, or a sweep that removes the file.
        Err(TryLockError::WouldBlock) => return Ok(Held::Other),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let open = file.metadata()?;
    // A sweep may have removed the file before it was locked, and another file may have its name now.
    match fs::symlink_metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (open.dev(), open.ino()) => Ok(Held::Ours),
        Ok(_) => Ok(Held::Gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held::Gone),
        Err(error) => Err(error),
    }
}

/// Replaces a file by one with these bytes, which are written to `temporary` first. Nothing is synced, so
/// after power loss the file may have any content.
///
/// # Errors
/// Returns an error if the file cannot be written, locked or renamed. The temporary file is removed then.
pub fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let replaced = safe_file::create(temporary).and_then(|mut file| {
        // Locked until the file is renamed, so that no sweep removes it.
        file.try_lock()?;
        file.write_all(bytes)?;
        fs::rename(temporary, path)
    });
    if replaced.is_err() {
        drop(fs::remove_file(temporary));
    }
    replaced
}

/// The action for files that nobody has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// The files are removed.
    Remove,
    /// Only the paths of the files are returned.
    Name,
}

/// Sweeps a directory, and returns the paths of the files that have temporary names and that nobody has
/// locked. Returns no paths if the directory does not exist.
///
/// # Errors
/// Returns an error if the directory cannot be read, or if a file cannot be locked or removed.
pub fn sweep(directory: &Path, how: Sweep, is_temporary: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        // A directory that was never made has nothing to sweep.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut abandoned = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_str().is_some_and(&is_temporary) && is_swept(&path, how)? {
            abandoned.push(path);
        }
    }
    // The order of a directory depends on the file system.
    abandoned.sort();
    Ok(abandoned)
}

fn is_swept(path: &Path, how: Sweep) -> io::Result<bool> {
    // A file that cannot be opened has been renamed by now, or is not one of ours: it is a link or belongs to
    // another user.
    let Ok(file) = safe_file::open(path) else { return Ok(false) };
    if hold(&file, path)? != Held::Ours {
        return Ok(false);
    }
    match how {
        // A writer that did not get the lock removes its file.
        Sweep::Remove => safe_file::remove(path)?,
        Sweep::Name => {}
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let [held, left, other] = ["held.tmp", "left.tmp", "other"].map(|name| directory.path().join(name));
        let file = File::create(&held).unwrap();
        assert_eq!(hold(&file, &held).unwrap(), Held::Ours);
        for path in [&left, &other] {
            fs::write(path, "").unwrap();
        }
        let swept = |how| sweep(directory.path(), how, |name| name.ends_with(".tmp")).unwrap();
        assert_eq!(swept(Sweep::Name), [&*left]);
        assert_eq!(swept(Sweep::Remove), [&*left]);
        assert!(held.exists() && !left.exists() && other.exists());
        drop(file);
        assert_eq!(swept(Sweep::Remove), [&*held]);
        assert_eq!(
            sweep(&directory.path().join("none"), Sweep::Remove, |_| true).unwrap(),
            [""; 0].map(PathBuf::from)
        );
    }

    #[test]
    fn a_file_that_lost_its_name_while_it_was_waited_for_is_not_ours() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = File::create(&path).unwrap();
        fs::rename(&path, directory.path().join("elsewhere")).unwrap();
        assert_eq!(hold(&file, &path).unwrap(), Held::Gone);
        drop(file);
        let next = File::create(&path).unwrap();
        assert_eq!(hold(&next, &path).unwrap(), Held::Ours);
        assert_eq!(hold(&File::open(&path).unwrap(), &path).unwrap(), Held::Other);
    }
}
