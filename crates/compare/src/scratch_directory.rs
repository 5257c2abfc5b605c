//! The files of the runs: a hidden directory below the output directory, removed when closed or dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{blocking::blocking, error::CompareError};

/// The directory of all runs.
pub(crate) struct ScratchDirectory {
    directory: TempDir,
    /// The output directory, if it did not exist before.
    created: Option<PathBuf>,
}

impl ScratchDirectory {
    /// Creates the directory. Blocking.
    pub(crate) fn create(output: &Path) -> Result<Self, CompareError> {
        let refuse = |source: io::Error| CompareError::Write { path: output.to_owned(), source };
        // Only a directory that this command created may be removed at the end.
        let created = (!output.exists()).then(|| output.to_owned());
        fs::create_dir_all(output).map_err(refuse)?;
        let directory = tempfile::Builder::new().prefix(".compare-").tempdir_in(output).map_err(refuse)?;
        Ok(Self { directory, created })
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Creates the directory of one run.
    pub(crate) async fn run(&self) -> Result<ScratchRun, CompareError> {
        let above = self.path().to_owned();
        blocking(move || {
            let created = tempfile::Builder::new().prefix("run-").tempdir_in(&above);
            created.map(ScratchRun).map_err(|source| CompareError::Write { path: above, source })
        })
        .await
    }

    /// Removes everything. Blocking.
    pub(crate) fn close(self) -> Result<(), CompareError> {
        remove(self.directory)?;
        let Some(path) = self.created else { return Ok(()) };
        match fs::remove_dir(&path) {
            // Another program may have written a file there.
            Err(source) if source.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(CompareError::Remove { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The directory of one run.
pub(crate) struct ScratchRun(TempDir);

impl ScratchRun {
    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes the directory.
    pub(crate) async fn close(self) -> Result<(), CompareError> {
        blocking(move || remove(self.0)).await
    }
}

fn remove(directory: TempDir) -> Result<(), CompareError> {
    let path = directory.path().to_owned();
    directory.close().map_err(|source| CompareError::Remove { path, source })
}
