//! The synchronous core: every transition of a job.
//!
//! Invariants
//! * Every change is first made in memory and collected; nothing may be told to anyone before [`Ledger::commit`]
//!   returned `Ok`. After a failed commit the ledger must be dropped.
//! * A lease is (job, attempt): only the attempt that holds it ends it, and no attempt's number is given twice.
//! * Every pending job is in exactly one place: in its group's line, among the wake-ups, or leased to a session.
//! * Claims take constant time, whatever the number of jobs and groups.
//! * Leases outlive the owner of the ledger: at open, those of dead processes return at once, the others get
//!   [`REJOIN_MS`] to come back.
//! * The queue's time does not go back: neither in a process, nor from one owner to the next.

mod admin;
mod arena;
mod commit;
mod jobs;
mod leases;
mod ready;
mod replay;
mod scheduler;
mod sessions;
mod stats;
mod timers;
mod validation;

use std::{borrow::Cow, collections::BTreeMap};

use flow::{
    clock::Millis,
    failure::{Failure, Reason},
    job::{Happened, JobId, Known, NewJob, State},
    lane::Lane,
    queue::{Cursor, CursorMove, Push, Pushed, QueueError},
};

use hashbrown::{HashMap, HashSet};

use self::{
    admin::Listing,
    commit::Recent,
    jobs::{ContentAt, Ended, Job, Jobs, Slot, Unwritten},
    scheduler::LaneScheduler,
    sessions::Sessions,
    stats::Events,
    timers::Timers,
    validation::check_jobs,
};
use crate::{
    log::entry::{AsPushed, Content, Origin, Phase, Progress, decode_content, put_full},
    log::wal::Fsync,
    log::{EntryLocation, Log, QueueTime},
    session::SessionId,
};

/// How long a live process may take to come back after the owner of the queue was replaced.
pub const REJOIN_MS: Millis = 10_000;
/// A job whose worker died this often is taken for what kills them.
pub const LOST_MAX: u32 = 100;
/// Jobs that a lane takes before it is full, unless set otherwise.
pub const LANE_CAPACITY: usize = 10_000;
/// The largest text of a job (key and payload, in bytes) that is kept in memory besides the disk.
pub const TEXT_IN_MEMORY_BYTES: usize = 512;

const SOURCE_BYTES_MAX: usize = 200;

/// All jobs of a queue.
#[derive(Debug)]
pub struct Ledger {
    log: Log,
    timeline: QueueTime,
    /// The time of the latest transition.
    now_ms: Millis,
    capacity: u64,
    jobs: Jobs,
    lanes: [LaneScheduler; 3],
    wakeups: Timers,
    sessions: Sessions,
    /// Which ids jobs have now that entries name by ids from before keys were folded.
    renamed: HashMap<JobId, JobId>,
    cursors: BTreeMap<String, Cursor>,
    /// Entries of sources that are not yet in the queue.
    unfed: u64,
    sequence: u64,
    /// Attempts up to this number may be those of a job that was dropped: no new job has them again.
    attempts_used: u32,
    /// The highest number of any attempt.
    attempts_max: u32,
    dirty: Dirty,
    recent: Recent,
    events: [Events; 3],
    listing: Option<Listing>,
}

/// What has changed since the last commit.
#[derive(Debug, Default)]
struct Dirty {
    /// Live jobs whose course or whole entry is to be written.
    jobs: Vec<Slot>,
    /// Entries of jobs that ended, by id.
    ended: HashMap<JobId, Vec<u8>>,
    gone: HashSet<JobId>,
    settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// About how much there is to write.
    bytes: usize,
    force: Fsync,
}

impl Ledger {
    /// The queue's time when the wall clock shows `wall_ms`; what every other method takes as `now`.
    #[must_use]
    pub const fn time(&self, wall_ms: Millis) -> Millis {
        self.timeline.at(wall_ms)
    }

    /// How often something was forced to the medium so far.
    #[must_use]
    pub const fn syncs(&self) -> u64 {
        self.log.syncs()
    }

