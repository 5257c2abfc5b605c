//! The error type of the lock.

use std::{io, path::PathBuf};

use flow::blobs::BlobError;

/// An error of reading or writing a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock cannot be opened.
    #[error("cannot read the lock file '{}': {source}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is no lock, a damaged one, or one of a newer version.
    #[error("'{}' is not a lock file of juggle: line {line}: {message}", path.display())]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The defect of the line.
        message: String,
    },
    /// The lock cannot be written.
    #[error("cannot write the lock file '{}'", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
}
