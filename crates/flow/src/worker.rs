//! The one loop: claim → run → complete or fail.
//!
//! Invariants: a job is claimed only when there is room to run it; every granted claim ends in exactly one of
//! complete, fail, release, or (when stopped at once or killed) in the queue taking the lease back; a panic of a stage
//! is a failure of its job; leases are extended three times before they could run out, and work whose lease was lost
//! is dropped. Everything is owned by the loop: there are no locks.

use std::{collections::HashMap, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::OptionFuture};
use tokio::{
    task::{AbortHandle, JoinError, JoinSet},
    time::{Interval, MissedTickBehavior},
};

use crate::{
    clock::{Clock, Millis},
    job::{Claim, Lease, NewJob},
    meter::Meter,
    queue::{Ask, BATCH_MAX, Claimed, GroupLimit, JobQueue, Outlook, Presence, QueueError, Verdict},
    reason::{Failure, Reason},
    retry::RetryPolicy,
    shutdown::{Phase, Shutdown, Trigger},
    stage::{Attempt, Stage, StageError},
};

/// How long one request for jobs waits in the queue. Bounds how late a shutdown is noticed.
const CLAIM_WAIT_MS: Millis = 250;

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerConfig {
    /// Jobs at a time.
    pub concurrency: usize,
    /// How long a lease lasts without heartbeat.
    pub lease_ms: Millis,
    /// What every group is limited to.
    pub group_limit: GroupLimit,
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
    pub meter: Arc<Meter>,
    /// Told to stop by this.
    pub shutdown: Shutdown,
    /// Stops the others by this, where `on_death` says so.
    pub trigger: Trigger,
}

/// What became of a job.
enum Settled {
    Done,
    Retried,
    Dead,
    Halted(Failure),
}

type Outcome = (Lease, Result<Settled, QueueError>);

impl<S: Stage> Worker<S> {
    /// Works until [`WorkerConfig::until`] or the shutdown says so.
    ///
    /// # Errors
    /// Where the queue fails or a stage says that the machine cannot go on; what was in flight is finished first, and
    /// leases that are still held return to the queue.
    pub async fn run(self) -> Result<Ended, WorkerError> {
        self.queue.attend(S::LANE, Presence::Here).await?;
        let ended =
            Loop { worker: &self, tasks: JoinSet::new(), held: HashMap::new(), stop: None }.run().await;
        match self.queue.attend(S::LANE, Presence::Gone).await {
            Ok(()) => ended,
            Err(error) => ended.and(Err(error.into())),
        }
    }
}

/// The state of one worker's loop.
struct Loop<'w, S> {
    worker: &'w Worker<S>,
    tasks: JoinSet<Outcome>,
    held: HashMap<Lease, AbortHandle>,
    /// Set once no more shall be claimed: how to end when all in flight has ended.
    stop: Option<Result<Ended, WorkerError>>,
}

impl<S: Stage> Loop<'_, S> {
    async fn run(mut self) -> Result<Ended, WorkerError> {
        let worker = self.worker;
        let shutdown = &worker.shutdown;
        let mut beat = heartbeat(worker.config.lease_ms);
        // A claim under way is never dropped: what it grants is run or given back.
        let mut claiming = pin!(OptionFuture::from(None));
        let mut is_claiming = false;
        loop {
            if shutdown.phase() == Phase::Now {
                return self.abort().await;
            }
            let room = worker.config.concurrency.saturating_sub(self.tasks.len()).min(BATCH_MAX);
            if !is_claiming && self.stop.is_none() && room > 0 {
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
                    self.take(claimed).await;
                }
                Some(joined) = self.tasks.join_next() => self.settled(joined),
                _ = beat.tick() => self.extend().await,
                () = shutdown.reached(Phase::Draining), if self.stop.is_none() => {
                    self.stop = Some(Ok(Ended::Stopped));
                }
                () = shutdown.reached(Phase::Now) => {}
            }
        }
    }

    /// Runs what was granted, or gives it back where it is time to stop.
    async fn take(&mut self, claimed: Result<Claimed, QueueError>) {
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => return self.stop_with(Err(error.into())),
        };
        if claimed.claims.is_empty() && self.stop.is_none() {
            self.stop = end_of(self.worker.config.until, claimed.outlook, self.tasks.is_empty()).map(Ok);
        }
        for claim in claimed.claims {
            if self.stop.is_some() {
                if let Err(error) = self.worker.queue.fail(claim.lease, Verdict::Release).await {
                    tracing::debug!(%error, "failed to give a job back; its lease will run out");
                }
                continue;
            }
            let lease = claim.lease;
            let (stage, queue) = (Arc::clone(&self.worker.stage), Arc::clone(&self.worker.queue));
            Meter::add(&self.worker.meter.in_flight, 1);
            let task = one_job(stage, queue, claim, self.worker.config.retry);
            let abort = self.tasks.spawn(async move { (lease, task.await) });
            self.held.insert(lease, abort);
        }
    }

    fn settled(&mut self, joined: Result<Outcome, JoinError>) {
        let meter = &self.worker.meter;
        Meter::sub(&meter.in_flight, 1);
        // A task ends with an error only when its lease was lost and `extend` stopped it.
        let Ok((lease, outcome)) = joined else { return };
        self.held.remove(&lease);
        match outcome {
            Ok(Settled::Done) => Meter::add(&meter.done, 1),
            Ok(Settled::Retried) => Meter::add(&meter.retried, 1),
            Ok(Settled::Dead) => {
                Meter::add(&meter.dead, 1);
                if self.worker.config.on_death == OnDeath::FailFast {
                    self.worker.trigger.advance(Phase::Draining);
                }
            }
            Ok(Settled::Halted(failure)) => self.stop_with(Err(WorkerError::Halted(failure))),
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
            Ok(lost) => {
                for task in lost.iter().filter_map(|lease| self.held.remove(lease)) {
                    task.abort();
                }
            }
            Err(error) => self.stop_with(Err(error.into())),
        }
    }

    fn stop_with(&mut self, end: Result<Ended, WorkerError>) {
        if !matches!(self.stop, Some(Err(_))) {
            self.stop = Some(end);
        }
    }

    async fn abort(mut self) -> Result<Ended, WorkerError> {
        self.tasks.shutdown().await;
        for lease in self.held.into_keys() {
            if let Err(error) = self.worker.queue.fail(lease, Verdict::Release).await {
                tracing::debug!(%error, "failed to give a job back; its lease will run out");
            }
        }
        self.stop.unwrap_or(Ok(Ended::Stopped))
    }
}

