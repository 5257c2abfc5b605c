//! All jobs in memory: live ones in full but for large texts, ended ones as where they lie.
//!
//! A live job takes 112 bytes here, about 10 in the index and 8 to 16 in its line; its text comes on top while it is small.
//! An ended one takes 32 and about 10.

pub(super) use super::arena::Slot;
use super::{
    arena::{Arena, OfJob},
    scheduler::GroupId,
};
use crate::{log::EntryLocation, log::entry::RetryState, session::SessionId};
use flow::{
    clock::Millis,
    job::{JobId, Priority, State},
    lane::Lane,
};

/// A live job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) sequence: u64,
    pub(super) pushed_ms: Millis,
    pub(super) changed_ms: Millis,
    /// When its delay or its lease ends.
    pub(super) due_ms: Millis,
    /// Where its whole entry lies, and its course where that is another entry.
    pub(super) whole: EntryLocation,
    pub(super) course: EntryLocation,
    pub(super) text: ContentAt,
    pub(super) retry_state: Option<Box<RetryState>>,
    pub(super) group: GroupId,
    /// Set anew with every state it enters: tells the entry that is meant for it from those that were overtaken.
    pub(super) stamp: u32,
    /// Who has it, while it is leased.
    pub(super) session: SessionId,
    pub(super) attempts: u32,
    pub(super) attempts_before: u32,
    pub(super) priority: Priority,
    pub(super) lane: Lane,
    pub(super) state: State,
    pub(super) unwritten: Unwritten,
}

/// Where the text of a job is.
#[derive(Debug)]
pub(super) enum ContentAt {
    /// In memory.
    Memory(Box<[u8]>),
    /// In the group of its whole entry.
    Log { offset: u32, length: u32 },
}

/// What of a job is not on the disk as it is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unwritten {
    Nothing,
    Delta,
    Full,
}

impl Job {
    pub(super) fn retry_state_mut(&mut self) -> &mut RetryState {
        self.retry_state.get_or_insert_default()
    }

    /// The number of its latest attempt, as leases have it.
    pub(super) const fn token(&self) -> u32 {
        self.attempts_before.saturating_add(self.attempts)
    }
}

/// Where an ended job lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) id: JobId,
    pub(super) home: EntryLocation,
    pub(super) offset: u32,
    pub(super) lane: Lane,
    pub(super) state: State,
}

impl OfJob for Job {
    fn id(&self) -> JobId {
        self.id
    }
}

impl OfJob for Ended {
    fn id(&self) -> JobId {
        self.id
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    live: Arena<Job>,
    ended: Arena<Ended>,
}

impl Jobs {
    pub(super) fn get(&self, slot: Slot) -> Option<&Job> {
        self.live.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Job> {
        self.live.get_mut(slot)
    }

    pub(super) fn find(&self, id: JobId) -> Option<Slot> {
        self.live.find(id)
    }

    pub(super) fn ended(&self, id: JobId) -> Option<&Ended> {
        self.ended.get(self.ended.find(id)?)
    }

    pub(super) fn ended_mut(&mut self, id: JobId) -> Option<&mut Ended> {
        self.ended.get_mut(self.ended.find(id)?)
    }

    pub(super) fn knows(&self, id: JobId) -> bool {
        self.find(id).is_some() || self.ended(id).is_some()
    }

    /// Adds a job whose id no other has.
    pub(super) fn insert(&mut self, job: Job) -> Slot {
        self.live.insert(job)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Job> {
        self.live.remove(slot)
    }

    /// Adds an ended job whose id no other has.
    pub(super) fn insert_ended(&mut self, ended: Ended) {
        self.ended.insert(ended);
    }

    pub(super) fn remove_ended(&mut self, id: JobId) -> Option<Ended> {
        self.ended.remove(self.ended.find(id)?)
    }

    /// All live ones, in no order.
    pub(super) fn live(&self) -> impl Iterator<Item = (Slot, &Job)> {
        self.live.iter()
    }

    /// All ended ones, in no order.
    pub(super) fn all_ended(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter().map(|(_, ended)| ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_takes_as_much_memory_as_is_said() {
        assert_eq!(size_of::<Option<Job>>(), 112);
        assert_eq!(size_of::<Option<Ended>>(), 32);
    }
}
