//! The loop of a worker: claim a job, run its stage, complete or fail the job.
//!
//! Invariants:
//!
//! * A job is claimed only if there is room to run it. A job that was settled leaves room for another.
//! * Each claimed job is completed, failed or released exactly once. If the worker is stopped at once or
//!   killed, the queue takes the lease back instead.
//! * A panic of a stage is a failure of its job.
//! * A lease is extended three times before it could expire. Work whose lease was lost is dropped.
//! * A queue that has no job to hand out is asked at most four times a second.
//! * The loop owns all of its state. There are no locks.

mod attempt;
mod config;
mod erased;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    mem,
    panic::resume_unwind,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::OptionFuture;
use tokio::{
    sync::oneshot,
    task::{JoinError, JoinSet},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until},
};

use self::attempt::{Outcome, attempt};
pub use self::{
    config::{Ended, OnDeath, Until, WorkerConfig},
    erased::ErasedStage,
};
use crate::{
    clock::Millis,
    counters::Counters,
    events::EventSink,
    failure::Failure,
    job::{Claim, Lease},
    queue::{BATCH_MAX, ClaimRequest, ClaimResponse, JobQueue, LaneStatus, Nack, QueueError, Registration},
    shutdown::{Phase, Shutdown, Trigger},
    stage::{Settled, Slot},
};

/// The longest wait of one claim in the queue, and the shortest time from a claim that returned no job to the
/// next. A shutdown is noticed after this time at the latest.
const CLAIM_WAIT_MS: Millis = 250;
/// The maximum number of jobs in flight, settled ones among them, in multiples of the concurrency.
const IN_FLIGHT_FACTOR: usize = 4;
/// The time that a worker has for releasing its jobs when it is stopped at once. The queue may not answer any
/// more.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// An error that ended a worker. No job is lost.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A stage reported that the machine cannot continue.
    #[error("{0}")]
    Halted(Failure),
}

/// A worker: runs a stage on the jobs of its lane.
pub struct Worker {
    /// The stage.
    pub stage: Arc<dyn ErasedStage>,
    /// The queue.
    pub queue: Arc<dyn JobQueue>,
    /// The options.
    pub config: WorkerConfig,
    /// Counts jobs and bytes.
    pub counters: Arc<Counters>,
    /// Stops this worker.
    pub shutdown: Shutdown,
    /// Gets an event for each attempt.
    pub events: Arc<dyn EventSink>,
    /// Stops all workers if `config.on_death` is [`OnDeath::FailFast`].
    pub trigger: Trigger,
}

type Attempted = (Lease, Result<Outcome, QueueError>);

impl Worker {
    /// Works until [`WorkerConfig::until`] or until a shutdown.
    ///
    /// # Errors
    /// [`WorkerError::Queue`] if the queue fails, and [`WorkerError::Halted`] if the stage reports that the
    /// machine cannot continue. Jobs in flight are finished first.
    pub async fn run(self) -> Result<Ended, WorkerError> {
        tokio::select! {
            ended = self.work() => ended,
            () = self.overdue() => Ok(Ended::Stopped),
        }
    }

    async fn work(&self) -> Result<Ended, WorkerError> {
        self.queue.register_worker(self.stage.lane(), Registration::Add).await?;
        let ended = Loop::new(self).run().await;
        // An error of the loop says more than one of the farewell.
        match self.queue.register_worker(self.stage.lane(), Registration::Remove).await {
            Ok(()) => ended,
            Err(error) => ended.and(Err(error.into())),
        }
    }

    /// Ends when the time for stopping at once is over.
    async fn overdue(&self) {
        self.shutdown.reached(Phase::Now).await;
        // The loop gets this time to release its leases. Leases that remain will expire.
        sleep(RELEASE_TIMEOUT).await;
    }
}

/// The state of a worker's loop.
struct Loop<'w> {
    worker: &'w Worker,
    tasks: JoinSet<Attempted>,
    /// The leases of the running jobs. A task drops its work when its sender is dropped.
    held: HashMap<Lease, oneshot::Sender<()>>,
    /// The jobs that are being settled.
    settled: Arc<Settled>,
    /// The leases in `held` of jobs that were settled.
    settled_leases: HashSet<Lease>,
    /// Those of them that the queue has not been told.
    untold: Vec<Lease>,
    /// The time before which no claim is sent, after a claim that returned no job.
    no_claim_before: Option<Instant>,
    /// The result of the loop when no job is in flight any more. Once it is set, no job is claimed.
    stop: Option<Result<Ended, WorkerError>>,
}

impl<'w> Loop<'w> {
    fn new(worker: &'w Worker) -> Self {
        let (tasks, held, settled, settled_leases, untold) = Default::default();
        Self { worker, tasks, held, settled, settled_leases, untold, no_claim_before: None, stop: None }
    }

