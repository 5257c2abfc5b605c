//! The files of the runs: a hidden directory below the output directory, removed when closed or dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{blobs::BlobStore, durability::Durability};
use store::local::LocalBlobs;
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

    /// Creates the directory of one run.
    pub(crate) async fn run(&self, name: &str) -> Result<ScratchRun, CompareError> {
        let (above, name) = (self.directory.path().to_owned(), format!("{name}-"));
        blocking(move || {
            let created = tempfile::Builder::new().prefix(&name).tempdir_in(&above);
            let directory = created.map_err(|source| CompareError::Write { path: above, source })?;
            // Without syncs: their time depends on the disk, not on the way of working.
            let blobs = Arc::new(LocalBlobs::open(directory.path(), Durability::Process)?);
            Ok(ScratchRun { blobs, directory })
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
pub(crate) struct ScratchRun {
    blobs: Arc<LocalBlobs>,
    directory: TempDir,
}

impl ScratchRun {
    /// Returns the blob store of the directory.
    pub(crate) fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.blobs) as Arc<dyn BlobStore>
    }

    /// Removes the directory.
    pub(crate) async fn close(self) -> Result<(), CompareError> {
        blocking(move || {
            // The store may have files open in the directory that is removed.
            drop(self.blobs);
            remove(self.directory)
        })
        .await
    }
}

fn remove(directory: TempDir) -> Result<(), CompareError> {
    let path = directory.path().to_owned();
    directory.close().map_err(|source| CompareError::Remove { path, source })
}
