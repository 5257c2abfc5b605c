//! From the log to memory.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use flow::{
    clock::Millis,
    job::{JobId, State},
    lane::Lane,
    queue::{Cursor, QueueError},
};

use super::{
    Dirty, Ledger, REJOIN_MS, TEXT_IN_MEMORY_BYTES,
    jobs::{Ended, Job, Jobs, Slot, TextAt, Unwritten},
    lane::LaneIndex,
    sessions::Sessions,
};
use crate::{
    chunks::Joined,
    disk::{Disk, Force, StoredGroup, Write},
    entry::{Course, Entries, Entry, GONE_BYTES, Origin, Phase, decode_text, place},
    log::{Home, Log, Table, Timeline},
    session::SessionId,
};

impl Ledger {
    /// Reads everything from the disk, and switches to the copy that was read.
    ///
    /// # Errors
    /// [`QueueError::Damaged`] where something is missing, damaged or of an unknown format; what the disk was copied from
    /// is left as it is. [`QueueError::DiskFull`], [`QueueError::Broken`] where the copy cannot be written.
    pub fn load(disk: Disk, capacity: usize, wall_ms: Millis) -> Result<Self, QueueError> {
        let mut replay = Replay::default();
        // sled reports some kinds of damage by panicking.
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| replay.read(&disk)));
        read.unwrap_or_else(|_| Err(disk.damaged("sled panicked while it read it")))?;
        let timeline = Timeline::from(replay.latest_ms, wall_ms);
        let Replay { jobs, lanes, sessions, table, sequence, .. } = replay;
        let mut ledger = Self {
            log: Log { disk, table },
            timeline,
            now_ms: timeline.at(wall_ms),
            capacity: capacity as u64,
            jobs,
            lanes,
            wakeups: Default::default(),
            sessions,
            cursors: BTreeMap::new(),
            unfed: 0,
            sequence,
            attempts_used: 0,
            attempts_max: replay.attempts_max,
            dirty: Dirty::default(),
            events: Default::default(),
            listing: None,
        };
        ledger.load_settings()?;
        ledger.drop_unfinished(replay.unfinished)?;
        ledger.log.disk.switch(&ledger.log.table.checksums())?;
        ledger.index_all();
        ledger.adopt_leases()?;
        ledger.tick(ledger.now_ms)?;
        Ok(ledger)
    }

    fn load_settings(&mut self) -> Result<(), QueueError> {
        let settings: Vec<_> = self.log.disk.settings().collect::<Result<_, _>>()?;
        for (key, value) in settings {
            match key.split_first() {
                Some((b'a', [])) => {
                    self.attempts_used = self.setting(&value)?;
                    self.attempts_max = self.attempts_max.max(self.attempts_used);
                }
                Some((b'c', _)) => {
                    let cursor: Cursor = self.setting(&value)?;
                    self.cursors.insert(cursor.source.clone(), cursor);
                }
                Some((b'l', [at])) if usize::from(*at) < Lane::ALL.len() => {
                    let (paused, retried) = self.setting(&value)?;
                    let stats = &mut self.lanes[usize::from(*at)].stats;
                    (stats.paused, stats.retried) = (paused, retried);
                }
                _ => return Err(self.log.disk.damaged("it holds a setting that nobody knows")),
            }
        }
        self.count_unfed();
        Ok(())
    }

    fn setting<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, QueueError> {
        let damaged = |error| self.log.disk.damaged(&format!("a setting cannot be read: {error}"));
        postcard::from_bytes(bytes).map_err(damaged)
    }

    /// Removes the beginning of a group that was cut off while it was written: it was never acknowledged.
    fn drop_unfinished(&mut self, unfinished: Option<(u64, u16)>) -> Result<(), QueueError> {
        let Some(unfinished) = unfinished else { return Ok(()) };
        self.log.disk.commit(&Write { removed: vec![unfinished], ..Write::default() }, Force::No)
    }

    /// Puts every job in its line, in the order of pushes.
    fn index_all(&mut self) {
        let mut slots: Vec<(u64, Slot)> = self.jobs.live().map(|(slot, job)| (job.sequence, slot)).collect();
        slots.sort_unstable();
        for (_, slot) in slots {
            let Some(job) = self.jobs.get(slot) else { continue };
            let index = &mut self.lanes[job.lane.index()];
            if let Some(trouble) = &job.trouble {
                index.pause_group(job.group, trouble.group_paused_until_ms);
            }
            if job.state == State::Leased {
                index.was_claimed(job.group, job.changed_ms);
            }
            self.enter(slot);
        }
        for ended in self.jobs.all_ended() {
            *self.lanes[ended.lane.index()].stats.count_mut(ended.state) += 1;
        }
    }

    /// After a start: leases of dead processes return, those of live ones get time to come back.
    fn adopt_leases(&mut self) -> Result<(), QueueError> {
        let now = self.now_ms;
        for session in self.sessions.all() {
            let is_dead = session.is_dead();
            for slot in self.sessions.leased_to(session) {
                if is_dead {
                    self.lose(slot, now)?;
                } else if let Some(job) = self.jobs.get_mut(slot) {
                    job.due_ms = now.saturating_add(REJOIN_MS);
                    self.wakeups.set(slot, job);
                }
            }
            if is_dead {
                self.sessions.forget(session);
            }
        }
        Ok(())
    }
}

