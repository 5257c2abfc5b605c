//! Lets one system call of a process fail, or kills the process there.

use std::path::{Path, PathBuf};

use nix::{errno::Errno, libc};
use powercut::{
    calls::{self, bytes, link},
    trace::{Call, Fate, Observer},
    voice,
};

use crate::deed::Line;

/// A call that changes the run directory, or forces something of it to the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Write { bytes: u64 },
    Resize,
    Flush,
    Rename,
    Link,
    Create,
    Remove,
    MakeDirectory,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails so.
    Fails(Errno),
    /// Fewer bytes are written than there are.
    ShortWrite,
    /// From here on there is no room: of the bytes of this call a part is written, and nothing more.
    DiskIsFull,
    /// The process is killed before the call is made.
    Kill,
}

impl Step {
    /// What can go wrong with it.
    pub(crate) fn faults(self) -> Vec<Fault> {
        let mut faults = vec![Fault::Fails(Errno::EIO), Fault::Fails(Errno::ENOSPC), Fault::Kill];
        match self {
            Self::Write { bytes } if bytes > 1 => faults.extend([Fault::ShortWrite, Fault::DiskIsFull]),
            Self::Write { .. } | Self::Create | Self::MakeDirectory => faults.push(Fault::DiskIsFull),
            Self::Resize | Self::Flush | Self::Rename | Self::Link | Self::Remove => {}
        }
        faults
    }

    /// Whether it takes room on the disk.
    pub(crate) const fn takes_room(self) -> bool {
        matches!(self, Self::Write { .. } | Self::Create | Self::MakeDirectory)
    }
}

/// When what goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// At which step, of those that count.
    pub(crate) nth: usize,
    pub(crate) counts: fn(Step) -> bool,
}

/// Counts the steps of a process, and hears what it says.
#[derive(Debug)]
pub(crate) struct Injector {
    root: PathBuf,
    plan: Option<Plan>,
    /// Steps that count, so far.
    counted: usize,
    /// The step that went wrong.
    pub(crate) hit: Option<usize>,
    /// The steps that were begun.
    pub(crate) steps: Vec<Step>,
    /// What was said, and how many steps had been begun by then.
    pub(crate) lines: Vec<(usize, Line)>,
}

impl Injector {
    pub(crate) fn of(root: &Path, plan: Option<Plan>) -> Self {
        Self { root: root.to_owned(), plan, counted: 0, hit: None, steps: Vec::new(), lines: Vec::new() }
    }

    /// Whether this is the step that goes wrong.
    fn hits(&mut self, step: Step, plan: Plan) -> bool {
        let counts = (plan.counts)(step);
        let is_hit = counts && self.counted == plan.nth;
        self.counted += usize::from(counts);
        if is_hit {
            self.hit = Some(self.steps.len() - 1);
        }
        is_hit
    }

    fn is_below(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    fn step(&mut self, call: &Call) -> Option<Step> {
        let [first, second, third, fourth, ..] = call.arguments;
        let open_file = || self.is_below(&link(call.thread, first));
        let path = |directory, address| self.is_below(&calls::path(call, directory, address));
        let creates = |flags: u64| flags & libc::O_CREAT as u64 != 0;
        let (is_below, step) = match call.number {
            libc::SYS_write => (open_file(), Step::Write { bytes: third }),
            libc::SYS_ftruncate => (open_file(), Step::Resize),
            libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs => (open_file(), Step::Flush),
            libc::SYS_openat if creates(third) => (path(Some(first), second), Step::Create),
            libc::SYS_mkdirat => (path(Some(first), second), Step::MakeDirectory),
            libc::SYS_unlinkat => (path(Some(first), second), Step::Remove),
            libc::SYS_linkat => (path(Some(third), fourth), Step::Link),
            libc::SYS_renameat | libc::SYS_renameat2 => (path(Some(first), second), Step::Rename),
            other => self.old_step(call, other)?,
        };
        is_below.then_some(step)
    }

    /// Calls that newer systems do without.
    #[cfg(target_arch = "x86_64")]
    fn old_step(&self, call: &Call, number: i64) -> Option<(bool, Step)> {
        let step = match number {
            libc::SYS_mkdir => Step::MakeDirectory,
            libc::SYS_unlink => Step::Remove,
            libc::SYS_rename => Step::Rename,
            _ => return None,
        };
        Some((self.is_below(&calls::path(call, None, call.arguments[0])), step))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn old_step(&self, _call: &Call, _number: i64) -> Option<(bool, Step)> {
        None
    }

    fn hear(&mut self, call: &Call) {
        let [fd, address, length, ..] = call.arguments;
        if call.number == libc::SYS_write
            && link(call.thread, fd).to_string_lossy().starts_with("pipe:")
            && let Some(line) = String::from_utf8(bytes(call.thread, address, length))
                .ok()
                .and_then(|text| voice::read(&text))
        {
            self.lines.push((self.steps.len(), line));
        }
    }
}

impl Observer for Injector {
    type Begun = ();

    fn begins(&mut self, call: &Call) -> Fate<()> {
        self.hear(call);
        let Some(step) = self.step(call) else { return Fate::Unseen };
        self.steps.push(step);
        let Some(plan) = self.plan else { return Fate::Unseen };
        if !self.hits(step, plan) {
            let is_full = self.hit.is_some() && plan.fault == Fault::DiskIsFull;
            return if is_full && step.takes_room() { Fate::Fails(Errno::ENOSPC) } else { Fate::Unseen };
        }
        match (plan.fault, step) {
            (Fault::Fails(error), _) => Fate::Fails(error),
            (Fault::Kill, _) => Fate::Fatal,
            (Fault::ShortWrite | Fault::DiskIsFull, Step::Write { bytes }) if bytes > 1 => {
                Fate::Shortened(bytes / 2)
            }
            (Fault::ShortWrite | Fault::DiskIsFull, _) => Fate::Fails(Errno::ENOSPC),
        }
    }

    fn returns(&mut self, _call: &Call, (): (), _result: i64) {}
}