    async fn run(mut self) -> Result<Ended, WorkerError> {
        let worker = self.worker;
        let shutdown = &worker.shutdown;
        let mut beat = heartbeat(worker.config.lease_ms);
        // A claim in progress is never dropped: the jobs that it returns must be run or released.
        let mut claiming = pin!(OptionFuture::from(None));
        let mut is_claiming = false;
        let mut claimed_at = Instant::now();
        loop {
            if shutdown.phase() == Phase::Now {
                return self.abort().await;
            }
            self.check_shutdown();
            // A job that was claimed and could not run would only hold its lease.
            let room = self.room();
            if !is_claiming && self.stop.is_none() && self.no_claim_before.is_none() && room > 0 {
                claimed_at = Instant::now();
                let settled = mem::take(&mut self.untold);
                claiming.set(Some(worker.queue.claim(claim_request(worker, room, settled))).into());
                is_claiming = true;
            }
            // All work has ended, and no claim can bring more.
            if !is_claiming
                && self.tasks.is_empty()
                && let Some(end) = self.stop.take()
            {
                return end;
            }
            tokio::select! {
                Some(claimed) = &mut claiming, if is_claiming => {
                    is_claiming = false;
                    claiming.set(None.into());
                    self.start_claimed(claimed, claimed_at).await;
                }
                Some(()) = OptionFuture::from(self.no_claim_before.map(sleep_until)) => self.no_claim_before = None,
                Some(joined) = self.tasks.join_next() => {
                    self.count(joined);
                    // All that have ended make room for one claim.
                    while let Some(joined) = self.tasks.try_join_next() {
                        self.count(joined);
                    }
                }
                leases = self.settled.next() => self.settle(leases),
                _ = beat.tick() => self.extend().await,
                () = shutdown.reached(Phase::Draining), if self.stop.is_none() => {}
                () = shutdown.reached(Phase::Now) => {}
            }
        }
    }

    /// Returns the number of jobs that may be claimed. Settled jobs count only towards the bound of all.
    fn room(&self) -> usize {
        let (concurrency, in_flight) = (self.worker.config.concurrency, self.tasks.len());
        let room = (concurrency + self.settled_leases.len()).saturating_sub(in_flight);
        room.min((concurrency * IN_FLIGHT_FACTOR).saturating_sub(in_flight)).min(BATCH_MAX)
    }

    fn settle(&mut self, leases: Vec<Lease>) {
        for lease in leases {
            if self.held.contains_key(&lease) && self.settled_leases.insert(lease) {
                self.untold.push(lease);
                // Its group may be free.
                self.no_claim_before = None;
            }
        }
    }

    fn check_shutdown(&mut self) {
        if self.stop.is_none() && self.worker.shutdown.phase() >= Phase::Draining {
            self.stop = Some(Ok(Ended::Stopped));
        }
    }

