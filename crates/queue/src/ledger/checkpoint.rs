//! Moves the entries that count from the write-ahead log to the database, and compacts sparse groups with
//! them.

use flow::{job::JobId, queue::QueueError};

use super::{
    Dirty, Ledger,
    commit::{GroupBuilder, RecentEntries},
    jobs::Unwritten,
};
use crate::log::entry::{Entries, Entry, decode_content, offset_u32};

/// The size from which a commit group of a checkpoint takes no further entry. Packed, such a group is about
/// what the database forces to the medium at a time.
const CHECKPOINT_GROUP_BYTES: usize = 192 << 10;
/// The bounds of what one checkpoint compacts, so that no commit takes long.
const COMPACTED_GROUPS_MAX: usize = 64;
const COMPACTED_BYTES_MAX: u64 = 8 << 20;

impl Ledger {
    /// Writes to the database what has changed, and what of the write-ahead log and of sparse groups counts.
    /// The write-ahead log begins again at its start.
    ///
    /// # Errors
    /// Returns the errors of [`commit`](Self::commit).
    pub(super) fn checkpoint(&mut self) -> Result<(), QueueError> {
        // First, so that compaction finds the entries of the write-ahead log marked.
        self.mark_recent();
        self.compact()?;
        let Dirty { jobs, ended, dropped, .. } = std::mem::take(&mut self.dirty);
        let mut group = self.begin_group();
        self.put_tombstones(&mut group, dropped);
        for slot in jobs {
            self.put_live(&mut group, slot)?;
            group = self.finish_if_full(group)?;
        }
        for (id, entry) in ended {
            self.put_ended(&mut group, id, &entry);
            group = self.finish_if_full(group)?;
        }
        self.finish_group(group)?;
        self.log.finish_checkpoint()
    }

    fn finish_if_full(&mut self, group: GroupBuilder) -> Result<GroupBuilder, QueueError> {
        if group.bytes.len() < CHECKPOINT_GROUP_BYTES {
            return Ok(group);
        }
        self.finish_group(group)?;
        Ok(self.begin_group())
    }

    fn finish_group(&mut self, group: GroupBuilder) -> Result<(), QueueError> {
        if group.is_empty() {
            // Nothing in it counts, so this removes it.
            self.log.usage.review(group.number);
            return Ok(());
        }
        let chunks = self.log.database.write_group(group.number, &group.bytes)?;
        self.log.usage.place_in_database(group.number, offset_u32(group.bytes.len()), chunks);
        Ok(())
    }

    /// Marks the entries of the write-ahead log that count, so that they are written.
    fn mark_recent(&mut self) {
        let RecentEntries { jobs, ended, dropped } = std::mem::take(&mut self.recent);
        let checkpoint = self.log.checkpoint;
        for slot in jobs {
            // The job may have ended since; then its id is in `ended`.
            let Some(job) = self.jobs.get(slot) else { continue };
            if job.full_entry.group() > checkpoint {
                self.mark(slot, Unwritten::Full);
            } else if job.delta_entry.group() > checkpoint {
                self.mark(slot, Unwritten::Delta);
            }
        }
        for id in ended {
            // The job may have been dropped or revived since.
            let Some(ended) = self.ended.by_id(id) else { continue };
            let from = ended.offset as usize;
            // An entry in no recent group is in the database, or still to be written.
            if let Some(group) = self.log.recent.get(&ended.location.group()) {
                let entry = &group[from..from + ended.location.bytes() as usize];
                self.dirty.ended.entry(id).or_insert_with(|| entry.to_vec());
            }
        }
        for id in dropped {
            // A job that was pushed again replaces the dropped one by its own entry.
            if !self.contains(id) {
                self.dirty.dropped.insert(id);
            }
        }
    }

    /// Marks what counts in sparse groups, so that it is written again and the groups die.
    fn compact(&mut self) -> Result<(), QueueError> {
        let (mut bytes, mut before) = (0, None);
        for _ in 0..COMPACTED_GROUPS_MAX {
            let next = self.log.usage.next_to_compact(self.log.slack_bytes);
            // The oldest group stays the oldest until its entries are written again.
            let Some(number) = next.filter(|number| before != Some(*number)) else { return Ok(()) };
            before = Some(number);
            // The entries of the write-ahead log are marked already.
            if self.log.recent.contains_key(&number) {
                continue;
            }
            bytes += self.log.usage.counted_bytes(number);
            self.mark_group(number)?;
            self.log.usage.release_tombstones(number);
            if bytes >= COMPACTED_BYTES_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Marks the entries of a group in the database that count.
    fn mark_group(&mut self, number: u64) -> Result<(), QueueError> {
        let damaged = |why| QueueError::Broken(format!("commit group {number} is damaged: {why}"));
        let group = self.log.database.group(number)?;
        for entry in Entries::of(&group).map_err(damaged)? {
            let (offset, bytes, entry) = entry.map_err(damaged)?;
            self.mark_entry(number, offset, bytes, &entry).map_err(damaged)?;
        }
        Ok(())
    }

    fn mark_entry(
        &mut self,
        number: u64,
        offset: u32,
        bytes: &[u8],
        entry: &Entry<'_>,
    ) -> Result<(), String> {
        match *entry {
            Entry::Full { ref origin, content, .. } => {
                let id = JobId::of(origin.lane, decode_content(content)?.key);
                if let Some(slot) = self.jobs.find(id) {
                    if self.jobs[slot].full_entry.group() == number {
                        self.mark(slot, Unwritten::Full);
                    }
                } else if let Some(ended) = self.ended.by_id(id)
                    && ended.location.group() == number
                    && ended.offset == offset
                {
                    self.dirty.bytes += bytes.len();
                    self.dirty.ended.entry(id).or_insert_with(|| bytes.to_vec());
                }
            }
            Entry::Delta { id, .. } => {
                if let Some(slot) = self.jobs.find(self.present_id(id))
                    && self.jobs[slot].delta_entry.group() == number
                {
                    self.mark(slot, Unwritten::Delta);
                }
            }
            Entry::Tombstone { id } => {
                let id = self.present_id(id);
                if self.log.usage.needs_tombstones(number) && !self.contains(id) {
                    self.dirty.dropped.insert(id);
                }
            }
            // Settings are in memory until a checkpoint writes them under their own keys.
            Entry::Setting { .. } => {}
        }
        Ok(())
    }

    /// Returns the present id of a job from its id in an entry.
    fn present_id(&self, id: JobId) -> JobId {
        self.renamed.get(&id).copied().unwrap_or(id)
    }

    /// Ends the ledger. Everything acknowledged is durable without it, but after it the next start finds any
    /// damage.
    ///
    /// # Errors
    /// Returns the errors of [`commit`](Self::commit).
    pub fn close(mut self) -> Result<(), QueueError> {
        self.log.settings.extend(std::mem::take(&mut self.dirty.settings));
        self.checkpoint()?;
        self.log.database.close(self.log.newest, &self.log.usage.checksums())
    }
}
