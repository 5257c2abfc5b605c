//! Statistics of the queue.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    failure::Failure,
    job::{Group, JobState},
    lane::Lane,
};

/// The counts of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStats {
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that become ready later.
    pub delayed: u64,
    /// Jobs that a worker has.
    pub leased: u64,
    /// Jobs that ended as done.
    pub done: u64,
    /// Jobs that ended as dead.
    pub dead: u64,
    /// Failed attempts that were followed by another, since the queue was created.
    pub retried: u64,
    /// Registered workers.
    pub workers: u64,
    /// True if a person paused the lane.
    pub paused: bool,
}

impl LaneStats {
    /// Returns the number of jobs that have not ended.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.ready + self.delayed + self.leased
    }

    /// Returns the counter of the jobs in a state.
    pub const fn count_mut(&mut self, state: JobState) -> &mut u64 {
        match state {
            JobState::Ready => &mut self.ready,
            JobState::Delayed => &mut self.delayed,
            JobState::Leased => &mut self.leased,
            JobState::Done => &mut self.done,
            JobState::Dead => &mut self.dead,
        }
    }
}

/// The counts of the whole queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStats {
    /// One for each lane, in the order of [`Lane::ALL`].
    pub lanes: [LaneStats; 3],
    /// Entries of source lists that are not yet in the queue.
    pub unfed: u64,
    /// Entries of source lists whose jobs were known already.
    pub skipped: u64,
}

impl QueueStats {
    /// Returns the counts of a lane.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> &LaneStats {
        &self.lanes[lane.index()]
    }

    /// Returns the number of jobs that have not ended and of entries that will become jobs.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.unfed + self.lanes.iter().map(LaneStats::pending).sum::<u64>()
    }
}

/// The largest number of groups in [`LaneDetails`].
pub const GROUPS_NAMED_MAX: usize = 100;
/// The time span that [`Rates`] cover.
pub const RATES_WINDOW_MS: Millis = 60_000;

/// Statistics that take longer to compute than [`QueueStats`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDetails {
    /// The time since the present owner started.
    pub owner_ms: Millis,
    /// One for each lane, in the order of [`Lane::ALL`].
    pub lanes: [LaneDetails; 3],
}

/// The ages, rates and groups of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneDetails {
    /// The time since the oldest pending job was pushed or last retried by a person. `None` if no job is
    /// pending.
    pub oldest_pending_ms: Option<Millis>,
    /// The events of the last [`RATES_WINDOW_MS`], or since the present owner started if that is shorter.
    pub rates: Rates,
    /// Groups with pending jobs: those with most jobs in flight first, then most ready, then by name. At most
    /// [`GROUPS_NAMED_MAX`].
    pub groups: Vec<GroupStats>,
    /// The number of groups with pending jobs.
    pub groups_total: u64,
}

/// Events of the last [`RATES_WINDOW_MS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Jobs that were added.
    pub pushed: u64,
    /// Jobs that were claimed.
    pub claimed: u64,
    /// Jobs that ended as done.
    pub done: u64,
    /// Attempts that failed, whether the job is retried or dead.
    pub failed: u64,
    /// Jobs that a worker ended as dead.
    pub dead: u64,
}

/// The pending jobs of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStats {
    /// The group. `None` for the jobs without a group.
    pub group: Option<Group>,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that become ready later.
    pub delayed: u64,
    /// Jobs that a worker has.
    pub in_flight: u64,
    /// The pause of the group. `None` if there is none, or it is over.
    pub pause: Option<GroupPause>,
}

/// A pause of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPause {
    /// The time from now to its end.
    pub for_ms: Millis,
    /// The failure that caused it. `None` if it is the usual distance between two jobs of a group.
    pub why: Option<Failure>,
}

impl GroupPause {
    /// Returns a pause that keeps the usual distance between two jobs of a group.
    #[must_use]
    pub const fn usual(for_ms: Millis) -> Self {
        Self { for_ms, why: None }
    }
}
