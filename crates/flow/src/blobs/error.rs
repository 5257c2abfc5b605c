//! The errors of a blob store.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::machine::MachineFailure;

/// An error of the blob store. Each variant says what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("'{}' is missing", .0.display())]
    NotFound(PathBuf),
    /// Another writer holds the blob. Try again later.
    #[error("another process is writing '{}'", .0.display())]
    Busy(PathBuf),
    /// The disk is full, and nothing was published. Make room.
    #[error("no space left on the disk for '{}'", path.display())]
    DiskFull {
        /// The path that was being written.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The blob is larger than the caller accepts.
    #[error("'{}' has more than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The path of the blob.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The blob is not as it was published. Make it again.
    #[error("'{}' is damaged: {source}", path.display())]
    Damaged {
        /// The path of the blob.
        path: PathBuf,
        /// The damage.
        source: io::Error,
    },
    /// The machine cannot go on, for example because the disk fails, too many files are open, or a permission
    /// is missing. Nothing was published, and no document is the cause.
    #[error("'{}': {condition} ({source})", path.display())]
    Machine {
        /// The path of the blob or directory.
        path: PathBuf,
        /// The condition of the machine. Never [`MachineFailure::DiskFull`], which is
        /// [`BlobError::DiskFull`].
        condition: MachineFailure,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another error of the operating system.
    #[error("'{}': {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl BlobError {
    /// Creates the error for an operating system error at a path.
    #[must_use]
    pub fn at(path: &Path, source: io::Error) -> Self {
        match (MachineFailure::from_own_io(&source), source.kind()) {
            (Some(condition), _) => Self::machine(path, condition, source),
            (None, io::ErrorKind::NotFound) => Self::NotFound(path.to_owned()),
            // A decoder reports damaged data by this kind.
            (None, io::ErrorKind::InvalidData) => Self::Damaged { path: path.to_owned(), source },
            (None, _) => Self::Io { path: path.to_owned(), source },
        }
    }

    /// Creates the error for a condition of the machine that occurred at a path.
    #[must_use]
    pub fn machine(path: &Path, condition: MachineFailure, source: io::Error) -> Self {
        let path = path.to_owned();
        match condition {
            MachineFailure::DiskFull => Self::DiskFull { path, source },
            MachineFailure::TooManyFiles
            | MachineFailure::OutOfMemory
            | MachineFailure::ReadOnly
            | MachineFailure::NoPermission
            | MachineFailure::Disk => Self::Machine { path, condition, source },
        }
    }
}
