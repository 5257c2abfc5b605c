//! Forcing a whole file system to the medium in one call, where that is as good as forcing each file.
//!
//! `syncfs` on Linux waits until all is written and the medium was told to hold on to it. It tells of failures since
//! version 5.8 only (those that came since the file was opened by which it is called), and some file systems do nothing
//! for it: a FUSE server is not told. So it is used where kernel and file system are known to do it right.

use std::{fs::File, io};

/// Whether [`force`] is as good as forcing each file by itself.
pub(super) fn can_be_forced(file: &File) -> bool {
    imp::can_be_forced(file)
}

/// Forces all that was written to the file system on which `file` lies.
pub(super) fn force(file: &File) -> io::Result<()> {
    imp::force(file)
}

#[cfg(target_os = "linux")]
mod imp {
    use super::{File, io};

    /// The first version whose `syncfs` tells of failures.
    const VERSION_MIN: (u32, u32) = (5, 8);
    /// The numbers of ext4 (and ext2, ext3), XFS, Btrfs, F2FS and tmpfs.
    const KNOWN: [u64; 5] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994];

    pub(super) fn can_be_forced(file: &File) -> bool {
        let release = rustix::system::uname();
        let is_new = release.release().to_str().ok().and_then(version).is_some_and(|it| it >= VERSION_MIN);
        // The type of the number differs from machine to machine; the numbers have 32 bits.
        let kind = rustix::fs::fstatfs(file).map(|found| found.f_type as u64 & 0xFFFF_FFFF);
        is_new && kind.is_ok_and(|kind| KNOWN.contains(&kind))
    }

    pub(super) fn force(file: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(file)?)
    }

    /// `6.1.0-18-amd64` is 6.1.
    pub(super) fn version(release: &str) -> Option<(u32, u32)> {
        let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{File, io};

    pub(super) fn can_be_forced(_: &File) -> bool {
        false
    }

    pub(super) fn force(_: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{imp::version, *};

    #[test]
    fn versions_are_read_from_releases() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.10"), Some((5, 10)));
        assert_eq!(version("4.18.0-553.el8"), Some((4, 18)));
        assert!(version("").is_none() && version("unknown").is_none());
        assert!(version("5.4.0").unwrap() < (5, 8) && version("5.15.0").unwrap() >= (5, 8));
    }

    #[test]
    fn what_lies_in_a_file_system_without_medium_cannot_be_forced() {
        assert!(!can_be_forced(&File::open("/proc/self/status").unwrap()));
    }
}
