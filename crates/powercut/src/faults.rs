//! Makes one system call of a process fail, or kills the process at that call.

use std::path::{Path, PathBuf};

use nix::{errno::Errno, libc};

use crate::{
    ptrace::{Action, Call, Observer},
    syscalls::{self, link},
};

/// A system call in a directory that changes the directory, forces data to the medium, or takes a file
/// handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Writes bytes to a file.
    Write {
        /// The number of bytes.
        bytes: u64,
    },
    /// Changes the length of a file.
    Resize,
    /// Forces a file, a directory or a whole file system to the medium.
    Flush,
    /// Renames a file.
    Rename,
    /// Gives a file a second name.
    Link,
    /// Opens a file, and creates it if it does not exist.
    Create,
    /// Removes a file or directory.
    Remove,
    /// Creates a directory.
    MakeDirectory,
    /// Opens a file that must exist.
    Open,
    /// Creates a socket, whatever its address.
    Socket,
}

/// A fault to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with this error.
    Fails(Errno),
    /// The call writes only a part of its bytes.
    ShortWrite,
    /// The disk is full from this call on: a part of its bytes is written, and nothing more.
    DiskIsFull,
    /// The disk fails from this call on: nothing more is written or forced to the medium.
    DiskIsBroken,
    /// No file handle is available from this call on.
    NoHandles,
    /// The process is killed before the call is made.
    Kill,
}

impl Step {
    /// Returns whether the step changes something or forces a change to the medium.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Open | Self::Socket)
    }

    /// Returns the faults that can be injected at this step.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        let mut faults = vec![Fault::Fails(Errno::EIO), Fault::Fails(Errno::ENOSPC), Fault::Kill];
        match self {
            Self::Write { bytes } if bytes > 1 => faults.extend([Fault::ShortWrite, Fault::DiskIsFull]),
            Self::Write { .. } | Self::Create | Self::MakeDirectory => faults.push(Fault::DiskIsFull),
            Self::Resize | Self::Flush | Self::Rename | Self::Link | Self::Remove => {}
            Self::Open | Self::Socket => faults = vec![Fault::Fails(Errno::EMFILE)],
        }
        faults
    }

    /// Returns whether the step takes space on the disk.
    #[must_use]
    pub const fn takes_room(self) -> bool {
        matches!(self, Self::Write { .. } | Self::Create | Self::MakeDirectory)
    }

    /// Returns whether the step takes a file handle.
    #[must_use]
    pub const fn takes_handle(self) -> bool {
        matches!(self, Self::Create | Self::Open | Self::Socket)
    }
}

/// A fault and the step at which it is injected.
#[derive(Debug, Clone, Copy)]
pub struct FaultPlan {
    /// The fault.
    pub fault: Fault,
    /// The index of the step among those that count, from 0.
    pub nth: usize,
    /// Decides whether a step counts.
    pub counts: fn(Step) -> bool,
}

/// Counts the steps of a process, and injects a fault at one of them.
#[derive(Debug)]
pub struct Injector {
    root: PathBuf,
    /// Decides whether a step is observed.
    sees: fn(Step) -> bool,
    plan: Option<FaultPlan>,
    /// The number of steps that count, so far.
    counted: usize,
    /// The index in `steps` of the step at which the fault was injected.
    pub hit: Option<usize>,
    /// The observed steps that have begun.
    pub steps: Vec<Step>,
}

impl Injector {
    /// Creates an injector that observes the steps below `root` for which `sees` returns true, and carries
    /// out the plan.
    #[must_use]
    pub fn of(root: &Path, sees: fn(Step) -> bool, plan: Option<FaultPlan>) -> Self {
        Self { root: root.to_owned(), sees, plan, counted: 0, hit: None, steps: Vec::new() }
    }

