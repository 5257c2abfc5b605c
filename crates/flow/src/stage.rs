//! One step of the dataflow.

use std::future::Future;

use serde::de::DeserializeOwned;

use crate::{
    blobs::BlobError,
    clock::Millis,
    failure::{Failure, Reason},
    job::NewJob,
    lane::Lane,
};

/// One step of the dataflow: takes a job, makes its result durable, and says what follows. The types of input and
/// output draw the arrows; [`worker`](crate::worker) does everything else.
pub trait Stage: Send + Sync + 'static {
    /// The lane it serves.
    const LANE: Lane;
    /// What a job of that lane says.
    type Input: DeserializeOwned + Into<NewJob> + Send + 'static;
    /// What a job of the next lane says.
    type Output: Into<NewJob> + Send + 'static;

    /// Does one job. When it returns `Ok`, all bytes it made are durable. It may be run again for the same input, at
    /// any time, after a crash at any point: the result is the same.
    fn run(
        &self,
        input: Self::Input,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Done<Self::Output>, StageError<Self::Input>>> + Send;
}

/// A job done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<O> {
    /// What follows.
    pub next: Vec<O>,
    /// How long to leave the job's whole group alone from now; 0 for not at all.
    pub group_pause_ms: Millis,
}

impl<O> From<Vec<O>> for Done<O> {
    fn from(next: Vec<O>) -> Self {
        Self { next, group_pause_ms: 0 }
    }
}

/// Which try of a job this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counts claims, from 1; those lost to a crash included.
    pub number: u32,
    /// How many tries have failed since the job was pushed, rerouted or retried by hand.
    pub failures: u32,
}

/// How a stage fails, by what shall happen to the job. `I` is the stage's input.
#[derive(Debug, thiserror::Error)]
pub enum StageError<I> {
    /// It may go better later: try again, up to the retry limit.
    #[error("{failure}")]
    Retry {
        /// What went wrong.
        failure: Failure,
        /// How long to wait, where the other side said so; else exponential backoff.
        after_ms: Option<Millis>,
        /// How long to leave the job's whole group alone; 0 for not at all.
        group_pause_ms: Millis,
    },
    /// This way is closed, but there is another: try the revised job, without counting towards the retry limit.
    #[error("{failure}")]
    Reroute {
        /// What went wrong.
        failure: Failure,
        /// How long to wait first.
        after_ms: Millis,
        /// How long to leave the job's whole group alone; 0 for not at all.
        group_pause_ms: Millis,
        /// The job as it shall be tried next; of the same key.
        revised: Box<I>,
    },
    /// Nothing went wrong, but the job goes on elsewhere. It returns to the queue as revised, and no failure
    /// is counted.
    #[error("{why}")]
    Moved {
        /// The place where the job goes on, and the reason. Kept in the job's history.
        why: Failure,
        /// The time in milliseconds for which the job's whole group is left alone, or 0 for no pause.
        group_pause_ms: Millis,
        /// The job for the next attempt. Its key must be the same.
        revised: Box<I>,
    },
    /// Nothing went wrong, but its time has not come: back in line, without counting a failure.
    #[error("put off")]
    Defer {
        /// How long to leave the job's whole group alone; 0 for not at all.
        group_pause_ms: Millis,
    },
    /// Something that an earlier stage made for this job is gone. This job ends, and a job of that stage
    /// replaces it, in one step.
    #[error("{failure}")]
    SendBack {
        /// What is gone.
        failure: Failure,
        /// The job of the earlier stage. The stage that sends it back must bound how often that happens.
        job: Box<NewJob>,
    },
    /// It will not go better later.
    #[error("{failure}")]
    Fatal {
        /// What went wrong.
        failure: Failure,
        /// How long to leave the job's whole group alone; 0 for not at all.
        group_pause_ms: Millis,
    },
    /// The machine cannot go on, for example because the disk is full or fails, or too many files are open.
    /// The worker stops and the job is kept.
    #[error("{0}")]
    Halt(Failure),
}

impl<I> StageError<I> {
    /// A failure that may go better later.
    pub fn retry(reason: Reason, message: impl Into<String>) -> Self {
        Self::Retry { failure: Failure::new(reason, message), after_ms: None, group_pause_ms: 0 }
    }

    /// A failure that will not.
    pub fn fatal(reason: Reason, message: impl Into<String>) -> Self {
        Self::Fatal { failure: Failure::new(reason, message), group_pause_ms: 0 }
    }
}

impl<I> StageError<I> {
    /// The same, leaving the job's whole group alone for at least so long.
    #[must_use]
    pub fn pausing(mut self, least_ms: Millis) -> Self {
        match &mut self {
            Self::Retry { group_pause_ms, .. }
            | Self::Reroute { group_pause_ms, .. }
            | Self::Moved { group_pause_ms, .. }
            | Self::Defer { group_pause_ms }
            | Self::Fatal { group_pause_ms, .. } => *group_pause_ms = least_ms.max(*group_pause_ms),
            Self::SendBack { .. } | Self::Halt(_) => {}
        }
        self
    }
}

impl<I> From<BlobError> for StageError<I> {
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
                Self::fatal(Reason::Internal, error.to_string())
            }
        }
    }
}
