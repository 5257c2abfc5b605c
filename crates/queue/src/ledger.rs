//! The synchronous core: every transition of a job.
//!
//! Invariants
//! * Every change is first made in memory and collected; nothing may be told to anyone before [`Ledger::commit`]
//!   returned `Ok`. After a failed commit the ledger must be dropped.
//! * Jobs that have not ended live in memory whole; of ended ones only lane and state do.
//! * A lease is (job, attempt): only the attempt that holds it ends it.
//! * Leases outlive the owner of the ledger: at open, those of dead processes return at once, the others get
//!   [`REJOIN_MS`] to come back.

mod admin;
mod check;
mod claiming;
mod details;
mod lane;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use flow::{
    clock::Millis,
    job::{Happened, JobId, NewJob, State},
    lane::Lane,
    queue::{Cursor, CursorMove, Push, Pushed, QueueError},
    reason::{Failure, Reason},
};

use self::{check::check_jobs, lane::LaneIndex};
use crate::{
    disk::{Changes, Disk},
    record::{Phase, Record},
    session::Session,
};

/// How long a live process may take to come back after the owner of the queue was replaced.
pub const REJOIN_MS: Millis = 10_000;
/// A job whose worker died this often is taken for what kills them.
pub const LOST_MAX: u32 = 100;
/// Jobs that a lane takes before it is full, unless set otherwise.
pub const LANE_CAPACITY: usize = 10_000;

const SOURCE_BYTES_MAX: usize = 200;

/// All jobs of a queue.
#[derive(Debug)]
pub struct Ledger {
    disk: Disk,
    capacity: u64,
    slots: BTreeMap<JobId, Slot>,
    lanes: [LaneIndex; 3],
    cursors: BTreeMap<String, Cursor>,
    /// Delays and leases by the time they end. May hold times that were overtaken: the record decides.
    wakeups: BinaryHeap<Reverse<(Millis, JobId)>>,
    leases: BTreeSet<(Session, JobId)>,
    attending: BTreeMap<(Session, Lane), u32>,
    sequence: u64,
    dirty: Dirty,
    events: [details::Events; 3],
}

/// What the ledger holds of a job in memory.
#[derive(Debug)]
struct Slot {
    lane: Lane,
    /// Chunks on disk.
    parts: u16,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Live(Box<Record>),
    Ended(State),
}

impl Slot {
    fn state(&self) -> State {
        match &self.body {
            Body::Live(record) => record.phase.state(),
            Body::Ended(state) => *state,
        }
    }
}

/// What has changed since the last commit.
#[derive(Debug, Default)]
struct Dirty {
    jobs: BTreeSet<JobId>,
    /// Records of jobs that ended since.
    ended: HashMap<JobId, Record>,
    removed: BTreeMap<JobId, u16>,
    cursors: BTreeSet<String>,
    lanes: BTreeSet<Lane>,
}

impl Ledger {
    /// Reads everything from the disk.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where a record is damaged or of an unknown format.
    pub fn load(disk: Disk, capacity: usize, now: Millis) -> Result<Self, QueueError> {
        let mut ledger = Self {
            disk,
            capacity: capacity as u64,
            slots: BTreeMap::new(),
            lanes: Default::default(),
            cursors: BTreeMap::new(),
            wakeups: BinaryHeap::new(),
            leases: BTreeSet::new(),
            attending: BTreeMap::new(),
            sequence: 0,
            dirty: Dirty::default(),
            events: Default::default(),
        };
        ledger.load_settings()?;
        for stored in ledger.disk.jobs(None) {
            let (id, bytes, parts) = stored?;
            let record = decode(id, &bytes)?;
            ledger.sequence = ledger.sequence.max(record.sequence + 1);
            ledger.admit(id, record, parts);
        }
        ledger.adopt_leases(now);
        Ok(ledger)
    }

    fn load_settings(&mut self) -> Result<(), QueueError> {
        for (key, value) in self.disk.values(b'l')? {
            let Some(lane) = key.first().and_then(|at| Lane::ALL.get(usize::from(*at))) else { continue };
            let (paused, retried) = read_setting(&value)?;
            let stats = &mut self.lanes[lane.index()].stats;
            (stats.paused, stats.retried) = (paused, retried);
        }
        for (_, value) in self.disk.values(b'c')? {
            let cursor: Cursor = read_setting(&value)?;
            self.cursors.insert(cursor.source.clone(), cursor);
        }
        Ok(())
    }

