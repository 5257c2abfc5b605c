//! The directory that exports are written to, on a local file system.
//!
//! Whoever writes there holds it locked, so what lies there under a hidden name and ends in `.tmp` has lost its writer and
//! is removed. What is sorted on the disk goes to files without a name, which the system removes however the process ends.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use flow::{
    atomic_file::{self, AtomicFile},
    safe_file,
};

use crate::error::ExportError;

/// The directory, held by this process.
#[derive(Debug)]
pub struct ExportDirectory {
    path: PathBuf,
    _locked: File,
}

impl ExportDirectory {
    /// Makes it where it is missing, and holds it.
    ///
    /// # Errors
    /// [`ExportError::Busy`] while another process holds it; else where it cannot be made.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let failed = ExportError::writing(path);
        fs::create_dir_all(path).map_err(&failed)?;
        safe_file::must_be_directory(path).map_err(&failed)?;
        let locked = File::open(path).map_err(&failed)?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ExportError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        atomic_file::sweep(path).map_err(&failed)?;
        Ok(Self { path: path.to_owned(), _locked: locked })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it.
    pub(crate) fn make(&self, name: &str) -> Result<PathBuf, ExportError> {
        let path = self.path.join(name);
        let failed = ExportError::writing(&path);
        fs::create_dir_all(&path).map_err(&failed)?;
        atomic_file::sweep(&path).map_err(&failed)?;
        Ok(path)
    }

    /// Begins a file in it.
    pub(crate) fn begin(&self, name: &str) -> Result<AtomicFile, ExportError> {
        let path = self.path.join(name);
        AtomicFile::create(&path).map_err(ExportError::writing(&path))
    }

    /// Removes a file in it, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ExportError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ExportError::writing(&path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// A file without a name, which is gone when it is closed.
    pub(crate) fn nameless(&self) -> Result<File, ExportError> {
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
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "what a killed export has left is swept");
    }
}
