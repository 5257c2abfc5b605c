//! Why a corpus could not be exported.

use std::{
    io,
    path::{Path, PathBuf},
};

use flow::blobs::BlobError;

/// Why a corpus could not be exported, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A blob cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A blob is not what was published; it can be made anew.
    #[error("'{}' is damaged: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the export cannot be written.
    #[error("failed to write '{}': {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file of the export cannot be read.
    #[error("failed to read '{}': {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another process exports into the same directory; try again later.
    #[error("another export is writing into '{}'", .0.display())]
    Busy(PathBuf),
    /// There is nothing that could be summed; export something first.
    #[error("there is no file in '{}' yet", .0.display())]
    NothingThere(PathBuf),
}

impl ExportError {
    /// For what the system said of a file of the export.
    pub(crate) fn writing(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write { path: path.clone(), source }
    }

    /// For what the system said of a file that is there.
    pub(crate) fn reading(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path: path.clone(), source }
    }

    pub(crate) fn damaged(path: PathBuf, why: impl ToString) -> Self {
        Self::Damaged { path, why: why.to_string() }
    }
}