    /// Takes up a record that is on disk.
    fn admit(&mut self, id: JobId, record: Record, parts: u16) {
        let lane = record.lane;
        self.lanes[lane.index()].enter(id, &record);
        let state = record.phase.state();
        match record.phase {
            Phase::Delayed { due_ms } => self.wakeups.push(Reverse((due_ms, id))),
            Phase::Leased { session, .. } => {
                self.leases.insert((session, id));
            }
            Phase::Ready | Phase::Done | Phase::Dead => {}
        }
        let body = match state {
            State::Ready | State::Delayed | State::Leased => Body::Live(Box::new(record)),
            State::Done | State::Dead => Body::Ended(state),
        };
        self.slots.insert(id, Slot { lane, parts, body });
    }

    /// After a start: leases of dead processes return, those of live ones get time to come back.
    fn adopt_leases(&mut self, now: Millis) {
        for (session, id) in std::mem::take(&mut self.leases) {
            if session.is_dead() {
                self.lose(id, now);
            } else {
                self.change(id, now, |record| {
                    record.phase = Phase::Leased { until_ms: now + REJOIN_MS, session }
                });
            }
        }
    }

    /// The number of jobs that changed since the last commit.
    #[must_use]
    pub fn dirty_jobs(&self) -> usize {
        self.dirty.jobs.len() + self.dirty.removed.len()
    }

    /// Commits that were forced to the medium so far.
    #[must_use]
    pub const fn syncs(&self) -> u64 {
        self.disk.syncs
    }

    /// Makes everything since the last commit durable.
    ///
    /// # Errors
    /// See [`Disk`]: the ledger must be dropped then, and nothing be acknowledged.
    pub fn commit(&mut self) -> Result<(), QueueError> {
        let mut changes = Changes::default();
        let dirty = std::mem::take(&mut self.dirty);
        for (id, parts) in dirty.removed {
            changes.remove_job(id, parts);
        }
        for id in dirty.jobs {
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            let bytes = match &slot.body {
                Body::Live(record) => record.encode(),
                Body::Ended(_) => match dirty.ended.get(&id) {
                    Some(record) => record.encode(),
                    None => continue,
                },
            };
            slot.parts = changes.put_job(id, &bytes, slot.parts);
        }
        for source in &dirty.cursors {
            if let Some(cursor) = self.cursors.get(source) {
                changes.put_cursor(source, &setting(cursor));
            }
        }
        for lane in dirty.lanes {
            let stats = &self.lanes[lane.index()].stats;
            let number = u8::try_from(lane.index()).expect("there are three lanes");
            changes.put_lane(number, &setting(&(stats.paused, stats.retried)));
        }
        if changes.is_empty() { Ok(()) } else { self.disk.commit(changes) }
    }

    /// See [`flow::queue::JobQueue::push`].
    pub fn push(&mut self, push: Push, now: Millis) -> Result<Pushed, QueueError> {
        check_jobs(&push.jobs)?;
        if let Some(step) = &push.cursor {
            self.check_cursor(step)?;
        }
        let mut new_by_lane = [0_u64; 3];
        for job in push.jobs.iter().filter(|job| !self.slots.contains_key(&job.id())) {
            new_by_lane[job.lane.index()] += 1;
        }
        for lane in Lane::ALL {
            let new = new_by_lane[lane.index()];
            if new > 0 && self.lanes[lane.index()].stats.pending() + new > self.capacity {
                return Err(QueueError::Full(lane));
            }
        }
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
        Ok(pushed)
    }

