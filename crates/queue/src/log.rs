//! The log of commit groups: which are on the disk, what of each still counts, and which are worth cleaning.
//!
//! An entry counts until a later one takes its place. A group in which nothing counts any more is removed; one of which
//! less than half counts is sparse, and while the log as a whole is more than twice what counts (and some slack), sparse
//! groups are cleaned: what counts in them is written again. So the disk, and the time to read it at a start, stay
//! proportional to what the queue holds, whatever passed through it.
//!
//! The entry of a dropped job counts as long as an earlier group is there, which could hold the job itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flow::{clock::Millis, queue::QueueError};

use crate::{
    disk::{BATCH_OPERATIONS_MAX, Disk, Force, Write, parts_of},
    entry::GONE_BYTES,
};

/// What a group costs besides its bytes; makes groups of a few entries sparse, so that they are put together.
const GROUP_OVERHEAD_BYTES: u64 = 256;
/// What may be wasted before anything is cleaned, and what entries of dropped jobs may take.
const SLACK_BYTES: u64 = 4 << 20;
/// Chunks of dead groups that are removed together, where nothing else asks for a batch.
const REMOVED_TOGETHER: usize = 32;

/// Where an entry lies, as far as counting goes: its group (40 bits; 0 for none) and its length (24 bits).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Home(u64);

impl Home {
    const BYTES_BITS: u32 = 24;

    /// An entry of so many bytes in a group.
    ///
    /// # Panics
    /// Where an entry is over 16 MiB: the bounds of jobs keep it far below.
    pub(crate) fn new(group: u64, bytes: usize) -> Self {
        assert!(bytes < 1 << Self::BYTES_BITS, "an entry of {bytes} bytes is over every bound");
        Self(group << Self::BYTES_BITS | bytes as u64)
    }

    pub(crate) const fn group(self) -> u64 {
        self.0 >> Self::BYTES_BITS
    }

    pub(crate) const fn bytes(self) -> u32 {
        (self.0 & ((1 << Self::BYTES_BITS) - 1)) as u32
    }
}

#[derive(Debug)]
struct Group {
    bytes: u32,
    /// Bytes of entries that count, those of dropped jobs left out.
    live: u32,
    /// Bytes of entries of dropped jobs.
    gone: u32,
    checksum: u32,
}

impl Group {
    fn cost(&self) -> u64 {
        u64::from(self.bytes) + GROUP_OVERHEAD_BYTES
    }

    fn is_sparse(&self) -> bool {
        2 * (u64::from(self.live) + u64::from(self.gone)) < self.cost()
    }
}

/// Counts what is on the disk. Groups are numbered from 1.
#[derive(Debug)]
pub(crate) struct Table {
    groups: BTreeMap<u64, Group>,
    sparse: BTreeSet<u64>,
    /// Groups in which nothing counts, in the order in which they must be removed.
    dead: VecDeque<(u64, Group)>,
    cost: u64,
    live: u64,
    /// Bytes of entries of dropped jobs in all groups but the oldest.
    gone: u64,
    newest: u64,
    pub(crate) slack: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            sparse: BTreeSet::new(),
            dead: VecDeque::new(),
            cost: 0,
            live: 0,
            gone: 0,
            newest: 0,
            slack: SLACK_BYTES,
        }
    }
}

impl Table {
    /// Takes up the newest group, in which nothing counts yet.
    pub(crate) fn add(&mut self, number: u64, bytes: u32, checksum: u32) {
        let group = Group { bytes, live: 0, gone: 0, checksum };
        self.cost += group.cost();
        self.groups.insert(number, group);
        let before = std::mem::replace(&mut self.newest, number);
        self.review(before);
    }

    /// Counts an entry of a group.
    pub(crate) fn hold(&mut self, home: Home) {
        if let Some(group) = self.groups.get_mut(&home.group()) {
            group.live += home.bytes();
            self.live += u64::from(home.bytes());
        }
    }

    /// Counts an entry no longer.
    pub(crate) fn release(&mut self, home: Home) {
        if let Some(group) = self.groups.get_mut(&home.group()) {
            group.live -= home.bytes();
            self.live -= u64::from(home.bytes());
            self.review(home.group());
        }
    }

