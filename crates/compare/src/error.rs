//! Errors of a comparison.

use std::{error::Error, io, path::PathBuf};

use flow::{blobs::BlobError, worker::WorkerError};

/// The reason why a comparison failed.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The directory of texts cannot be read.
    #[error("cannot read texts from '{}'", path.display())]
    ReadTexts {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory has no texts.
    #[error("there is no text (*.txt) in '{}'", .0.display())]
    NoTexts(PathBuf),
    /// A file or directory cannot be written.
    #[error("cannot write '{}'", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A directory of the runs cannot be removed.
    #[error("cannot remove '{}'", path.display())]
    Remove {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A stage rejected a text.
    #[error("a text cannot be processed: {0}")]
    Text(String),
    /// A stage halted because the machine failed.
    #[error(transparent)]
    Halted(WorkerError),
    /// The server or a stage cannot be started.
    #[error("cannot start a stage or its server")]
    Start(#[source] Box<dyn Error + Send + Sync>),
}

impl CompareError {
    pub(crate) fn start(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Start(Box::new(error))
    }
}
