//! The simplest implementation of a queue: a map of jobs that is searched for everything.
//!
//! It follows the contract in `flow::queue`, without indexes, heaps or disks. [`Model::reopened`] is all that
//! a crash changes.

mod admin;
mod attempts;
mod claims;
mod fairness;
mod job;
mod push;

use std::collections::{BTreeMap, BTreeSet};

use flow::{
    clock::Millis,
    job::{Group, JobId, JobState, Lease},
    lane::Lane,
    queue::{Cursor, LaneStats, Pause, QueueStats, Rates, Registration},
};
use queue::{ledger::REJOIN_MS, session::Session};

use self::job::Job;
pub(crate) use self::push::{Expected, Refusal};

/// The result of a comparison: an error describes how the ledger differs.
pub(crate) type Check = Result<(), String>;

/// The whole state of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    capacity: u64,
    now: Millis,
    jobs: BTreeMap<JobId, Job>,
    pushes: u64,
    /// All leases ever granted, in order.
    granted: Vec<Lease>,
    cursors: BTreeMap<String, Cursor>,
    lanes: [LaneFlags; 3],
    memory: OwnerMemory,
}

#[derive(Debug, Clone, Default)]
struct LaneFlags {
    paused: bool,
    retried: u64,
    group_times: BTreeMap<Group, GroupTimes>,
}

/// The memory of the present owner, which ends with it.
#[derive(Debug, Clone, Default)]
struct OwnerMemory {
    worker_lanes: BTreeMap<(Session, Lane), u64>,
    happened: Vec<(Millis, Lane, Count)>,
    turns: [fairness::Turns; 3],
}

type Count = fn(&mut Rates) -> &mut u64;

/// The time of a group's latest claim, and the end of its pause.
///
/// The contract leaves open whether a new owner still knows them, so there are certain and possible times.
#[derive(Debug, Clone, Copy, Default)]
struct GroupTimes {
    certain: Times,
    possible: Times,
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    claimed_ms: Option<Millis>,
    paused_until_ms: Millis,
}

impl Model {
    pub(crate) fn new(capacity: usize, now: Millis) -> Self {
        Self {
            capacity: capacity as u64,
            now,
            jobs: BTreeMap::new(),
            pushes: 0,
            granted: Vec::new(),
            cursors: BTreeMap::new(),
            lanes: Default::default(),
            memory: OwnerMemory::default(),
        }
    }

    /// Returns the same queue with a new owner.
    pub(crate) fn reopened(mut self, now: Millis) -> Self {
        self.now = now;
        self.memory = OwnerMemory::default();
        for group_times in self.lanes.iter_mut().flat_map(|lane| lane.group_times.values_mut()) {
            group_times.certain = Times::default();
        }
        for job in self.jobs.values_mut() {
            // The end of a delay is not written. If the clock went back, the rest of the delay counts again.
            if let Some(due) = job.woke_ms.filter(|due| *due > now) {
                let changed_ms = job.waits_since_ms;
                job.enter(JobState::Delayed, Some(due), changed_ms);
            }
            let Some(session) = job.holder else { continue };
            if session.is_dead() {
                job.lose(now);
            } else {
                job.view.due_ms = Some(now + REJOIN_MS);
                job.or_changed_ms = Some(now);
            }
        }
        self.tick(now);
        self
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Millis) {
        self.now = now;
        for job in self.jobs.values_mut() {
            if job.view.due_ms.is_none_or(|due| due > now) {
                continue;
            }
            if job.view.state == JobState::Leased {
                job.lose(now);
            } else {
                let due = job.view.due_ms.unwrap_or(now);
                job.enter(JobState::Ready, None, due);
                job.woke_ms = Some(due);
            }
        }
        self.record_claimable_groups();
    }

    /// Returns the end of the next delay or lease.
    pub(crate) fn next_due_ms(&self) -> Option<Millis> {
        self.jobs.values().filter_map(|job| job.view.due_ms).min()
    }

