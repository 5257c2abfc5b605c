//! The states of jobs and their transitions, as plain functions with `now` as an argument.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    record::{Job, Place},
    scheduler::Scheduler,
};
use crate::{
    clock::Millis,
    job::{
        Claim, GROUP_BYTES_MAX, Group, JobEventKind, JobId, JobState, JobView, KEY_BYTES_MAX, Lease, NewJob,
        OnDuplicate, PAYLOAD_BYTES_MAX, Selection,
    },
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, Cursor, CursorMove, GROUPS_NAMED_MAX, GroupStats,
        LaneDetails, LaneStats, LaneStatus, Nack, Pause, Push, Pushed, QueueDetails, QueueError, QueueStats,
        RATES_WINDOW_MS, RESTING_AFTER_MS, Rates, Registration,
    },
};

/// The longest name of a source, in bytes.
const SOURCE_BYTES_MAX: usize = 200;

#[derive(Debug, Default)]
struct LaneState {
    retried: u64,
    workers: u64,
    paused: bool,
}

/// Selects the rate that an event counts towards.
type Count = fn(&mut Rates) -> &mut u64;

#[derive(Debug)]
pub(super) struct Ledger {
    lane_capacity: u64,
    jobs: BTreeMap<JobId, Job>,
    lanes: [LaneState; 3],
    cursors: BTreeMap<String, Cursor>,
    scheduler: Scheduler,
    pushes: u64,
    /// The highest number of an attempt at a job that was dropped.
    attempts_used: u32,
    /// The time, lane and rate of each recent event.
    happened: Vec<(Millis, Lane, Count)>,
}

impl Ledger {
    pub(super) fn new(lane_capacity: usize) -> Self {
        Self {
            lane_capacity: lane_capacity as u64,
            jobs: BTreeMap::new(),
            lanes: Default::default(),
            cursors: BTreeMap::new(),
            scheduler: Scheduler::default(),
            pushes: 0,
            attempts_used: 0,
            happened: Vec::new(),
        }
    }

    /// Ends delays that are over and takes back expired leases. Every operation begins with it.
    pub(super) fn wake(&mut self, now_ms: Millis) {
        for job in self.jobs.values_mut() {
            match job.place {
                Place::Delayed(at_ms) if at_ms <= now_ms => job.go(Place::Ready, now_ms),
                Place::Leased(until_ms) if until_ms <= now_ms => {
                    // The lease has expired. The attempt counts, but not as a failure of the job.
                    job.record(JobEventKind::Lost, now_ms);
                    job.go(Place::Ready, now_ms);
                }
                Place::Ready | Place::Delayed(_) | Place::Leased(_) | Place::Done | Place::Dead => {}
            }
        }
    }

    pub(super) fn push(&mut self, push: Push, now_ms: Millis) -> Result<Pushed, QueueError> {
        // All checks come before the first change, so that a refused push changes nothing.
        check_batch(&push.jobs)?;
        push.cursor.as_ref().map_or(Ok(()), |step| self.check_cursor(step))?;
        self.check_room(&push.jobs)?;
        let known = self.add(push.jobs.clone(), now_ms);
        if let Some(step) = push.cursor {
            self.step(step, known.len() as u64);
        }
        Ok(Pushed { new: (push.jobs.len() - known.len()) as u64, known })
    }

