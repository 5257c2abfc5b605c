//! The log of commit groups: what the ledger writes, and reads back at a start.
//!
//! A commit group is the entries of one commit. In reading order:
//!
//! * `entry`: the bytes of a commit group;
//! * `wal`: the write-ahead log: each group goes there first, with one write and one fdatasync;
//! * [`database`]: sled, made safe against power loss: a checkpoint moves there what of the write-ahead log
//!   still counts; `generations` copies the database at every start, `chunks` keep its values small, and a
//!   `manifest` says what must be in it, `group_cache` keeps what is read again;
//! * `usage`: how much of each group still counts, and which groups are worth compacting.

pub(crate) mod chunks;
pub mod database;
pub(crate) mod entry;
mod generations;
mod group_cache;
mod manifest;
pub(crate) mod usage;
pub(crate) mod wal;

use std::collections::BTreeMap;

use flow::queue::QueueError;

use self::{
    database::{CHUNKS_REMOVED_MAX, Database},
    usage::{EntryLocation, Usage},
    wal::{Fsync, Wal},
};
use crate::error::storage_error;

/// The open log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) database: Database,
    pub(crate) wal: Wal,
    pub(crate) usage: Usage,
    /// The number of bytes that the database may waste besides as many as count.
    pub(crate) slack_bytes: u64,
    /// The commit groups in the write-ahead log, by number.
    pub(crate) recent: BTreeMap<u64, Vec<u8>>,
    /// The settings that only the write-ahead log holds.
    pub(crate) settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Groups up to this one are in the database, later ones in the write-ahead log.
    pub(crate) checkpoint: u64,
    /// The number of the newest group.
    pub(crate) newest: u64,
}

impl Log {
    /// Appends a commit group, the newest, to the write-ahead log.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if it cannot be written. The log must not
    /// be used any more then.
    pub(crate) fn append(&mut self, group: Vec<u8>, fsync: Fsync) -> Result<(), QueueError> {
        let appended = self.wal.append(self.newest, &group, fsync);
        appended.map_err(|error| storage_error("write", self.database.directory(), &error))?;
        self.recent.insert(self.newest, group);
        Ok(())
    }

    /// Ends a checkpoint, after the entries of the write-ahead log that count were written to the database:
    /// moves the mark, removes dead groups, and begins the write-ahead log again.
    ///
    /// # Errors
    /// Returns the errors of [`append`](Self::append).
    pub(crate) fn finish_checkpoint(&mut self) -> Result<(), QueueError> {
        let recent = std::mem::take(&mut self.recent);
        for number in recent.keys() {
            self.usage.release_tombstones(*number);
            debug_assert_eq!(self.usage.counted_bytes(*number), 0, "all of group {number} is elsewhere");
        }
        let mut settings = std::mem::take(&mut self.settings);
        loop {
            // The mark moves in the first batch, with the settings: from then on the new groups count. Dead
            // groups that a power cut keeps from the later batches are found to be dead at the next start.
            let removed = self.usage.take_dead(CHUNKS_REMOVED_MAX);
            self.database.move_checkpoint(self.newest, std::mem::take(&mut settings), &removed)?;
            if !self.usage.has_dead() {
                break;
            }
        }
        self.checkpoint = self.newest;
        self.wal.restart(self.checkpoint);
        Ok(())
    }

    /// Reads bytes of an entry's commit group, from the write-ahead log or the database.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the bytes are not there.
    pub(crate) fn read(
        &self,
        location: EntryLocation,
        offset: u32,
        length: u32,
    ) -> Result<Vec<u8>, QueueError> {
        match self.recent.get(&location.group()) {
            Some(group) => Ok(group[offset as usize..][..length as usize].to_vec()),
            // A group leaves `recent` only after a checkpoint has written its entries elsewhere.
            None => self.database.read(location.group(), offset, length),
        }
    }

    /// Returns how often something was forced to the medium.
    pub(crate) const fn syncs(&self) -> u64 {
        self.database.syncs + self.wal.syncs
    }
}
