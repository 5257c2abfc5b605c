//! Politeness and fairness between groups.

use super::{LEASE_MS, LONG_MS, Subject, case_list, dead, failure, grouped, job, keys, request, retry_after};
use crate::{
    clock::Millis,
    failure::Reason,
    job::{Claim, Group, NewJob, Priority},
    lane::Lane,
    queue::{BATCH_MAX, ClaimRequest, GroupLimit, GroupPause, Nack},
};

case_list![
    group_has_no_more_in_flight_than_allowed,
    ended_attempts_make_room_in_their_group,
    lost_lease_makes_room_in_its_group,
    settled_leases_make_room_in_their_group,
    interval_lies_between_claims_of_a_group,
    interval_counts_from_the_claim,
    groups_do_not_wait_for_each_other,
    jobs_without_a_group_have_no_limit,
    jobs_of_a_paused_group_are_not_handed_out,
    a_pause_is_told_with_its_reason,
    longer_pause_of_a_group_stays,
    revised_job_counts_with_its_new_group,
    groups_take_turns_within_a_claim,
    groups_take_turns_from_claim_to_claim,
    new_group_does_not_wait_for_a_long_one,
    three_hundred_groups_take_turns,
    delayed_job_takes_no_turn_of_its_group,
    priority_counts_only_within_its_group,
    waiting_claim_gets_a_group_that_becomes_free,
];

const fn limit(in_flight: u32, interval_ms: Millis) -> GroupLimit {
    GroupLimit { in_flight, interval_ms }
}

fn limited(group_limit: GroupLimit) -> ClaimRequest {
    ClaimRequest { group_limit, ..request(Lane::Fetch, BATCH_MAX) }
}

impl Subject {
    async fn claim_within(&self, group_limit: GroupLimit) -> Vec<Claim> {
        self.claim(limited(group_limit)).await.claims
    }

    async fn push_group(&self, group: &str, keys: &[&str]) {
        self.push(keys.iter().map(|key| grouped(key, group))).await;
    }
}

async fn group_has_no_more_in_flight_than_allowed(subject: Subject) {
    subject.push_group("g", &["a", "b", "c"]).await;
    assert_eq!(keys(&subject.claim_within(limit(2, 0)).await), ["a", "b"]);
    assert!(subject.claim_within(limit(2, 0)).await.is_empty(), "over all claims together");
    subject.advance(LEASE_MS - 1);
    assert!(subject.claim_within(limit(2, 0)).await.is_empty());
    assert_eq!(keys(&subject.claim_within(limit(3, 0)).await), ["c"]);
}

async fn ended_attempts_make_room_in_their_group(subject: Subject) {
    subject.push_group("g", &["a", "b", "c", "d"]).await;
    let one = limit(1, 0);
    let first = subject.claim_within(one).await[0].lease;
    subject.complete(first).await;
    let second = subject.claim_within(one).await;
    assert_eq!(keys(&second), ["b"]);
    subject.fail(second[0].lease, dead()).await;
    let third = subject.claim_within(one).await;
    assert_eq!(keys(&third), ["c"]);
    subject.fail(third[0].lease, retry_after(1_000)).await;
    let fourth = subject.claim_within(one).await;
    assert_eq!(keys(&fourth), ["d"]);
    subject.fail(fourth[0].lease, Nack::Release).await;
    assert_eq!(keys(&subject.claim_within(one).await), ["d"]);
}

async fn lost_lease_makes_room_in_its_group(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    subject.claim_within(limit(1, 0)).await;
    subject.advance(LEASE_MS);
    assert_eq!(keys(&subject.claim_within(limit(1, 0)).await), ["a"]);
}

async fn settled_leases_make_room_in_their_group(subject: Subject) {
    subject.push_group("g", &["a", "b", "c", "d"]).await;
    let settling = |settled| ClaimRequest { settled, ..limited(limit(1, 0)) };
    let first = subject.claim_within(limit(1, 0)).await[0].lease;
    assert!(subject.claim_within(limit(1, 0)).await.is_empty());
    let claimed = subject.claim(settling(vec![first])).await.claims;
    assert_eq!(keys(&claimed), ["b"]);
    let again = subject.claim(settling(vec![first, first])).await;
    assert!(again.claims.is_empty(), "a lease makes room once");
    subject.complete(first).await;
    assert!(subject.claim_within(limit(1, 0)).await.is_empty(), "it did not count any more");
    assert!(subject.claim(settling(vec![first])).await.claims.is_empty(), "it has ended");
    subject.fail(claimed[0].lease, retry_after(0)).await;
    let second = subject.claim(settling(vec![claimed[0].lease])).await.claims;
    assert_eq!(keys(&second), ["b"], "the next attempt counts");
    assert!(subject.claim(settling(vec![claimed[0].lease])).await.claims.is_empty());
    subject.claim(settling(vec![second[0].lease])).await;
    subject.advance(LEASE_MS);
    assert_eq!(keys(&subject.claim_within(limit(9, 0)).await), ["b", "c", "d"], "a settled lease expires");
}

