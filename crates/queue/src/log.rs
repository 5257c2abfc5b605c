//! The log of commit groups: where each is, what of it still counts, and which are worth cleaning.
//!
//! A group begins in the tail. When the tail is full it is folded: what of it counts is written to the database in new
//! groups, and nothing else. There, a group in which nothing counts any more is removed; one of which less than half
//! counts is sparse, and while the database as a whole is more than twice what counts (and some slack), sparse groups
//! are cleaned: what counts in them is folded once more. So the disk, and the time to read it at a start, stay
//! proportional to what the queue holds, whatever passed through it.
//!
//! The entry of a dropped job counts as long as an earlier group is there, which could hold the job itself.

pub(crate) mod chunks;
pub mod database;
pub(crate) mod entry;
pub(crate) mod manifest;
pub(crate) mod wal;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flow::{clock::Millis, queue::QueueError};

use crate::{
    log::database::{CHUNKS_REMOVED_MAX, Database, GroupChunks, failed},
    log::entry::TOMBSTONE_BYTES,
    log::wal::{Fsync, Wal},
};

/// What a group costs besides its bytes; makes groups of a few entries sparse, so that they are put together.
const GROUP_OVERHEAD_BYTES: u64 = 256;
/// What may be wasted before anything is cleaned, and what entries of dropped jobs may take.
const SLACK_BYTES: u64 = 4 << 20;

/// Where an entry lies, as far as counting goes: its group (40 bits; 0 for none) and its length (24 bits).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EntryLocation(u64);

impl EntryLocation {
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
    place: GroupPlace,
    /// Bytes of entries that count, those of dropped jobs left out.
    live: u32,
    /// Bytes of entries of dropped jobs.
    gone: u32,
}

/// Where a group lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupPlace {
    Wal,
    Database { bytes: u32, written: GroupChunks },
}

impl Group {
    /// What it takes in the database.
    fn cost(&self) -> u64 {
        match self.place {
            GroupPlace::Wal => 0,
            GroupPlace::Database { bytes, .. } => u64::from(bytes) + GROUP_OVERHEAD_BYTES,
        }
    }

    fn is_sparse(&self) -> bool {
        2 * (u64::from(self.live) + u64::from(self.gone)) < self.cost()
    }
}

/// Counts what there is. Groups are numbered from 1.
#[derive(Debug)]
pub(crate) struct Usage {
    groups: BTreeMap<u64, Group>,
    sparse: BTreeSet<u64>,
    /// Groups of the database in which nothing counts, in the order in which they must be removed, with their chunks.
    dead: VecDeque<(u64, u16)>,
    /// What the groups of the database take.
    cost: u64,
    /// What counts, wherever it lies.
    live: u64,
    /// Bytes of entries of dropped jobs in all groups but the oldest.
    gone: u64,
    pub(crate) slack: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            sparse: BTreeSet::new(),
            dead: VecDeque::new(),
            cost: 0,
            live: 0,
            gone: 0,
            slack: SLACK_BYTES,
        }
    }
}

impl Usage {
    /// Takes up the newest group, in which nothing counts yet.
    pub(crate) fn add(&mut self, number: u64, place: GroupPlace) {
        let group = Group { place, live: 0, gone: 0 };
        self.cost += group.cost();
        self.groups.insert(number, group);
    }

    /// A group has been written to the database.
    pub(crate) fn settle(&mut self, number: u64, bytes: u32, written: GroupChunks) {
        if let Some(group) = self.groups.get_mut(&number) {
            group.place = GroupPlace::Database { bytes, written };
            self.cost += group.cost();
        } else {
            self.dead.push_back((number, written.parts));
        }
    }

    /// Counts an entry of a group.
    pub(crate) fn hold(&mut self, home: EntryLocation) {
        if let Some(group) = self.groups.get_mut(&home.group()) {
            group.live += home.bytes();
            self.live += u64::from(home.bytes());
        }
    }

    /// Counts an entry no longer.
    pub(crate) fn release(&mut self, home: EntryLocation) {
        if let Some(group) = self.groups.get_mut(&home.group()) {
            group.live -= home.bytes();
            self.live -= u64::from(home.bytes());
            self.review(home.group());
        }
    }