    /// See [`flow::queue::QueueAdmin::push`].
    pub fn push(&mut self, push: Push, now: Millis) -> Result<Pushed, QueueError> {
        check_jobs(&push.jobs)?;
        if let Some(step) = &push.cursor {
            self.check_cursor(step)?;
        }
        self.check_room(&push.jobs)?;
        let mut pushed = Pushed::default();
        for (position, job) in (0..).zip(push.jobs) {
            if self.insert(job, now) {
                pushed.new += 1;
            } else {
                pushed.known.push(position);
            }
        }
        if let Some(step) = push.cursor {
            self.move_cursor(step, pushed.known.len() as u64);
        }
        self.dirty.force = Fsync::Yes;
        Ok(pushed)
    }

    fn check_room(&self, jobs: &[NewJob]) -> Result<(), QueueError> {
        let might_overflow = |lane: Lane| self.pending(lane) + jobs.len() as u64 > self.capacity;
        if !Lane::ALL.into_iter().any(might_overflow) {
            return Ok(());
        }
        let added = jobs.iter().filter(|job| self.is_added(job));
        let mut new: Vec<(Lane, JobId)> = added.map(|job| (job.lane, job.id())).collect();
        new.sort_unstable();
        new.dedup();
        for lane in Lane::ALL {
            let count = new.iter().filter(|(of, _)| *of == lane).count() as u64;
            if count > 0 && self.pending(lane) + count > self.capacity {
                return Err(QueueError::Full(lane));
            }
        }
        Ok(())
    }

    fn pending(&self, lane: Lane) -> u64 {
        self.lanes[lane.index()].stats.pending()
    }

    /// Whether pushing a job adds one.
    fn is_added(&self, job: &NewJob) -> bool {
        match job.known {
            Known::Absorb => !self.jobs.knows(job.id()),
            Known::Renew => self.jobs.find(job.id()).is_none(),
        }
    }

    /// Adds a job; `false` where it is known already.
    fn insert(&mut self, new: NewJob, now: Millis) -> bool {
        let id = new.id();
        if !self.is_added(&new) {
            return false;
        }
        if self.jobs.ended(id).is_some() {
            self.bury(id);
            self.use_up_attempts();
        }
        let text = Content { key: &new.key, payload: &new.payload, as_pushed: None }.encode();
        let group = self.lanes[new.lane.index()].id_of(new.group.as_ref().map(|group| group.0.as_str()), now);
        let job = Job {
            id,
            sequence: self.sequence,
            pushed_ms: now,
            changed_ms: now,
            due_ms: now.saturating_add(new.delay_ms),
            whole: EntryLocation::default(),
            course: EntryLocation::default(),
            text: ContentAt::Memory(text),
            retry_state: None,
            group,
            stamp: 0,
            session: SessionId(0),
            attempts: 0,
            attempts_before: self.attempts_used,
            priority: new.priority,
            lane: new.lane,
            state: if new.delay_ms == 0 { State::Ready } else { State::Delayed },
            unwritten: Unwritten::Nothing,
        };
        self.sequence += 1;
        self.events[new.lane.index()].at(now).pushed += 1;
        let slot = self.jobs.insert(job);
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
        true
    }

    fn check_cursor(&self, step: &CursorMove) -> Result<(), QueueError> {
        if step.source.is_empty() || step.source.len() > SOURCE_BYTES_MAX {
            return Err(QueueError::Invalid(format!(
                "a source's name must have 1 to {SOURCE_BYTES_MAX} bytes"
            )));
        }
        let stands_at = self.cursors.get(&step.source).map(|cursor| cursor.offset);
        if stands_at == step.from { Ok(()) } else { Err(QueueError::CursorMoved(step.source.clone())) }
    }

    fn move_cursor(&mut self, step: CursorMove, known: u64) {
        let skipped = self.cursors.get(&step.source).map_or(0, |cursor| cursor.skipped) + known;
        let CursorMove { source, from: _, offset, entries, entries_total } = step;
        let cursor = Cursor { source: source.clone(), offset, entries, entries_total, skipped };
        self.set([b"c", source.as_bytes()].concat(), &cursor);
        self.cursors.insert(source, cursor);
        self.count_unfed();
    }

