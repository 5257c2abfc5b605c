//! The contract of the durable job queue.
//!
//! [`JobQueue`] is what a worker needs: it claims jobs and ends them. [`QueueAdmin`] adds what people and the
//! feeder need: pushing, listing, retrying and dropping jobs, and statistics. A stage gets neither.
//!
//! Every implementation guarantees the following, and `testing::queue_contract` checks it:
//!
//! 1. `Ok` means durable: what was pushed, completed or failed survives `kill -9` and, if so configured,
//!    power loss.
//! 2. [`complete`](JobQueue::complete) is atomic: the claim is gone and the follow-up jobs are there, or
//!    neither.
//! 3. Only the latest attempt of a leased job can complete, fail or extend it. Any other attempt gets
//!    [`QueueError::Stale`]. Repeating a `complete`, or the latest `fail` of a job, returns `Ok` and changes
//!    nothing.
//! 4. A push of a known job changes nothing, unless the push renews a job that has ended.
//! 5. A job ends as done or dead. It is never forgotten unless a person drops it.
//! 6. Within a lane, groups take turns. Within a group, jobs of higher priority come first, then those pushed
//!    first.

mod admin;
mod stats;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::{
    admin::{Cursor, CursorMove, Pause, Push, Pushed, QueueAdmin, each_page},
    stats::{
        GROUPS_NAMED_MAX, GroupPause, GroupStats, LaneDetails, LaneStats, QueueDetails, QueueStats,
        RATES_WINDOW_MS, Rates,
    },
};
use crate::{
    clock::Millis,
    failure::Failure,
    job::{Claim, Group, Lease, NewJob},
    lane::Lane,
};

/// The largest number of jobs in one push, claim, list or set of follow-up jobs.
pub const BATCH_MAX: usize = 256;

/// A durable queue as a worker sees it. See the [module](self) for the guarantees.
///
/// Every method fails with [`QueueError::Broken`] or [`QueueError::DiskFull`] if the queue's storage fails,
/// and with [`QueueError::Unreachable`] if the owner of the queue does not answer and none can be started.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// Claims up to `request.limit` jobs. Waits up to `request.wait_ms` for the first one.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] if the request names more than [`BATCH_MAX`] groups.
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimResponse, QueueError>;

    /// Extends each lease to `lease_ms` from now (a heartbeat). Returns the leases that are no longer held.
    ///
    /// # Errors
    /// Only those of the [trait](Self); a lost lease is no error.
    async fn extend(&self, leases: Vec<Lease>, lease_ms: Millis) -> Result<Vec<Lease>, QueueError>;

    /// Ends a job as done and adds up to [`BATCH_MAX`] follow-up jobs, in one step.
    ///
    /// Follow-up jobs are added even if their lane is full. The queue bounds a lane by handing out fewer jobs
    /// of the lane before it.
    ///
    /// # Errors
    /// [`QueueError::Stale`] if the lease is no longer held; [`QueueError::Invalid`] if there are too many
    /// follow-up jobs or one exceeds a limit.
    async fn complete(&self, lease: Lease, next: Vec<NewJob>) -> Result<(), QueueError>;

    /// Ends an attempt without success.
    ///
    /// # Errors
    /// [`QueueError::Stale`] if the lease is no longer held; [`QueueError::Invalid`] if a revised job has
    /// another lane or key, or exceeds a limit.
    async fn fail(&self, lease: Lease, nack: Nack) -> Result<(), QueueError>;

    /// Hands out no job of the leased job's group for `pause.for_ms`, or longer if the group is already
    /// paused for longer. Does nothing if the job has no group. The pause is not durable.
    ///
    /// # Errors
    /// [`QueueError::Stale`] if the lease is no longer held.
    async fn pause_group(&self, lease: Lease, pause: GroupPause) -> Result<(), QueueError>;

    /// Counts a worker of this client among those that serve the lane, or no longer. The queue also removes a
    /// client's workers when the client disconnects.
    ///
    /// # Errors
    /// Only those of the [trait](Self).
    async fn register_worker(&self, lane: Lane, registration: Registration) -> Result<(), QueueError>;
}

/// A request for jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The lane to claim from.
    pub lane: Lane,
    /// The maximum number of jobs, at most [`BATCH_MAX`].
    pub limit: usize,
    /// The duration of each lease, unless it is extended.
    pub lease_ms: Millis,
    /// The longest wait for the first job.
    pub wait_ms: Millis,
    /// The limit of each group that is not in `named_limits`.
    pub group_limit: GroupLimit,
    /// The limits of single groups, at most [`BATCH_MAX`].
    pub named_limits: NamedLimits,
    /// Leases whose jobs no longer count towards the limits of their groups, although they have not ended:
    /// what the limits protect is over, for example the connection to a host. A lease that is no longer held
    /// is ignored.
    pub settled: Vec<Lease>,
}

