//! Lets a process take the file system of its files for another.

use std::{fs::File, os::unix::fs::FileExt};

use nix::libc;

use crate::trace::{Call, Fate, Observer};

/// What a process may take its file system for: the number of its type (statfs(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// One that is known to force all that was written to it in one call.
    Ext4 = 0xEF53,
    /// One of which nothing is known.
    Fuse = 0x6573_5546,
}

/// Answers every fstatfs(2) of a process with this type of file system, and leaves all else to another observer.
#[derive(Debug)]
pub struct Pretended<'o, O> {
    /// Is told of everything.
    pub observer: &'o mut O,
    /// What the process takes its file system for.
    pub file_system: FileSystem,
}

/// A call that matters to one of the two.
#[derive(Debug)]
pub enum Begun<B> {
    /// The answer will be here.
    Asked {
        /// Where in the memory of the process.
        address: u64,
    },
    /// What the other keeps.
    Other(B),
}

impl<O: Observer> Observer for Pretended<'_, O> {
    type Begun = Begun<O::Begun>;

    fn begins(&mut self, call: &Call) -> Fate<Self::Begun> {
        match call.number {
            libc::SYS_fstatfs => Fate::Seen(Begun::Asked { address: call.arguments[1] }),
            _ => self.observer.begins(call).map(Begun::Other),
        }
    }

    fn returns(&mut self, call: &Call, begun: Self::Begun, result: i64) {
        match begun {
            // The type comes first in what is answered (statfs(2)).
            Begun::Asked { address } => {
                let memory = File::options().write(true).open(format!("/proc/{}/mem", call.thread)).unwrap();
                memory.write_all_at(&(self.file_system as i64).to_ne_bytes(), address).unwrap();
            }
            Begun::Other(begun) => self.observer.returns(call, begun, result),
        }
    }

    fn wants_to_kill(&self) -> bool {
        self.observer.wants_to_kill()
    }
}
