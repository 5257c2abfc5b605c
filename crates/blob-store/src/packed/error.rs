//! The errors of a group.

use std::{io, path::PathBuf};

use flow::blobs::BlobError;

use crate::failed_sync::FailedSync;

/// An error that fails all publications of a group.
#[derive(Debug)]
pub(super) enum GroupError {
    /// A file cannot be read or written.
    At(PathBuf, io::Error),
    /// A file cannot be synced, so nobody knows what is on the disk.
    Sync(PathBuf, io::Error),
    /// The store is unusable.
    Refused(BlobError),
}

impl GroupError {
    /// Returns the error for one of the publications.
    pub(super) fn repeated(&self) -> BlobError {
        match self {
            Self::At(path, error) | Self::Sync(path, error) => BlobError::at(path, again(error)),
            Self::Refused(error) => FailedSync::of(error).refusal(),
        }
    }
}

/// Returns an error with the same cause.
pub(super) fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
