//! The errors of this crate.

use std::path::PathBuf;

use flow::{blobs::BlobError, document::DocumentId};

/// A failure to compare documents.
#[derive(Debug, thiserror::Error)]
pub enum DistanceError {
    /// The threads cannot be started; use fewer.
    #[error("failed to start {threads} threads: {source}")]
    Threads {
        /// The number of threads, or 0 for one a core.
        threads: usize,
        /// The error of the thread pool.
        source: rayon::ThreadPoolBuildError,
    },
    /// A file of tokens is missing or cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A document has no tokens; choose another one.
    #[error("'{0}' has no tokens")]
    NoTokens(DocumentId),
    /// A file of tokens has an invalid line; process the document again.
    #[error("line {line} of '{}' is not a token", path.display())]
    InvalidLine {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: u64,
    },
    /// No document has this id.
    #[error("no document '{id}' is stored")]
    Unknown {
        /// The id, safe to print.
        id: String,
        /// The ids of stored documents that are similar.
        similar: Vec<DocumentId>,
        /// The number of stored documents.
        stored: usize,
    },
    /// A document is stored but not processed; process it.
    #[error("'{0}' is stored but not processed yet")]
    NotProcessed(DocumentId),
    /// A document has stats but no tokens; repair it.
    #[error("the tokens of '{0}' are missing or damaged")]
    MissingTokens(DocumentId),
    /// Fewer than two documents have tokens.
    #[error("two documents with tokens are needed, but there are {0}")]
    TooFew(usize),
}
