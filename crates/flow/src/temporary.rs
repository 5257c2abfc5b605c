//! Files on their way to their names, and what is left of them by writers that were killed.
//!
//! A writer holds its temporary file locked (flock) from when it has made it until the file has its name. So one that can be
//! locked has lost its writer, and is swept, whatever process or machine restart took that. A sweeper may come between the
//! making and the locking, so a writer looks whether the file has still its name once it has the lock.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::safe_file;

/// What came of locking a file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The file is locked and still has its name.
    Ours,
    /// A writer has it.
    Other,
    /// It is locked, but got another name or was removed in between.
    Gone,
}

/// Locks an open file, for as long as it stays open.
///
/// # Errors
/// Where the file system cannot lock, or the path cannot be looked at.
pub fn hold(file: &File, path: &Path) -> io::Result<Held> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Held::Other),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (open.dev(), open.ino()) => Ok(Held::Ours),
        Ok(_) => Ok(Held::Gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held::Gone),
        Err(error) => Err(error),
    }
}

/// What becomes of files that nobody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// They are removed.
    Remove,
    /// They are named only.
    Name,
}

/// Sweeps a directory, and returns the paths of the files with temporary names that nobody holds. A directory that is not
/// there has none.
///
/// # Errors
/// Where the directory cannot be read, or a file cannot be removed.
pub fn sweep(directory: &Path, how: Sweep, is_temporary: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
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
    abandoned.sort();
    Ok(abandoned)
}

fn is_swept(path: &Path, how: Sweep) -> io::Result<bool> {
    // What cannot be opened has its name by now, or is not one of ours: a link, or of another user.
    let Ok(file) = safe_file::open(path) else { return Ok(false) };
    if hold(&file, path)? != Held::Ours {
        return Ok(false);
    }
    match how {
        Sweep::Remove => fs::remove_file(path)?,
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