    fn count_unfed(&mut self) {
        let unfed = |cursor: &Cursor| cursor.entries_total.saturating_sub(cursor.entries);
        self.unfed = self.cursors.values().map(unfed).sum();
    }

    /// Notes a setting to be written.
    fn set(&mut self, key: Vec<u8>, value: &impl serde::Serialize) {
        let value = postcard::to_allocvec(value).expect("settings hold nothing that postcard cannot write");
        self.dirty.bytes += key.len() + value.len() + 8;
        self.dirty.settings.insert(key, value);
        self.dirty.force = Fsync::Yes;
    }

    fn save_lane(&mut self, lane: Lane) {
        let stats = &self.lanes[lane.index()].stats;
        let number = u8::try_from(lane.index()).expect("there are three lanes");
        let saved = (stats.paused, stats.retried);
        self.set(vec![b'l', number], &saved);
    }

    /// Notes that a live job is to be written.
    fn mark(&mut self, slot: Slot, what: Unwritten) {
        let Some(job) = self.jobs.get_mut(slot) else { return };
        if job.unwritten == Unwritten::Nothing {
            self.dirty.jobs.push(slot);
        }
        self.dirty.bytes += match (&job.text, what) {
            (ContentAt::Memory(text), Unwritten::Full) => 64 + text.len(),
            (ContentAt::Log { length, .. }, Unwritten::Full) => 64 + *length as usize,
            _ => 64,
        };
        job.unwritten = job.unwritten.max(what);
    }

    /// Puts a job where its state belongs.
    fn enter(&mut self, slot: Slot) {
        self.listing = None;
        let Some(job) = self.jobs.get_mut(slot) else { return };
        match job.state {
            State::Delayed => self.wakeups.set(slot, job),
            State::Leased => {
                self.wakeups.set(slot, job);
                self.sessions.grant(job.session, slot);
            }
            State::Ready => self.wakeups.stamp(job),
            State::Done | State::Dead => {}
        }
        self.lanes[job.lane.index()].enter(slot, job);
    }

    /// Takes a job from where its state belongs.
    fn leave(&mut self, slot: Slot) {
        let Some(job) = self.jobs.get(slot) else { return };
        if job.state == State::Leased {
            self.sessions.take_back(job.session, slot);
        }
        self.lanes[job.lane.index()].leave(slot, job);
    }

    /// Changes the course of a live job, keeping everything in step.
    fn change(&mut self, slot: Slot, now: Millis, edit: impl FnOnce(&mut Job)) {
        self.leave(slot);
        let Some(job) = self.jobs.get_mut(slot) else { return };
        edit(job);
        job.changed_ms = now;
        self.enter(slot);
        self.mark(slot, Unwritten::Delta);
    }

    /// Ends a live job.
    fn end(&mut self, slot: Slot, phase: Phase, now: Millis) -> Result<(), QueueError> {
        let bytes = self.text(slot)?;
        let text = decode_content(&bytes).map_err(QueueError::Broken)?;
        let kept = match phase {
            Phase::Done => Content { key: text.key, payload: &[], as_pushed: None }.encode(),
            _ => bytes.into(),
        };
        self.leave(slot);
        self.listing = None;
        let Some(mut job) = self.jobs.remove(slot) else { return Ok(()) };
        job.changed_ms = now;
        self.log.table.release(job.whole);
        self.log.table.release(job.course);
        let index = &mut self.lanes[job.lane.index()];
        *index.stats.count_mut(phase.state()) += 1;
        let name = index.group(job.group).name.as_ref().map(|group| group.0.as_str());
        let origin = origin_of(&job, name);
        let (id, home, lane) = (job.id, EntryLocation::default(), job.lane);
        let course =
            Progress { phase, changed_ms: now, attempts: job.attempts, retry_state: job.retry_state.take() };
        let mut entry = Vec::with_capacity(64 + kept.len());
        put_full(&mut entry, &origin, &course, &kept);
        self.dirty.bytes += entry.len();
        self.dirty.ended.insert(id, entry);
        self.jobs.insert_ended(Ended { id, home, offset: 0, lane, state: phase.state() });
        Ok(())
    }

