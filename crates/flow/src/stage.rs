//! The contract of a stage: one step of the dataflow.

use std::{
    error::Error,
    fmt,
    future::Future,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::{
    blobs::BlobError,
    clock::Millis,
    events::RequestFacts,
    failure::{Failure, Reason},
    job::{Lease, NewJob},
    lane::Lane,
};

/// One step of the dataflow. It takes a job, makes its result durable, and reports how the attempt ended.
///
/// The types of input and output connect the stages. A [`Worker`](crate::worker::Worker) does everything
/// else: it claims jobs, extends leases, retries and counts.
pub trait Stage: Send + Sync + 'static {
    /// The lane that the stage takes its jobs from.
    const LANE: Lane;
    /// The payload of a job of that lane.
    type Input: DeserializeOwned + Into<NewJob> + Send + 'static;
    /// The payload of a follow-up job.
    type Output: Into<NewJob> + Send + 'static;

    /// Does one job.
    ///
    /// If it reports [`Ending::Done`], all bytes it made are durable. After a crash at any point, or a lost
    /// lease, it may run again with the same input, and the result is the same.
    fn run(
        &self,
        input: Self::Input,
        attempt: Attempt,
    ) -> impl Future<Output = Report<Self::Input, Self::Output>> + Send;

    /// Does the same as [`run`](Self::run), and may settle the job early: see [`Slot`]. The worker calls
    /// this.
    fn run_in_slot(
        &self,
        input: Self::Input,
        attempt: Attempt,
        _slot: &Slot,
    ) -> impl Future<Output = Report<Self::Input, Self::Output>> + Send {
        self.run(input, attempt)
    }
}

/// The place of a job among those that a worker runs at the same time, and among those that the limits of its
/// group allow. A stage *settles* the job when what these limits protect is over, for example when a
/// connection is free again. Then the worker claims another job, while this one goes on to its end.
#[derive(Debug, Default)]
pub struct Slot(Option<(Lease, Arc<Settled>)>);

/// The leases of the jobs that were settled since the worker asked last.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    leases: Mutex<Vec<Lease>>,
    changed: Notify,
}

impl Slot {
    /// Returns the slot of a job that no worker runs. Settling it has no effect.
    #[must_use]
    pub const fn of_no_worker() -> Self {
        Self(None)
    }

    pub(crate) const fn new(lease: Lease, settled: Arc<Settled>) -> Self {
        Self(Some((lease, settled)))
    }

    /// Settles the job. Called again, it has no effect.
    pub fn settle(&self) {
        if let Some((lease, settled)) = &self.0 {
            settled.leases().push(*lease);
            settled.changed.notify_one();
        }
    }
}

impl Settled {
    /// Waits until a job was settled. Returns the leases, which may contain one more than once.
    pub(crate) async fn next(&self) -> Vec<Lease> {
        loop {
            let leases = mem::take(&mut *self.leases());
            if !leases.is_empty() {
                return leases;
            }
            self.changed.notified().await;
        }
    }

    fn leases(&self) -> MutexGuard<'_, Vec<Lease>> {
        // Nothing panics while it holds the lock.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The number of claims, from 1. Claims that were lost in a crash count as well.
    pub number: u32,
    /// The number of failed attempts since the job was pushed, changed or retried by a person.
    pub failures: u32,
}

/// The report of a stage on an attempt. `I` is the stage's input, `O` its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<I, O> {
    /// The ending of the attempt.
    pub ending: Ending<I, O>,
    /// The time for which no job of the same group is handed out. 0 for no pause.
    pub group_pause_ms: Millis,
    /// The request that the attempt made, for the log of events.
    pub request: Option<RequestFacts>,
}

/// The ending of an attempt, which decides what happens to the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending<I, O> {
    /// The job is done, and these jobs follow.
    Done(Vec<O>),
    /// The attempt failed, and another may succeed. The worker's retry policy limits the number of attempts.
    Retry {
        /// The failure.
        failure: Failure,
        /// The delay that the other side asked for. `None` for exponential backoff.
        after_ms: Option<Millis>,
    },
    /// The job returns to the queue. This does not count towards the retry limit.
    Requeue(Requeue<I>),
    /// The attempt failed, and no other can succeed.
    Dead(Failure),
    /// The machine cannot continue, for example because the disk is full. The worker stops, and the job
    /// stays.
    Halt(Failure),
}

