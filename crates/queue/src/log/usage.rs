//! Counts how many bytes of each commit group still count.
//!
//! A commit group begins in the write-ahead log. A checkpoint writes the entries that still count to the
//! database, in new groups. Later transitions replace some of these entries. A group in which nothing counts
//! any more is dead, and is removed. A group of which less than half counts is sparse. While the database
//! takes more than twice what counts and some slack, sparse groups are compacted: their entries that count
//! are written again. So the size of the database, and the time to read it at a start, follow what the queue
//! holds, not what passed through it.
//!
//! The tombstone of a dropped job counts as long as there is an older group, which could hold the job itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{database::GroupChunks, entry::TOMBSTONE_BYTES};

/// The cost of a group in the database besides its bytes. It makes groups of a few entries sparse, so that
/// compaction merges them.
const GROUP_OVERHEAD_BYTES: u64 = 256;
/// The number of bytes that may be wasted before anything is compacted, and that tombstones may take.
pub(crate) const SLACK_BYTES: u64 = 4 << 20;

/// The commit group that holds an entry (40 bits; 0 for none), and the length of the entry (24 bits).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EntryLocation(u64);

impl EntryLocation {
    const LENGTH_BITS: u32 = 24;

    /// The location of an entry that was never written.
    pub(crate) const NONE: Self = Self(0);

    /// Creates the location of an entry of `bytes` bytes.
    ///
    /// # Panics
    /// Panics if the entry is over 16 MiB: the bounds of jobs keep it far below.
    pub(crate) fn new(group: u64, bytes: usize) -> Self {
        assert!(bytes < 1 << Self::LENGTH_BITS, "an entry of {bytes} bytes is over every bound");
        Self(group << Self::LENGTH_BITS | bytes as u64)
    }

    pub(crate) const fn group(self) -> u64 {
        self.0 >> Self::LENGTH_BITS
    }

    pub(crate) const fn bytes(self) -> u32 {
        (self.0 & ((1 << Self::LENGTH_BITS) - 1)) as u32
    }
}

/// The usage of one commit group.
#[derive(Debug)]
struct GroupUsage {
    place: GroupPlace,
    /// The bytes of entries that count, without tombstones.
    live_bytes: u32,
    tombstone_bytes: u32,
}

/// The place of a commit group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupPlace {
    Wal,
    Database { bytes: u32, chunks: GroupChunks },
}

impl GroupUsage {
    /// The number of bytes that the group takes in the database.
    fn cost(&self) -> u64 {
        match self.place {
            GroupPlace::Wal => 0,
            GroupPlace::Database { bytes, .. } => u64::from(bytes) + GROUP_OVERHEAD_BYTES,
        }
    }

    fn is_sparse(&self) -> bool {
        2 * (u64::from(self.live_bytes) + u64::from(self.tombstone_bytes)) < self.cost()
    }
}

/// The usage of all commit groups that are not dead. Groups are numbered from 1, in the order of their
/// writing.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    groups: BTreeMap<u64, GroupUsage>,
    sparse: BTreeSet<u64>,
    /// Dead groups that the database still holds, with the numbers of their chunks, in the order in which
    /// they must be removed: a tombstone must not go before the job that it hides.
    dead: VecDeque<(u64, u16)>,
    /// The cost of all groups in the database.
    cost: u64,
    /// The bytes that count in all groups, without tombstones.
    live_bytes: u64,
    /// The bytes of tombstones in all groups except the oldest, in which they no longer count.
    tombstone_bytes: u64,
}

impl Usage {
    /// Adds the newest group, in which nothing counts yet.
    pub(crate) fn add_group(&mut self, number: u64, place: GroupPlace) {
        let group = GroupUsage { place, live_bytes: 0, tombstone_bytes: 0 };
        self.cost += group.cost();
        self.groups.insert(number, group);
    }

    /// Records that a group of a checkpoint has been written to the database.
    pub(crate) fn place_in_database(&mut self, number: u64, bytes: u32, chunks: GroupChunks) {
        let group = self.group_mut(number);
        group.place = GroupPlace::Database { bytes, chunks };
        self.cost += group.cost();
    }