    /// Adds a job; `false` where it is known already.
    fn insert(&mut self, job: NewJob, now: Millis) -> bool {
        let id = job.id();
        if self.slots.contains_key(&id) {
            return false;
        }
        self.events[job.lane.index()].at(now).pushed += 1;
        let record = Record::new(job, self.sequence, now);
        self.sequence += 1;
        let parts = self.dirty.removed.remove(&id).unwrap_or(0);
        self.admit(id, record, parts);
        self.dirty.jobs.insert(id);
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
        self.dirty.cursors.insert(source.clone());
        let cursor = Cursor { source: source.clone(), offset, entries, entries_total, skipped };
        self.cursors.insert(source, cursor);
    }

    /// Changes a live job, keeping index, counts and wake-ups in step. Does nothing to others.
    fn change(&mut self, id: JobId, now: Millis, edit: impl FnOnce(&mut Record)) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Body::Live(record) = &mut slot.body else { return };
        let index = &mut self.lanes[slot.lane.index()];
        index.leave(id, record);
        if let Phase::Leased { session, .. } = record.phase {
            self.leases.remove(&(session, id));
        }
        edit(record);
        record.changed_ms = now;
        index.enter(id, record);
        match record.phase {
            Phase::Ready => {}
            Phase::Delayed { due_ms } => self.wakeups.push(Reverse((due_ms, id))),
            Phase::Leased { until_ms, session } => {
                self.wakeups.push(Reverse((until_ms, id)));
                self.leases.insert((session, id));
            }
            Phase::Done | Phase::Dead => {
                let ended = Body::Ended(record.phase.state());
                if let Body::Live(record) = std::mem::replace(&mut slot.body, ended) {
                    self.dirty.ended.insert(id, *record);
                }
            }
        }
        self.dirty.jobs.insert(id);
    }

    /// Takes a job from a worker that is gone.
    fn lose(&mut self, id: JobId, now: Millis) {
        self.change(id, now, |record| {
            record.lost += 1;
            record.remember(now, Happened::Lost);
            record.phase = Phase::Ready;
            if record.lost >= LOST_MAX {
                let message = format!("its worker died {LOST_MAX} times while it had this job");
                record.remember(now, Happened::Died(Failure::new(Reason::Internal, message)));
                record.phase = Phase::Dead;
            }
        });
    }

    /// Lets delays and leases end whose time has come. To be called before anything else that takes `now`.
    pub fn tick(&mut self, now: Millis) {
        while let Some(&Reverse((due, id))) = self.wakeups.peek() {
            if due > now {
                return;
            }
            self.wakeups.pop();
            match self.slots.get(&id).map(|slot| &slot.body) {
                Some(Body::Live(record)) => match record.phase {
                    Phase::Delayed { due_ms } if due_ms <= now => {
                        self.change(id, now, |record| record.phase = Phase::Ready);
                    }
                    Phase::Leased { until_ms, .. } if until_ms <= now => self.lose(id, now),
                    Phase::Ready
                    | Phase::Delayed { .. }
                    | Phase::Leased { .. }
                    | Phase::Done
                    | Phase::Dead => {}
                },
                Some(Body::Ended(_)) | None => {}
            }
        }
    }

    /// When [`tick`](Self::tick) will next have something to do.
    #[must_use]
    pub fn next_wakeup_ms(&self) -> Option<Millis> {
        self.wakeups.peek().map(|Reverse((due, _))| *due)
    }

    /// The record of a job, wherever it lies.
    fn record(&self, id: JobId) -> Result<Option<Record>, QueueError> {
        match self.slots.get(&id).map(|slot| &slot.body) {
            None => Ok(None),
            Some(Body::Live(record)) => Ok(Some((**record).clone())),
            Some(Body::Ended(_)) => match self.dirty.ended.get(&id) {
                Some(record) => Ok(Some(record.clone())),
                None => self.disk.job(id)?.map(|(id, bytes, _)| decode(id, &bytes)).transpose(),
            },
        }
    }
}

fn decode(id: JobId, bytes: &[u8]) -> Result<Record, QueueError> {
    Record::decode(bytes)
        .map_err(|why| QueueError::Broken(format!("the record of job {id} cannot be read: {why}")))
}

fn setting(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("settings hold nothing that postcard cannot write")
}

fn read_setting<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, QueueError> {
    postcard::from_bytes(bytes)
        .map_err(|error| QueueError::Broken(format!("a setting cannot be read: {error}")))
}