    /// Counts the step, and returns whether the fault is injected at it.
    fn hits(&mut self, step: Step, plan: FaultPlan) -> bool {
        let counts = (plan.counts)(step);
        let is_hit = counts && self.counted == plan.nth;
        self.counted += usize::from(counts);
        // The step was just added.
        if is_hit {
            self.hit = Some(self.steps.len() - 1);
        }
        is_hit
    }

    fn is_below(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    fn step(&self, call: &Call) -> Option<Step> {
        let [first, second, third, fourth, ..] = call.arguments;
        let open_file = || self.is_below(&link(call.thread, first));
        let path = |directory, address| self.is_below(&syscalls::path(call, directory, address));
        let creates = |flags: u64| flags & libc::O_CREAT as u64 != 0;
        let (is_below, step) = match call.number {
            // The third argument of pwritev is the number of buffers, of which a short write leaves out some.
            libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_pwritev => {
                (open_file(), Step::Write { bytes: third })
            }
            libc::SYS_ftruncate => (open_file(), Step::Resize),
            libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs | libc::SYS_sync_file_range => {
                (open_file(), Step::Flush)
            }
            libc::SYS_openat if creates(third) => (path(Some(first), second), Step::Create),
            libc::SYS_openat => (path(Some(first), second), Step::Open),
            libc::SYS_socket => (true, Step::Socket),
            libc::SYS_mkdirat => (path(Some(first), second), Step::MakeDirectory),
            libc::SYS_unlinkat => (path(Some(first), second), Step::Remove),
            libc::SYS_linkat => (path(Some(third), fourth), Step::Link),
            libc::SYS_renameat | libc::SYS_renameat2 => (path(Some(first), second), Step::Rename),
            other => self.old_step(call, other)?,
        };
        is_below.then_some(step)
    }

    /// Returns the step of a system call that newer architectures do not have.
    #[cfg(target_arch = "x86_64")]
    fn old_step(&self, call: &Call, number: i64) -> Option<(bool, Step)> {
        let step = match number {
            libc::SYS_mkdir => Step::MakeDirectory,
            libc::SYS_unlink => Step::Remove,
            libc::SYS_rename => Step::Rename,
            _ => return None,
        };
        Some((self.is_below(&syscalls::path(call, None, call.arguments[0])), step))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn old_step(&self, _call: &Call, _number: i64) -> Option<(bool, Step)> {
        None
    }

    /// Returns the effect of a lasting fault on a step that is not the one of the plan.
    fn later<B>(&self, step: Step, fault: Fault) -> Action<B> {
        let fails = |error| if self.hit.is_some() { Action::Fail(error) } else { Action::Ignore };
        match fault {
            Fault::DiskIsFull if step.takes_room() => fails(Errno::ENOSPC),
            Fault::DiskIsBroken if step.is_change() => fails(Errno::EIO),
            Fault::NoHandles if step.takes_handle() => fails(Errno::EMFILE),
            _ => Action::Ignore,
        }
    }
}

impl Observer for Injector {
    type Begun = ();

    fn begins(&mut self, call: &Call) -> Action<()> {
        let Some(step) = self.step(call).filter(|step| (self.sees)(*step)) else { return Action::Ignore };
        self.steps.push(step);
        let Some(plan) = self.plan else { return Action::Ignore };
        // The fault of a full or broken disk lasts, so it also meets later steps.
        if !self.hits(step, plan) {
            return self.later(step, plan.fault);
        }
        match (plan.fault, step) {
            (Fault::Fails(error), _) => Action::Fail(error),
            (Fault::Kill, _) => Action::Kill,
            (Fault::DiskIsBroken, _) => Action::Fail(Errno::EIO),
            (Fault::NoHandles, _) => Action::Fail(Errno::EMFILE),
            (Fault::ShortWrite | Fault::DiskIsFull, Step::Write { bytes }) if bytes > 1 => {
                Action::Shorten(bytes / 2)
            }
            (Fault::ShortWrite | Fault::DiskIsFull, _) => Action::Fail(Errno::ENOSPC),
        }
    }

    fn returns(&mut self, _call: &Call, (): (), _result: i64) {}
}
