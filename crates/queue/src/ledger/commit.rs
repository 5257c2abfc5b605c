//! From memory to the log: one commit group for everything that changed.

use flow::{job::JobId, queue::QueueError};

use super::{
    Dirty, Ledger, TEXT_IN_MEMORY_BYTES, course_of,
    jobs::{Slot, TextAt, Unwritten},
    origin_of,
};
use crate::{
    disk::Force,
    entry::{Entries, Entry, begin_group, place, put_course, put_gone, put_whole},
    log::Home,
};

/// About how much is written again at a time, at least.
const CLEANED_BYTES_MIN: u64 = 64 << 10;
/// How many sparse groups are read at a time.
const CLEANED_GROUPS_MAX: usize = 64;

impl Ledger {
    /// How many bytes have changed since the last commit, about.
    #[must_use]
    pub const fn dirty_bytes(&self) -> usize {
        self.dirty.bytes
    }

    /// How many bytes of waste the log may hold besides as many as count; 4 MiB unless set otherwise.
    pub const fn set_slack(&mut self, bytes: u64) {
        self.log.table.slack = bytes;
    }

    /// Whether anything is to be written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let Dirty { jobs, ended, gone, settings, bytes: _, force: _ } = &self.dirty;
        !(jobs.is_empty() && ended.is_empty() && gone.is_empty() && settings.is_empty())
    }

    /// Makes everything since the last commit durable. Claims alone are not forced to the medium: they survive the
    /// death of this process, and nobody who could hold one survives that of the machine.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: the ledger must be dropped then, and nothing be acknowledged.
    pub fn commit(&mut self) -> Result<(), QueueError> {
        if !self.is_dirty() {
            return Ok(());
        }
        self.clean()?;
        let Dirty { jobs, ended, gone, settings, bytes, force } = std::mem::take(&mut self.dirty);
        let settings: Vec<_> = settings.into_iter().collect();
        if jobs.is_empty() && ended.is_empty() && gone.is_empty() {
            return self.log.write(None, settings, force);
        }
        let number = self.log.next();
        let mut group = begin_group(self.now_ms);
        group.reserve(bytes);
        // First, since a job of the same name may have come after.
        gone.iter().for_each(|id| put_gone(&mut group, *id));
        let mut settled = Vec::with_capacity(jobs.len() + ended.len());
        for slot in jobs {
            settled.extend(self.write_live(slot, &mut group)?);
        }
        for (id, entry) in ended {
            let offset = place(group.len());
            group.extend_from_slice(&entry);
            settled.push(Settled::Ended { id, offset, bytes: entry.len() });
        }
        self.log.begin(&group);
        settled.into_iter().for_each(|entry| self.settle(number, entry));
        gone.iter().for_each(|_| self.log.table.hold_gone(number));
        self.log.write(Some(group), settings, force)
    }

    /// Appends what of a live job is not on the disk.
    fn write_live(&self, slot: Slot, group: &mut Vec<u8>) -> Result<Option<Settled>, QueueError> {
        let Some(job) = self.jobs.get(slot) else { return Ok(None) };
        let offset = group.len();
        let course = course_of(job, self.phase(job));
        let bytes = |group: &Vec<u8>| group.len() - offset;
        Ok(match job.unwritten {
            Unwritten::Nothing => None,
            Unwritten::Course => {
                put_course(group, job.id, &course);
                Some(Settled::Course { slot, bytes: bytes(group) })
            }
            Unwritten::Whole => {
                let name = self.lanes[job.lane.index()].group(job.group).name.as_ref();
                let origin = origin_of(job, name.map(|name| name.0.as_str()));
                let text_offset = match &job.text {
                    TextAt::Memory(text) => put_whole(group, &origin, &course, text),
                    TextAt::Disk { .. } => put_whole(group, &origin, &course, &self.text(slot)?),
                };
                Some(Settled::Whole { slot, bytes: bytes(group), text_offset: place(text_offset) })
            }
        })
    }

    /// Counts an entry of the newest group in the place of the one before.
    fn settle(&mut self, number: u64, entry: Settled) {
        let table = &mut self.log.table;
        match entry {
            Settled::Whole { slot, bytes, text_offset } => {
                let Some(job) = self.jobs.get_mut(slot) else { return };
                table.release(std::mem::replace(&mut job.whole, Home::new(number, bytes)));
                table.release(std::mem::take(&mut job.course));
                table.hold(job.whole);
                job.unwritten = Unwritten::Nothing;
                let length = match &job.text {
                    TextAt::Memory(text) if text.len() <= TEXT_IN_MEMORY_BYTES => return,
                    TextAt::Memory(text) => place(text.len()),
                    TextAt::Disk { length, .. } => *length,
                };
                job.text = TextAt::Disk { offset: text_offset, length };
            }
            Settled::Course { slot, bytes } => {
                let Some(job) = self.jobs.get_mut(slot) else { return };
                table.release(std::mem::replace(&mut job.course, Home::new(number, bytes)));
                table.hold(job.course);
                job.unwritten = Unwritten::Nothing;
            }
            Settled::Ended { id, offset, bytes } => {
                let Some(ended) = self.jobs.ended_mut(id) else { return };
                table.release(ended.home);
                (ended.home, ended.offset) = (Home::new(number, bytes), offset);
                table.hold(ended.home);
            }
        }
    }

    /// Marks what counts in sparse groups, so that it is written again and they die.
    fn clean(&mut self) -> Result<(), QueueError> {
        let budget = CLEANED_BYTES_MIN.max(2 * self.dirty.bytes as u64);
        let (mut cleaned, mut before) = (0, None);
        for _ in 0..CLEANED_GROUPS_MAX {
            let Some(number) = self.log.table.wasteful().filter(|number| before != Some(*number)) else {
                return Ok(());
            };
            before = Some(number);
            cleaned += self.log.table.live_bytes(number);
            let bytes = self.log.disk.group(number)?;
            let damaged = |why| QueueError::Broken(format!("commit group {number} is damaged: {why}"));
            for entry in Entries::of(&bytes).map_err(damaged)? {
                let (offset, bytes, entry) = entry.map_err(damaged)?;
                self.keep(number, offset, bytes, entry)?;
            }
            self.log.table.release_gone(number);
            if cleaned >= budget {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Marks an entry of a group that is being cleaned, if it counts.
    fn keep(&mut self, number: u64, offset: u32, bytes: &[u8], entry: Entry<'_>) -> Result<(), QueueError> {
        match entry {
            Entry::Whole { origin, text, .. } => {
                let key = crate::entry::decode_text(text).map_err(QueueError::Broken)?.key;
                let id = JobId::of(origin.lane, key);
                if let Some(slot) = self.jobs.find(id) {
                    if self.jobs.get(slot).is_some_and(|job| job.whole.group() == number) {
                        self.mark(slot, Unwritten::Whole);
                    }
                } else if let Some(ended) = self.jobs.ended(id)
                    && ended.home.group() == number
                    && ended.offset == offset
                {
                    self.dirty.bytes += bytes.len();
                    self.dirty.ended.entry(id).or_insert_with(|| bytes.to_vec());
                }
            }
            Entry::Course { id, .. } => {
                if let Some(slot) = self.jobs.find(id)
                    && self.jobs.get(slot).is_some_and(|job| job.course.group() == number)
                {
                    self.mark(slot, Unwritten::Course);
                }
            }
            Entry::Gone { id } => {
                let may_come_back = self.log.table.needs_gone(number) && !self.jobs.knows(id);
                if may_come_back {
                    self.dirty.gone.insert(id);
                }
            }
        }
        Ok(())
    }

    /// Ends the ledger well. Everything acknowledged is durable without it.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn close(mut self) -> Result<(), QueueError> {
        self.commit()?;
        self.log.close()
    }

    /// What must be forced to the medium before it is acknowledged.
    pub(super) const fn force(&mut self) {
        self.dirty.force = Force::Yes;
    }
}

/// An entry of the group that is being written.
enum Settled {
    Whole { slot: Slot, bytes: usize, text_offset: u32 },
    Course { slot: Slot, bytes: usize },
    Ended { id: JobId, offset: u32, bytes: usize },
}
