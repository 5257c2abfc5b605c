//! Lanes, hosts, failures and the time left, at one moment.

use std::collections::BTreeMap;

use flow::{
    clock::Millis,
    job::Group,
    lane::Lane,
    queue::{LaneStats, NamedLimits, QueueAdmin, QueueDetails, QueueError, QueueStats},
};
use serde::Serialize;

use crate::{
    failures::{self, FailureGroup},
    host::HostView,
    time_left::time_left,
};

/// The shortest times between two requests to a host.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// For hosts that are not in `named`.
    pub usual_ms: Millis,
    /// For single hosts.
    pub named: NamedLimits,
}

impl Waits {
    fn of(&self, host: &Group) -> Millis {
        self.named.get(host).map_or(self.usual_ms, |limit| limit.interval_ms)
    }
}

/// A run at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The lanes by name.
    pub lanes: BTreeMap<&'static str, LaneView>,
    /// Jobs that have not ended, and entries of source lists that are not jobs yet.
    pub pending: u64,
    /// Entries of source lists that are not jobs yet.
    pub unfed: u64,
    /// Documents that failed.
    pub dead: u64,
    /// The workers by lane.
    pub workers: BTreeMap<&'static str, u64>,
    /// The estimated time until all work is done. `None` if nothing is known about it.
    pub seconds_left: Option<u64>,
    /// The hosts with pending texts: those with most requests in flight first. At most
    /// [`flow::queue::GROUPS_NAMED_MAX`].
    pub hosts: Vec<HostView>,
    /// The number of hosts with pending texts.
    pub hosts_total: u64,
    /// The failures, the most frequent first. At most [`failures::READ_MAX`] documents are read.
    pub failures: Vec<FailureGroup>,
}

/// A lane at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneView {
    /// The counts.
    #[serde(flatten)]
    pub counts: LaneStats,
    /// Jobs that ended as done in the last minute.
    pub done_last_minute: u64,
    /// Attempts that failed in the last minute.
    pub failed_last_minute: u64,
}

impl Snapshot {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// Returns the errors of the queue.
    pub async fn take(queue: &dyn QueueAdmin, waits: &Waits) -> Result<Self, QueueError> {
        let (stats, details) = (queue.stats().await?, queue.details().await?);
        let dead = stats.lanes.iter().any(|lane| lane.dead > 0);
        let failures = if dead { failures::read(queue).await? } else { Vec::new() };
        Ok(Self::of(&stats, &details, waits, failures))
    }

    /// Makes a snapshot of what the queue told.
    #[must_use]
    pub fn of(
        stats: &QueueStats,
        details: &QueueDetails,
        waits: &Waits,
        failures: Vec<FailureGroup>,
    ) -> Self {
        let fetch = &details.lanes[Lane::Fetch.index()];
        let hosts = hosts(details, waits);
        let is_worked_on = stats.lanes.iter().any(|lane| lane.workers > 0);
        let left = time_left(stats, details, &hosts);
        Self {
            lanes: Lane::ALL.map(|lane| (lane.name(), LaneView::of(stats, details, lane))).into(),
            pending: stats.pending(),
            unfed: stats.unfed,
            dead: stats.lanes.iter().map(|lane| lane.dead).sum(),
            workers: Lane::ALL.map(|lane| (lane.name(), stats.lane(lane).workers)).into(),
            // A queue that nobody works on makes no progress.
            seconds_left: left.filter(|_| is_worked_on).map(|left| left.as_secs()),
            hosts_total: fetch.groups_total
                - u64::from(fetch.groups.iter().any(|group| group.group.is_none())),
            hosts,
            failures,
        }
    }
}

/// Returns the hosts with pending texts.
#[must_use]
pub fn hosts(details: &QueueDetails, waits: &Waits) -> Vec<HostView> {
    let groups = details.lanes[Lane::Fetch.index()].groups.iter();
    groups
        .filter_map(|stats| HostView::of(stats, stats.group.as_ref().map_or(0, |host| waits.of(host))))
        .collect()
}

impl LaneView {
    fn of(stats: &QueueStats, details: &QueueDetails, lane: Lane) -> Self {
        let rates = details.lanes[lane.index()].rates;
        let counts = stats.lane(lane).clone();
        Self { counts, done_last_minute: rates.done, failed_last_minute: rates.failed }
    }
}

#[cfg(test)]
mod tests {
    use flow::{
        failure::{Failure, Reason},
        job::NewJob,
        queue::{JobQueue, Nack, Push, Registration},
        testing::{memory_queue::MemoryQueue, queue_contract::request},
    };

    use super::*;
    use crate::host::HostState;

    #[tokio::test]
    async fn a_snapshot_names_what_holds_a_run_up() {
        let queue = MemoryQueue::new(100, 0);
        let jobs = ["a", "b", "c"].map(|key| NewJob::new(Lane::Fetch, key, &()).in_group(Group("h".into())));
        queue.push(Push { jobs: jobs.into(), cursor: None }).await.unwrap();
        queue.register_worker(Lane::Fetch, Registration::Add).await.unwrap();
        let request = request(Lane::Fetch, 2);
        let claims = queue.claim(request).await.unwrap().claims;
        let failure = Failure::new(Reason::HttpStatus, "http://h/b: 404 Not Found");
        queue.fail(claims[1].lease, Nack::Dead { failure }).await.unwrap();
        let failure = Failure::new(Reason::HttpStatus, "http://h/a: 429 Too Many Requests");
        let nack = Nack::Retry { failure, after_ms: 40_000, group_pause_ms: 40_000, revised: None };
        queue.fail(claims[0].lease, nack).await.unwrap();
        let waits = Waits { usual_ms: 2_000, ..Waits::default() };
        let snapshot = Snapshot::take(&queue, &waits).await.unwrap();
        assert_eq!((snapshot.pending, snapshot.dead, snapshot.hosts_total), (2, 1, 1));
        let host = &snapshot.hosts[0];
        assert_eq!((host.state, host.for_ms, host.pending()), (HostState::Paused, Some(40_000), 2));
        assert_eq!(host.reason().unwrap(), "429 Too Many Requests");
        // The pause, and one wait between the two texts; the rate of the last second is one text in it.
        assert_eq!(snapshot.seconds_left, Some(42));
        assert_eq!((snapshot.failures[0].kind.as_str(), snapshot.failures[0].count), ("404 Not Found", 1));
        let json = serde_json::to_value(&snapshot).unwrap();
        assert_eq!(json["hosts"][0]["state"], "paused");
        assert_eq!(json["hosts"][0]["why"]["reason"], "http_status");
        queue.register_worker(Lane::Fetch, Registration::Remove).await.unwrap();
        assert_eq!(Snapshot::take(&queue, &waits).await.unwrap().seconds_left, None);
    }
}