/// The limits of single groups.
pub type NamedLimits = BTreeMap<Group, GroupLimit>;

impl ClaimRequest {
    /// Returns the limit of a group.
    #[must_use]
    pub fn limit_of(&self, group: &Group) -> GroupLimit {
        self.named_limits.get(group).copied().unwrap_or(self.group_limit)
    }
}

/// The rate limit of a group, over all workers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimit {
    /// The maximum number of leased jobs that are not settled. With 0, no job of the group is handed out.
    pub in_flight: u32,
    /// The shortest time between two claims.
    pub interval_ms: Millis,
}

impl GroupLimit {
    /// No limit.
    pub const NONE: Self = Self { in_flight: u32::MAX, interval_ms: 0 };
    /// No jobs at all.
    pub const NOTHING: Self = Self { in_flight: 0, interval_ms: 0 };
}

/// The answer to a [`ClaimRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimResponse {
    /// The claimed jobs. Each is leased now.
    pub claims: Vec<Claim>,
    /// The state of the lane after the claim.
    pub lane_status: LaneStatus,
}

/// A worker does not wait for a group that is paused for longer than this.
pub const RESTING_AFTER_MS: Millis = 15 * 60_000;

/// The state of a lane, as far as it tells a worker what to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneStatus {
    /// Jobs are ready soon: some are delayed, leased by other workers, or may come from an earlier lane.
    Open,
    /// All pending jobs belong to groups that are paused for longer than [`RESTING_AFTER_MS`], and the lane
    /// has no room for more entries of the source lists, if there are any.
    Resting,
    /// Jobs are ready, but the limits of their groups or a full lane downstream hold them back.
    HeldBack,
    /// Source lists have entries that are not yet in the lane.
    Feeding,
    /// A person paused the lane.
    Paused,
    /// The downstream lane is full and no worker serves it.
    Blocked,
    /// No job is pending, and no earlier lane can bring more.
    Drained,
}

/// A negative acknowledgement: how an attempt ended without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nack {
    /// Makes the job ready again after a delay.
    Retry {
        /// The failure of this attempt.
        failure: Failure,
        /// The delay.
        after_ms: Millis,
        /// The time for which no job of the same group is handed out. 0 for no pause. The failure is its
        /// reason.
        group_pause_ms: Millis,
        /// The job for the next attempt, if it changed. Lane and key must be the same. Its count of failures
        /// starts at 0.
        revised: Option<NewJob>,
    },
    /// Ends the job as dead.
    Dead {
        /// The failure of this attempt.
        failure: Failure,
    },
    /// Makes the job ready again as it was. Counts no failure.
    Release,
    /// Makes the revised job ready at once. Counts no failure, and the job's count of failures starts at 0.
    Move {
        /// The place where the job continues, and the reason.
        why: Failure,
        /// The job for the next attempt. Lane and key must be the same.
        revised: NewJob,
    },
}

/// A change of the number of workers that serve a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Registration {
    /// One more worker serves the lane.
    Add,
    /// One worker less serves the lane.
    Remove,
}

/// An error of the queue. Each variant says what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum QueueError {
    /// Another worker has the job by now, or the job has ended. Drop the work.
    #[error("the lease on job {} (attempt {}) is no longer held", .0.id, .0.attempt)]
    Stale(Lease),
    /// The lane has no room. Wait and push again.
    #[error("the {0} lane is full")]
    Full(Lane),
    /// Another feeder moved the cursor. Read it again.
    #[error("the cursor of source '{0}' is at another position")]
    CursorMoved(String),
    /// The request is wrong. Correct it.
    #[error("{0}")]
    Invalid(String),
    /// The disk is full, and nothing was acknowledged. Make room, then run again.
    #[error("no space left on the disk for the queue: {0}")]
    DiskFull(String),
    /// The storage failed. Stop: what was not acknowledged may or may not be stored.
    #[error("the queue's storage failed: {0}")]
    Broken(String),
    /// The database is damaged. Set it aside and rebuild the queue from the source lists and the blob store.
    #[error("the queue's database is damaged: {0}")]
    Damaged(String),
    /// Another version of juggle made the queue. Use that version or a newer one.
    #[error("{0}")]
    Version(String),
    /// Another process owns the queue and does not share it.
    #[error("{0}")]
    InUse(String),
    /// No process serves the queue, and none could be started.
    #[error("the queue cannot be reached: {0}")]
    Unreachable(String),
}
