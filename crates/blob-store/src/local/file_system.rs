//! Syncs a whole file system in one call, if that is as good as a sync of each file.
//!
//! `syncfs` on Linux waits until all is written and the device has made it durable. It reports failures since
//! version 5.8 only (those since the file was opened by which it is called), and some file systems do nothing
//! for it: it does not reach a FUSE server. So it is used only if kernel and file system are known to do it
//! right.

use std::{fs::File, io};

/// The first version whose `syncfs` reports failures.
#[cfg(target_os = "linux")]
const VERSION_MIN: (u32, u32) = (5, 8);
/// The numbers of ext4 (and ext2, ext3), XFS, Btrfs, F2FS and tmpfs.
#[cfg(target_os = "linux")]
const KNOWN: [u64; 5] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994];

/// Returns whether [`sync`] is as good as a sync of each file.
#[cfg(target_os = "linux")]
pub(super) fn can_sync(file: &File) -> bool {
    let release = rustix::system::uname();
    let is_new = release.release().to_str().ok().and_then(version).is_some_and(|it| it >= VERSION_MIN);
    // The type of the number differs from machine to machine; the numbers have 32 bits.
    let kind = rustix::fs::fstatfs(file).map(|found| found.f_type as u64 & 0xFFFF_FFFF);
    is_new && kind.is_ok_and(|kind| KNOWN.contains(&kind))
}

/// Returns whether [`sync`] is as good as a sync of each file: never on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn can_sync(_file: &File) -> bool {
    false
}

/// Makes durable all that was written to the file system of `file`.
#[cfg(target_os = "linux")]
pub(super) fn sync(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

/// Fails on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync(_file: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the version in a release: 6.1 for `6.1.0-18-amd64`.
#[cfg(target_os = "linux")]
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_releases() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.10"), Some((5, 10)));
        assert_eq!(version("4.18.0-553.el8"), Some((4, 18)));
        assert!(version("").is_none() && version("unknown").is_none());
        assert!(version("5.4.0").unwrap() < (5, 8) && version("5.15.0").unwrap() >= (5, 8));
    }

    #[test]
    fn a_file_system_without_a_device_cannot_be_synced() {
        assert!(!can_sync(&File::open("/proc/self/status").unwrap()));
    }
}
