//! The session of a client, which holds its leases for as long as its process lives.

use std::{
    hash::{BuildHasher, RandomState},
    io,
};

use flow::machine::MachineFailure;
use serde::{Deserialize, Serialize};

/// Identifies a client, and its process well enough to find out on Linux whether that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// The process id.
    pub pid: u32,
    /// The start time of the process, in clock ticks since boot; 0 if the system does not tell it.
    pub started: u64,
    /// A random number that differs for the clients of one process, and after a boot.
    pub nonce: u64,
}

impl Session {
    /// Creates a session of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: start_of(pid).ok().flatten().unwrap_or(0),
            nonce: RandomState::new().hash_one(pid),
        }
    }

    /// Returns whether the session's process is known to be dead; `false` if that cannot be known.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        // An error such as too many open files says nothing about another process.
        let is_unknown = |error: &io::Error| MachineFailure::from_any_io(error).is_some();
        match start_of(self.pid) {
            Err(error) if is_unknown(&error) => false,
            started => self.started != 0 && started.ok().flatten() != Some(self.started),
        }
    }
}

/// Identifies a session in the ledger while it has leases or workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(pub(crate) u32);

/// Returns the start time of a process, which is field 22 of `/proc/<pid>/stat` (proc(5)), or `None` if it is
/// a zombie.
fn start_of(pid: u32) -> io::Result<Option<u64>> {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map(|stat| start_in(&stat))
}

fn start_in(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything; the last parenthesis ends it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_an_earlier_one_of_its_number_is_not() {
        let session = Session::of_this_process();
        assert!(!session.is_dead());
        assert!(session.started == 0 || Session { started: session.started + 1, ..session }.is_dead());
    }

    #[test]
    fn a_process_that_has_ended_is_dead() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let session =
            Session { pid: child.id(), started: start_of(child.id()).unwrap().unwrap_or(0), nonce: 0 };
        assert!(!session.is_dead());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(session.started == 0 || session.is_dead());
    }
}
