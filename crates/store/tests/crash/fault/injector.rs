//! Makes one system call of a process fail, or kills the process there, and records what the process reports.

use std::path::Path;

use nix::libc;
use powercut::{
    event_stream,
    faults::{self, FaultPlan, Step},
    ptrace::{Action, Call, Observer},
    syscalls::{bytes, link},
};

use crate::operation::Line;

/// Counts the changes that a process makes, and records what it reports.
#[derive(Debug)]
pub(crate) struct Injector {
    pub(crate) faults: faults::Injector,
    /// The reported lines, each with the number of steps that had begun before it.
    pub(crate) lines: Vec<(usize, Line)>,
}

impl Injector {
    pub(crate) fn of(root: &Path, plan: Option<FaultPlan>) -> Self {
        Self { faults: faults::Injector::of(root, Step::is_change, plan), lines: Vec::new() }
    }

    fn hear(&mut self, call: &Call) {
        let [fd, address, length, ..] = call.arguments;
        if call.number == libc::SYS_write
            && link(call.thread, fd).to_string_lossy().starts_with("pipe:")
            && let Some(line) = String::from_utf8(bytes(call.thread, address, length))
                .ok()
                .and_then(|text| event_stream::parse(&text))
        {
            self.lines.push((self.faults.steps.len(), line));
        }
    }
}

impl Observer for Injector {
    type Begun = ();

    fn begins(&mut self, call: &Call) -> Action<()> {
        self.hear(call);
        self.faults.begins(call)
    }

    fn returns(&mut self, call: &Call, (): (), result: i64) {
        self.faults.returns(call, (), result);
    }
}
