//! The setting `--min-free-space`: the part of the disk that is kept free.
//!
//! The disk is checked before each download, when the length of a body is announced, and while the body
//! grows. Several downloads at a time may each find room for themselves and not for all. The limit is then
//! met a little later, while they grow.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use flow::blobs::{BlobError, StagedFile};
use rustix::fs::StatVfs;

/// The number of bytes of a body between two checks.
pub(crate) const CHECK_EVERY_BYTES: u64 = 4 << 20;

/// Returns the number of bytes that an ordinary user may still write to the file system of an existing path.
/// `None` if the file system does not report it. Blocking.
///
/// # Errors
/// Returns the error of the system, for example if there is no such path.
pub fn free_bytes(path: &Path) -> io::Result<Option<u64>> {
    Ok(free_of(&rustix::fs::statvfs(path)?))
}

fn free_of(found: &StatVfs) -> Option<u64> {
    // Virtual file systems say that they have no blocks at all.
    (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

/// The number of bytes of a disk that are kept free. 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreeSpaceMin(pub(crate) u64);

impl FreeSpaceMin {
    /// Checks that there is room for `coming` more bytes of a staged file.
    ///
    /// # Errors
    /// Returns [`BlobError::DiskFull`] if there is not. It says how much is free and what to do.
    pub(crate) fn check(self, staged: &StagedFile, coming: u64) -> Result<(), BlobError> {
        self.check_found(directory(&staged.path), coming, || rustix::fs::fstatvfs(&staged.file))
    }

    /// Checks the same for the bytes that will be written in a directory.
    ///
    /// # Errors
    /// The errors of [`check`](Self::check).
    pub(crate) fn check_in(self, directory: &Path, coming: u64) -> Result<(), BlobError> {
        self.check_found(directory, coming, || rustix::fs::statvfs(directory))
    }

    fn check_found(
        self,
        directory: &Path,
        coming: u64,
        found: impl FnOnce() -> rustix::io::Result<StatVfs>,
    ) -> Result<(), BlobError> {
        let Self(floor) = self;
        if floor == 0 {
            return Ok(());
        }
        match free_of(&found().map_err(|error| BlobError::at(directory, error.into()))?) {
            Some(free) if free < floor.saturating_add(coming) => {
                let source = io::Error::new(ErrorKind::StorageFull, told(free, coming, floor));
                Err(BlobError::DiskFull { path: directory.to_owned(), source })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Returns the directory of a staged file.
pub(crate) fn directory(staged: &Path) -> &Path {
    staged.parent().unwrap_or(staged)
}

fn told(free: u64, coming: u64, floor: u64) -> String {
    let coming = match coming {
        0 => String::new(),
        coming => format!(", not enough for {} more", format_bytes(coming)),
    };
    let (free, floor) = (format_bytes(free), format_bytes(floor));
    format!("{free} are free{coming}, and {floor} must stay free (--min-free-space, 0 for none)")
}

/// Formats a number of bytes for people: `17 B`, `1.5 MiB`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let at = (bytes.ilog2() / 10) as usize;
    let tenths = u128::from(bytes) * 10 / (1_u128 << (10 * at));
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[at - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_their_largest_unit() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (64 << 20, "64.0 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(format_bytes(bytes), shown);
        }
    }

    #[test]
    fn a_directory_says_how_much_is_free() {
        let directory = tempfile::tempdir().unwrap();
        assert!(free_bytes(directory.path()).unwrap().is_some_and(|free| free > 0));
        assert!(free_bytes(&directory.path().join("none")).is_err());
    }
}
