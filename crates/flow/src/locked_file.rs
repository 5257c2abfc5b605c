//! A lock on a file (flock) that ends when it is dropped.

use std::{
    fs::{File, TryLockError},
    io,
    ops::{Deref, DerefMut},
};

/// A locked file. The kernel ends the lock when the process dies, however it dies.
///
/// Closing a file ends its lock only when no copy of it is open, and a child process that is being started
/// has copies of all files until its program begins. So the lock is ended by name.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Locks an open file. Returns `None` if another process, or another open file of this one, has the
    /// lock.
    ///
    /// # Errors
    /// Returns an error if the file system cannot lock files.
    pub fn try_lock(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // If this fails, closing the file ends the lock.
        drop(self.0.unlock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_ends_although_a_child_process_still_has_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reopen = || File::open(file.path()).unwrap();
        let lock = LockedFile::try_lock(reopen()).unwrap().unwrap();
        assert!(LockedFile::try_lock(reopen()).unwrap().is_none());
        // What a child process has between fork and exec.
        let inherited = lock.try_clone().unwrap();
        drop(lock);
        assert!(LockedFile::try_lock(reopen()).unwrap().is_some());
        drop(inherited);
    }
}
