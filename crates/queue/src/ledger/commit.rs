//! Writes the changes since the last commit to the write-ahead log.

use flow::{job::JobId, queue::QueueError};

use super::{
    CONTENT_IN_MEMORY_BYTES, Dirty, Ledger,
    arena::Slot,
    jobs::{ContentAt, Unwritten},
};
use crate::log::{
    entry::{begin_group, offset_u32, put_delta, put_full, put_setting, put_tombstone},
    usage::{EntryLocation, GroupPlace},
};

/// The jobs with entries in the write-ahead log. Some may be there twice, others have no entry there any
/// more.
#[derive(Debug, Default)]
pub(super) struct RecentEntries {
    pub(super) jobs: Vec<Slot>,
    pub(super) ended: Vec<JobId>,
    pub(super) dropped: Vec<JobId>,
}

/// A commit group that is being written.
pub(super) struct GroupBuilder {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// The length of its head.
    head_bytes: usize,
}

impl GroupBuilder {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.len() == self.head_bytes
    }
}

impl Ledger {
    /// Returns an estimate of the bytes that have changed since the last commit.
    #[must_use]
    pub const fn dirty_bytes(&self) -> usize {
        self.dirty.bytes
    }

    /// Sets the size of the write-ahead log at which a checkpoint is made, and the number of bytes that the
    /// database may waste besides as many as count. Both are 4 MiB by default.
    pub const fn set_room(&mut self, wal_bytes: u64, slack_bytes: u64) {
        self.log.wal.capacity_bytes = wal_bytes;
        self.log.slack_bytes = slack_bytes;
    }

    #[cfg(test)]
    pub(crate) fn write_wal_to(&mut self, file: std::fs::File) {
        self.log.wal.write_to(file);
    }

    /// Returns whether there is anything to write.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let Dirty { jobs, ended, dropped, settings, bytes: _, fsync: _ } = &self.dirty;
        !(jobs.is_empty() && ended.is_empty() && dropped.is_empty() && settings.is_empty())
    }

    /// Makes everything since the last commit durable. Claims alone are not forced to the medium: nobody who
    /// could hold a lease survives the death of the machine.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if the log cannot be written. The ledger
    /// must be dropped then, and nothing be acknowledged.
    pub fn commit(&mut self) -> Result<(), QueueError> {
        if !self.is_dirty() {
            return Ok(());
        }
        let settings = std::mem::take(&mut self.dirty.settings);
        if !self.log.wal.has_room(self.dirty.bytes) {
            self.log.settings.extend(settings);
            return self.checkpoint();
        }
        let mut group = self.begin_group();
        group.bytes.reserve(self.dirty.bytes);
        settings.iter().for_each(|(key, value)| put_setting(&mut group.bytes, key, value));
        self.log.settings.extend(settings);
        let Dirty { jobs, ended, dropped, fsync, .. } = std::mem::take(&mut self.dirty);
        self.recent.dropped.extend(&dropped);
        self.put_tombstones(&mut group, dropped);
        self.recent.jobs.extend(&jobs);
        for slot in jobs {
            self.put_live(&mut group, slot)?;
        }
        self.recent.ended.extend(ended.keys());
        for (id, entry) in ended {
            self.put_ended(&mut group, id, &entry);
        }
        self.log.append(group.bytes, fsync)
    }

    /// Begins the newest commit group.
    pub(super) fn begin_group(&mut self) -> GroupBuilder {
        self.log.newest += 1;
        let (number, bytes) = (self.log.newest, begin_group(self.now_ms));
        // That of a checkpoint is placed in the database once its size and its checksum are known.
        self.log.usage.add_group(number, GroupPlace::Wal);
        GroupBuilder { number, head_bytes: bytes.len(), bytes }
    }

    /// Appends tombstones. They come first in a group: a job with the same id may have been pushed since.
    pub(super) fn put_tombstones(
        &mut self,
        group: &mut GroupBuilder,
        dropped: impl IntoIterator<Item = JobId>,
    ) {
        for id in dropped {
            put_tombstone(&mut group.bytes, id);
            self.log.usage.count_tombstone(group.number);
        }
    }

    /// Appends the part of a live job that the log does not hold yet. Counts the new entry before it releases
    /// the one that is replaced, so that the new group is not taken for dead.
    pub(super) fn put_live(&mut self, group: &mut GroupBuilder, slot: Slot) -> Result<(), QueueError> {
        // The job may have ended since it was marked.
        let Some(job) = self.jobs.get(slot) else { return Ok(()) };
        let from = group.bytes.len();
        let progress = job.progress(self.phase(job));
        let content_offset = match job.unwritten {
            // It is in the list twice, or another job has its slot by now, which is in the list itself.
            Unwritten::Nothing => return Ok(()),
            Unwritten::Delta => {
                put_delta(&mut group.bytes, job.id, &progress);
                None
            }
            Unwritten::Full => {
                let content = self.content(slot)?;
                Some(offset_u32(put_full(&mut group.bytes, &self.origin(job), &progress, &content)))
            }
        };
        let location = EntryLocation::new(group.number, group.bytes.len() - from);
        let job = &mut self.jobs[slot];
        let usage = &mut self.log.usage;
        usage.count(location);
        // A full entry holds the progress too, so the delta goes in either case.
        usage.release(std::mem::take(&mut job.delta_entry));
        job.unwritten = Unwritten::Nothing;
        let Some(offset) = content_offset else {
            job.delta_entry = location;
            return Ok(());
        };
        usage.release(std::mem::replace(&mut job.full_entry, location));
        let length = match &job.content {
            ContentAt::Memory(content) if content.len() <= CONTENT_IN_MEMORY_BYTES => return Ok(()),
            ContentAt::Memory(content) => offset_u32(content.len()),
            ContentAt::Log { length, .. } => *length,
        };
        job.content = ContentAt::Log { offset, length };
        Ok(())
    }

    /// Appends the full entry of an ended job.
    pub(super) fn put_ended(&mut self, group: &mut GroupBuilder, id: JobId, entry: &[u8]) {
        let ended = self.ended.by_id_mut(id).expect("the entry is forgotten when the job is removed");
        let location = EntryLocation::new(group.number, entry.len());
        self.log.usage.count(location);
        self.log.usage.release(std::mem::replace(&mut ended.location, location));
        ended.offset = offset_u32(group.bytes.len());
        group.bytes.extend_from_slice(entry);
    }
}
