//! The options of a worker.

use crate::{
    clock::Millis,
    queue::{GroupLimit, NamedLimits},
    retry::RetryPolicy,
};

/// The options of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The maximum number of jobs that run at the same time.
    pub concurrency: usize,
    /// The duration of a lease, unless it is extended.
    pub lease_ms: Millis,
    /// The limit of each group that is not in `named_limits`.
    pub group_limit: GroupLimit,
    /// The limits of single groups.
    pub named_limits: NamedLimits,
    /// The delays and the number of retries.
    pub retry: RetryPolicy,
    /// The condition under which the worker ends by itself.
    pub until: Until,
    /// The effect of a job that ends as dead.
    pub on_death: OnDeath,
}

impl Default for WorkerConfig {
    /// Four jobs at a time, leases of a minute, no limits of groups, until the lane is drained.
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease_ms: 60_000,
            group_limit: GroupLimit::NONE,
            named_limits: NamedLimits::new(),
            retry: RetryPolicy::default(),
            until: Until::Drained,
            on_death: OnDeath::KeepGoing,
        }
    }
}

/// The condition under which a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// As soon as the lane has no job to hand out.
    FirstEmpty,
    /// As soon as no job is pending in the lane and no earlier lane can bring more.
    Drained,
    /// Never. It works until it is stopped.
    Stopped,
}

/// The effect of a job that ends as dead on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeath {
    /// The other jobs continue.
    KeepGoing,
    /// A shutdown begins: running jobs finish, and no others are claimed.
    FailFast,
}

/// The reason why a worker ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// [`WorkerConfig::until`] was reached.
    Finished,
    /// The downstream lane is full and no worker serves it.
    Blocked,
    /// All pending jobs belong to groups that are paused for a long time.
    Resting,
    /// A shutdown stopped it.
    Stopped,
}