fn ask<S: Stage>(config: &WorkerConfig, limit: usize) -> Ask {
    let wait_ms = match config.until {
        Until::FirstEmpty => 0,
        Until::Drained | Until::Stopped => CLAIM_WAIT_MS,
    };
    Ask { lane: S::LANE, limit, lease_ms: config.lease_ms, wait_ms, group_limit: config.group_limit }
}

fn end_of(until: Until, outlook: Outlook, idle: bool) -> Option<Ended> {
    match (until, outlook) {
        (Until::Stopped, _) | (_, Outlook::Feeding) => None,
        (_, Outlook::Blocked) => idle.then_some(Ended::Blocked),
        (_, Outlook::Drained) | (Until::FirstEmpty, Outlook::Open | Outlook::Paused) => {
            idle.then_some(Ended::Finished)
        }
        (Until::Drained, Outlook::Open | Outlook::Paused) => None,
    }
}

fn heartbeat(lease_ms: Millis) -> Interval {
    let mut beat = tokio::time::interval(Duration::from_millis((lease_ms / 4).max(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

async fn one_job<S: Stage>(
    stage: Arc<S>,
    queue: Arc<dyn JobQueue>,
    claim: Claim,
    retry: RetryPolicy,
) -> Result<Settled, QueueError> {
    let attempt = Attempt { number: claim.lease.attempt, failures: claim.failures };
    let result = match serde_json::from_slice::<S::Input>(&claim.payload) {
        Ok(input) => AssertUnwindSafe(stage.run(input, attempt))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(StageError::retry(Reason::Internal, panic_message(&*panic)))),
        Err(error) => Err(StageError::fatal(Reason::Internal, format!("the job cannot be read: {error}"))),
    };
    match result {
        Ok(outputs) => {
            let next = outputs.into_iter().map(Into::into).collect();
            queue.complete(claim.lease, next).await?;
            Ok(Settled::Done)
        }
        Err(error) => {
            let (settled, verdict) = judge(error, &claim, retry);
            queue.fail(claim.lease, verdict).await?;
            Ok(settled)
        }
    }
}

/// What a stage's failure means for its job.
fn judge<I: Into<NewJob>>(error: StageError<I>, claim: &Claim, retry: RetryPolicy) -> (Settled, Verdict) {
    match error {
        StageError::Retry { failure, after_ms, group_pause_ms } => {
            let age_ms = Clock::start().now_ms().saturating_sub(claim.pushed_ms);
            match retry.wait_ms(claim.lease, claim.failures + 1, age_ms, after_ms) {
                Some(after_ms) => {
                    (Settled::Retried, Verdict::Retry { failure, after_ms, group_pause_ms, revised: None })
                }
                None => (Settled::Dead, Verdict::Dead { failure }),
            }
        }
        StageError::Reroute { failure, after_ms, revised } => {
            let revised = Some((*revised).into());
            (Settled::Retried, Verdict::Retry { failure, after_ms, group_pause_ms: 0, revised })
        }
        StageError::Fatal(failure) => (Settled::Dead, Verdict::Dead { failure }),
        StageError::Halt(failure) => (Settled::Halted(failure), Verdict::Release),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the stage panicked: {text}")
}