    /// Returns the time of the latest change of a job.
    pub(crate) fn latest_change_ms(&self) -> Millis {
        let told = self.jobs.values().filter(|job| job.woke_ms.is_none());
        told.map(|job| job.view.changed_ms).max().unwrap_or(0)
    }

    pub(crate) fn stats(&self) -> QueueStats {
        let lanes = Lane::ALL.map(|lane| {
            let LaneFlags { paused, retried, group_times: _ } = self.lanes[lane.index()];
            let mut stats = LaneStats { paused, retried, workers: self.workers(lane), ..Default::default() };
            for job in self.jobs.values().filter(|job| job.view.lane == lane) {
                *stats.count_mut(job.view.state) += 1;
            }
            stats
        });
        let skipped = self.cursors.values().map(|cursor| cursor.skipped).sum();
        QueueStats { lanes, unfed: self.unfed(), skipped }
    }

    fn workers(&self, lane: Lane) -> u64 {
        let here = self.memory.worker_lanes.iter().filter(|((_, of), _)| *of == lane);
        here.map(|(_, workers)| workers).sum()
    }

    fn unfed(&self) -> u64 {
        self.cursors.values().map(|cursor| cursor.entries_total.saturating_sub(cursor.entries)).sum()
    }

    fn pending(&self, lane: Lane) -> u64 {
        self.jobs.values().filter(|job| job.view.lane == lane && job.is_pending()).count() as u64
    }

    fn count(&mut self, lane: Lane, count: Count) {
        self.memory.happened.push((self.now, lane, count));
    }

    pub(crate) fn register_worker(&mut self, session: Session, lane: Lane, registration: Registration) {
        let workers = self.memory.worker_lanes.entry((session, lane)).or_default();
        *workers = match registration {
            Registration::Add => *workers + 1,
            Registration::Remove => workers.saturating_sub(1),
        };
    }

    pub(crate) fn rejoin(
        &mut self,
        session: Session,
        held: &[Lease],
        worker_lanes: &[Lane],
        lease_ms: Millis,
    ) {
        let now = self.now;
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| job.holder == Some(session)) {
            if held.contains(&Lease { id: *id, attempt: job.attempt }) {
                job.view.due_ms = Some(now + lease_ms);
                job.or_changed_ms = Some(now);
            } else {
                job.enter(JobState::Ready, None, now);
            }
        }
        self.memory.worker_lanes.retain(|(of, _), _| *of != session);
        worker_lanes.iter().for_each(|lane| self.register_worker(session, *lane, Registration::Add));
    }

    pub(crate) fn end_session(&mut self, session: Session) {
        let now = self.now;
        self.jobs.values_mut().filter(|job| job.holder == Some(session)).for_each(|job| job.lose(now));
        self.memory.worker_lanes.retain(|(of, _), _| *of != session);
    }

    pub(crate) fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].paused = pause == Pause::Paused;
    }

    /// Returns the leases that are held now.
    pub(crate) fn held(&self) -> Vec<Lease> {
        let held = self.jobs.values().filter(|job| job.view.state == JobState::Leased);
        held.map(|job| Lease { id: job.view.id, attempt: job.attempt }).collect()
    }

    /// Returns the lane and key of a job.
    pub(crate) fn name_of(&self, id: JobId) -> Option<(Lane, String)> {
        self.jobs.get(&id).map(|job| (job.view.lane, job.view.key.clone()))
    }

    pub(crate) fn granted(&self) -> &[Lease] {
        &self.granted
    }

    fn highest_attempt(&self, id: JobId) -> u32 {
        self.granted.iter().filter(|lease| lease.id == id).map(|lease| lease.attempt).max().unwrap_or(0)
    }

    /// Returns the groups of a lane with ready jobs; `None` stands for the jobs without group.
    fn ready_groups(&self, lane: Lane) -> BTreeSet<Option<Group>> {
        let ready = |job: &&Job| job.view.lane == lane && job.view.state == JobState::Ready;
        self.jobs.values().filter(ready).map(|job| job.view.group.clone()).collect()
    }
}