    /// The text of a live job, wherever it is.
    fn text(&self, slot: Slot) -> Result<Cow<'_, [u8]>, QueueError> {
        let Some(job) = self.jobs.get(slot) else { return Ok(Cow::Borrowed(&[])) };
        match &job.text {
            ContentAt::Memory(text) => Ok(Cow::Borrowed(text)),
            ContentAt::Log { offset, length } => self.log.read(job.whole, *offset, *length).map(Cow::Owned),
        }
    }

    /// The stored form of where a live job stands.
    fn phase(&self, job: &Job) -> Phase {
        match job.state {
            State::Ready => Phase::Ready,
            State::Delayed => Phase::Delayed { due_ms: job.due_ms },
            State::Leased => Phase::Leased { session: self.sessions.session(job.session) },
            State::Done => Phase::Done,
            State::Dead => Phase::Dead,
        }
    }

    /// Takes a job from a worker that is gone.
    fn lose(&mut self, slot: Slot, now: Millis) -> Result<(), QueueError> {
        let mut is_hopeless = false;
        self.change(slot, now, |job| {
            let attempt = job.attempts;
            let retry_state = job.retry_state_mut();
            retry_state.lost += 1;
            retry_state.remember(now, attempt, Happened::Lost);
            is_hopeless = retry_state.lost >= LOST_MAX;
            if is_hopeless {
                let message = format!("its worker died {LOST_MAX} times while it had this job");
                retry_state.remember(now, attempt, Happened::Died(Failure::new(Reason::Internal, message)));
            }
            job.state = State::Ready;
        });
        if is_hopeless { self.end(slot, Phase::Dead, now) } else { Ok(()) }
    }

    /// Lets delays and leases end whose time has come. To be called before anything else that takes `now`.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where a job cannot be read.
    pub fn tick(&mut self, now: Millis) -> Result<(), QueueError> {
        self.now_ms = self.now_ms.max(now);
        while let Some(slot) = self.wakeups.pop(&self.jobs, now) {
            if self.jobs.get(slot).is_some_and(|job| job.state == State::Leased) {
                self.lose(slot, now)?;
            } else {
                // Not written: when it was due says it all.
                self.leave(slot);
                if let Some(job) = self.jobs.get_mut(slot) {
                    (job.state, job.changed_ms) = (State::Ready, job.due_ms);
                }
                self.enter(slot);
            }
        }
        let waiting = self.lanes.iter().map(|lane| lane.stats.delayed + lane.stats.leased).sum();
        self.wakeups.sweep(&self.jobs, waiting);
        Ok(())
    }

    /// When [`tick`](Self::tick) will next have something to do.
    #[must_use]
    pub fn next_wakeup_ms(&self) -> Option<Millis> {
        self.wakeups.next_ms()
    }
}

fn origin_of<'a>(job: &Job, group: Option<&'a str>) -> Origin<'a> {
    let Job { lane, priority, sequence, pushed_ms, attempts_before, .. } = *job;
    Origin { lane, group, priority, sequence, pushed_ms, attempts_before }
}

fn progress_of(job: &Job, phase: Phase) -> Progress {
    Progress {
        phase,
        changed_ms: job.changed_ms,
        attempts: job.attempts,
        retry_state: job.retry_state.clone(),
    }
}

/// Takes over how a job shall be tried next.
fn revised(
    text: &Content<'_>,
    group: Option<&str>,
    priority: flow::job::Priority,
    job: &NewJob,
) -> Box<[u8]> {
    let before = AsPushed { group, priority, payload: text.payload };
    let as_pushed = Some(text.as_pushed.clone().unwrap_or(before));
    Content { key: text.key, payload: &job.payload, as_pushed }.encode()
}
