//! Cases of groups with their own limits, of paused groups, and of lanes that rest.

use std::collections::BTreeMap;

use super::{Subject, case_list, failure, grouped, job, keys, request, retry_after};
use crate::{
    clock::Millis,
    failure::Reason,
    job::{Group, Lease},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, GroupLimit, GroupPause, LaneStatus, Nack, QueueError, RESTING_AFTER_MS,
        Registration,
    },
};

case_list![
    named_group_has_limits_of_its_own,
    named_limits_may_change_from_claim_to_claim,
    too_many_named_limits_are_refused,
    group_of_a_leased_job_can_be_paused,
    pause_needs_a_lease_that_is_held,
    released_job_leaves_the_interval_of_its_group,
    pending_jobs_are_counted_by_group,
    lane_rests_if_all_its_groups_have_long_pauses,
    lane_does_not_rest_if_one_group_is_free,
    delayed_jobs_of_a_group_rest_with_it,
    groups_with_a_limit_of_no_jobs_rest,
];

const HOUR_MS: Millis = 60 * 60_000;

fn group(name: &str) -> Group {
    Group(name.to_owned())
}

fn limited(every: GroupLimit, named: &[(&str, GroupLimit)]) -> ClaimRequest {
    let named_limits = named.iter().map(|(name, limit)| (group(name), *limit)).collect();
    ClaimRequest { group_limit: every, named_limits, ..request(Lane::Fetch, BATCH_MAX) }
}

const ONE: GroupLimit = GroupLimit { in_flight: 1, interval_ms: 1_000 };
const TWO: GroupLimit = GroupLimit { in_flight: 2, interval_ms: 0 };

impl Subject {
    /// Claims a job of a group and pauses the group.
    async fn rest(&self, key: &str, name: &str, for_ms: Millis) -> Lease {
        self.push([grouped(key, name)]).await;
        let lease = self.claim_one(Lane::Fetch).await.lease;
        assert_eq!(self.queue.pause_group(lease, GroupPause::usual(for_ms)).await, Ok(()));
        lease
    }

    async fn expects(&self) -> LaneStatus {
        let claimed = self.claim(request(Lane::Fetch, BATCH_MAX)).await;
        assert!(claimed.claims.is_empty(), "nothing may be handed out");
        claimed.lane_status
    }
}

async fn named_group_has_limits_of_its_own(subject: Subject) {
    subject.push(["a1", "a2"].map(|key| grouped(key, "a"))).await;
    subject.push(["b1", "b2"].map(|key| grouped(key, "b"))).await;
    let claims = subject.claim(limited(ONE, &[("b", TWO), ("unknown", ONE)])).await.claims;
    assert_eq!(keys(&claims), ["a1", "b1", "b2"]);
}

async fn named_limits_may_change_from_claim_to_claim(subject: Subject) {
    subject.push(["a1", "a2", "a3"].map(|key| grouped(key, "a"))).await;
    assert_eq!(subject.claim(limited(TWO, &[("a", ONE)])).await.claims.len(), 1);
    assert!(subject.claim(limited(TWO, &[("a", ONE)])).await.claims.is_empty());
    assert_eq!(keys(&subject.claim(limited(ONE, &[("a", TWO)])).await.claims), ["a2"]);
    assert!(subject.claim(limited(ONE, &[])).await.claims.is_empty());
}

async fn too_many_named_limits_are_refused(subject: Subject) {
    let named: BTreeMap<Group, GroupLimit> =
        (0..=BATCH_MAX).map(|n| (group(&format!("g{n}")), ONE)).collect();
    let claimed = subject.queue.claim(ClaimRequest { named_limits: named, ..request(Lane::Fetch, 1) }).await;
    assert!(matches!(claimed, Err(QueueError::Invalid(_))), "{claimed:?}");
}

async fn group_of_a_leased_job_can_be_paused(subject: Subject) {
    let lease = subject.rest("a", "g", 5_000).await;
    assert_eq!(
        subject.queue.pause_group(lease, GroupPause::usual(2_000)).await,
        Ok(()),
        "the longer one stays"
    );
    subject.push([grouped("b", "g"), grouped("c", "h"), job(Lane::Fetch, "d")]).await;
    subject.complete(lease).await;
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["c", "d"]);
    subject.advance(4_999);
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
    subject.advance(1);
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["b"]);
}

async fn pause_needs_a_lease_that_is_held(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    assert_eq!(
        subject.queue.pause_group(lease, GroupPause::usual(HOUR_MS)).await,
        Ok(()),
        "without group nothing happens"
    );
    subject.complete(lease).await;
    assert_eq!(subject.queue.pause_group(lease, GroupPause::usual(1)).await, Err(QueueError::Stale(lease)));
    subject.push([job(Lane::Fetch, "b")]).await;
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["b"]);
}