/// A return of a job to the queue without counting towards the retry limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue<I> {
    /// Nothing failed, but the job could not be done yet. It returns as it was.
    Unchanged,
    /// Nothing failed, but the job continues elsewhere, for example at the target of a redirect. It may be
    /// claimed at once.
    Moved {
        /// The place where the job continues, and the reason. Kept in the job's history.
        why: Failure,
        /// The job for the next attempt. Its key must be the same.
        job: Box<I>,
    },
    /// The attempt failed, but there is another way, for example a mirror.
    Rerouted {
        /// The failure. Kept in the job's history.
        failure: Failure,
        /// The delay before the next attempt.
        after_ms: Millis,
        /// The job for the next attempt. Its key must be the same.
        job: Box<I>,
    },
    /// Something that an earlier stage made for this job is gone. A job of that stage replaces this one, in
    /// one step.
    SentBack {
        /// The failure. It is logged.
        failure: Failure,
        /// The job of the earlier stage. The stage must limit how often it sends a job back.
        job: Box<NewJob>,
    },
}

impl<I, O> Report<I, O> {
    /// Returns the report with a pause of the job's group for at least this long.
    #[must_use]
    pub fn pausing_group(self, least_ms: Millis) -> Self {
        Self { group_pause_ms: self.group_pause_ms.max(least_ms), ..self }
    }

    /// Returns the report with the request that the attempt made.
    #[must_use]
    pub fn with_request(self, request: Option<RequestFacts>) -> Self {
        Self { request, ..self }
    }

    /// Returns the follow-up jobs of a job that is done, for callers that run a stage without a worker.
    ///
    /// # Errors
    /// Returns the ending if the job is not done.
    pub fn into_result(self) -> Result<Vec<O>, Ending<I, O>> {
        match self.ending {
            Ending::Done(next) => Ok(next),
            ending => Err(ending),
        }
    }
}

impl<I, O> Ending<I, O> {
    /// Creates a [`Retry`](Self::Retry) with exponential backoff.
    pub fn retry(reason: Reason, message: impl Into<String>) -> Self {
        Self::Retry { failure: Failure::new(reason, message), after_ms: None }
    }

    /// Creates a [`Dead`](Self::Dead).
    pub fn dead(reason: Reason, message: impl Into<String>) -> Self {
        Self::Dead(Failure::new(reason, message))
    }
}

impl<I, O> From<Ending<I, O>> for Report<I, O> {
    fn from(ending: Ending<I, O>) -> Self {
        Self { ending, group_pause_ms: 0, request: None }
    }
}

impl<I, O, E: Into<Ending<I, O>>> From<Result<Vec<O>, E>> for Report<I, O> {
    fn from(result: Result<Vec<O>, E>) -> Self {
        result.map_or_else(Into::into, Ending::Done).into()
    }
}

impl<I, O> fmt::Display for Ending<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => f.write_str("the job is done"),
            Self::Requeue(Requeue::Unchanged) => f.write_str("the job could not be done yet"),
            Self::Retry { failure, .. }
            | Self::Requeue(
                Requeue::Moved { why: failure, .. }
                | Requeue::Rerouted { failure, .. }
                | Requeue::SentBack { failure, .. },
            )
            | Self::Dead(failure)
            | Self::Halt(failure) => failure.fmt(f),
        }
    }
}

impl<I: fmt::Debug, O: fmt::Debug> Error for Ending<I, O> {}

impl<I, O> From<BlobError> for Ending<I, O> {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::DiskFull { source, .. } => {
                Self::Halt(Failure::new(Reason::DiskFull, format!("{error}: {source}")))
            }
            BlobError::Machine { .. } => Self::Halt(Failure::new(Reason::Internal, error.to_string())),
            BlobError::Busy(_) | BlobError::NotFound(_) | BlobError::Io { .. } => {
                Self::retry(Reason::Internal, error.to_string())
            }
            BlobError::TooLarge { .. } | BlobError::Damaged { .. } => {
                Self::dead(Reason::Internal, error.to_string())
            }
        }
    }
}
