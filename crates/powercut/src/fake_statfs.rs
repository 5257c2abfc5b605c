//! Makes a process believe that its files are on another file system.

use std::{fs::File, os::unix::fs::FileExt};

use nix::libc;

use crate::ptrace::{Action, Call, Observer};

/// A type of file system, with its number (statfs(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// A file system that is known to force all that was written to it in one call.
    Ext4 = 0xEF53,
    /// A file system of which nothing is known.
    Fuse = 0x6573_5546,
}

/// Answers every fstatfs(2) of a process with this type of file system, and passes all other calls to another
/// observer.
#[derive(Debug)]
pub struct FakeStatfs<'o, O> {
    /// The observer of all other calls.
    pub observer: &'o mut O,
    /// The type that the process gets.
    pub file_system: FileSystem,
}

/// A call that has begun.
#[derive(Debug)]
pub enum Begun<B> {
    /// A fstatfs(2).
    Statfs {
        /// The address of its answer in the memory of the process.
        address: u64,
    },
    /// The state of the other observer.
    Other(B),
}

impl<O: Observer> Observer for FakeStatfs<'_, O> {
    type Begun = Begun<O::Begun>;

    fn begins(&mut self, call: &Call) -> Action<Self::Begun> {
        match call.number {
            libc::SYS_fstatfs => Action::Observe(Begun::Statfs { address: call.arguments[1] }),
            _ => self.observer.begins(call).map(Begun::Other),
        }
    }

    fn returns(&mut self, call: &Call, begun: Self::Begun, result: i64) {
        match begun {
            // The type is the first field of the answer (statfs(2)).
            Begun::Statfs { address } => {
                let memory = File::options().write(true).open(format!("/proc/{}/mem", call.thread)).unwrap();
                memory.write_all_at(&(self.file_system as i64).to_ne_bytes(), address).unwrap();
            }
            Begun::Other(begun) => self.observer.returns(call, begun, result),
        }
    }

    fn is_over(&self) -> bool {
        self.observer.is_over()
    }
}
