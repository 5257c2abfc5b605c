//! From memory to the log: to the tail at each commit, to the database when the tail is full.

use flow::{job::JobId, queue::QueueError};

use super::{
    Dirty, Ledger, TEXT_IN_MEMORY_BYTES,
    jobs::{ContentAt, Slot, Unwritten},
    origin_of, progress_of,
};
use crate::{
    log::entry::{Entries, Entry, begin_group, place, put_delta, put_full, put_setting, put_tombstone},
    log::{EntryLocation, GroupPlace},
};

/// A group that is folded takes no further entry from this size on; packed, it is about what is forced at a time.
const FOLDED_GROUP_BYTES: usize = 192 << 10;
/// How many sparse groups are cleaned with a fold, and about how much of them.
const CLEANED_GROUPS_MAX: usize = 64;
const CLEANED_BYTES_MAX: u64 = 8 << 20;

impl Ledger {
    /// How many bytes have changed since the last commit, about.
    #[must_use]
    pub const fn dirty_bytes(&self) -> usize {
        self.dirty.bytes
    }

    /// How long the tail may grow before it is folded, and how many bytes of waste the database may hold besides as many
    /// as count; 4 MiB each unless set otherwise.
    pub const fn set_room(&mut self, tail_bytes: u64, slack_bytes: u64) {
        self.log.tail.bytes_full = tail_bytes;
        self.log.table.slack = slack_bytes;
    }

    #[cfg(test)]
    pub(crate) fn write_tail_to(&mut self, file: std::fs::File) {
        self.log.tail.write_to(file);
    }

