//! From memory to the log: one commit group for everything that changed.

use flow::{
    job::{JobId, Lease, State},
    queue::QueueError,
};

use super::{
    Dirty, Ledger, TEXT_IN_MEMORY_BYTES, course_of,
    jobs::{Job, Slot, TextAt, Unwritten},
    origin_of,
};
use crate::{
    disk::failed,
    entry::{Entries, Entry, begin_group, place, put_course, put_gone, put_whole},
    leases::Granted,
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
        let Dirty { jobs, leased, ended, gone, settings, bytes: _ } = &self.dirty;
        !(jobs.is_empty() && leased.is_empty() && ended.is_empty() && gone.is_empty() && settings.is_empty())
    }

    /// Makes everything since the last commit durable; claims only over the death of this process, see
    /// [`leases`](crate::leases).
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: the ledger must be dropped then, and nothing be acknowledged.
    pub fn commit(&mut self) -> Result<(), QueueError> {
        if !self.is_dirty() {
            return Ok(());
        }
        self.clean()?;
        let Dirty { jobs, leased, ended, gone, settings, bytes } = std::mem::take(&mut self.dirty);
        self.note_leases(&leased)?;
        let settings: Vec<_> = settings.into_iter().collect();
        if jobs.is_empty() && ended.is_empty() && gone.is_empty() {
            return if settings.is_empty() { Ok(()) } else { self.log.write(None, settings) };
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
        self.log.write(Some(group), settings)
    }

    /// Writes down who has what.
    fn note_leases(&mut self, leased: &[Slot]) -> Result<(), QueueError> {
        let noted = if self.log.leases.is_full(leased.len()) {
            let held: Vec<_> = self.jobs.live().filter_map(|(_, job)| self.granted(job)).collect();
            self.log.leases.replace(&held)
        } else if leased.is_empty() {
            Ok(())
        } else {
            let jobs = leased.iter().filter_map(|slot| self.jobs.get(*slot));
            let granted: Vec<_> = jobs.filter_map(|job| self.granted(job)).collect();
            self.log.leases.append(&granted)
        };
        noted.map_err(|error| failed("write", self.log.disk.directory(), &error))
    }

    fn granted(&self, job: &Job) -> Option<Granted> {
        let lease = Lease { id: job.id, attempt: job.token() };
        (job.state == State::Leased).then(|| Granted {
            lease,
            session: self.sessions.session(job.session),
            at_ms: job.changed_ms,
        })
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
}

/// An entry of the group that is being written.
enum Settled {
    Whole { slot: Slot, bytes: usize, text_offset: u32 },
    Course { slot: Slot, bytes: usize },
    Ended { id: JobId, offset: u32, bytes: usize },
}
