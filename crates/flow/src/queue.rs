//! The contract of the durable queue.
//!
//! What every implementation guarantees (and `testing::queue_contract` checks):
//!
//! 1. `Ok` means durable: what was pushed, completed or failed survives kill -9 and, where so configured, power loss.
//! 2. [`complete`](JobQueue::complete) is atomic: the claim is gone and the follow-up jobs are there, or neither.
//! 3. Only the latest attempt of a leased job can complete, fail or extend it; any other is [`QueueError::Stale`].
//!    Repeating a `complete` or the latest `fail` of a job is `Ok` and changes nothing, whoever has it by now.
//! 4. A job that is pushed again is absorbed, whatever its state; one that renews takes the place of one that has ended.
//! 5. A job ends as done or dead and is never forgotten.
//! 6. Within a lane, groups take turns; within a group the higher priority goes first, then the earlier push.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    failure::Failure,
    job::{Claim, Group, JobId, JobView, Lease, NewJob, Selection, State},
    lane::Lane,
};

/// The most jobs in one push, claim, list or set of follow-ups.
pub const BATCH_MAX: usize = 256;

/// A durable queue. See the [module](self) for what it guarantees.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// Adds jobs (at most [`BATCH_MAX`]) and moves a source's cursor in the same step. All or nothing.
    ///
    /// # Errors
    /// [`QueueError::Full`] where the lane has no room for all of them; [`QueueError::CursorMoved`] where the cursor
    /// does not stand where `push` says; [`QueueError::Invalid`] for a key, group or payload over its bound.
    async fn push(&self, push: Push) -> Result<Pushed, QueueError>;

    /// Hands out up to `ask.limit` jobs, waiting up to `ask.wait_ms` for the first one.
    async fn claim(&self, ask: ClaimRequest) -> Result<ClaimResponse, QueueError>;

    /// Heartbeat: each lease lasts `lease_ms` from now. Returns those that are no longer held.
    async fn extend(&self, leases: Vec<Lease>, lease_ms: Millis) -> Result<Vec<Lease>, QueueError>;

    /// Ends a job well and adds what follows (at most [`BATCH_MAX`]), in one step. Follow-ups are added even where
    /// their lane is full: the bound is kept by claiming no more upstream.
    async fn complete(&self, lease: Lease, next: Vec<NewJob>) -> Result<(), QueueError>;

    /// Leaves the group of a leased job alone: nobody may claim from it before `for_ms` have passed; where it is left alone
    /// for longer already, that stays. Kept in the memory of the queue only. Does nothing for a job without group.
    async fn pause_group(&self, lease: Lease, for_ms: Millis) -> Result<(), QueueError>;

    /// How many jobs are pending in each of these groups (at most [`BATCH_MAX`]) of a lane.
    async fn pending(&self, lane: Lane, groups: Vec<Group>) -> Result<Vec<u64>, QueueError>;

    /// Ends an attempt without success.
    async fn fail(&self, lease: Lease, nack: Nack) -> Result<(), QueueError>;

    /// Says that a worker of this client serves the lane, until the client goes or says otherwise.
    async fn register_worker(&self, lane: Lane, registration: Registration) -> Result<(), QueueError>;

    /// Counts of everything.
    async fn stats(&self) -> Result<QueueStats, QueueError>;

    /// What takes longer to tell than [`stats`](Self::stats): ages, rates, groups.
    async fn details(&self) -> Result<QueueDetails, QueueError>;

    /// How far each source has been read, in order of their names.
    async fn cursors(&self) -> Result<Vec<Cursor>, QueueError>;

    /// Up to `limit` selected jobs in order of their ids, after the given one.
    async fn list(
        &self,
        selection: Selection,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError>;

    /// Makes selected dead jobs ready again, as they were pushed and with a fresh count of failures. Returns how many.
    async fn retry(&self, selection: Selection) -> Result<u64, QueueError>;

    /// Forgets selected jobs that no worker has. Returns how many.
    async fn drop_jobs(&self, selection: Selection) -> Result<u64, QueueError>;

    /// Stops or goes on handing out jobs of a lane.
    async fn set_paused(&self, lane: Lane, pause: Pause) -> Result<(), QueueError>;
}

