//! The states of jobs and their transitions, as plain functions with `now` as an argument: claims and their
//! ends here, the rest by topic in `push`, `lane_status` and `admin`.

mod admin;
mod lane_status;
mod push;

use std::collections::BTreeMap;

use self::push::{check, check_batch};
use super::{
    record::{Job, Place},
    scheduler::Scheduler,
};
use crate::{
    clock::Millis,
    job::{Claim, JobEventKind, JobId, Lease, NewJob},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, Cursor, GroupPause, Nack, QueueError, Rates, Registration,
    },
};

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
    opened_ms: Millis,
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
    pub(super) fn new(lane_capacity: usize, opened_ms: Millis) -> Self {
        Self {
            opened_ms,
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

    pub(super) fn claim(
        &mut self,
        request: &ClaimRequest,
        now_ms: Millis,
    ) -> Result<ClaimResponse, QueueError> {
        if request.named_limits.len() > BATCH_MAX {
            return Err(QueueError::Invalid(format!("limits of more than {BATCH_MAX} groups")));
        }
        for lease in &request.settled {
            if let Some(job) = self.jobs.get_mut(&lease.id).filter(|job| job.is_held_by(*lease)) {
                job.is_settled = true;
            }
        }
        let mut claims = Vec::new();
        while claims.len() < request.limit.min(BATCH_MAX) && self.hands_out(request.lane) {
            // Each claim changes the limits of its group, so jobs are chosen one at a time.
            let Some(id) = self.scheduler.next(&self.jobs, request, now_ms) else { break };
            let job = self.jobs.get_mut(&id).expect("it was just found there");
            self.scheduler.claimed(job, now_ms);
            job.attempts += 1;
            job.is_settled = false;
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
                self.scheduler.pause(job, now_ms.saturating_add(group_pause_ms), Some(failure.clone()));
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
                self.happened.push((now_ms, job.lane, |rates| &mut rates.dead));
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

    pub(super) fn pause_group(
        &mut self,
        lease: Lease,
        pause: GroupPause,
        now_ms: Millis,
    ) -> Result<(), QueueError> {
        let job = self.jobs.get(&lease.id).filter(|job| job.is_held_by(lease));
        let until_ms = now_ms.saturating_add(pause.for_ms);
        self.scheduler.pause(job.ok_or(QueueError::Stale(lease))?, until_ms, pause.why);
        Ok(())
    }

    pub(super) fn register_worker(&mut self, lane: Lane, registration: Registration) {
        let workers = &mut self.lanes[lane.index()].workers;
        *workers = match registration {
            Registration::Add => *workers + 1,
            // A repeated removal must not underflow.
            Registration::Remove => workers.saturating_sub(1),
        };
    }
}
