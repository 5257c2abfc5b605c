//! The errors of a rebuild.

use flow::{blobs::BlobError, queue::QueueError};
use sources::error::SourceError;
use tokio::task::JoinError;

/// An error of a rebuild. The queue is as it was, or the rebuild can be run again.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The new queue cannot be written, or the databases cannot be moved.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A source list cannot be read, or the beginning of a damaged one cannot be written.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The files of a document cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A thread panicked, which is a bug in this program.
    #[error("rebuild the queue")]
    Panicked(#[from] JoinError),
}