async fn released_job_leaves_the_interval_of_its_group(subject: Subject) {
    subject.push([grouped("a", "g")]).await;
    let lease = subject.claim(limited(ONE, &[])).await.claims[0].lease;
    subject.fail(lease, Nack::Release).await;
    subject.advance(999);
    assert!(subject.claim(limited(ONE, &[])).await.claims.is_empty());
    subject.advance(1);
    assert_eq!(keys(&subject.claim(limited(ONE, &[])).await.claims), ["a"]);
}

async fn pending_jobs_are_counted_by_group(subject: Subject) {
    subject.push([grouped("a", "g"), grouped("b", "g").delayed(1_000), grouped("c", "h")]).await;
    let count = async |lane, names: &[&str]| {
        let groups = names.iter().map(|name| group(name)).collect();
        subject.queue.pending(lane, groups).await
    };
    assert_eq!(count(Lane::Fetch, &["h", "g", "none"]).await, Ok(vec![1, 2, 0]));
    assert_eq!(count(Lane::Store, &["g"]).await, Ok(vec![0]));
    for claim in subject.claim_all(Lane::Fetch).await {
        subject.complete(claim.lease).await;
    }
    assert_eq!(count(Lane::Fetch, &["g", "h"]).await, Ok(vec![1, 0]));
}

async fn lane_rests_if_all_its_groups_have_long_pauses(subject: Subject) {
    let lease = subject.rest("a", "g", HOUR_MS).await;
    subject.push([grouped("b", "g")]).await;
    assert_eq!(subject.expects().await, LaneStatus::HeldBack, "one is in flight");
    subject.complete(lease).await;
    assert_eq!(subject.expects().await, LaneStatus::Resting);
    subject.advance(HOUR_MS - RESTING_AFTER_MS);
    assert_eq!(subject.expects().await, LaneStatus::HeldBack, "it is not long any more");
    subject.advance(RESTING_AFTER_MS);
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["b"]);
}

async fn lane_does_not_rest_if_one_group_is_free(subject: Subject) {
    let lease = subject.rest("a", "g", HOUR_MS).await;
    subject.fail(lease, retry_after(0)).await;
    assert_eq!(subject.expects().await, LaneStatus::Resting);
    subject.push([grouped("b", "h").delayed(1_000)]).await;
    assert_eq!(subject.expects().await, LaneStatus::HeldBack);
    subject.advance(1_000);
    let claim = subject.claim_one(Lane::Fetch).await;
    subject.complete(claim.lease).await;
    assert_eq!(subject.expects().await, LaneStatus::Resting);
    subject.push([job(Lane::Store, "c").in_group(group("g"))]).await;
    let store = subject.claim_one(Lane::Store).await.lease;
    assert_eq!(subject.queue.pause_group(store, GroupPause::usual(HOUR_MS)).await, Ok(()));
    subject.fail(store, retry_after(0)).await;
    assert_eq!(subject.queue.register_worker(Lane::Fetch, Registration::Add).await, Ok(()));
    let lane_status = subject.claim(request(Lane::Store, 1)).await.lane_status;
    assert_eq!(lane_status, LaneStatus::HeldBack, "a worker upstream may bring more");
}

async fn delayed_jobs_of_a_group_rest_with_it(subject: Subject) {
    subject.push([grouped("a", "g")]).await;
    let lease = subject.claim_one(Lane::Fetch).await.lease;
    let nack = Nack::Retry {
        failure: failure(Reason::SoftBan),
        after_ms: 1_000,
        group_pause_ms: HOUR_MS,
        revised: None,
    };
    subject.fail(lease, nack).await;
    assert_eq!(subject.expects().await, LaneStatus::Resting);
}

async fn groups_with_a_limit_of_no_jobs_rest(subject: Subject) {
    subject.push([grouped("a1", "a"), job(Lane::Fetch, "free"), grouped("b1", "b")]).await;
    let nothing = limited(GroupLimit::NOTHING, &[]);
    let claims = subject.claim(nothing.clone()).await.claims;
    assert_eq!(keys(&claims), ["free"]);
    assert_ne!(
        subject.claim(nothing.clone()).await.lane_status,
        LaneStatus::Resting,
        "what is leased may bring more"
    );
    subject.complete(claims[0].lease).await;
    assert_eq!(subject.claim(nothing).await.lane_status, LaneStatus::Resting);
    // Another request, another answer: nothing is remembered of the groups.
    let claims = subject.claim(limited(ONE, &[("b", GroupLimit::NOTHING)])).await.claims;
    assert_eq!(keys(&claims), ["a1"]);
}
