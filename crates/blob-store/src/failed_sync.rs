//! The first sync that failed.

use std::{io, path::PathBuf};

use flow::{blobs::BlobError, machine::MachineFailure};

/// The first sync that failed. After it, nobody knows which bytes the system still has: it may drop them, and
/// report success the next time. So nothing more is published.
#[derive(Debug)]
pub(crate) struct FailedSync {
    path: PathBuf,
    condition: MachineFailure,
    message: String,
}

impl FailedSync {
    pub(crate) fn of(error: &BlobError) -> Self {
        // Data that cannot be synced is lost, whatever error the system returns.
        let (path, condition) = match error {
            BlobError::DiskFull { path, .. } => (path, MachineFailure::DiskFull),
            BlobError::Machine { path, condition, .. } => (path, *condition),
            BlobError::Damaged { path, .. }
            | BlobError::Io { path, .. }
            | BlobError::NotFound(path)
            | BlobError::Busy(path)
            | BlobError::TooLarge { path, .. } => (path, MachineFailure::Disk),
        };
        Self { path: path.clone(), condition, message: error.to_string() }
    }

    /// Returns an error with the same condition as the failure, so that a full disk is still reported as a
    /// full disk.
    pub(crate) fn refusal(&self) -> BlobError {
        let message = format!(
            "a sync failed ({}), so nothing more is published. Check the disk, then start again",
            self.message
        );
        BlobError::machine(&self.path, self.condition, io::Error::other(message))
    }
}
