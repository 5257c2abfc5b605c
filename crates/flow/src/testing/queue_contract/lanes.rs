//! Lanes as a whole: backpressure, pauses, counts.

use super::{LONG_MS, Subject, case_list, dead, job, jobs, keys, request, retry_after};
use crate::{
    lane::Lane,
    queue::{ClaimRequest, LaneStats, Pause, Registration},
};

case_list![
    full_lane_stops_claims_upstream,
    lane_over_its_capacity_stops_claims_upstream,
    full_lane_stops_only_the_lane_before_it,
    waiting_claim_goes_on_when_there_is_room_downstream,
    paused_lane_hands_out_nothing,
    paused_lane_still_takes_jobs_and_results,
    waiting_claim_goes_on_when_the_pause_ends,
    stats_count_every_state,
    stats_count_workers_and_pauses,
];

async fn full_lane_stops_claims_upstream(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
    let held = subject.claim_one(Lane::Store).await.lease;
    assert!(subject.claim_all(Lane::Fetch).await.is_empty(), "a leased job still takes room");
    subject.complete(held).await;
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["f"]);
}

async fn lane_over_its_capacity_stops_claims_upstream(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    subject.push([job(Lane::Fetch, "b")]).await;
    let next = jobs(Lane::Store, "s", subject.lane_capacity + 1);
    assert_eq!(subject.queue.complete(lease, next).await, Ok(()));
    for _ in 0..2 {
        assert!(subject.claim_all(Lane::Fetch).await.is_empty());
        let held = subject.claim_one(Lane::Store).await.lease;
        subject.complete(held).await;
    }
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["b"]);
}

async fn full_lane_stops_only_the_lane_before_it(subject: Subject) {
    subject.push([job(Lane::Fetch, "f"), job(Lane::Store, "s")]).await;
    subject.push(jobs(Lane::Process, "p", subject.lane_capacity)).await;
    assert!(subject.claim_all(Lane::Store).await.is_empty());
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["f"]);
    assert_eq!(subject.claim_all(Lane::Process).await.len(), subject.lane_capacity);
}

async fn waiting_claim_goes_on_when_there_is_room_downstream(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    subject.register_worker(Lane::Store, Registration::Add).await;
    let held = subject.claim_one(Lane::Store).await.lease;
    let patient = ClaimRequest { wait_ms: LONG_MS, ..request(Lane::Fetch, 1) };
    let (claimed, ()) = tokio::join!(subject.claim(patient), async {
        tokio::task::yield_now().await;
        subject.complete(held).await;
    });
    assert_eq!(keys(&claimed.claims), ["f"]);
}

async fn pause(subject: &Subject, lane: Lane, pause: Pause) {
    assert_eq!(subject.queue.set_paused(lane, pause).await, Ok(()));
}

async fn paused_lane_hands_out_nothing(subject: Subject) {
    subject.push([job(Lane::Fetch, "f"), job(Lane::Store, "s")]).await;
    pause(&subject, Lane::Fetch, Pause::Paused).await;
    pause(&subject, Lane::Fetch, Pause::Paused).await;
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["s"]);
    pause(&subject, Lane::Fetch, Pause::Running).await;
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["f"]);
}

async fn paused_lane_still_takes_jobs_and_results(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    pause(&subject, Lane::Store, Pause::Paused).await;
    subject.push([job(Lane::Store, "b")]).await;
    assert_eq!(subject.queue.extend(vec![lease], 1_000).await, Ok(vec![]));
    subject.complete(lease).await;
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.done, lane.ready), (1, 1));
}

async fn waiting_claim_goes_on_when_the_pause_ends(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    pause(&subject, Lane::Fetch, Pause::Paused).await;
    let patient = ClaimRequest { wait_ms: LONG_MS, ..request(Lane::Fetch, 1) };
    let (claimed, ()) = tokio::join!(subject.claim(patient), async {
        tokio::task::yield_now().await;
        pause(&subject, Lane::Fetch, Pause::Running).await;
    });
    assert_eq!(keys(&claimed.claims), ["f"]);
}

async fn stats_count_every_state(subject: Subject) {
    let done = subject.lease_of(Lane::Process, "done").await;
    subject.complete(done).await;
    let died = subject.lease_of(Lane::Process, "dead").await;
    subject.fail(died, dead()).await;
    let delayed = subject.lease_of(Lane::Process, "delayed").await;
    subject.fail(delayed, retry_after(1_000)).await;
    subject.lease_of(Lane::Process, "leased").await;
    subject.push([job(Lane::Process, "ready")]).await;

    let one_each =
        LaneStats { ready: 1, delayed: 1, leased: 1, done: 1, dead: 1, retried: 1, ..Default::default() };
    let stats = subject.queue.stats().await.expect("stats must be given");
    assert_eq!(stats.lane(Lane::Process), &one_each);
    assert_eq!(stats.lane(Lane::Fetch), &LaneStats::default());
    assert_eq!((stats.unfed, stats.skipped, stats.pending()), (0, 0, 3));
}

async fn stats_count_workers_and_pauses(subject: Subject) {
    subject.register_worker(Lane::Fetch, Registration::Add).await;
    subject.register_worker(Lane::Store, Registration::Add).await;
    subject.register_worker(Lane::Store, Registration::Remove).await;
    pause(&subject, Lane::Process, Pause::Paused).await;
    let stats = subject.queue.stats().await.expect("stats must be given");
    let seen = Lane::ALL.map(|lane| (stats.lane(lane).workers, stats.lane(lane).paused));
    assert_eq!(seen, [(1, false), (0, false), (0, true)]);
    pause(&subject, Lane::Process, Pause::Running).await;
    assert!(!subject.lane(Lane::Process).await.paused);
}
