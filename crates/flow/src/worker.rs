//! The one loop: claim → run → complete or fail.
//!
//! Invariants: a job is claimed only when there is room to run it; every granted claim ends in exactly one of
//! complete, fail, release, or (when stopped at once or killed) in the queue taking the lease back; a panic of a stage
//! is a failure of its job; leases are extended three times before they could run out, and work whose lease was lost
//! is dropped; a queue that has nothing to hand out is asked at most four times a second. Everything is owned by the
//! loop: there are no locks.

mod attempt;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, panic::resume_unwind, pin::pin, sync::Arc, time::Duration};

use futures_util::future::OptionFuture;
use tokio::{
    sync::oneshot,
    task::{JoinError, JoinSet},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until},
};

use self::attempt::{Outcome, attempt};
use crate::{
    clock::Millis,
    counters::Counters,
    failure::Failure,
    job::{Claim, Lease},
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, GroupLimit, JobQueue, LaneStatus, Nack, NamedLimits,
        QueueError, Registration,
    },
    retry::RetryPolicy,
    shutdown::{Phase, Shutdown, Trigger},
    stage::Stage,
};

/// How long one request for jobs waits in the queue, and the least time from one request that brought nothing to the
/// next. Bounds how late a shutdown is noticed.
const CLAIM_WAIT_MS: Millis = 250;
/// How long a worker that is told to stop now may take for its farewell; a queue may be silent.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Jobs at a time.
    pub concurrency: usize,
    /// How long a lease lasts without heartbeat.
    pub lease_ms: Millis,
    /// What every group is limited to.
    pub group_limit: GroupLimit,
    /// What single groups are limited to instead.
    pub named_limits: NamedLimits,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// When to end.
    pub until: Until,
    /// What a dead job means for the rest.
    pub on_death: OnDeath,
}

/// When a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// At the first moment at which the lane has nothing to hand out.
    FirstEmpty,
    /// When nothing is pending in the lane and nobody upstream can bring more.
    Drained,
    /// Never: only when stopped.
    Stopped,
}

/// What a dead job means for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeath {
    /// Nothing.
    KeepGoing,
    /// Everything drains and stops.
    FailFast,
}

/// Why a worker ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As [`Until`] says.
    Finished,
    /// The downstream lane is full and nobody works there.
    Blocked,
    /// What is left waits for groups that are left alone for long.
    Resting,
    /// It was told to.
    Stopped,
}

/// Why a worker ended badly. No job is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The queue does not answer, or refuses.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The machine cannot go on.
    #[error("{0}")]
    Halted(Failure),
}

/// What a worker works with.
pub struct Worker<S> {
    /// Does the jobs.
    pub stage: Arc<S>,
    /// Hands them out.
    pub queue: Arc<dyn JobQueue>,
    /// How.
    pub config: WorkerConfig,
    /// Counts.
    pub counters: Arc<Counters>,
    /// Told to stop by this.
    pub shutdown: Shutdown,
    /// Stops the others by this, where `on_death` says so.
    pub trigger: Trigger,
}

type Attempted = (Lease, Result<Outcome, QueueError>);

impl<S: Stage> Worker<S> {
    /// Works until [`WorkerConfig::until`] or the shutdown says so.
    ///
    /// # Errors
    /// Where the queue fails or a stage says that the machine cannot go on; what was in flight is finished first, and
    /// leases that are still held return to the queue.
    pub async fn run(self) -> Result<Ended, WorkerError> {
        tokio::select! {
            ended = self.work() => ended,
            () = self.overdue() => Ok(Ended::Stopped),
        }
    }

    async fn work(&self) -> Result<Ended, WorkerError> {
        self.queue.register_worker(S::LANE, Registration::Add).await?;
        let ended = Loop::new(self).run().await;
        match self.queue.register_worker(S::LANE, Registration::Remove).await {
            Ok(()) => ended,
            Err(error) => ended.and(Err(error.into())),
        }
    }

    /// Ends when the worker should long have stopped.
    async fn overdue(&self) {
        self.shutdown.reached(Phase::Now).await;
        sleep(FAREWELL_MAX).await;
    }
}

/// The state of one worker's loop.
struct Loop<'w, S> {
    worker: &'w Worker<S>,
    tasks: JoinSet<Attempted>,
    /// What is being worked on. A task waits for the end of its sender, to drop its work.
    held: HashMap<Lease, oneshot::Sender<()>>,
    /// When the queue may be asked again, after a request that brought nothing.
    rest_until: Option<Instant>,
    /// Set once no more shall be claimed: how to end when all in flight has ended.
    stop: Option<Result<Ended, WorkerError>>,
}

impl<'w, S: Stage> Loop<'w, S> {
    fn new(worker: &'w Worker<S>) -> Self {
        Self { worker, tasks: JoinSet::new(), held: HashMap::new(), rest_until: None, stop: None }
    }