    /// Whether anything is to be written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let Dirty { jobs, ended, gone, settings, bytes: _, force: _ } = &self.dirty;
        !(jobs.is_empty() && ended.is_empty() && gone.is_empty() && settings.is_empty())
    }

    /// Makes everything since the last commit durable; claims only over the death of this process, since nobody who
    /// could hold one survives that of the machine.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: the ledger must be dropped then, and nothing be acknowledged.
    pub fn commit(&mut self) -> Result<(), QueueError> {
        if !self.is_dirty() {
            return Ok(());
        }
        let settings = std::mem::take(&mut self.dirty.settings);
        if !self.log.tail.has_room(self.dirty.bytes) {
            self.log.settings.extend(settings);
            return self.fold();
        }
        let mut group = begin_group(self.now_ms);
        group.reserve(self.dirty.bytes);
        settings.iter().for_each(|(key, value)| put_setting(&mut group, key, value));
        self.log.settings.extend(settings);
        let Dirty { jobs, ended, gone, force, .. } = std::mem::take(&mut self.dirty);
        let mut group = Building::at(self.begin(GroupPlace::Wal), group);
        self.recent.gone.extend(&gone);
        self.put_tombstone(&mut group, gone);
        self.recent.jobs.extend(&jobs);
        for slot in jobs {
            self.put_live(&mut group, slot)?;
        }
        self.recent.ended.extend(ended.keys());
        for (id, entry) in ended {
            self.put_ended(&mut group, id, &entry);
        }
        self.log.append(group.bytes, force)
    }

    /// Writes to the database what has changed and what of the tail and of sparse groups counts; the tail begins anew.
    pub(super) fn fold(&mut self) -> Result<(), QueueError> {
        self.keep_recent();
        self.clean()?;
        let Dirty { jobs, ended, gone, .. } = std::mem::take(&mut self.dirty);
        let mut group = self.begin_folded();
        self.put_tombstone(&mut group, gone);
        for slot in jobs {
            self.put_live(&mut group, slot)?;
            group = self.end_full(group)?;
        }
        for (id, entry) in ended {
            self.put_ended(&mut group, id, &entry);
            group = self.end_full(group)?;
        }
        self.end_folded(group)?;
        self.log.end_fold()
    }

    /// Marks what of the tail counts.
    fn keep_recent(&mut self) {
        let Recent { jobs, ended, gone } = std::mem::take(&mut self.recent);
        let folded = self.log.folded;
        for slot in jobs {
            let Some(job) = self.jobs.get(slot) else { continue };
            if job.whole.group() > folded {
                self.mark(slot, Unwritten::Full);
            } else if job.course.group() > folded {
                self.mark(slot, Unwritten::Delta);
            }
        }
        for id in ended {
            let Some(ended) = self.jobs.ended(id) else { continue };
            let from = ended.offset as usize;
            if let Some(group) = self.log.recent.get(&ended.home.group()) {
                let entry = &group[from..from + ended.home.bytes() as usize];
                self.dirty.ended.entry(id).or_insert_with(|| entry.to_vec());
            }
        }
        let may_come_back = |id: &JobId| !self.jobs.knows(*id);
        self.dirty.gone.extend(gone.into_iter().filter(may_come_back));
    }

    fn begin(&mut self, place: GroupPlace) -> u64 {
        self.log.newest += 1;
        self.log.table.add(self.log.newest, place);
        self.log.newest
    }

    /// The size and the checksum of the group are not known yet.
    fn begin_folded(&mut self) -> Building {
        let number = self.begin(GroupPlace::Wal);
        Building::at(number, begin_group(self.now_ms))
    }

    fn end_full(&mut self, group: Building) -> Result<Building, QueueError> {
        if group.bytes.len() < FOLDED_GROUP_BYTES {
            return Ok(group);
        }
        self.end_folded(group)?;
        Ok(self.begin_folded())
    }

    fn end_folded(&mut self, group: Building) -> Result<(), QueueError> {
        let Building { number, bytes, begun } = group;
        if bytes.len() == begun {
            self.log.table.review(number);
            return Ok(());
        }
        let written = self.log.disk.write_group(number, &bytes)?;
        self.log.table.settle(number, place(bytes.len()), written);
        Ok(())
    }

    fn put_tombstone(&mut self, group: &mut Building, gone: impl IntoIterator<Item = JobId>) {
        // First in a group, since a job of the same name may have come after.
        for id in gone {
            put_tombstone(&mut group.bytes, id);
            self.log.table.hold_gone(group.number);
        }
    }

    /// Appends what of a live job is not on the disk, and counts it in the place of what was there.
    fn put_live(&mut self, group: &mut Building, slot: Slot) -> Result<(), QueueError> {
        let Some(job) = self.jobs.get(slot) else { return Ok(()) };
        let from = group.bytes.len();
        let bytes = &mut group.bytes;
        let course = progress_of(job, self.phase(job));
        let text_offset = match (job.unwritten, &job.text) {
            (Unwritten::Nothing, _) => return Ok(()),
            (Unwritten::Delta, _) => {
                put_delta(bytes, job.id, &course);
                None
            }
            (Unwritten::Full, text) => {
                let name = self.lanes[job.lane.index()].group(job.group).name.as_ref();
                let origin = origin_of(job, name.map(|name| name.0.as_str()));
                Some(place(match text {
                    ContentAt::Memory(text) => put_full(bytes, &origin, &course, text),
                    ContentAt::Log { .. } => put_full(bytes, &origin, &course, &self.text(slot)?),
                }))
            }
        };
        let home = EntryLocation::new(group.number, group.bytes.len() - from);
        let Some(job) = self.jobs.get_mut(slot) else { return Ok(()) };
        let table = &mut self.log.table;
        table.hold(home);
        table.release(std::mem::take(&mut job.course));
        job.unwritten = Unwritten::Nothing;
        let Some(offset) = text_offset else {
            job.course = home;
            return Ok(());
        };
        table.release(std::mem::replace(&mut job.whole, home));
        let length = match &job.text {
            ContentAt::Memory(text) if text.len() <= TEXT_IN_MEMORY_BYTES => return Ok(()),
            ContentAt::Memory(text) => place(text.len()),
            ContentAt::Log { length, .. } => *length,
        };
        job.text = ContentAt::Log { offset, length };
        Ok(())
    }

    fn put_ended(&mut self, group: &mut Building, id: JobId, entry: &[u8]) {
        let Some(ended) = self.jobs.ended_mut(id) else { return };
        let home = EntryLocation::new(group.number, entry.len());
        self.log.table.hold(home);
        self.log.table.release(std::mem::replace(&mut ended.home, home));
        ended.offset = place(group.bytes.len());
        group.bytes.extend_from_slice(entry);
    }

    /// Marks what counts in sparse groups, so that it is written again and they die.
    fn clean(&mut self) -> Result<(), QueueError> {
        let (mut cleaned, mut before) = (0, None);
        for _ in 0..CLEANED_GROUPS_MAX {
            let wasteful = self.log.table.wasteful();
            let Some(number) = wasteful.filter(|number| before != Some(*number)) else { return Ok(()) };
            before = Some(number);
            if self.log.recent.contains_key(&number) {
                continue;
            }
            cleaned += self.log.table.live_bytes(number);
            let bytes = self.log.disk.group(number)?;
            self.keep_all(number, &bytes)?;
            self.log.table.release_gone(number);
            if cleaned >= CLEANED_BYTES_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    fn keep_all(&mut self, number: u64, bytes: &[u8]) -> Result<(), QueueError> {
        let damaged = |why| QueueError::Broken(format!("commit group {number} is damaged: {why}"));
        for entry in Entries::of(bytes).map_err(damaged)? {
            let (offset, bytes, entry) = entry.map_err(damaged)?;
            self.keep(number, offset, bytes, entry)?;
        }
        Ok(())
    }

    /// Marks an entry of a group that is being cleaned, if it counts.
    fn keep(&mut self, number: u64, offset: u32, bytes: &[u8], entry: Entry<'_>) -> Result<(), QueueError> {
        match entry {
            Entry::Full { origin, text, .. } => {
                let key = crate::log::entry::decode_content(text).map_err(QueueError::Broken)?.key;
                let id = JobId::of(origin.lane, key);
                if let Some(slot) = self.jobs.find(id) {
                    if self.jobs.get(slot).is_some_and(|job| job.whole.group() == number) {
                        self.mark(slot, Unwritten::Full);
                    }
                } else if let Some(ended) = self.jobs.ended(id)
                    && ended.home.group() == number
                    && ended.offset == offset
                {
                    self.dirty.bytes += bytes.len();
                    self.dirty.ended.entry(id).or_insert_with(|| bytes.to_vec());
                }
            }
            Entry::Delta { id, .. } => {
                let id = self.id_now(id);
                if let Some(slot) = self.jobs.find(id)
                    && self.jobs.get(slot).is_some_and(|job| job.course.group() == number)
                {
                    self.mark(slot, Unwritten::Delta);
                }
            }
            Entry::Tombstone { id } => {
                let id = self.id_now(id);
                let may_come_back = self.log.table.needs_gone(number) && !self.jobs.knows(id);
                if may_come_back {
                    self.dirty.gone.insert(id);
                }
            }
            // Kept in memory until it is folded.
            Entry::Setting { .. } => {}
        }
        Ok(())
    }

    fn id_now(&self, id: JobId) -> JobId {
        self.renamed.get(&id).copied().unwrap_or(id)
    }

    /// Ends the ledger well. Everything acknowledged is durable without it.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn close(mut self) -> Result<(), QueueError> {
        self.log.settings.extend(std::mem::take(&mut self.dirty.settings));
        self.fold()?;
        self.log.disk.close(self.log.newest, &self.log.table.checksums())
    }
}

/// What may have its place in the tail, some of it perhaps more than once, or no longer.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) jobs: Vec<Slot>,
    pub(super) ended: Vec<JobId>,
    pub(super) gone: Vec<JobId>,
}

/// A group that is being written.
struct Building {
    number: u64,
    bytes: Vec<u8>,
    /// How long it was at first.
    begun: usize,
}

impl Building {
    const fn at(number: u64, bytes: Vec<u8>) -> Self {
        let begun = bytes.len();
        Self { number, bytes, begun }
    }
}