/// Jobs to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The jobs.
    pub jobs: Vec<NewJob>,
    /// The source they come from, and how far it has been read with them.
    pub cursor: Option<CursorMove>,
}

/// How far a source list has been read into the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The source's name.
    pub source: String,
    /// Bytes read.
    pub offset: u64,
    /// Entries read.
    pub entries: u64,
    /// Entries in all.
    pub entries_total: u64,
    /// Entries that were known already.
    pub skipped: u64,
}

/// A step of a cursor: taken only from where it stands, so that two feeders cannot both take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorMove {
    /// The source's name, 1 to 200 bytes.
    pub source: String,
    /// The offset it must stand at; none to make a new one.
    pub from: Option<u64>,
    /// The offset it shall stand at.
    pub offset: u64,
    /// Entries read up to there.
    pub entries: u64,
    /// Entries in all.
    pub entries_total: u64,
}

/// What became of pushed jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// How many are new.
    pub new: u64,
    /// Positions in the push of those that were known before.
    pub known: Vec<u32>,
}

/// A wish for jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// From which lane.
    pub lane: Lane,
    /// How many at most; at most [`BATCH_MAX`].
    pub limit: usize,
    /// How long a lease lasts without heartbeat.
    pub lease_ms: Millis,
    /// How long to wait for the first job.
    pub wait_ms: Millis,
    /// What every group is limited to.
    pub group_limit: GroupLimit,
    /// What single groups are limited to instead; at most [`BATCH_MAX`].
    pub named_limits: NamedLimits,
}

/// Limits of single groups.
pub type NamedLimits = BTreeMap<Group, GroupLimit>;

impl ClaimRequest {
    /// What a group is limited to.
    #[must_use]
    pub fn limit_of(&self, group: &Group) -> GroupLimit {
        self.named_limits.get(group).copied().unwrap_or(self.group_limit)
    }
}

/// Politeness: limits that hold for each group over all workers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimit {
    /// Jobs leased at a time. At 0 the group is left alone for as long as that is asked for.
    pub in_flight: u32,
    /// Least time between two claims.
    pub interval_ms: Millis,
}

impl GroupLimit {
    /// No limit.
    pub const NONE: Self = Self { in_flight: u32::MAX, interval_ms: 0 };
    /// No jobs.
    pub const NOTHING: Self = Self { in_flight: 0, interval_ms: 0 };
}

/// The answer to a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimResponse {
    /// The jobs, now leased.
    pub claims: Vec<Claim>,
    /// What to expect next.
    pub lane_status: LaneStatus,
}

/// A group that is left alone for longer than this is not waited for.
pub const RESTING_AFTER_MS: Millis = 15 * 60_000;

/// What a worker can expect of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneStatus {
    /// Jobs are delayed, with other workers, or may come from upstream.
    Open,
    /// All that is pending waits for groups that are left alone for longer than [`RESTING_AFTER_MS`], and the lane has no
    /// room for more of what is listed, if there is more.
    Resting,
    /// Jobs are ready, but the limits of their groups or a full lane downstream hold them back.
    HeldBack,
    /// Source lists have entries that are not yet in the lane.
    Feeding,
    /// The lane is paused by hand.
    Paused,
    /// The downstream lane is full and nobody works there.
    Blocked,
    /// Nothing is pending here, and nobody upstream can bring more.
    Drained,
}

/// How an attempt ended without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nack {
    /// Try again after a time.
    Retry {
        /// What went wrong.
        failure: Failure,
        /// How long to wait.
        after_ms: Millis,
        /// How long nobody may claim a job of the same group; 0 for no such pause.
        group_pause_ms: Millis,
        /// The job as it shall be tried next, where it changed. Lane and key must be the same. Its count of failures
        /// begins anew.
        revised: Option<NewJob>,
    },
    /// Give up.
    Dead {
        /// What went wrong.
        failure: Failure,
    },
    /// Nothing went wrong: put it back as it was, without counting a failure.
    Release,
    /// Puts the job back as revised, to be claimed at once. Nothing went wrong: this does not count as a
    /// failure, and the job's count of failures begins at 0 again.
    Move {
        /// The place where the job goes on, and the reason.
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

/// Whether a lane hands out jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// It does not.
    Paused,
    /// It does.
    Running,
}

