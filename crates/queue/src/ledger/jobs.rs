//! All jobs in memory: live ones in full but for large texts, ended ones as where they lie.
//!
//! A live job takes 112 bytes here, about 10 in the index and 8 to 16 in its line; its text comes on top while it is small.

use flow::{
    clock::Millis,
    job::{JobId, Priority, State},
    lane::Lane,
};
use hashbrown::HashTable;

use super::lane::GroupId;
use crate::{entry::Trouble, log::Home, session::SessionId};

/// Jobs in a page of the arena.
const PAGE: usize = 1024;

/// Names a live job until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u32);

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
    pub(super) whole: Home,
    pub(super) course: Home,
    pub(super) text: TextAt,
    pub(super) trouble: Option<Box<Trouble>>,
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
pub(super) enum TextAt {
    /// In memory.
    Memory(Box<[u8]>),
    /// In the group of its whole entry.
    Disk { offset: u32, length: u32 },
}

/// What of a job is not on the disk as it is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unwritten {
    Nothing,
    Course,
    Whole,
}

impl Job {
    pub(super) fn trouble_mut(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
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
    pub(super) home: Home,
    pub(super) offset: u32,
    pub(super) lane: Lane,
    pub(super) state: State,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pages: Vec<Vec<Option<Job>>>,
    free: Vec<Slot>,
    index: HashTable<Slot>,
    ended: HashTable<Ended>,
}

/// Ids are hashes already.
fn hash(id: JobId) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&id.as_bytes()[..8]);
    u64::from_le_bytes(low)
}

impl Jobs {
    pub(super) fn get(&self, slot: Slot) -> Option<&Job> {
        let at = slot.0 as usize;
        self.pages.get(at / PAGE)?.get(at % PAGE)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Job> {
        let at = slot.0 as usize;
        self.pages.get_mut(at / PAGE)?.get_mut(at % PAGE)?.as_mut()
    }

    pub(super) fn find(&self, id: JobId) -> Option<Slot> {
        let is_it = |slot: &Slot| self.get(*slot).is_some_and(|job| job.id == id);
        self.index.find(hash(id), is_it).copied()
    }

    pub(super) fn ended(&self, id: JobId) -> Option<&Ended> {
        self.ended.find(hash(id), |ended| ended.id == id)
    }

    pub(super) fn ended_mut(&mut self, id: JobId) -> Option<&mut Ended> {
        self.ended.find_mut(hash(id), |ended| ended.id == id)
    }

    pub(super) fn knows(&self, id: JobId) -> bool {
        self.find(id).is_some() || self.ended(id).is_some()
    }

    /// Adds a job whose id no other has.
    pub(super) fn insert(&mut self, job: Job) -> Slot {
        let id = job.id;
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let at = slot.0 as usize;
        self.pages[at / PAGE][at % PAGE] = Some(job);
        let pages = &self.pages;
        self.index.insert_unique(hash(id), slot, |slot| {
            let at = slot.0 as usize;
            pages[at / PAGE][at % PAGE].as_ref().map_or(0, |job| hash(job.id))
        });
        slot
    }

    fn grow(&mut self) -> Slot {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut().expect("one was just added where there was none");
        page.push(None);
        Slot(u32::try_from(before + page.len() - 1).expect("memory ends long before four billion jobs"))
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Job> {
        let id = self.get(slot)?.id;
        if let Ok(entry) = self.index.find_entry(hash(id), |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        let at = slot.0 as usize;
        self.pages[at / PAGE][at % PAGE].take()
    }

    /// Adds an ended job whose id no other has.
    pub(super) fn insert_ended(&mut self, ended: Ended) {
        self.ended.insert_unique(hash(ended.id), ended, |ended| hash(ended.id));
    }

    pub(super) fn remove_ended(&mut self, id: JobId) -> Option<Ended> {
        let entry = self.ended.find_entry(hash(id), |ended| ended.id == id).ok()?;
        Some(entry.remove().0)
    }

    /// All live ones, in no order.
    pub(super) fn live(&self) -> impl Iterator<Item = (Slot, &Job)> {
        (0..).zip(self.pages.iter().flatten()).filter_map(|(at, job)| Some((Slot(at), job.as_ref()?)))
    }

    /// All ended ones, in no order.
    pub(super) fn all_ended(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_takes_as_much_memory_as_is_said() {
        assert_eq!(size_of::<Option<Job>>(), 112);
        assert_eq!(size_of::<Ended>(), 32);
    }
}