    /// Counts the entry of a dropped job.
    pub(crate) fn hold_gone(&mut self, number: u64) {
        if let Some(group) = self.groups.get_mut(&number) {
            group.gone += GONE_BYTES;
        }
        if self.oldest() != Some(number) {
            self.gone += u64::from(GONE_BYTES);
        }
    }

    /// Whether entries of dropped jobs in this group count.
    pub(crate) fn needs_gone(&self, number: u64) -> bool {
        self.oldest().is_some_and(|oldest| oldest < number)
    }

    /// They were written again elsewhere, or never counted.
    pub(crate) fn release_gone(&mut self, number: u64) {
        let needed = self.needs_gone(number);
        if let Some(group) = self.groups.get_mut(&number) {
            let gone = std::mem::take(&mut group.gone);
            self.gone -= if needed { u64::from(gone) } else { 0 };
            self.review(number);
        }
    }

    fn oldest(&self) -> Option<u64> {
        self.groups.first_key_value().map(|(number, _)| *number)
    }

    /// Looks at every group, once all have been read.
    pub(crate) fn review_all(&mut self) {
        let numbers: Vec<u64> = self.groups.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.review(number));
    }

    /// Notes what has become of a group: sparse, dead, or neither. The newest one is never either.
    fn review(&mut self, number: u64) {
        let Some(group) = self.groups.get(&number).filter(|_| number != self.newest) else { return };
        if self.is_dead(number, group) {
            let was_oldest = self.oldest() == Some(number);
            self.bury(number);
            if was_oldest {
                self.bury_oldest();
            }
        } else if group.is_sparse() {
            self.sparse.insert(number);
        }
    }

    fn is_dead(&self, number: u64, group: &Group) -> bool {
        group.live == 0 && (group.gone == 0 || self.oldest() == Some(number))
    }

    fn bury(&mut self, number: u64) {
        let Some(group) = self.groups.remove(&number) else { return };
        self.sparse.remove(&number);
        self.cost -= group.cost();
        self.dead.push_back((number, group));
    }

    /// A group has become the oldest: what it says of dropped jobs counts no longer.
    fn bury_oldest(&mut self) {
        while let Some((&number, group)) = self.groups.first_key_value() {
            self.gone -= u64::from(group.gone);
            if number == self.newest || !self.is_dead(number, group) {
                return;
            }
            self.bury(number);
        }
    }

    /// A group to clean now, if there is waste.
    pub(crate) fn wasteful(&mut self) -> Option<u64> {
        if self.gone > self.live / 4 + self.slack {
            return self.oldest().filter(|oldest| *oldest != self.newest);
        }
        let is_wasteful = self.cost > 2 * (self.live + self.gone) + self.slack;
        if is_wasteful { self.sparse.pop_first() } else { None }
    }

    /// What of a group counts, in bytes.
    pub(crate) fn live_bytes(&self, number: u64) -> u64 {
        self.groups.get(&number).map_or(0, |group| u64::from(group.live) + u64::from(group.gone))
    }

    /// Checksums of all that is on the disk, by number.
    pub(crate) fn checksums(&self) -> BTreeMap<u64, u32> {
        let dead = self.dead.iter().map(|(number, group)| (*number, group.checksum));
        dead.chain(self.groups.iter().map(|(number, group)| (*number, group.checksum))).collect()
    }

    /// Dead groups to remove with the next write. A few wait until they are worth a batch.
    fn removals(&mut self, patience: Patience) -> Vec<(u64, u16)> {
        let parts = |group: &Group| parts_of(group.bytes as usize);
        let mut removed = Vec::new();
        let mut chunks = 0;
        if patience == Patience::Wait && self.dead.len() < REMOVED_TOGETHER {
            return removed;
        }
        while let Some((number, group)) = self.dead.front() {
            chunks += usize::from(parts(group));
            if chunks > BATCH_OPERATIONS_MAX && !removed.is_empty() {
                break;
            }
            removed.push((*number, parts(group)));
            self.dead.pop_front();
        }
        removed
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Wait,
    None,
}

/// The log, open.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) disk: Disk,
    pub(crate) table: Table,
}

impl Log {
    /// The number that the next group will have.
    pub(crate) fn next(&self) -> u64 {
        self.table.newest + 1
    }

    /// Takes up the next group before it is written, so that its entries can be counted.
    pub(crate) fn begin(&mut self, bytes: &[u8]) {
        self.table.add(self.next(), crate::entry::place(bytes.len()), crc32fast::hash(bytes));
    }