    /// Counts a new entry.
    pub(crate) fn count(&mut self, location: EntryLocation) {
        self.group_mut(location.group()).live_bytes += location.bytes();
        self.live_bytes += u64::from(location.bytes());
    }

    /// Stops counting an entry, without reviewing its group. While groups are replayed, one of which nothing
    /// counts at the moment may go on: it must not be taken for dead before all of it is read.
    pub(crate) fn uncount(&mut self, location: EntryLocation) {
        // A job without a delta has none to uncount.
        if location != EntryLocation::NONE {
            self.group_mut(location.group()).live_bytes -= location.bytes();
            self.live_bytes -= u64::from(location.bytes());
        }
    }

    /// Stops counting an entry that was replaced, and reviews its group.
    pub(crate) fn release(&mut self, location: EntryLocation) {
        self.uncount(location);
        self.review(location.group());
    }

    /// Counts a tombstone.
    pub(crate) fn count_tombstone(&mut self, number: u64) {
        self.group_mut(number).tombstone_bytes += TOMBSTONE_BYTES;
        if self.needs_tombstones(number) {
            self.tombstone_bytes += u64::from(TOMBSTONE_BYTES);
        }
    }

    /// Returns whether the tombstones in this group count.
    pub(crate) fn needs_tombstones(&self, number: u64) -> bool {
        self.oldest().is_some_and(|oldest| oldest < number)
    }

    /// Stops counting the tombstones of a group: they were written again elsewhere. Does nothing for a group
    /// that died meanwhile.
    pub(crate) fn release_tombstones(&mut self, number: u64) {
        let counted = self.needs_tombstones(number);
        if let Some(group) = self.groups.get_mut(&number) {
            let bytes = std::mem::take(&mut group.tombstone_bytes);
            self.tombstone_bytes -= if counted { u64::from(bytes) } else { 0 };
            self.review(number);
        }
    }

    fn group_mut(&mut self, number: u64) -> &mut GroupUsage {
        self.groups.get_mut(&number).expect("a group is not dead while an entry of it counts or is written")
    }

    fn oldest(&self) -> Option<u64> {
        self.groups.first_key_value().map(|(number, _)| *number)
    }

