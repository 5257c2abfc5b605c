//! The synchronous core: every transition of a job.
//!
//! In reading order: `push`, `leases` and `outcomes` hold what workers ask for, `admin` and `stats` what
//! people request for. All go through `transitions`, which keeps the indexes in step: `jobs` (in `arena`),
//! `scheduler` (with `ready`), `timers` and `sessions`. `commit` and `checkpoint` write to the log; `load`
//! reads it back.
//!
//! Invariants
//! * Every change is first made in memory and collected. Nobody may learn of it before [`Ledger::commit`] has
//!   returned `Ok`. After a failed commit the ledger must be dropped.
//! * A lease is (job, attempt): only the attempt that holds it ends it, and no attempt number is given twice.
//! * Every pending job is in exactly one place: ready in its group, delayed with a timer, or leased to a
//!   session.
//! * Claims take constant time, whatever the number of jobs and groups.
//! * Leases outlive the owner of the ledger. When the ledger is loaded, those of dead processes return at
//!   once; live processes have [`REJOIN_MS`] to come back.
//! * The queue's time does not go back: neither in a process, nor from one owner to the next.

mod admin;
mod arena;
mod checkpoint;
mod commit;
mod jobs;
mod leases;
mod load;
mod outcomes;
mod push;
mod queue_time;
mod ready;
mod replay;
mod scheduler;
mod sessions;
mod settings;
mod stats;
mod stored_job;
mod timers;
mod transitions;
mod validation;

use std::collections::BTreeMap;

use flow::{clock::Millis, job::JobId, lane::Lane, queue::Cursor};
use hashbrown::{HashMap, HashSet};

use self::{
    admin::Listing,
    arena::{Arena, Slot},
    commit::RecentEntries,
    jobs::{EndedJob, Job},
    queue_time::QueueTime,
    scheduler::LaneScheduler,
    sessions::Sessions,
    stats::RateCounter,
    timers::Timers,
};
use crate::log::{Log, wal::Fsync};

/// The time that a live process has to come back after the owner of the queue was replaced.
pub const REJOIN_MS: Millis = 10_000;
/// The number of times a job's worker may die before the job is taken for the cause.
pub const LOST_MAX: u32 = 100;
/// The number of jobs that a lane takes before it is full, by default.
pub const LANE_CAPACITY: usize = 10_000;
/// The length of the largest content (key and payload) that is kept in memory besides the disk.
pub const CONTENT_IN_MEMORY_BYTES: usize = 512;

/// All jobs of a queue.
#[derive(Debug)]
pub struct Ledger {
    log: Log,
    queue_time: QueueTime,
    /// The time of the latest transition.
    now_ms: Millis,
    /// The time at which this owner started.
    opened_ms: Millis,
    capacity: u64,
    /// The live jobs.
    jobs: Arena<Job>,
    ended: Arena<EndedJob>,
    lanes: [LaneScheduler; 3],
    timers: Timers,
    sessions: Sessions,
    /// The present ids of jobs that entries name by their ids from before keys were folded.
    renamed: HashMap<JobId, JobId>,
    cursors: BTreeMap<String, Cursor>,
    /// The number of entries of source lists that are not yet in the queue.
    unread_entries: u64,
    next_sequence: u64,
    /// Attempt numbers up to this one may have been given to jobs that were dropped: no new job gets them
    /// again.
    retired_attempts: u32,
    highest_attempt: u32,
    dirty: Dirty,
    recent: RecentEntries,
    rates: [RateCounter; 3],
    listing: Option<Listing>,
}

/// The changes since the last commit.
#[derive(Debug, Default)]
struct Dirty {
    /// Live jobs with a part that is to be written. A slot may be stale, or there twice.
    jobs: Vec<Slot>,
    /// The full entries of jobs that have ended.
    ended: HashMap<JobId, Vec<u8>>,
    dropped: HashSet<JobId>,
    settings: BTreeMap<Vec<u8>, Vec<u8>>,
    /// An estimate of the bytes to write.
    bytes: usize,
    fsync: Fsync,
}

impl Ledger {
    /// Returns the queue's time when the wall clock shows `wall_ms`. All other methods take this time as
    /// `now`.
    #[must_use]
    pub const fn time(&self, wall_ms: Millis) -> Millis {
        self.queue_time.at(wall_ms)
    }

    /// Returns how often something was forced to the medium so far.
    #[must_use]
    pub const fn syncs(&self) -> u64 {
        self.log.syncs()
    }

    /// Returns whether a job has this id, live or ended.
    fn contains(&self, id: JobId) -> bool {
        self.jobs.find(id).is_some() || self.ended.find(id).is_some()
    }

    fn pending(&self, lane: Lane) -> u64 {
        self.lanes[lane.index()].stats.pending()
    }
}
