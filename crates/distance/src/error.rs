//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use flow::{blobs::BlobError, document::DocumentId};

/// Why documents could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum DistanceError {
    /// The threads could not be started: use fewer.
    #[error("start {threads} threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The error of the pool.
        source: rayon::ThreadPoolBuildError,
    },
    /// Reading failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// There is nothing to compare: choose another document.
    #[error("'{0}' has no tokens")]
    NoTokens(DocumentId),
    /// The file of tokens was changed by something else: process the document again.
    #[error("line {line} of '{}' is no token", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}
