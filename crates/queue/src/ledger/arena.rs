//! Values found by the id of their job: in pages that never move, with a small index. It grows a page at a time; only the
//! index, of 5 bytes a place, is doubled as a whole.

use flow::job::JobId;
use hashbrown::HashTable;

/// Values in a page.
const PAGE: usize = 1024;

/// Names a value until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(u32);

/// What belongs to a job.
pub(super) trait OfJob {
    /// Which.
    fn id(&self) -> JobId;
}

/// At most one value for each job.
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

/// Ids are hashes already.
fn hash(id: JobId) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&id.as_bytes()[..8]);
    u64::from_le_bytes(low)
}

fn at<T>(pages: &[Vec<Option<T>>], slot: Slot) -> Option<&T> {
    let at = slot.0 as usize;
    pages.get(at / PAGE)?.get(at % PAGE)?.as_ref()
}

impl<T: OfJob> Arena<T> {
    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        at(&self.pages, slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let at = slot.0 as usize;
        self.pages.get_mut(at / PAGE)?.get_mut(at % PAGE)?.as_mut()
    }

    pub(super) fn find(&self, id: JobId) -> Option<Slot> {
        self.index.find(hash(id), |slot| self.get(*slot).is_some_and(|value| value.id() == id)).copied()
    }

    /// Adds a value whose job has none.
    pub(super) fn insert(&mut self, value: T) -> Slot {
        let id = value.id();
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let place = slot.0 as usize;
        self.pages[place / PAGE][place % PAGE] = Some(value);
        let pages = &self.pages;
        self.index.insert_unique(hash(id), slot, |slot| at(pages, *slot).map_or(0, |value| hash(value.id())));
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

    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let id = self.get(slot)?.id();
        if let Ok(entry) = self.index.find_entry(hash(id), |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        let at = slot.0 as usize;
        self.pages[at / PAGE][at % PAGE].take()
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        (0..).zip(self.pages.iter().flatten()).filter_map(|(at, value)| Some((Slot(at), value.as_ref()?)))
    }
}
