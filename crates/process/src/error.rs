//! The errors of the process stage, by what the caller can do.

use std::path::PathBuf;

use flow::{blobs::BlobError, failure::Reason, stage::Ending};

/// An error of the process stage.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The threads could not be started: use fewer.
    #[error("failed to start {threads} threads: {source}")]
    Threads {
        /// The number of threads.
        threads: usize,
        /// The error of the pool.
        source: rayon::ThreadPoolBuildError,
    },
    /// A blob could not be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The text is not the one that was stored: store it again.
    #[error(
        "'{}' was changed after it was stored: its BLAKE3 is {found}, not {expected}. Store the document \
         again",
        path.display()
    )]
    Changed {
        /// The text.
        path: PathBuf,
        /// The BLAKE3 hash of the job.
        expected: String,
        /// The BLAKE3 hash of the text that was read.
        found: String,
    },
    /// The text is damaged: store it again.
    #[error("'{}' is not UTF-8 at byte {at}. Store the document again", path.display())]
    NotUtf8 {
        /// The text.
        path: PathBuf,
        /// The position of the first invalid byte.
        at: u64,
    },
    /// A counts file was changed by something else: process the document again.
    #[error("line {line} of '{}' is not a token, a TAB and a number. Process the document \
        again", path.display())]
    BadCounts {
        /// The file.
        path: PathBuf,
        /// The number of the line, counted from 1.
        line: u64,
    },
    /// A processor panicked.
    #[error("the processor panicked: {0}")]
    Panicked(String),
}

impl<I, O> From<ProcessError> for Ending<I, O> {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Blob(error) => error.into(),
            ProcessError::Threads { .. } | ProcessError::Panicked(_) => {
                Self::retry(Reason::Internal, error.to_string())
            }
            ProcessError::Changed { .. } | ProcessError::NotUtf8 { .. } | ProcessError::BadCounts { .. } => {
                Self::dead(Reason::Internal, error.to_string())
            }
        }
    }
}