    pub(super) fn claim(
        &mut self,
        request: &ClaimRequest,
        now_ms: Millis,
    ) -> Result<ClaimResponse, QueueError> {
        if request.named_limits.len() > BATCH_MAX {
            return Err(QueueError::Invalid(format!("limits of more than {BATCH_MAX} groups")));
        }
        let mut claims = Vec::new();
        while claims.len() < request.limit.min(BATCH_MAX) && self.hands_out(request.lane) {
            // Each claim changes the limits of its group, so jobs are chosen one at a time.
            let Some(id) = self.scheduler.next(&self.jobs, request, now_ms) else { break };
            let job = self.jobs.get_mut(&id).expect("it was just found there");
            self.scheduler.claimed(job, now_ms);
            job.attempts += 1;
            job.go(Place::Leased(now_ms.saturating_add(request.lease_ms)), now_ms);
            self.happened.push((now_ms, request.lane, |rates| &mut rates.claimed));
            claims.push(Claim {
                lease: job.lease(id),
                key: job.key.clone(),
                payload: job.payload.clone(),
                attempts: job.attempts,
                failures: job.failures,
                failing_ms: job.failing_since_ms.map(|since| now_ms.saturating_sub(since)),
            });
        }
        let lane_status = self.lane_status(request, now_ms);
        Ok(ClaimResponse { claims, lane_status })
    }

    pub(super) fn extend(&mut self, leases: Vec<Lease>, until_ms: Millis) -> Vec<Lease> {
        let mut lost = leases;
        lost.retain(|lease| match self.jobs.get_mut(&lease.id).filter(|job| job.is_held_by(*lease)) {
            Some(job) => {
                // `changed_ms` stays: a heartbeat is no change of the job.
                job.place = Place::Leased(until_ms);
                false
            }
            None => true,
        });
        lost
    }

    pub(super) fn complete(
        &mut self,
        lease: Lease,
        next: Vec<NewJob>,
        now_ms: Millis,
    ) -> Result<(), QueueError> {
        check_batch(&next)?;
        let job = self.jobs.get_mut(&lease.id).ok_or(QueueError::Stale(lease))?;
        if job.place == Place::Done && job.lease(lease.id) == lease {
            // The client repeats a request whose answer it did not get.
            return Ok(());
        }
        if !job.is_held_by(lease) {
            return Err(QueueError::Stale(lease));
        }
        // The payload of a done job is never used again.
        job.payload = Vec::new();
        job.go(Place::Done, now_ms);
        self.happened.push((now_ms, job.lane, |rates| &mut rates.done));
        // Follow-up jobs are added even if their lane is full: this job cannot be undone.
        self.add(next, now_ms);
        Ok(())
    }

    pub(super) fn fail(&mut self, lease: Lease, nack: Nack, now_ms: Millis) -> Result<(), QueueError> {
        let job = self.jobs.get_mut(&lease.id).ok_or(QueueError::Stale(lease))?;
        // The client repeats a request whose answer it did not get.
        if job.failed_attempt == Some(lease.attempt) {
            return Ok(());
        }
        if !job.is_held_by(lease) {
            return Err(QueueError::Stale(lease));
        }
        if let Nack::Retry { revised: Some(revised), .. } | Nack::Move { revised, .. } = &nack {
            check(revised)?;
            if revised.id() != lease.id {
                return Err(QueueError::Invalid("a revised job must keep its lane and key".into()));
            }
        }
        // From here on nothing can be refused.
        job.failed_attempt = Some(lease.attempt);
        match nack {
            Nack::Retry { failure, after_ms, group_pause_ms, revised } => {
                self.lanes[job.lane.index()].retried += 1;
                // The pause comes before the revision, which may move the job to another group.
                self.scheduler.pause(job, now_ms.saturating_add(group_pause_ms));
                job.failures += 1;
                // The age of a job counts from its first failure.
                job.failing_since_ms.get_or_insert(now_ms);
                job.record(JobEventKind::Failed(failure), now_ms);
                job.wait(after_ms, now_ms);
                if let Some(revised) = revised {
                    job.revise(revised);
                }
            }
            Nack::Dead { failure } => {
                job.failures += 1;
                job.record(JobEventKind::Died(failure), now_ms);
                job.go(Place::Dead, now_ms);
            }
            Nack::Release => {
                // A released job has not failed, so it does not count towards the rates.
                job.go(Place::Ready, now_ms);
                return Ok(());
            }
            Nack::Move { why, revised } => {
                job.record(JobEventKind::Moved(why), now_ms);
                job.go(Place::Ready, now_ms);
                job.revise(revised);
                return Ok(());
            }
        }
        self.happened.push((now_ms, job.lane, |rates| &mut rates.failed));
        Ok(())
    }