/// What the groups that were read so far come to.
#[derive(Default)]
struct Replay {
    jobs: Jobs,
    lanes: [LaneIndex; 3],
    sessions: Sessions,
    table: Table,
    sequence: u64,
    latest_ms: Millis,
    attempts_max: u32,
    /// A group of which only the beginning is there, and its chunks.
    unfinished: Option<(u64, u16)>,
}

impl Replay {
    fn read(&mut self, disk: &Disk) -> Result<(), QueueError> {
        for stored in disk.groups() {
            let StoredGroup { number, parts, content } = stored?;
            if self.unfinished.is_some() {
                return Err(disk.damaged("a commit group in its middle is not whole"));
            }
            match content {
                Joined::Unfinished => self.unfinished = Some((number, parts)),
                Joined::Whole(bytes, checksum) => {
                    let damaged = |why| disk.damaged(&format!("commit group {number} cannot be read: {why}"));
                    self.group(number, &bytes, checksum).map_err(damaged)?;
                }
            }
        }
        self.table.review_all();
        Ok(())
    }

    fn group(&mut self, number: u64, bytes: &[u8], checksum: u32) -> Result<(), String> {
        self.table.add(number, place(bytes.len()), checksum);
        let entries = Entries::of(bytes)?;
        self.latest_ms = self.latest_ms.max(entries.at_ms);
        for entry in entries {
            let (offset, bytes, entry) = entry?;
            let home = Home::new(number, bytes.len());
            match entry {
                Entry::Whole { origin, course, text_offset, text } => {
                    let at = Position { home, offset, text_offset };
                    self.whole(at, &origin, course, text)?;
                }
                Entry::Course { id, course } => self.course(home, id, course)?,
                Entry::Gone { id } => {
                    debug_assert_eq!(home.bytes(), GONE_BYTES);
                    self.forget(id);
                    self.table.hold_gone(number);
                }
            }
        }
        Ok(())
    }

    fn whole(
        &mut self,
        at: Position,
        origin: &Origin<'_>,
        course: Course,
        text: &[u8],
    ) -> Result<(), String> {
        let id = JobId::of(origin.lane, decode_text(text)?.key);
        self.forget(id);
        self.table.hold(at.home);
        self.sequence = self.sequence.max(origin.sequence + 1);
        self.attempts_max = self.attempts_max.max(origin.attempts_before.saturating_add(course.attempts));
        let state = course.phase.state();
        if matches!(state, State::Done | State::Dead) {
            let Position { home, offset, .. } = at;
            self.jobs.insert_ended(Ended { id, home, offset, lane: origin.lane, state });
            return Ok(());
        }
        let length = place(text.len());
        let text = match text.len() {
            0..=TEXT_IN_MEMORY_BYTES => TextAt::Memory(text.into()),
            _ => TextAt::Disk { offset: at.text_offset, length },
        };
        let mut job = Job {
            id,
            sequence: origin.sequence,
            pushed_ms: origin.pushed_ms,
            changed_ms: 0,
            due_ms: 0,
            whole: at.home,
            course: Home::default(),
            text,
            trouble: None,
            group: self.lanes[origin.lane.index()].id_of(origin.group, 0),
            stamp: 0,
            session: SessionId(0),
            attempts: 0,
            attempts_before: origin.attempts_before,
            priority: origin.priority,
            lane: origin.lane,
            state,
            unwritten: Unwritten::Nothing,
        };
        follow(&mut job, course, &mut self.sessions);
        let (session, state) = (job.session, job.state);
        let slot = self.jobs.insert(job);
        if state == State::Leased {
            self.sessions.grant(session, slot);
        }
        Ok(())
    }

    fn course(&mut self, home: Home, id: JobId, course: Course) -> Result<(), String> {
        if matches!(course.phase, Phase::Done | Phase::Dead) {
            return Err("a job that ended has only a course".to_owned());
        }
        let Some(slot) = self.jobs.find(id) else { return Ok(()) };
        let Some(job) = self.jobs.get_mut(slot) else { return Ok(()) };
        self.attempts_max = self.attempts_max.max(job.attempts_before.saturating_add(course.attempts));
        self.table.release(job.course);
        self.table.hold(home);
        job.course = home;
        if job.state == State::Leased {
            self.sessions.take_back(job.session, slot);
        }
        follow(job, course, &mut self.sessions);
        if job.state == State::Leased {
            self.sessions.grant(job.session, slot);
        }
        Ok(())
    }

    fn forget(&mut self, id: JobId) {
        if let Some(job) = self.jobs.find(id).and_then(|slot| {
            let job = self.jobs.remove(slot)?;
            if job.state == State::Leased {
                self.sessions.take_back(job.session, slot);
            }
            Some(job)
        }) {
            self.table.release(job.whole);
            self.table.release(job.course);
        } else if let Some(ended) = self.jobs.remove_ended(id) {
            self.table.release(ended.home);
        }
    }
}

/// Where a whole entry lies.
struct Position {
    home: Home,
    offset: u32,
    text_offset: u32,
}

/// Lets a job stand where its course says.
fn follow(job: &mut Job, course: Course, sessions: &mut Sessions) {
    (job.changed_ms, job.attempts, job.trouble) = (course.changed_ms, course.attempts, course.trouble);
    job.state = course.phase.state();
    match course.phase {
        Phase::Delayed { due_ms } => job.due_ms = due_ms,
        Phase::Leased { session } => job.session = sessions.id_of(session),
        Phase::Ready | Phase::Done | Phase::Dead => {}
    }
}
