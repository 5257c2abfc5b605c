//! Where the runs write: a hidden directory below the output directory, which goes when it is closed or dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{blobs::BlobStore, durability::Durability};
use store::local::LocalBlobs;
use tempfile::TempDir;

use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
};

/// The room for all runs.
pub(super) struct ScratchDirectory {
    directory: TempDir,
    /// The output directory, where it was not there before.
    made: Option<PathBuf>,
}

impl ScratchDirectory {
    /// Makes it. Blocking.
    ///
    /// # Errors
    /// Where nothing can be written to the output directory.
    pub(super) fn make(output: &Path) -> Result<Self, CliError> {
        let refuse = |error: io::Error| {
            CliError::unwritten(output, &error).advise("name a directory that you may write to with -o DIR")
        };
        let made = (!output.exists()).then(|| output.to_owned());
        fs::create_dir_all(output).map_err(refuse)?;
        let directory = tempfile::Builder::new().prefix(".compare-").tempdir_in(output).map_err(refuse)?;
        Ok(Self { directory, made })
    }

    /// A run directory of its own.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) async fn part(&self, name: &str) -> Result<ScratchRun, CliError> {
        let (above, name) = (self.directory.path().to_owned(), format!("{name}-"));
        blocking(move || {
            let made = tempfile::Builder::new().prefix(&name).tempdir_in(&above);
            let directory = made.map_err(|error| CliError::unwritten(&above, &error))?;
            let blobs = Arc::new(LocalBlobs::open(directory.path(), Durability::Process)?);
            Ok(ScratchRun { blobs, directory })
        })
        .await?
    }

    /// Removes all. Blocking.
    ///
    /// # Errors
    /// Where something stays, with its path.
    pub(super) fn close(self) -> Result<(), CliError> {
        remove(self.directory)?;
        match self.made {
            // Somebody may have put something into it.
            Some(made) => match fs::remove_dir(&made) {
                Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                    Err(unremoved(&made, &error))
                }
                Ok(()) | Err(_) => Ok(()),
            },
            None => Ok(()),
        }
    }
}

/// A run directory.
pub(super) struct ScratchRun {
    blobs: Arc<LocalBlobs>,
    directory: TempDir,
}

impl ScratchRun {
    /// Its files.
    pub(super) fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.blobs) as Arc<dyn BlobStore>
    }

    /// Removes it.
    ///
    /// # Errors
    /// Where something stays.
    pub(super) async fn close(self) -> Result<(), CliError> {
        blocking(move || {
            drop(self.blobs);
            remove(self.directory)
        })
        .await?
    }
}

fn remove(directory: TempDir) -> Result<(), CliError> {
    let path = directory.path().to_owned();
    directory.close().map_err(|error| unremoved(&path, &error))
}

fn unremoved(path: &Path, error: &io::Error) -> CliError {
    CliError::new(Exit::File, format!("failed to remove '{}': {error}", path.display()))
        .advise("remove it by hand")
}
