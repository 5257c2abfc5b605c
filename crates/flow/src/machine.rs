//! Recognises conditions of the machine, which no document causes.
//!
//! Examples are a failing or full disk, too many open files, and too little memory. Such a condition stops
//! the run. No job fails because of it, and the same command continues once the condition is resolved.
//! [`MachineFailure`] names the condition. Only this module interprets the errors of the operating system.

use std::{fmt, io};

use rustix::io::Errno;

/// A condition of the machine that stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFailure {
    /// The disk is full, or the quota is used up.
    DiskFull,
    /// This process or the whole system has reached its limit of open files.
    TooManyFiles,
    /// There is too little memory, or there are too many processes and threads.
    OutOfMemory,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The user may not read or write here.
    NoPermission,
    /// The medium or its file system failed.
    Disk,
}

impl MachineFailure {
    /// Returns the condition behind an operating system error in one of juggle's own directories, where only
    /// the machine can refuse access. Returns `None` if the error is about a single file, for example if the
    /// file does not exist.
    #[must_use]
    pub fn from_own_io(error: &io::Error) -> Option<Self> {
        let code = error.raw_os_error().map(Errno::from_raw_os_error);
        match code {
            Some(Errno::ROFS) => Some(Self::ReadOnly),
            // juggle made its directories for this user, so somebody has changed the permissions.
            Some(Errno::ACCESS | Errno::PERM) => Some(Self::NoPermission),
            Some(
                Errno::NOENT
                | Errno::LOOP
                | Errno::ISDIR
                | Errno::EXIST
                | Errno::NOTEMPTY
                | Errno::NAMETOOLONG,
            ) => None,
            // In juggle's own directories, every other error comes from the medium or its file system.
            Some(code) => Some(Self::shortage(code).unwrap_or(Self::Disk)),
            None => Self::of_kind(error.kind()),
        }
    }

    /// Returns the condition of the machine behind an error about something that is not ours, such as a file
    /// of the user or a socket. `None` for all other errors: missing files, refused access, and errors
    /// without a code of the operating system.
    #[must_use]
    pub fn from_any_io(error: &io::Error) -> Option<Self> {
        error.raw_os_error().map(Errno::from_raw_os_error).and_then(Self::shortage)
    }

    /// Returns the message for an operating system error in one of juggle's own directories. If the machine
    /// is the cause, the message says what to do.
    #[must_use]
    pub fn describe(error: &io::Error) -> String {
        Self::from_own_io(error)
            .map_or_else(|| error.to_string(), |condition| format!("{condition} ({error})"))
    }

    /// Returns the condition that an error code stands for, whatever the operation.
    fn shortage(code: Errno) -> Option<Self> {
        match code {
            Errno::NOSPC | Errno::DQUOT => Some(Self::DiskFull),
            Errno::MFILE | Errno::NFILE => Some(Self::TooManyFiles),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::OutOfMemory),
            Errno::IO | Errno::NXIO | Errno::NODEV | Errno::STALE => Some(Self::Disk),
            _ => None,
        }
    }

    /// Returns the condition behind an error that this program created and that has no error code.
    fn of_kind(kind: io::ErrorKind) -> Option<Self> {
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Self::DiskFull),
            // The system repeatedly took fewer bytes than it was given.
            io::ErrorKind::WriteZero => Some(Self::Disk),
            io::ErrorKind::OutOfMemory => Some(Self::OutOfMemory),
            io::ErrorKind::ReadOnlyFilesystem => Some(Self::ReadOnly),
            io::ErrorKind::PermissionDenied => Some(Self::NoPermission),
            _ => None,
        }
    }
}

impl fmt::Display for MachineFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DiskFull => "no space left on the disk: free some space",
            Self::TooManyFiles => "too many open files: raise `ulimit -n`",
            Self::OutOfMemory => "out of memory: end other programs, or use fewer threads",
            Self::ReadOnly => "read-only file system: mount it for writing",
            Self::NoPermission => "no permission: give this user the right to read and write there",
            Self::Disk => "the disk or its file system failed: see the system log",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Errno) -> Option<MachineFailure> {
        MachineFailure::from_own_io(&code.into())
    }

    #[test]
    fn what_the_machine_lacks_is_a_condition_of_the_machine() {
        for (code, condition) in [
            (Errno::NOSPC, MachineFailure::DiskFull),
            (Errno::DQUOT, MachineFailure::DiskFull),
            (Errno::MFILE, MachineFailure::TooManyFiles),
            (Errno::NFILE, MachineFailure::TooManyFiles),
            (Errno::NOMEM, MachineFailure::OutOfMemory),
            (Errno::IO, MachineFailure::Disk),
        ] {
            assert_eq!(
                (of(code), MachineFailure::from_any_io(&code.into())),
                (Some(condition), Some(condition))
            );
        }
        assert_eq!(of(Errno::ROFS), Some(MachineFailure::ReadOnly));
        assert_eq!(of(Errno::ACCESS), Some(MachineFailure::NoPermission));
        assert_eq!(of(Errno::TIMEDOUT), Some(MachineFailure::Disk), "a network file system");
        assert_eq!(MachineFailure::from_own_io(&io::ErrorKind::WriteZero.into()), Some(MachineFailure::Disk));
    }

    #[test]
    fn what_is_about_one_file_or_one_host_is_not() {
        for code in [Errno::NOENT, Errno::LOOP, Errno::ISDIR] {
            assert_eq!(of(code), None, "{code}");
        }
        for code in [Errno::ACCESS, Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::CONNRESET] {
            assert_eq!(MachineFailure::from_any_io(&code.into()), None, "{code}");
        }
        assert_eq!(MachineFailure::from_own_io(&io::ErrorKind::InvalidData.into()), None);
        assert_eq!(MachineFailure::from_own_io(&io::Error::other("a link")), None);
    }
}
