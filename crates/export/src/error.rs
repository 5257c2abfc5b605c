//! The errors of this crate.

use std::{
    io,
    path::{Path, PathBuf},
};

use flow::blobs::BlobError;

/// A failure to export a corpus.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A blob is missing or cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A blob differs from what was published. `juggle verify --repair` makes it again.
    #[error("'{}' is damaged: {why}", path.display())]
    Damaged {
        /// The path of the blob in the run directory.
        path: PathBuf,
        /// The damage.
        why: String,
    },
    /// A file of the export cannot be written.
    #[error("failed to write '{}': {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file in the export directory cannot be read.
    #[error("failed to read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another process exports to the same directory; try again when it has ended.
    #[error("another export is writing into '{}'", .0.display())]
    Busy(PathBuf),
    /// The directory has no file to compute a checksum of; export something first.
    #[error("there is no file in '{}' yet", .0.display())]
    NothingThere(PathBuf),
}

impl ExportError {
    /// Returns a function that makes an error of writing this file.
    pub(crate) fn writing(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write { path: path.clone(), source }
    }

    /// Returns a function that makes an error of reading this file.
    pub(crate) fn reading(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path: path.clone(), source }
    }

    pub(crate) fn damaged(path: PathBuf, why: impl ToString) -> Self {
        Self::Damaged { path, why: why.to_string() }
    }
}
