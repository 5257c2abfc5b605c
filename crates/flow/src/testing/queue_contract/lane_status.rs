//! What a claim without jobs says of the future.

use std::time::Duration;

use tokio::{task::yield_now, time::Instant};

use super::{LONG_MS, Subject, case_list, dead, grouped, job, jobs, request, retry_after};
use crate::{
    clock::Millis,
    job::Selection,
    lane::Lane,
    queue::{ClaimRequest, CursorMove, GroupLimit, LaneStatus, Pause, Push, Registration},
};

case_list![
    empty_lane_is_drained_at_once,
    lane_with_pending_jobs_is_open,
    lane_whose_jobs_have_ended_is_drained,
    lane_is_open_while_it_has_a_worker_upstream,
    workers_elsewhere_keep_no_lane_open,
    waiting_claim_learns_that_the_lane_is_drained,
    lane_with_unread_sources_is_feeding,
    paused_lane_has_the_status_paused,
    lane_is_blocked_by_a_full_lane_downstream_without_workers,
    lane_is_held_back_by_a_full_lane_downstream_with_workers,
    lane_with_unread_sources_is_blocked_by_a_full_lane_downstream,
    empty_lane_is_not_blocked_by_a_full_lane_downstream,
    lane_is_blocked_by_its_own_leases,
    lane_that_is_resting_is_not_blocked,
    jobs_that_a_limit_keeps_are_held_back,
    claim_from_an_open_lane_waits_for_the_whole_time,
];

impl Subject {
    async fn lane_status(&self, lane: Lane) -> LaneStatus {
        self.outlook_within(lane, 0).await
    }

    /// Moves the cursor of a source list with three entries.
    async fn read_entries(&self, from: Option<u64>, entries: u64) {
        let (source, offset) = ("list".into(), entries * 10);
        let step = CursorMove { source, from, offset, entries, entries_total: 3 };
        assert!(self.queue.push(Push { jobs: vec![], cursor: Some(step) }).await.is_ok());
        assert_eq!(self.queue.stats().await.map(|stats| stats.unfed), Ok(3 - entries));
    }

    async fn outlook_within(&self, lane: Lane, wait_ms: Millis) -> LaneStatus {
        let claimed = self.claim(ClaimRequest { wait_ms, ..request(lane, 1) }).await;
        assert!(claimed.claims.is_empty());
        claimed.lane_status
    }
}

async fn empty_lane_is_drained_at_once(subject: Subject) {
    for lane in Lane::ALL {
        assert_eq!(subject.lane_status(lane).await, LaneStatus::Drained);
        assert_eq!(subject.outlook_within(lane, LONG_MS).await, LaneStatus::Drained);
    }
}

async fn lane_with_pending_jobs_is_open(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Open, "with another worker");
    subject.fail(lease, retry_after(1_000)).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Open, "delayed");
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained, "jobs upstream that nobody does");
}

async fn lane_whose_jobs_have_ended_is_drained(subject: Subject) {
    let done = subject.lease_of(Lane::Store, "a").await;
    subject.complete(done).await;
    let died = subject.lease_of(Lane::Store, "b").await;
    subject.fail(died, dead()).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained);
}

async fn lane_is_open_while_it_has_a_worker_upstream(subject: Subject) {
    subject.register_worker(Lane::Fetch, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Open);
    assert_eq!(subject.lane_status(Lane::Process).await, LaneStatus::Open, "through store");
    subject.register_worker(Lane::Fetch, Registration::Remove).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained);
    assert_eq!(subject.lane_status(Lane::Process).await, LaneStatus::Drained);
    subject.register_worker(Lane::Store, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Process).await, LaneStatus::Open);
}

async fn workers_elsewhere_keep_no_lane_open(subject: Subject) {
    for lane in Lane::ALL {
        subject.register_worker(lane, Registration::Add).await;
    }
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Drained);
    subject.register_worker(Lane::Fetch, Registration::Remove).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained);
}

