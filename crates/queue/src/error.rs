//! Converts failures of the storage to [`QueueError`].

use std::{io, path::Path};

use flow::{machine::MachineFailure, queue::QueueError};

/// Returns the error for a failed `action` on `path`: [`QueueError::DiskFull`] if the disk has no room, else
/// [`QueueError::Broken`]. `action` fits after "cannot".
#[must_use]
pub fn storage_error(action: &str, path: &Path, error: &io::Error) -> QueueError {
    let message = format!("cannot {action} '{}': {}", path.display(), MachineFailure::describe(error));
    // A full disk is the only condition that callers report differently.
    match MachineFailure::from_own_io(error) {
        Some(MachineFailure::DiskFull) => QueueError::DiskFull(message),
        Some(_) | None => QueueError::Broken(message),
    }
}

/// Returns the error for a database that is damaged. `None` is a database that was never whole.
pub(crate) fn damaged(database: Option<&Path>, why: &str) -> QueueError {
    let path = database.unwrap_or_else(|| Path::new("queue"));
    QueueError::Damaged(format!("'{}' cannot be read: {why}. It was not changed", path.display()))
}