    /// Counts the entry of a dropped job.
    pub(crate) fn hold_gone(&mut self, number: u64) {
        if let Some(group) = self.groups.get_mut(&number) {
            group.gone += TOMBSTONE_BYTES;
        }
        if self.oldest() != Some(number) {
            self.gone += u64::from(TOMBSTONE_BYTES);
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

    /// Looks at every group, once all entries were counted.
    pub(crate) fn review_all(&mut self) {
        let numbers: Vec<u64> = self.groups.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.review(number));
    }

    /// Notes what has become of a group: sparse, dead, or neither.
    pub(crate) fn review(&mut self, number: u64) {
        let Some(group) = self.groups.get(&number) else { return };
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
        if let GroupPlace::Database { written, .. } = group.place {
            self.dead.push_back((number, written.parts));
        }
    }

    /// A group has become the oldest: what it says of dropped jobs counts no longer.
    fn bury_oldest(&mut self) {
        while let Some((&number, group)) = self.groups.first_key_value() {
            self.gone -= u64::from(group.gone);
            if !self.is_dead(number, group) {
                return;
            }
            self.bury(number);
        }
    }

    /// A group to clean now, if there is waste.
    pub(crate) fn wasteful(&mut self) -> Option<u64> {
        if self.gone > self.live / 4 + self.slack {
            return self.oldest();
        }
        let is_wasteful = self.cost > 2 * (self.live + self.gone) + self.slack;
        if is_wasteful { self.sparse.pop_first() } else { None }
    }

    /// What of a group counts, in bytes.
    pub(crate) fn live_bytes(&self, number: u64) -> u64 {
        self.groups.get(&number).map_or(0, |group| u64::from(group.live) + u64::from(group.gone))
    }

    /// Checksums of all groups in the database, by number.
    pub(crate) fn checksums(&self) -> BTreeMap<u64, u32> {
        let checksum = |(number, group): (&u64, &Group)| match group.place {
            GroupPlace::Wal => None,
            GroupPlace::Database { written, .. } => Some((*number, written.checksum)),
        };
        self.groups.iter().filter_map(checksum).collect()
    }

    /// Dead groups to remove in one step.
    fn removals(&mut self) -> Vec<(u64, u16)> {
        let (mut removed, mut chunks) = (Vec::new(), 0);
        while let Some((number, parts)) = self.dead.front().copied() {
            chunks += usize::from(parts);
            if chunks > CHUNKS_REMOVED_MAX && !removed.is_empty() {
                break;
            }
            removed.push((number, parts));
            self.dead.pop_front();
        }
        removed
    }
}

/// The log, open.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) disk: Database,
    pub(crate) tail: Wal,
    pub(crate) table: Usage,
    /// The groups in the tail.
    pub(crate) recent: BTreeMap<u64, Vec<u8>>,
    /// Settings that are in the tail only.
    pub(crate) settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Groups up to this one are in the database, later ones in the tail.
    pub(crate) folded: u64,
    /// The number of the newest group.
    pub(crate) newest: u64,
}

impl Log {
    /// Appends a group to the tail.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: the log must not be used any more.
    pub(crate) fn append(&mut self, group: Vec<u8>, force: Fsync) -> Result<(), QueueError> {
        let appended = self.tail.append(self.newest, &group, force);
        appended.map_err(|error| failed("write", self.disk.directory(), &error))?;
        self.recent.insert(self.newest, group);
        Ok(())
    }

    /// Ends a fold: everything in the tail was written to the database in groups.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(crate) fn end_fold(&mut self) -> Result<(), QueueError> {
        let recent = std::mem::take(&mut self.recent);
        for number in recent.keys() {
            self.table.release_gone(*number);
            debug_assert_eq!(self.table.live_bytes(*number), 0, "all of group {number} is elsewhere");
        }
        let mut settings = std::mem::take(&mut self.settings);
        loop {
            let removed = self.table.removals();
            self.disk.fold(self.newest, std::mem::take(&mut settings), &removed)?;
            if self.table.dead.is_empty() {
                break;
            }
        }
        self.folded = self.newest;
        self.tail.restart(self.folded);
        Ok(())
    }

    /// Bytes of a group, wherever it lies.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where they are not there.
    pub(crate) fn read(&self, home: EntryLocation, offset: u32, length: u32) -> Result<Vec<u8>, QueueError> {
        match self.recent.get(&home.group()) {
            Some(group) => {
                let from = offset as usize;
                let bytes = group.get(from..from + length as usize);
                bytes.map(<[u8]>::to_vec).ok_or_else(|| QueueError::Broken("a group is too short".to_owned()))
            }
            None => self.disk.read(home.group(), offset, length),
        }
    }

    /// How often something was forced to the medium.
    pub(crate) const fn syncs(&self) -> u64 {
        self.disk.syncs + self.tail.syncs
    }
}