    async fn run(mut self) -> Result<Ended, WorkerError> {
        let worker = self.worker;
        let shutdown = &worker.shutdown;
        let mut beat = heartbeat(worker.config.lease_ms);
        // A claim under way is never dropped: what it grants is run or given back.
        let mut claiming = pin!(OptionFuture::from(None));
        let mut is_claiming = false;
        let mut asked = Instant::now();
        loop {
            if shutdown.phase() == Phase::Now {
                return self.abort().await;
            }
            self.heed_shutdown();
            let room = worker.config.concurrency.saturating_sub(self.tasks.len()).min(BATCH_MAX);
            if !is_claiming && self.stop.is_none() && self.rest_until.is_none() && room > 0 {
                asked = Instant::now();
                claiming.set(Some(worker.queue.claim(ask::<S>(&worker.config, room))).into());
                is_claiming = true;
            }
            if !is_claiming && self.tasks.is_empty() && self.stop.is_some() {
                return self.stop.unwrap_or(Ok(Ended::Finished));
            }
            tokio::select! {
                Some(claimed) = &mut claiming, if is_claiming => {
                    is_claiming = false;
                    claiming.set(None.into());
                    self.take(claimed, asked).await;
                }
                Some(()) = OptionFuture::from(self.rest_until.map(sleep_until)) => self.rest_until = None,
                Some(joined) = self.tasks.join_next() => self.count(joined),
                _ = beat.tick() => self.extend().await,
                () = shutdown.reached(Phase::Draining), if self.stop.is_none() => {}
                () = shutdown.reached(Phase::Now) => {}
            }
        }
    }

    fn heed_shutdown(&mut self) {
        if self.stop.is_none() && self.worker.shutdown.phase() >= Phase::Draining {
            self.stop = Some(Ok(Ended::Stopped));
        }
    }

    /// Runs what was granted, or gives it back where it is time to stop.
    async fn take(&mut self, claimed: Result<ClaimResponse, QueueError>, asked: Instant) {
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => return self.stop_with(Err(error.into())),
        };
        self.heed_shutdown();
        if claimed.claims.is_empty() && self.stop.is_none() {
            self.stop = end_of(self.worker.config.until, claimed.lane_status, self.tasks.is_empty()).map(Ok);
            self.rest_until = Some(asked + Duration::from_millis(CLAIM_WAIT_MS));
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
        let Worker { stage, queue, config, counters, .. } = self.worker;
        let lease = claim.lease;
        let (hold, lost) = oneshot::channel();
        let task = attempt(Arc::clone(stage), Arc::clone(queue), claim, config.retry, lost);
        self.tasks.spawn(async move { (lease, task.await) });
        self.held.insert(lease, hold);
        counters.in_flight.add(1);
    }

    async fn release(&self, lease: Lease) {
        if let Err(error) = self.worker.queue.fail(lease, Nack::Release).await {
            tracing::debug!(%error, "failed to give a job back; its lease will run out");
        }
    }

    fn count(&mut self, joined: Result<Attempted, JoinError>) {
        let counters = &self.worker.counters;
        counters.in_flight.sub(1);
        let (lease, outcome) = match joined {
            Ok(outcome) => outcome,
            Err(stopped) if stopped.is_cancelled() => return,
            // Stages cannot panic out of an attempt; where the queue's client does, nothing can be trusted.
            Err(panicked) => resume_unwind(panicked.into_panic()),
        };
        self.held.remove(&lease);
        self.rest_until = None;
        match outcome {
            Ok(Outcome::Done) => counters.done.add(1),
            Ok(Outcome::Retried) => counters.retried.add(1),
            Ok(Outcome::Dead) => {
                counters.dead.add(1);
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

    /// Extends all leases; drops the work of those that are lost.
    async fn extend(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let leases = self.held.keys().copied().collect();
        match self.worker.queue.extend(leases, self.worker.config.lease_ms).await {
            Ok(lost) => self.held.retain(|lease, _| !lost.contains(lease)),
            Err(error) => self.stop_with(Err(error.into())),
        }
    }

    fn stop_with(&mut self, end: Result<Ended, WorkerError>) {
        if !matches!(self.stop, Some(Err(_))) {
            self.stop = Some(end);
        }
    }

    async fn abort(mut self) -> Result<Ended, WorkerError> {
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

fn ask<S: Stage>(config: &WorkerConfig, limit: usize) -> ClaimRequest {
    let wait_ms = match config.until {
        Until::FirstEmpty => 0,
        Until::Drained | Until::Stopped => CLAIM_WAIT_MS,
    };
    ClaimRequest {
        lane: S::LANE,
        limit,
        lease_ms: config.lease_ms,
        wait_ms,
        group_limit: config.group_limit,
        named_limits: config.named_limits.clone(),
    }
}

fn end_of(until: Until, lane_status: LaneStatus, idle: bool) -> Option<Ended> {
    match (until, lane_status) {
        (Until::Stopped, _) | (_, LaneStatus::Feeding | LaneStatus::HeldBack) => None,
        (_, LaneStatus::Blocked) => idle.then_some(Ended::Blocked),
        (_, LaneStatus::Resting) => idle.then_some(Ended::Resting),
        (_, LaneStatus::Drained) | (Until::FirstEmpty, LaneStatus::Open | LaneStatus::Paused) => {
            idle.then_some(Ended::Finished)
        }
        (Until::Drained, LaneStatus::Open | LaneStatus::Paused) => None,
    }
}

fn heartbeat(lease_ms: Millis) -> Interval {
    let period = Duration::from_millis((lease_ms / 4).max(1));
    let mut beat = interval_at(Instant::now() + period, period);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}
