//! From the log to memory.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use flow::{
    clock::Millis,
    job::{JobId, State},
    lane::Lane,
    queue::{Cursor, QueueError},
};

use hashbrown::HashMap;

use super::{
    Dirty, Ledger, REJOIN_MS, TEXT_IN_MEMORY_BYTES,
    commit::Recent,
    jobs::{ContentAt, Ended, Job, Jobs, Slot, Unwritten},
    scheduler::LaneScheduler,
    sessions::Sessions,
};
use crate::{
    log::chunks::Joined,
    log::database::{Database, GroupChunks, StoredGroup, failed},
    log::entry::{Entries, Entry, Origin, Phase, Progress, TOMBSTONE_BYTES, decode_content, place},
    log::wal::Wal,
    log::{EntryLocation, GroupPlace, Log, QueueTime, Usage},
    session::SessionId,
};

/// The key of the setting that holds how far the queue's time is ahead of the wall clock.
const AHEAD: &[u8] = b"t";

impl Ledger {
    /// Reads everything from the disk, and switches to the copy that was read.
    ///
    /// # Errors
    /// [`QueueError::Damaged`] where something is missing, damaged or of an unknown format; what the disk was copied from
    /// is left as it is. [`QueueError::DiskFull`], [`QueueError::Broken`] where the copy cannot be written.
    pub fn load(disk: Database, capacity: usize, wall_ms: Millis) -> Result<Self, QueueError> {
        let mut replay = Replay::default();
        let tail = Wal::of(disk.directory(), disk.durability);
        // sled reports some kinds of damage by panicking.
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| replay.read(&disk, &tail)));
        read.unwrap_or_else(|_| Err(disk.damaged("sled panicked while it read it")))?;
        let timeline = QueueTime::from(replay.latest_ms, 0, wall_ms);
        let latest_ms = replay.latest_ms;
        let Replay { jobs, lanes, sessions, table, recent, settings, folded, newest, renamed, .. } = replay;
        let mut ledger = Self {
            log: Log { disk, tail, table, recent, settings, folded, newest },
            timeline,
            now_ms: timeline.at(wall_ms),
            capacity: capacity as u64,
            jobs,
            lanes,
            wakeups: Default::default(),
            sessions,
            renamed,
            cursors: BTreeMap::new(),
            unfed: 0,
            sequence: replay.sequence,
            attempts_used: 0,
            attempts_max: replay.attempts_max,
            dirty: Dirty::default(),
            recent: Recent::default(),
            events: Default::default(),
            listing: None,
        };
        let ahead_before_ms = ledger.load_settings()?;
        ledger.timeline = QueueTime::from(latest_ms, ahead_before_ms, wall_ms);
        ledger.now_ms = ledger.timeline.at(wall_ms);
        ledger.take_over(&replay.unfinished, replay.gone)?;
        ledger.index_all();
        ledger.adopt_leases()?;
        ledger.tick(ledger.now_ms)?;
        if let Some(ahead_ms) = ledger.timeline.ahead_ms().filter(|ahead_ms| *ahead_ms != ahead_before_ms) {
            ledger.set(AHEAD.to_vec(), &ahead_ms);
        }
        Ok(ledger)
    }

    /// Folds the tail into the copy, and switches to it.
    fn take_over(&mut self, unfinished: &[(u64, u16)], gone: Vec<JobId>) -> Result<(), QueueError> {
        for group in unfinished {
            self.log.disk.fold(self.log.newest, [], &[*group])?;
        }
        self.recent.jobs = self.jobs.live().map(|(slot, _)| slot).collect();
        self.recent.ended = self.jobs.all_ended().map(|ended| ended.id).collect();
        self.recent.gone = gone;
        self.fold()?;
        self.log.disk.switch(self.log.newest)?;
        let opened = self.log.tail.open(self.log.folded);
        opened.map_err(|error| failed("open", self.log.disk.directory(), &error))
    }

    /// Loads the settings, and returns how far the queue's time was ahead of the wall clock.
    fn load_settings(&mut self) -> Result<Millis, QueueError> {
        let mut ahead_ms = 0;
        let mut settings: BTreeMap<_, _> = self.log.disk.settings().collect::<Result<_, _>>()?;
        settings.extend(self.log.settings.clone());
        for (key, value) in settings {
            match key.split_first() {
                Some((b'a', [])) => {
                    self.attempts_used = self.setting(&value)?;
                    self.attempts_max = self.attempts_max.max(self.attempts_used);
                }
                _ if key == AHEAD => ahead_ms = self.setting(&value)?,
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
        Ok(ahead_ms)
    }

    fn setting<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, QueueError> {
        let damaged = |error| self.log.disk.damaged(&format!("a setting cannot be read: {error}"));
        postcard::from_bytes(bytes).map_err(damaged)
    }

    /// Puts every job in its line, in the order of pushes.
    fn index_all(&mut self) {
        let mut slots: Vec<(u64, Slot)> = self.jobs.live().map(|(slot, job)| (job.sequence, slot)).collect();
        slots.sort_unstable();
        for (_, slot) in slots {
            let Some(job) = self.jobs.get(slot) else { continue };
            let index = &mut self.lanes[job.lane.index()];
            if let Some(retry_state) = &job.retry_state {
                index.pause_group(job.group, retry_state.group_paused_until_ms);
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
    lanes: [LaneScheduler; 3],
    sessions: Sessions,
    table: Usage,
    sequence: u64,
    latest_ms: Millis,
    attempts_max: u32,
    recent: BTreeMap<u64, Vec<u8>>,
    settings: BTreeMap<Vec<u8>, Vec<u8>>,
    folded: u64,
    newest: u64,
    /// Jobs that were dropped, as the tail has it.
    gone: Vec<JobId>,
    /// Which ids jobs have now whose keys are not their own folded spelling, by the ids that they had before keys were
    /// folded.
    spelled: HashMap<JobId, JobId>,
    /// Those of them that entries name.
    renamed: HashMap<JobId, JobId>,
    /// Groups that were being folded when their owner was cut off, and their chunks.
    unfinished: Vec<(u64, u16)>,
}

impl Replay {
    fn read(&mut self, disk: &Database, tail: &Wal) -> Result<(), QueueError> {
        if disk.is_new() && tail.exists() {
            return Err(disk.damaged("its database is missing, its tail is there"));
        }
        let folded = disk.folded()?;
        (self.folded, self.newest) = (folded, folded);
        let mut checksums = BTreeMap::new();
        for stored in disk.groups() {
            let StoredGroup { number, parts, content } = stored?;
            let damaged = |why| disk.damaged(&format!("commit group {number} cannot be read: {why}"));
            match content {
                _ if number > folded => self.unfinished.push((number, parts)),
                Joined::Partial => return Err(damaged("it is not whole".to_owned())),
                Joined::Complete(bytes, checksum) => {
                    checksums.insert(number, checksum);
                    self.table.add(
                        number,
                        GroupPlace::Database {
                            bytes: place(bytes.len()),
                            written: GroupChunks { parts, checksum },
                        },
                    );
                    self.group(number, &bytes).map_err(damaged)?;
                }
            }
        }
        disk.check(folded, &checksums)?;
        let recent = tail.read(folded).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => disk.damaged(&error.to_string()),
            _ => failed("read", disk.directory(), &error),
        })?;
        for (number, bytes) in recent {
            let damaged = |why| disk.damaged(&format!("commit group {number} cannot be read: {why}"));
            self.table.add(number, GroupPlace::Wal);
            self.group(number, &bytes).map_err(damaged)?;
            self.recent.insert(number, bytes);
            self.newest = number;
        }
        self.table.review_all();
        Ok(())
    }

    fn group(&mut self, number: u64, bytes: &[u8]) -> Result<(), String> {
        let entries = Entries::of(bytes)?;
        self.latest_ms = self.latest_ms.max(entries.at_ms);
        for entry in entries {
            let (offset, bytes, entry) = entry?;
            let home = EntryLocation::new(number, bytes.len());
            match entry {
                Entry::Full { origin, course, text_offset, text } => {
                    let at = Position { home, offset, text_offset };
                    self.whole(at, &origin, course, text)?;
                }
                Entry::Delta { id, course } => self.course(home, id, course)?,
                Entry::Tombstone { id } => {
                    debug_assert_eq!(home.bytes(), TOMBSTONE_BYTES);
                    let id = self.id_now(id);
                    self.forget(id);
                    self.table.hold_gone(number);
                    if number > self.folded {
                        self.gone.push(id);
                    }
                }
                Entry::Setting { key, value } => {
                    self.settings.insert(key.to_owned(), value.to_owned());
                }
            }
        }
        Ok(())
    }

    fn whole(
        &mut self,
        at: Position,
        origin: &Origin<'_>,
        course: Progress,
        text: &[u8],
    ) -> Result<(), String> {
        let key = decode_content(text)?.key;
        let (id, before) = (JobId::of(origin.lane, key), JobId::of_spelling(origin.lane, key));
        if before != id {
            self.spelled.insert(before, id);
        }
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
            0..=TEXT_IN_MEMORY_BYTES => ContentAt::Memory(text.into()),
            _ => ContentAt::Log { offset: at.text_offset, length },
        };
        let mut job = Job {
            id,
            sequence: origin.sequence,
            pushed_ms: origin.pushed_ms,
            changed_ms: 0,
            due_ms: 0,
            whole: at.home,
            course: EntryLocation::default(),
            text,
            retry_state: None,
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

    fn course(&mut self, home: EntryLocation, id: JobId, course: Progress) -> Result<(), String> {
        if matches!(course.phase, Phase::Done | Phase::Dead) {
            return Err("a job that ended has only a course".to_owned());
        }
        let id = self.id_now(id);
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

    fn id_now(&mut self, id: JobId) -> JobId {
        let Some(&now) = self.spelled.get(&id) else { return id };
        self.renamed.insert(id, now);
        now
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
    home: EntryLocation,
    offset: u32,
    text_offset: u32,
}

/// Lets a job stand where its course says.
fn follow(job: &mut Job, course: Progress, sessions: &mut Sessions) {
    (job.changed_ms, job.attempts, job.retry_state) =
        (course.changed_ms, course.attempts, course.retry_state);
    job.state = course.phase.state();
    match course.phase {
        Phase::Delayed { due_ms } => job.due_ms = due_ms,
        Phase::Leased { session } => job.session = sessions.id_of(session),
        Phase::Ready | Phase::Done | Phase::Dead => {}
    }
}

#[cfg(test)]
mod tests {
    use flow::job::Priority;

    use super::*;
    use crate::log::entry::{Content, begin_group, put_delta, put_full, put_tombstone};

    fn course(phase: Phase, attempts: u32) -> Progress {
        Progress { phase, changed_ms: 1, attempts, retry_state: None }
    }

    fn put_job(group: &mut Vec<u8>, key: &str, phase: Phase) {
        let lane = Lane::Fetch;
        let (priority, sequence) = (Priority::default(), 1);
        let origin = Origin { lane, group: None, priority, sequence, pushed_ms: 1, attempts_before: 0 };
        put_full(
            group,
            &origin,
            &course(phase, 0),
            &Content { key, payload: b"{}", as_pushed: None }.encode(),
        );
    }

    fn replayed(group: &[u8]) -> Replay {
        let mut replay = Replay::default();
        replay.table.add(1, GroupPlace::Wal);
        replay.group(1, group).unwrap();
        replay
    }

    #[test]
    fn jobs_of_a_queue_from_before_keys_were_folded_are_known_by_every_spelling() {
        let mut group = begin_group(1);
        put_job(&mut group, "PG84", Phase::Done);
        put_job(&mut group, "Moby", Phase::Dead);
        let replay = replayed(&group);
        for key in ["PG84", "pg84", "Moby", "moby"] {
            assert!(replay.jobs.knows(JobId::of(Lane::Fetch, key)), "{key}");
        }
        assert!(replay.renamed.is_empty(), "nothing names them by other ids");
    }

    #[test]
    fn what_such_a_queue_says_of_a_job_by_its_id_is_still_of_that_job() {
        let (moby, emma) = (JobId::of_spelling(Lane::Fetch, "Moby"), JobId::of_spelling(Lane::Fetch, "Emma"));
        let mut group = begin_group(1);
        put_job(&mut group, "Moby", Phase::Ready);
        put_job(&mut group, "Emma", Phase::Ready);
        put_delta(&mut group, moby, &course(Phase::Delayed { due_ms: 9 }, 3));
        put_tombstone(&mut group, emma);
        let replay = replayed(&group);
        let slot = replay.jobs.find(JobId::of(Lane::Fetch, "moby")).expect("it is there");
        let job = replay.jobs.get(slot).expect("it is live");
        assert_eq!((job.state, job.attempts, job.due_ms), (State::Delayed, 3, 9));
        assert!(!replay.jobs.knows(JobId::of(Lane::Fetch, "Emma")), "it was dropped");
        assert_eq!(replay.gone, [JobId::of(Lane::Fetch, "Emma")]);
        assert_eq!(replay.renamed.len(), 2);
    }
}