async fn interval_lies_between_claims_of_a_group(subject: Subject) {
    subject.push_group("g", &["a", "b", "c"]).await;
    let polite = limit(u32::MAX, 2_000);
    assert_eq!(keys(&subject.claim_within(polite).await), ["a"], "the first at once, and only one");
    subject.advance(1_999);
    assert!(subject.claim_within(polite).await.is_empty());
    subject.advance(1);
    assert_eq!(keys(&subject.claim_within(polite).await), ["b"]);
    assert!(subject.claim_within(polite).await.is_empty());
}

async fn interval_counts_from_the_claim(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    let polite = limit(1, 2_000);
    let lease = subject.claim_within(polite).await[0].lease;
    subject.advance(1_500);
    subject.complete(lease).await;
    assert!(subject.claim_within(polite).await.is_empty());
    subject.advance(500);
    assert_eq!(keys(&subject.claim_within(polite).await), ["b"]);
}

async fn groups_do_not_wait_for_each_other(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    subject.claim_within(limit(1, 2_000)).await;
    subject.push_group("h", &["c", "d"]).await;
    assert_eq!(keys(&subject.claim_within(limit(1, 2_000)).await), ["c"]);
}

async fn jobs_without_a_group_have_no_limit(subject: Subject) {
    subject.push(["a", "b", "c"].map(|key| job(Lane::Fetch, key))).await;
    assert_eq!(keys(&subject.claim_within(limit(1, 2_000)).await), ["a", "b", "c"]);
}

fn retry_and_pause(group_pause_ms: Millis) -> Nack {
    let failure = failure(Reason::HttpStatus);
    Nack::Retry { failure, after_ms: 0, group_pause_ms, revised: None }
}

async fn jobs_of_a_paused_group_are_not_handed_out(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    subject.push_group("h", &["c"]).await;
    let lease = subject.claim_one(Lane::Fetch).await.lease;
    subject.fail(lease, retry_and_pause(5_000)).await;
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["c"]);
    subject.advance(4_999);
    assert!(subject.claim_all(Lane::Fetch).await.is_empty(), "not even without limits");
    subject.advance(1);
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["a", "b"]);
}

async fn a_pause_is_told_with_its_reason(subject: Subject) {
    let pause = async || {
        let details = subject.queue.details().await.expect("details must be given");
        details.lanes[Lane::Fetch.index()].groups[0].pause.clone()
    };
    subject.push_group("g", &["a", "b", "c"]).await;
    let claims = subject.claim_all(Lane::Fetch).await;
    assert_eq!(pause().await, None);
    assert_eq!(subject.queue.pause_group(claims[0].lease, GroupPause::usual(1_000)).await, Ok(()));
    assert_eq!(pause().await, Some(GroupPause::usual(1_000)));
    subject.fail(claims[0].lease, retry_and_pause(5_000)).await;
    let why = Some(failure(Reason::HttpStatus));
    assert_eq!(pause().await, Some(GroupPause { for_ms: 5_000, why: why.clone() }));
    subject.advance(1_000);
    // A shorter pause changes neither the end nor the reason.
    let shorter = GroupPause { for_ms: 3_999, why: Some(failure(Reason::Connect)) };
    assert_eq!(subject.queue.pause_group(claims[1].lease, shorter).await, Ok(()));
    assert_eq!(pause().await, Some(GroupPause { for_ms: 4_000, why }));
    let longer = GroupPause { for_ms: 4_001, why: Some(failure(Reason::SoftBan)) };
    assert_eq!(subject.queue.pause_group(claims[2].lease, longer.clone()).await, Ok(()));
    assert_eq!(pause().await, Some(longer));
    subject.advance(4_001);
    assert_eq!(pause().await, None, "it is over");
}

async fn longer_pause_of_a_group_stays(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    let claims = subject.claim_all(Lane::Fetch).await;
    subject.fail(claims[0].lease, retry_and_pause(5_000)).await;
    subject.fail(claims[1].lease, retry_and_pause(0)).await;
    subject.advance(4_999);
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
    subject.advance(1);
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["a", "b"]);
}

async fn revised_job_counts_with_its_new_group(subject: Subject) {
    subject.push_group("g", &["a", "b"]).await;
    let one = limit(1, 0);
    let lease = subject.claim_within(one).await[0].lease;
    let nack = Nack::Retry {
        failure: failure(Reason::HttpStatus),
        after_ms: 0,
        group_pause_ms: 0,
        revised: Some(grouped("a", "mirror")),
    };
    subject.fail(lease, nack).await;
    let mut claims = subject.claim_within(one).await;
    claims.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(keys(&claims), ["a", "b"], "each is alone in its group");
    subject.push_group("mirror", &["c"]).await;
    assert!(subject.claim_within(one).await.is_empty());
    subject.complete(claims[0].lease).await;
    assert_eq!(keys(&subject.claim_within(one).await), ["c"]);
}