/// Counts of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStats {
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that wait for a time.
    pub delayed: u64,
    /// Jobs that a worker has.
    pub leased: u64,
    /// Jobs that ended well.
    pub done: u64,
    /// Jobs that ended in a failure.
    pub dead: u64,
    /// Failed attempts that were followed by another try, ever.
    pub retried: u64,
    /// Workers alive.
    pub workers: u64,
    /// Whether it is paused.
    pub paused: bool,
}

impl LaneStats {
    /// Jobs that have not ended.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.ready + self.delayed + self.leased
    }

    /// Counts a job that enters a state.
    pub const fn count_mut(&mut self, state: State) -> &mut u64 {
        match state {
            State::Ready => &mut self.ready,
            State::Delayed => &mut self.delayed,
            State::Leased => &mut self.leased,
            State::Done => &mut self.done,
            State::Dead => &mut self.dead,
        }
    }
}

/// Counts of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStats {
    /// By lane, in the order of [`Lane::ALL`].
    pub lanes: [LaneStats; 3],
    /// Entries of source lists that are not yet in the queue.
    pub unfed: u64,
    /// Entries of source lists that were known already.
    pub skipped: u64,
}

/// How many groups [`LaneDetails`] names at most.
pub const GROUPS_NAMED_MAX: usize = 100;
/// The time that [`Rates`] look back.
pub const RATES_WINDOW_MS: Millis = 60_000;

/// What people ask of a queue besides its counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDetails {
    /// By lane, in the order of [`Lane::ALL`].
    pub lanes: [LaneDetails; 3],
}

/// Ages, rates and groups of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneDetails {
    /// How long ago the oldest pending job was pushed or last retried by hand; none where nothing is pending.
    pub oldest_pending_ms: Option<Millis>,
    /// What happened in the last [`RATES_WINDOW_MS`], as far as the present owner was there.
    pub rates: Rates,
    /// Groups with pending jobs: those with most in flight first, then most ready, then by name; at most
    /// [`GROUPS_NAMED_MAX`].
    pub groups: Vec<GroupStats>,
    /// How many groups have pending jobs.
    pub groups_total: u64,
}

/// Events of the last [`RATES_WINDOW_MS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Jobs that were added.
    pub pushed: u64,
    /// Jobs that were handed out.
    pub claimed: u64,
    /// Jobs that ended well.
    pub done: u64,
    /// Attempts that failed, for good or not.
    pub failed: u64,
}

/// Pending jobs of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStats {
    /// Which; none for the jobs without group.
    pub group: Option<Group>,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that wait for a time.
    pub delayed: u64,
    /// Jobs that a worker has.
    pub in_flight: u64,
}

impl QueueStats {
    /// The counts of a lane.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> &LaneStats {
        &self.lanes[lane.index()]
    }

    /// Everything that has not ended: jobs, and entries that will become jobs.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.unfed + self.lanes.iter().map(LaneStats::pending).sum::<u64>()
    }
}

/// Why the queue did not do what was asked, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum QueueError {
    /// Drop the work: someone else has the job by now, or it has ended.
    #[error("the lease on job {} (attempt {}) is no longer held", .0.id, .0.attempt)]
    Stale(Lease),
    /// Wait and push again.
    #[error("the {0} lane is full")]
    Full(Lane),
    /// Read the cursor again: another feeder was faster.
    #[error("the cursor of source '{0}' stands elsewhere")]
    CursorMoved(String),
    /// Correct the request.
    #[error("{0}")]
    Invalid(String),
    /// Make room on the disk, then run again. Nothing was acknowledged.
    #[error("no room on the disk for the queue: {0}")]
    DiskFull(String),
    /// Stop. The storage failed; nothing that was not acknowledged can be trusted.
    #[error("the queue's storage failed: {0}")]
    Broken(String),
    /// Put it aside and make the queue anew from the source lists and the store: rule 2 makes that safe.
    #[error("the queue's database is damaged: {0}")]
    Damaged(String),
    /// Use the version of juggle that made it, or a newer one.
    #[error("{0}")]
    Version(String),
    /// Another process owns it in a way that cannot be shared.
    #[error("{0}")]
    InUse(String),
    /// Nobody serves the queue, and nobody could be started.
    #[error("the queue cannot be reached: {0}")]
    Unreachable(String),
}
