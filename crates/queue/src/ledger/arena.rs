//! Stores values by the id of their job, in pages that never move.
//!
//! The store grows a page at a time. Only its index, of 5 bytes a value, is doubled as a whole.

use std::ops::{Index, IndexMut};

use flow::job::JobId;
use hashbrown::HashTable;

/// The number of values in a page.
const PAGE: usize = 1024;

const LIVE: &str = "the slot is of a value that was not removed";

/// Identifies a value until it is removed. Slots are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u32);

/// A value that belongs to a job.
pub(super) trait OfJob {
    fn id(&self) -> JobId;
}

/// A store of at most one value for each job.
#[derive(Debug)]
pub(super) struct Arena<T> {
    pages: Vec<Vec<Option<T>>>,
    free: Vec<Slot>,
    index: HashTable<Slot>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), index: HashTable::new() }
    }
}

/// Takes the hash from the id, which is one.
fn hash(id: JobId) -> u64 {
    u64::from_le_bytes(*id.as_bytes().first_chunk().expect("an id has 16 bytes"))
}

fn at<T>(pages: &[Vec<Option<T>>], slot: Slot) -> Option<&T> {
    let at = slot.0 as usize;
    pages.get(at / PAGE)?.get(at % PAGE)?.as_ref()
}

impl<T: OfJob> Arena<T> {
    /// Returns the value in a slot, or `None` if it was removed. The slot may hold another value by now.
    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        at(&self.pages, slot)
    }

    pub(super) fn find(&self, id: JobId) -> Option<Slot> {
        // The index holds slots only, so ids with the same hash are told apart by their values.
        self.index.find(hash(id), |slot| self[*slot].id() == id).copied()
    }

    pub(super) fn by_id(&self, id: JobId) -> Option<&T> {
        self.find(id).map(|slot| &self[slot])
    }

    pub(super) fn by_id_mut(&mut self, id: JobId) -> Option<&mut T> {
        self.find(id).map(|slot| &mut self[slot])
    }

    /// Adds a value. Its job must have none.
    pub(super) fn insert(&mut self, value: T) -> Slot {
        let id = value.id();
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let place = slot.0 as usize;
        self.pages[place / PAGE][place % PAGE] = Some(value);
        let pages = &self.pages;
        // The index calls this when it grows, for values that are already in their pages.
        self.index.insert_unique(hash(id), slot, |slot| hash(at(pages, *slot).expect(LIVE).id()));
        slot
    }

    fn grow(&mut self) -> Slot {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut().expect("one was just added if there was none");
        page.push(None);
        Slot(u32::try_from(before + page.len() - 1).expect("memory ends long before four billion jobs"))
    }

    /// Removes the value in a slot. It must be there.
    pub(super) fn remove(&mut self, slot: Slot) -> T {
        let at = slot.0 as usize;
        let value = self.pages[at / PAGE][at % PAGE].take().expect(LIVE);
        let entry = self.index.find_entry(hash(value.id()), |other| *other == slot);
        entry.expect("every value is in the index").remove();
        self.free.push(slot);
        value
    }

    pub(super) fn remove_by_id(&mut self, id: JobId) -> Option<T> {
        self.find(id).map(|slot| self.remove(slot))
    }

    /// Iterates over all values, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        // All pages but the last are full, so the position in the iteration is the slot.
        (0..).zip(self.pages.iter().flatten()).filter_map(|(at, value)| Some((Slot(at), value.as_ref()?)))
    }
}

impl<T> Index<Slot> for Arena<T> {
    type Output = T;

    fn index(&self, slot: Slot) -> &T {
        at(&self.pages, slot).expect(LIVE)
    }
}

impl<T> IndexMut<Slot> for Arena<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        let at = slot.0 as usize;
        self.pages[at / PAGE][at % PAGE].as_mut().expect(LIVE)
    }
}