    /// Reviews every group, after all entries were counted.
    pub(crate) fn review_all(&mut self) {
        let numbers: Vec<u64> = self.groups.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.review(number));
    }

    /// Notes that a group has become sparse or dead, if it has.
    pub(crate) fn review(&mut self, number: u64) {
        // Dead groups are no longer there; group 0 never was.
        let Some(group) = self.groups.get(&number) else { return };
        if self.is_dead(number, group) {
            // Before the removal: the next oldest may have been kept by its tombstones alone.
            let was_oldest = self.oldest() == Some(number);
            self.remove_group(number);
            if was_oldest {
                self.remove_dead_oldest();
            }
        } else if group.is_sparse() {
            self.sparse.insert(number);
        }
    }

    fn is_dead(&self, number: u64, group: &GroupUsage) -> bool {
        group.live_bytes == 0 && (group.tombstone_bytes == 0 || self.oldest() == Some(number))
    }

    fn remove_group(&mut self, number: u64) {
        let group = self.groups.remove(&number).expect("the caller has just seen it");
        self.sparse.remove(&number);
        self.cost -= group.cost();
        if let GroupPlace::Database { chunks, .. } = group.place {
            self.dead.push_back((number, chunks.count));
        }
    }

    /// Stops counting the tombstones of the group that has become the oldest, and removes it if that kills
    /// it; then the next one.
    fn remove_dead_oldest(&mut self) {
        while let Some((&number, group)) = self.groups.first_key_value() {
            self.tombstone_bytes -= u64::from(group.tombstone_bytes);
            if !self.is_dead(number, group) {
                return;
            }
            self.remove_group(number);
        }
    }

    /// Returns the next group to compact, if the database wastes more than half of its size and
    /// `slack_bytes`.
    pub(crate) fn next_to_compact(&mut self, slack_bytes: u64) -> Option<u64> {
        if self.tombstone_bytes > self.live_bytes / 4 + slack_bytes {
            // Once the oldest group is gone, the tombstones in the next one no longer count.
            return self.oldest();
        }
        let is_wasteful = self.cost > 2 * (self.live_bytes + self.tombstone_bytes) + slack_bytes;
        if is_wasteful { self.sparse.pop_first() } else { None }
    }

    /// Returns how many bytes of a group count; 0 for a dead one.
    pub(crate) fn counted_bytes(&self, number: u64) -> u64 {
        self.groups
            .get(&number)
            .map_or(0, |group| u64::from(group.live_bytes) + u64::from(group.tombstone_bytes))
    }

    /// Returns the checksums of all groups in the database, by number.
    pub(crate) fn checksums(&self) -> BTreeMap<u64, u32> {
        let checksum = |(number, group): (&u64, &GroupUsage)| match group.place {
            GroupPlace::Wal => None,
            GroupPlace::Database { chunks, .. } => Some((*number, chunks.checksum)),
        };
        self.groups.iter().filter_map(checksum).collect()
    }

    /// Takes dead groups of up to `chunks_max` chunks in all, but at least one group if there is any. An
    /// empty result means that no dead group is left.
    pub(super) fn take_dead(&mut self, chunks_max: usize) -> Vec<(u64, u16)> {
        let (mut taken, mut count) = (Vec::new(), 0);
        while let Some(&(number, chunks)) = self.dead.front() {
            count += usize::from(chunks);
            // One group alone may have more chunks than a batch should remove.
            if count > chunks_max && !taken.is_empty() {
                break;
            }
            taken.push((number, chunks));
            self.dead.pop_front();
        }
        taken
    }

    pub(super) fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(group: u64, bytes: usize) -> EntryLocation {
        EntryLocation::new(group, bytes)
    }

    fn database(bytes: u32) -> GroupPlace {
        GroupPlace::Database { bytes, chunks: GroupChunks { count: 1, checksum: 0 } }
    }

    fn dead(usage: &mut Usage) -> Vec<u64> {
        usage.take_dead(usize::MAX).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_group_dies_with_its_last_entry() {
        let mut usage = Usage::default();
        for number in 1..=3 {
            usage.add_group(number, database(1_000));
            usage.count(location(number, 900));
        }
        usage.release(location(2, 400));
        assert!(dead(&mut usage).is_empty());
        usage.release(location(2, 500));
        assert_eq!(dead(&mut usage), [2]);
        assert_eq!(usage.checksums().len(), 2);
    }

    #[test]
    fn groups_in_the_write_ahead_log_are_not_removed_from_the_database() {
        let mut usage = Usage::default();
        usage.add_group(1, GroupPlace::Wal);
        usage.count(location(1, 900));
        usage.release(location(1, 900));
        assert!(dead(&mut usage).is_empty() && usage.groups.is_empty());
    }

    #[test]
    fn a_tombstone_counts_while_an_earlier_group_is_there() {
        let mut usage = Usage::default();
        usage.add_group(1, database(1_000));
        usage.count(location(1, 900));
        for number in [2, 3] {
            usage.add_group(number, database(17));
            usage.count_tombstone(number);
        }
        usage.add_group(4, database(1_000));
        usage.count(location(4, 900));
        usage.review_all();
        assert!(dead(&mut usage).is_empty());
        assert!(usage.needs_tombstones(2) && usage.needs_tombstones(3) && !usage.needs_tombstones(1));
        usage.release(location(1, 900));
        assert_eq!(dead(&mut usage), [1, 2, 3], "in this order");
        assert_eq!(usage.tombstone_bytes, 0);
    }

    #[test]
    fn sparse_groups_are_compacted_only_while_more_than_half_is_waste() {
        let mut usage = Usage::default();
        let bytes = (1 << 20) - 256;
        for number in 1..=12 {
            usage.add_group(number, database(bytes));
            usage.count(location(number, bytes as usize));
        }
        for number in 1..=11 {
            usage.release(location(number, bytes as usize - 1));
        }
        let mut compacted = Vec::new();
        while let Some(number) = usage.next_to_compact(SLACK_BYTES) {
            usage.release(location(number, 1));
            compacted.push(number);
        }
        assert_eq!(compacted, [1, 2, 3, 4, 5, 6, 7], "12 MiB become less than 2 × 1 MiB + 4 MiB");
    }
}
