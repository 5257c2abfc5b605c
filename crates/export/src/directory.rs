//! The directory that exports are written to, on a local file system.
//!
//! A writer holds the directory locked. So a file with a hidden name that ends in `.tmp` belongs to a dead
//! writer, and opening the directory removes it. Files for sorting have no name, so the system removes them
//! even if the process is killed.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{
    atomic_file::{self, AtomicFile},
    locked_file::LockedFile,
    safe_file,
};

use crate::error::ExportError;

/// The export directory, locked by this process.
#[derive(Debug)]
pub struct ExportDirectory {
    path: PathBuf,
    _lock: LockedFile,
}

impl ExportDirectory {
    /// Creates the directory if it is missing, and locks it.
    ///
    /// # Errors
    /// Returns [`ExportError::Busy`] if another process has locked it, and [`ExportError::Write`] if it
    /// cannot be created, is not a directory, or cannot be swept.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let failed = ExportError::writing(path);
        fs::create_dir_all(path).map_err(&failed)?;
        safe_file::must_be_directory(path).map_err(&failed)?;
        let locked = File::open(path).and_then(LockedFile::try_lock).map_err(&failed)?;
        let lock = locked.ok_or_else(|| ExportError::Busy(path.to_owned()))?;
        // Only the holder of the lock may sweep: without it the files could belong to a live writer.
        atomic_file::sweep(path).map_err(&failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a subdirectory if it is missing, and sweeps it.
    ///
    /// # Errors
    /// Returns [`ExportError::Write`] if it cannot be created, is not a directory, or cannot be swept.
    pub fn create_subdirectory(&self, name: &str) -> Result<PathBuf, ExportError> {
        let path = self.path.join(name);
        let failed = ExportError::writing(&path);
        fs::create_dir_all(&path).map_err(&failed)?;
        // Through a link, files of an earlier export would be removed elsewhere.
        safe_file::must_be_directory(&path).map_err(&failed)?;
        atomic_file::sweep(&path).map_err(&failed)?;
        Ok(path)
    }

    /// Creates a file under a temporary name.
    pub(crate) fn create_file(&self, name: &str) -> Result<AtomicFile, ExportError> {
        let path = self.path.join(name);
        AtomicFile::create(&path).map_err(ExportError::writing(&path))
    }

    /// Removes a file if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ExportError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ExportError::writing(&path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Creates a file without a name, which disappears when it is closed.
    pub(crate) fn create_unnamed_file(&self) -> Result<File, ExportError> {
        tempfile::tempfile_in(&self.path).map_err(ExportError::writing(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_exports_do_not_write_into_one_directory_at_the_same_time() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join("export");
        let first = ExportDirectory::open(&path).unwrap();
        assert!(matches!(ExportDirectory::open(&path), Err(ExportError::Busy(_))));
        drop(first);
        fs::write(path.join(".all.txt.a1.tmp"), "half").unwrap();
        ExportDirectory::open(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "files of a killed export are swept");
    }
}