async fn waiting_claim_learns_that_the_lane_is_drained(subject: Subject) {
    subject.register_worker(Lane::Fetch, Registration::Add).await;
    let (lane_status, ()) = tokio::join!(subject.outlook_within(Lane::Store, LONG_MS), async {
        yield_now().await;
        subject.register_worker(Lane::Fetch, Registration::Remove).await;
    });
    assert_eq!(lane_status, LaneStatus::Drained);

    let lease = subject.lease_of(Lane::Store, "a").await;
    let (lane_status, ()) = tokio::join!(subject.outlook_within(Lane::Store, LONG_MS), async {
        yield_now().await;
        subject.complete(lease).await;
    });
    assert_eq!(lane_status, LaneStatus::Drained);
}

async fn lane_with_unread_sources_is_feeding(subject: Subject) {
    subject.read_entries(None, 2).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Feeding);
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained);
    subject.read_entries(Some(20), 3).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Drained);
}

async fn paused_lane_has_the_status_paused(subject: Subject) {
    for pushed in [vec![], vec![job(Lane::Fetch, "f")]] {
        subject.push(pushed).await;
        assert_eq!(subject.queue.set_paused(Lane::Fetch, Pause::Paused).await, Ok(()));
        assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Paused);
    }
}

async fn lane_is_blocked_by_a_full_lane_downstream_without_workers(subject: Subject) {
    subject.push([job(Lane::Fetch, "f"), job(Lane::Store, "a")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity - 1)).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked);
    subject.register_worker(Lane::Process, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked, "only the next lane counts");
}

async fn lane_is_held_back_by_a_full_lane_downstream_with_workers(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    subject.register_worker(Lane::Store, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::HeldBack);
    subject.register_worker(Lane::Store, Registration::Remove).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked);
}

async fn lane_with_unread_sources_is_blocked_by_a_full_lane_downstream(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    subject.read_entries(None, 1).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked, "more jobs would wait as well");
    subject.register_worker(Lane::Store, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Feeding);
}

async fn empty_lane_is_not_blocked_by_a_full_lane_downstream(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Drained);
    subject.read_entries(None, 1).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Feeding);

    let store = Selection { lane: Some(Lane::Store), ..Selection::default() };
    assert!(subject.queue.drop_jobs(store).await.is_ok());
    subject.push(jobs(Lane::Process, "p", subject.lane_capacity)).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Drained);
    subject.register_worker(Lane::Fetch, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Store).await, LaneStatus::Open, "a worker upstream may bring jobs");
}

async fn lane_is_blocked_by_its_own_leases(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity - 1)).await;
    subject.push(jobs(Lane::Fetch, "f", 2)).await;
    let leased = subject.claim_all(Lane::Fetch).await;
    assert_eq!(leased.len(), 1, "each leased job may bring one");
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked);
    subject.register_worker(Lane::Store, Registration::Add).await;
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::HeldBack);
    subject.complete(leased[0].lease).await;
    assert_eq!(subject.claim_all(Lane::Fetch).await.len(), 1, "it has brought none");
}

async fn lane_that_is_resting_is_not_blocked(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    subject.push([grouped("a", "host")]).await;
    let nothing = ClaimRequest { group_limit: GroupLimit::NOTHING, ..request(Lane::Fetch, 1) };
    assert_eq!(subject.claim(nothing).await.lane_status, LaneStatus::Resting);
    assert_eq!(subject.lane_status(Lane::Fetch).await, LaneStatus::Blocked);
}

async fn jobs_that_a_limit_keeps_are_held_back(subject: Subject) {
    subject.push([grouped("a", "host"), grouped("b", "host")]).await;
    let group_limit = GroupLimit { in_flight: 1, interval_ms: 0 };
    let request = ClaimRequest { group_limit, ..request(Lane::Fetch, 9) };
    let claimed = subject.queue.claim(request.clone()).await.expect("a claim must be answered");
    assert_eq!(claimed.claims.len(), 1);
    let claimed = subject.queue.claim(request).await.expect("a claim must be answered");
    assert_eq!((claimed.claims.len(), claimed.lane_status), (0, LaneStatus::HeldBack));
}

async fn claim_from_an_open_lane_waits_for_the_whole_time(subject: Subject) {
    subject.lease_of(Lane::Fetch, "a").await;
    let began = Instant::now();
    assert_eq!(subject.outlook_within(Lane::Fetch, 30).await, LaneStatus::Open);
    assert!(began.elapsed() >= Duration::from_millis(30), "{:?}", began.elapsed());
}