/// Whose turn comes first is open; that they alternate is not.
fn assert_turns(groups: &[&str]) {
    let mut rest = groups.chunks(2);
    let first = rest.next().expect("something was claimed");
    assert_ne!(first[0], first[1], "{groups:?}");
    assert!(rest.all(|pair| pair == first), "{groups:?}");
}

fn groups_of(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| &claim.key[..1]).collect()
}

async fn groups_take_turns_within_a_claim(subject: Subject) {
    subject.push_group("g", &["g1", "g2"]).await;
    subject.push_group("h", &["h1", "h2"]).await;
    let claims = subject.claim_all(Lane::Fetch).await;
    assert_turns(&groups_of(&claims));
}

async fn groups_take_turns_from_claim_to_claim(subject: Subject) {
    subject.push_group("g", &["g1", "g2"]).await;
    subject.push_group("h", &["h1", "h2"]).await;
    let mut claims = Vec::new();
    for _ in 0..4 {
        claims.push(subject.claim_one(Lane::Fetch).await);
    }
    assert_turns(&groups_of(&claims));
    let of_g: Vec<_> = keys(&claims).into_iter().filter(|key| key.starts_with('g')).collect();
    assert_eq!(of_g, ["g1", "g2"], "in the order of pushes within a group");
}

async fn new_group_does_not_wait_for_a_long_one(subject: Subject) {
    subject.push_group("g", &["g1", "g2", "g3"]).await;
    subject.claim_one(Lane::Fetch).await;
    subject.push_group("h", &["h1"]).await;
    let next = subject.claim(request(Lane::Fetch, 2)).await.claims;
    assert!(groups_of(&next).contains(&"h"), "{next:?}");
}

async fn three_hundred_groups_take_turns(subject: Subject) {
    let new = |round: usize, group: usize| {
        job(Lane::Process, &format!("{round}/{group}")).in_group(Group(format!("group {group}")))
    };
    let all: Vec<_> = (0..300).flat_map(|group| [new(0, group), new(1, group)]).collect();
    for (parent, next) in ["a", "b", "c"].into_iter().zip(all.chunks(200)) {
        let lease = subject.lease_of(Lane::Fetch, parent).await;
        assert_eq!(subject.queue.complete(lease, next.to_vec()).await, Ok(()));
    }
    for round in ["0/", "1/"] {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let claims = subject.claim(request(Lane::Process, 100)).await.claims;
            seen.extend(claims.into_iter().map(|claim| claim.key));
        }
        assert!(seen.iter().all(|key| key.starts_with(round)), "each group has one turn: {seen:?}");
        assert_eq!(seen.len(), 300);
    }
}

async fn delayed_job_takes_no_turn_of_its_group(subject: Subject) {
    let later = NewJob { priority: Priority(9), ..grouped("g0", "g") };
    subject.push([later.delayed(1_000), grouped("g1", "g"), grouped("h1", "h")]).await;
    let mut claims = subject.claim_within(limit(1, 0)).await;
    claims.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(keys(&claims), ["g1", "h1"], "a delayed job is not in flight either");
    subject.advance(1_000);
    assert!(subject.claim_within(limit(1, 0)).await.is_empty());
    assert_eq!(keys(&subject.claim_within(limit(2, 0)).await), ["g0"]);
}

async fn priority_counts_only_within_its_group(subject: Subject) {
    let first = |key: &str| NewJob { priority: Priority(9), ..grouped(key, "g") };
    subject.push([grouped("g3", "g"), first("g1"), first("g2"), grouped("h1", "h")]).await;
    let claims = subject.claim_all(Lane::Fetch).await;
    let all = keys(&claims);
    let of_g: Vec<_> = all.iter().copied().filter(|key| key.starts_with('g')).collect();
    assert_eq!(of_g, ["g1", "g2", "g3"]);
    assert!(all[..2].contains(&"h1"), "{all:?}");
}

async fn waiting_claim_gets_a_group_that_becomes_free(subject: Subject) {
    subject.push_group("g", &["a", "b", "c"]).await;
    let lease = subject.claim_within(limit(1, 0)).await[0].lease;
    let patient = ClaimRequest { wait_ms: LONG_MS, ..limited(limit(1, 0)) };
    let (claimed, ()) = tokio::join!(subject.claim(patient), async {
        tokio::task::yield_now().await;
        subject.complete(lease).await;
    });
    assert_eq!(keys(&claimed.claims), ["b"]);

    let polite = ClaimRequest { wait_ms: LONG_MS, ..limited(limit(2, 40)) };
    let (claimed, ()) = tokio::join!(subject.claim(polite), async {
        tokio::task::yield_now().await;
        subject.advance(40);
    });
    assert_eq!(keys(&claimed.claims), ["c"]);
}