    /// Runs the claimed jobs, or releases them if the worker is about to stop.
    async fn start_claimed(&mut self, claimed: Result<ClaimResponse, QueueError>, claimed_at: Instant) {
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => return self.stop_with(Err(error.into())),
        };
        // A shutdown may have begun while the claim was in progress.
        self.check_shutdown();
        if claimed.claims.is_empty() && self.stop.is_none() {
            // Only an empty response tells the state of the lane. With jobs in it there is work to do.
            self.stop = end_of(self.worker.config.until, claimed.lane_status, self.tasks.is_empty()).map(Ok);
            // The queue may have answered early, for example because the lane is drained.
            self.no_claim_before = Some(claimed_at + Duration::from_millis(CLAIM_WAIT_MS));
        }
        for claim in claimed.claims {
            if self.stop.is_some() {
                self.release(claim.lease).await;
            } else {
                self.start(claim);
            }
        }
    }

    fn start(&mut self, claim: Claim) {
        let Worker { stage, queue, config, counters, events, .. } = self.worker;
        let lease = claim.lease;
        // A dropped sender tells the task that its lease is lost.
        let (hold, lost) = oneshot::channel();
        let slot = Slot::new(lease, Arc::clone(&self.settled));
        let (stage, queue, events) = (Arc::clone(stage), Arc::clone(queue), Arc::clone(events));
        let task = attempt(stage, queue, events, claim, config.retry, slot, lost);
        self.tasks.spawn(async move { (lease, task.await) });
        self.held.insert(lease, hold);
        counters.in_flight.add(1);
    }

    async fn release(&self, lease: Lease) {
        if let Err(error) = self.worker.queue.fail(lease, Nack::Release).await {
            tracing::debug!(%error, "failed to release a job; its lease will expire");
        }
    }

    fn count(&mut self, joined: Result<Attempted, JoinError>) {
        let counters = &self.worker.counters;
        counters.in_flight.sub(1);
        let (lease, outcome) = match joined {
            Ok(outcome) => outcome,
            // `abort` has cancelled the task. The lease stays in `held`, so that it is released.
            Err(cancelled) if cancelled.is_cancelled() => return,
            // An attempt catches the panics of its stage. So the queue's client has panicked, and nothing it
            // said can be trusted.
            Err(panicked) => resume_unwind(panicked.into_panic()),
        };
        self.held.remove(&lease);
        self.settled_leases.remove(&lease);
        // The job may have made others ready, or its group free.
        self.no_claim_before = None;
        match outcome {
            Ok(Outcome::Done) => counters.done.add(1),
            Ok(Outcome::Retried) => counters.retried.add(1),
            Ok(Outcome::Dead) => {
                counters.dead.add(1);
                // The shutdown reaches all workers, this one included.
                if self.worker.config.on_death == OnDeath::FailFast {
                    self.worker.trigger.advance(Phase::Draining);
                }
            }
            Ok(Outcome::Requeued) => {}
            Ok(Outcome::Lost) => tracing::debug!(job = %lease.id, "dropped: the lease was lost"),
            Ok(Outcome::Halted(failure)) => self.stop_with(Err(WorkerError::Halted(failure))),
            Err(QueueError::Stale(lease)) => {
                tracing::debug!(job = %lease.id, "finished after the lease was lost; the result is not counted");
            }
            Err(error) => self.stop_with(Err(error.into())),
        }
    }

    /// Extends all leases, and drops the work of those that were lost.
    async fn extend(&mut self) {
        // An idle worker sends no heartbeats.
        if self.held.is_empty() {
            return;
        }
        let leases = self.held.keys().copied().collect();
        match self.worker.queue.extend(leases, self.worker.config.lease_ms).await {
            // Removing a lease drops its sender, which ends the work.
            Ok(lost) => {
                self.held.retain(|lease, _| !lost.contains(lease));
                self.settled_leases.retain(|lease| !lost.contains(lease));
            }
            Err(error) => self.stop_with(Err(error.into())),
        }
    }

    fn stop_with(&mut self, end: Result<Ended, WorkerError>) {
        // The first error is the cause of the others.
        if !matches!(self.stop, Some(Err(_))) {
            self.stop = Some(end);
        }
    }

    async fn abort(mut self) -> Result<Ended, WorkerError> {
        // Tasks that are about to acknowledge are aborted too. Their leases are released, so the jobs run
        // again.
        self.tasks.abort_all();
        while let Some(joined) = self.tasks.join_next().await {
            self.count(joined);
        }
        for lease in self.held.keys() {
            self.release(*lease).await;
        }
        self.stop.unwrap_or(Ok(Ended::Stopped))
    }
}

fn claim_request(worker: &Worker, limit: usize, settled: Vec<Lease>) -> ClaimRequest {
    let config = &worker.config;
    let wait_ms = match config.until {
        Until::FirstEmpty => 0,
        Until::Drained | Until::Stopped => CLAIM_WAIT_MS,
    };
    ClaimRequest {
        lane: worker.stage.lane(),
        limit,
        lease_ms: config.lease_ms,
        wait_ms,
        group_limit: config.group_limit,
        named_limits: config.named_limits.clone(),
        settled,
    }
}

/// Returns how a worker ends after a claim that returned no job, or `None` if it continues.
fn end_of(until: Until, lane_status: LaneStatus, idle: bool) -> Option<Ended> {
    match (until, lane_status) {
        // Entries to feed and limits of groups pass with time, so the worker waits for them.
        (Until::Stopped, _) | (_, LaneStatus::Feeding | LaneStatus::HeldBack) => None,
        // A running job may still bring work, so only an idle worker ends.
        (_, LaneStatus::Blocked) => idle.then_some(Ended::Blocked),
        (_, LaneStatus::Resting) => idle.then_some(Ended::Resting),
        (_, LaneStatus::Drained) | (Until::FirstEmpty, LaneStatus::Open | LaneStatus::Paused) => {
            idle.then_some(Ended::Finished)
        }
        (Until::Drained, LaneStatus::Open | LaneStatus::Paused) => None,
    }
}

fn heartbeat(lease_ms: Millis) -> Interval {
    // Three heartbeats may be late or lost before the lease expires.
    let period = Duration::from_millis((lease_ms / 4).max(1));
    let mut beat = interval_at(Instant::now() + period, period);
    // After a long pause of the process, one heartbeat is enough.
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}