    /// Writes what [`begin`](Self::begin) took up, if anything, with settings; removes groups that are dead.
    ///
    /// # Errors
    /// See [`Disk::commit`].
    pub(crate) fn write(
        &mut self,
        group: Option<Vec<u8>>,
        settings: Vec<(Vec<u8>, Vec<u8>)>,
        force: Force,
    ) -> Result<(), QueueError> {
        let is_small = settings.is_empty() && group.as_ref().is_none_or(|bytes| parts_of(bytes.len()) == 1);
        let patience = if is_small { Patience::Wait } else { Patience::None };
        let removed = self.table.removals(patience);
        let group = group.map(|bytes| (self.table.newest, bytes));
        self.disk.commit(&Write { group, settings, removed }, force)
    }

    /// Removes what is dead, and seals the database.
    ///
    /// # Errors
    /// See [`Disk::close`].
    pub(crate) fn close(&mut self) -> Result<(), QueueError> {
        loop {
            let removed = self.table.removals(Patience::None);
            if removed.is_empty() {
                return self.disk.close(&self.table.checksums());
            }
            self.disk.commit(&Write { removed, ..Write::default() }, Force::No)?;
        }
    }
}

/// The queue's time: never before what was written last, whatever the wall clock did meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timeline {
    ahead_ms: Millis,
}

impl Timeline {
    /// Goes on from the latest time in the log.
    pub(crate) fn from(latest_ms: Millis, wall_ms: Millis) -> Self {
        Self { ahead_ms: latest_ms.saturating_sub(wall_ms) }
    }

    /// The queue's time when the wall clock, which does not jump while the process lives, shows `wall_ms`.
    pub(crate) const fn at(self, wall_ms: Millis) -> Millis {
        wall_ms.saturating_add(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(group: u64, bytes: usize) -> Home {
        Home::new(group, bytes)
    }

    fn dead(table: &mut Table) -> Vec<u64> {
        table.removals(Patience::None).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_group_dies_with_its_last_entry_and_the_newest_never() {
        let mut table = Table::default();
        for number in 1..=3 {
            table.add(number, 1_000, 0);
            table.hold(home(number, 900));
        }
        table.release(home(2, 400));
        assert!(dead(&mut table).is_empty());
        table.release(home(2, 500));
        table.release(home(3, 900));
        assert_eq!(dead(&mut table), [2]);
        table.add(4, 1_000, 0);
        assert_eq!(dead(&mut table), [3]);
        assert_eq!(table.checksums().len(), 2);
    }

    #[test]
    fn the_entry_of_a_dropped_job_counts_while_an_earlier_group_is_there() {
        let mut table = Table::default();
        table.add(1, 1_000, 0);
        table.hold(home(1, 900));
        table.add(2, 17, 0);
        table.hold_gone(2);
        table.add(3, 17, 0);
        table.hold_gone(3);
        table.add(4, 1_000, 0);
        table.hold(home(4, 900));
        assert!(dead(&mut table).is_empty());
        assert!(table.needs_gone(2) && table.needs_gone(3) && !table.needs_gone(1));
        table.release(home(1, 900));
        assert_eq!(dead(&mut table), [1, 2, 3], "in this order");
        assert_eq!(table.gone, 0);
    }

    #[test]
    fn sparse_groups_are_cleaned_only_while_more_than_half_is_waste() {
        let mut table = Table::default();
        let bytes = (1 << 20) - 256;
        for number in 1..=12 {
            table.add(number, bytes, 0);
            table.hold(home(number, bytes as usize));
        }
        for number in 1..=11 {
            table.release(home(number, bytes as usize - 1));
        }
        let mut cleaned = Vec::new();
        while let Some(number) = table.wasteful() {
            table.release(home(number, 1));
            cleaned.push(number);
        }
        assert_eq!(cleaned, [1, 2, 3, 4, 5, 6, 7], "12 MiB become less than 2 × 1 MiB + 4 MiB");
    }

    #[test]
    fn the_queues_time_goes_on_when_the_wall_clock_goes_back() {
        assert_eq!(Timeline::from(1_000, 400).at(400), 1_000);
        assert_eq!(Timeline::from(1_000, 400).at(500), 1_100);
        assert_eq!(Timeline::from(1_000, 4_000).at(4_000), 4_000);
    }
}