    pub(super) fn pause_group(&mut self, lease: Lease, until_ms: Millis) -> Result<(), QueueError> {
        let job = self.jobs.get(&lease.id).filter(|job| job.is_held_by(lease));
        self.scheduler.pause(job.ok_or(QueueError::Stale(lease))?, until_ms);
        Ok(())
    }

    pub(super) fn pending_in(&self, lane: Lane, groups: &[Group]) -> Vec<u64> {
        let count = |group: &Group| {
            let is_there = |job: &&Job| job.lane == lane && job.group() == Some(group) && job.is_pending();
            self.jobs.values().filter(is_there).count() as u64
        };
        groups.iter().map(count).collect()
    }

    pub(super) fn register_worker(&mut self, lane: Lane, registration: Registration) {
        let workers = &mut self.lanes[lane.index()].workers;
        *workers = match registration {
            Registration::Add => *workers + 1,
            // A repeated removal must not underflow.
            Registration::Remove => workers.saturating_sub(1),
        };
    }

    pub(super) fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].paused = pause == Pause::Paused;
    }

    pub(super) fn stats(&self) -> QueueStats {
        let mut stats = QueueStats {
            lanes: Lane::ALL.map(|lane| {
                let LaneState { retried, workers, paused } = self.lanes[lane.index()];
                LaneStats { retried, workers, paused, ..LaneStats::default() }
            }),
            unfed: self.unfed(),
            skipped: self.cursors.values().map(|cursor| cursor.skipped).sum(),
        };
        for job in self.jobs.values() {
            *stats.lanes[job.lane.index()].count_mut(job.state()) += 1;
        }
        stats
    }

    pub(super) fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    pub(super) fn details(&self, now_ms: Millis) -> QueueDetails {
        QueueDetails { lanes: Lane::ALL.map(|lane| self.lane_details(lane, now_ms)) }
    }

    fn lane_details(&self, lane: Lane, now_ms: Millis) -> LaneDetails {
        let mut details = LaneDetails::default();
        for (_, _, count) in self.happened.iter().filter(|(at_ms, happened_in, _)| {
            *happened_in == lane && now_ms.saturating_sub(*at_ms) < RATES_WINDOW_MS
        }) {
            *count(&mut details.rates) += 1;
        }
        let mut groups: BTreeMap<Option<&Group>, GroupStats> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.lane == lane) {
            let empty = GroupStats { group: job.group.clone(), ready: 0, delayed: 0, in_flight: 0 };
            let of_state = |stats: &mut GroupStats| match job.state() {
                JobState::Ready => stats.ready += 1,
                JobState::Delayed => stats.delayed += 1,
                JobState::Leased => stats.in_flight += 1,
                JobState::Done | JobState::Dead => {}
            };
            if !matches!(job.state(), JobState::Done | JobState::Dead) {
                of_state(groups.entry(job.group()).or_insert(empty));
                let age = now_ms.saturating_sub(job.pushed_ms);
                details.oldest_pending_ms = details.oldest_pending_ms.max(Some(age));
            }
        }
        // Counted before the list is cut.
        details.groups_total = groups.len() as u64;
        details.groups = groups.into_values().collect();
        // The sort is stable, so groups with the same counts stay in the order of their names.
        details.groups.sort_by_key(|stats| (Reverse(stats.in_flight), Reverse(stats.ready)));
        details.groups.truncate(GROUPS_NAMED_MAX);
        details
    }

    pub(super) fn list(
        &self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        now_ms: Millis,
    ) -> Vec<JobView> {
        self.jobs
            .iter()
            // Pages are in the order of ids, which never changes, so no job is listed twice.
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .map(|(id, job)| job.view(*id))
            .filter(|view| selection.takes(view, now_ms))
            .take(limit)
            .collect()
    }

    pub(super) fn retry(&mut self, selection: &Selection, now_ms: Millis) -> u64 {
        let mut retried = 0;
        for (id, job) in &mut self.jobs {
            // A selection may include other states. Only dead jobs can be retried.
            if job.place == Place::Dead && selection.takes(&job.view(*id), now_ms) {
                job.record(JobEventKind::Retried, now_ms);
                job.restore();
                job.go(Place::Ready, now_ms);
                job.failures = 0;
                job.failing_since_ms = None;
                // The age of the job starts again, as after a push.
                job.pushed_ms = now_ms;
                retried += 1;
            }
        }
        retried
    }

    pub(super) fn drop_jobs(&mut self, selection: &Selection, now_ms: Millis) -> u64 {
        let before = self.jobs.len();
        let attempts_used = &mut self.attempts_used;
        self.jobs.retain(|id, job| {
            // A leased job stays: its worker may be about to complete it.
            let stays = job.is_leased() || !selection.takes(&job.view(*id), now_ms);
            if !stays {
                // A job of the same key may be pushed again. Old leases must not be valid for it.
                *attempts_used = (*attempts_used).max(job.lease(*id).attempt);
            }
            stays
        });
        (before - self.jobs.len()) as u64
    }

    /// Adds the new jobs, and returns the positions of the others.
    fn add(&mut self, jobs: Vec<NewJob>, now_ms: Millis) -> Vec<u32> {
        let mut known = Vec::new();
        for (at, new) in (0..).zip(jobs) {
            self.pushes += 1;
            if let Some(ended) = self.jobs.get(&new.id())
                && new.known == OnDuplicate::Renew
                && !ended.is_pending()
            {
                // Leases of the replaced job must not be valid for the new one.
                self.attempts_used = self.attempts_used.max(ended.lease(new.id()).attempt);
                self.jobs.remove(&new.id());
            }
            if self.jobs.contains_key(&new.id()) {
                known.push(at);
            } else {
                self.happened.push((now_ms, new.lane, |rates| &mut rates.pushed));
                self.jobs.insert(new.id(), Job::new(new, self.pushes, self.attempts_used, now_ms));
            }
        }
        known
    }

    fn check_room(&self, jobs: &[NewJob]) -> Result<(), QueueError> {
        let is_added = |new: &&NewJob| match self.jobs.get(&new.id()) {
            Some(job) => new.known == OnDuplicate::Renew && !job.is_pending(),
            None => true,
        };
        let mut new: Vec<_> = jobs.iter().filter(is_added).map(|job| (job.lane, job.id())).collect();
        // The same key may be in the push twice.
        new.sort_unstable();
        new.dedup();
        let stats = self.stats();
        let is_over = |lane: &Lane| {
            let more = new.iter().filter(|(of, _)| of == lane).count() as u64;
            // A push without new jobs for a lane is accepted even if the lane is full.
            more > 0 && stats.lane(*lane).pending() + more > self.lane_capacity
        };
        Lane::ALL.into_iter().find(is_over).map_or(Ok(()), |lane| Err(QueueError::Full(lane)))
    }

    fn check_cursor(&self, step: &CursorMove) -> Result<(), QueueError> {
        if step.source.is_empty() || step.source.len() > SOURCE_BYTES_MAX {
            return Err(QueueError::Invalid(format!("a source's name has 1 to {SOURCE_BYTES_MAX} bytes")));
        }
        let stands_at = self.cursors.get(&step.source).map(|cursor| cursor.offset);
        if stands_at == step.from { Ok(()) } else { Err(QueueError::CursorMoved(step.source.clone())) }
    }

    fn step(&mut self, step: CursorMove, known: u64) {
        let CursorMove { source, from: _, offset, entries, entries_total } = step;
        let skipped = known + self.cursors.get(&source).map_or(0, |cursor| cursor.skipped);
        self.cursors.insert(source.clone(), Cursor { source, offset, entries, entries_total, skipped });
    }

    fn unfed(&self) -> u64 {
        self.cursors.values().map(|cursor| cursor.entries_total.saturating_sub(cursor.entries)).sum()
    }

    fn pending(&self, lane: Lane) -> u64 {
        self.stats().lane(lane).pending()
    }

    fn is_full(&self, lane: Lane) -> bool {
        self.pending(lane) >= self.lane_capacity
    }

    fn hands_out(&self, lane: Lane) -> bool {
        !self.lanes[lane.index()].paused && !lane.downstream().is_some_and(|next| self.is_full(next))
    }

    /// Returns whether all pending jobs belong to groups with a long pause, and no job can be added.
    fn is_resting(&self, request: &ClaimRequest, now_ms: Millis) -> bool {
        let mut pending = self.jobs.values().filter(|job| job.lane == request.lane && job.is_pending());
        let awake = |job: &Job| {
            job.is_leased()
                || self.scheduler.free_at_ms(job, request) <= now_ms.saturating_add(RESTING_AFTER_MS)
        };
        // Only the first lane is fed from source lists.
        let more = if request.lane == Lane::Fetch { self.unfed().min(BATCH_MAX as u64) } else { 0 };
        // A lane that can be fed gets new jobs soon, so it does not rest.
        let has_room = more > 0 && self.pending(request.lane) + more <= self.lane_capacity;
        let is_attended = |lane: &Lane| self.lanes[lane.index()].workers > 0;
        self.pending(request.lane) > 0
            && !has_room
            && !request.lane.upstream().iter().any(is_attended)
            && !pending.any(awake)
    }

    fn lane_status(&self, request: &ClaimRequest, now_ms: Millis) -> LaneStatus {
        let lane = request.lane;
        let attended = |lane: Lane| self.lanes[lane.index()].workers > 0;
        // Several may apply. What keeps the lane from handing out jobs comes first.
        if self.lanes[lane.index()].paused {
            LaneStatus::Paused
        } else if lane.downstream().is_some_and(|next| self.is_full(next) && !attended(next)) {
            LaneStatus::Blocked
        } else if self.is_resting(request, now_ms) {
            LaneStatus::Resting
        } else if lane == Lane::Fetch && self.unfed() > 0 {
            LaneStatus::Feeding
        } else if self.jobs.values().any(|job| job.lane == lane && job.state() == JobState::Ready) {
            LaneStatus::HeldBack
        } else if self.pending(lane) > 0 || lane.upstream().iter().copied().any(attended) {
            LaneStatus::Open
        } else {
            LaneStatus::Drained
        }
    }
}

fn check_batch(jobs: &[NewJob]) -> Result<(), QueueError> {
    if jobs.len() > BATCH_MAX {
        return Err(QueueError::Invalid(format!("{} jobs at once: the most is {BATCH_MAX}", jobs.len())));
    }
    jobs.iter().try_for_each(check)
}

fn check(job: &NewJob) -> Result<(), QueueError> {
    let group_bytes = job.group.as_ref().map_or(0, |group| group.0.len());
    let wrong = if job.key.is_empty() || job.key.len() > KEY_BYTES_MAX {
        format!("a job's key has 1 to {KEY_BYTES_MAX} bytes")
    } else if group_bytes > GROUP_BYTES_MAX {
        format!("the group of job '{}' is over {GROUP_BYTES_MAX} bytes", job.key)
    } else if job.payload.len() > PAYLOAD_BYTES_MAX {
        format!("the payload of job '{}' is over {PAYLOAD_BYTES_MAX} bytes", job.key)
    } else {
        return Ok(());
    };
    Err(QueueError::Invalid(wrong))
}