/// The amount by which a clock may go back without being wrong.
const STEP_MS: Millis = 60_000;

/// The queue's time: never before what was written last, whatever the wall clock did meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueTime {
    ahead_ms: Millis,
}

impl QueueTime {
    /// Continues from the latest time in the log. The offset by which the queue's time was ahead before is
    /// kept, so that the time between two processes counts. Otherwise, after a clock that was a year ahead is
    /// corrected, the queue's time would stand still for a year, except while a process runs.
    pub(crate) fn from(latest_ms: Millis, ahead_before_ms: Millis, wall_ms: Millis) -> Self {
        Self { ahead_ms: latest_ms.saturating_sub(wall_ms).max(ahead_before_ms) }
    }

    /// Returns how far the queue's time is ahead of the wall clock, if that is worth storing. Synchronised
    /// clocks go back a little now and then.
    pub(crate) fn ahead_ms(self) -> Option<Millis> {
        Some(self.ahead_ms).filter(|ahead_ms| *ahead_ms >= STEP_MS)
    }

    /// The queue's time when the wall clock, which does not jump while the process lives, shows `wall_ms`.
    pub(crate) const fn at(self, wall_ms: Millis) -> Millis {
        wall_ms.saturating_add(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(group: u64, bytes: usize) -> EntryLocation {
        EntryLocation::new(group, bytes)
    }

    fn database(bytes: u32) -> GroupPlace {
        GroupPlace::Database { bytes, written: GroupChunks { parts: 1, checksum: 0 } }
    }

    fn dead(table: &mut Usage) -> Vec<u64> {
        table.removals().into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_group_dies_with_its_last_entry() {
        let mut table = Usage::default();
        for number in 1..=3 {
            table.add(number, database(1_000));
            table.hold(home(number, 900));
        }
        table.release(home(2, 400));
        assert!(dead(&mut table).is_empty());
        table.release(home(2, 500));
        assert_eq!(dead(&mut table), [2]);
        assert_eq!(table.checksums().len(), 2);
    }

    #[test]
    fn groups_in_the_tail_are_not_removed_from_the_database() {
        let mut table = Usage::default();
        table.add(1, GroupPlace::Wal);
        table.hold(home(1, 900));
        table.release(home(1, 900));
        assert!(dead(&mut table).is_empty() && table.groups.is_empty());
    }

    #[test]
    fn the_entry_of_a_dropped_job_counts_while_an_earlier_group_is_there() {
        let mut table = Usage::default();
        table.add(1, database(1_000));
        table.hold(home(1, 900));
        for number in [2, 3] {
            table.add(number, database(17));
            table.hold_gone(number);
        }
        table.add(4, database(1_000));
        table.hold(home(4, 900));
        table.review_all();
        assert!(dead(&mut table).is_empty());
        assert!(table.needs_gone(2) && table.needs_gone(3) && !table.needs_gone(1));
        table.release(home(1, 900));
        assert_eq!(dead(&mut table), [1, 2, 3], "in this order");
        assert_eq!(table.gone, 0);
    }

    #[test]
    fn sparse_groups_are_cleaned_only_while_more_than_half_is_waste() {
        let mut table = Usage::default();
        let bytes = (1 << 20) - 256;
        for number in 1..=12 {
            table.add(number, database(bytes));
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
        assert_eq!(QueueTime::from(1_000, 0, 400).at(400), 1_000);
        assert_eq!(QueueTime::from(1_000, 0, 400).at(500), 1_100);
        assert_eq!(QueueTime::from(1_000, 0, 4_000).at(4_000), 4_000);
        assert_eq!(QueueTime::from(1_000, 600, 700).at(700), 1_300, "the time between two processes counts");
    }
}
