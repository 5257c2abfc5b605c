//! Handing out jobs: order, leases, fencing, waiting.

use futures_util::future::join_all;
use tokio::task::yield_now;

use super::{LEASE_MS, LONG_MS, Subject, case_list, dead, job, jobs, keys, request, retry_after};
use crate::{
    job::{JobEventKind, JobId, JobState, Lease, NewJob, Priority},
    lane::Lane,
    queue::{ClaimRequest, Nack, QueueError, Registration},
};

case_list![
    claim_has_the_facts_of_the_job,
    claim_takes_only_from_its_lane,
    claims_follow_the_order_of_pushes,
    higher_priority_goes_first,
    priority_goes_before_an_earlier_batch,
    delayed_priority_counts_once_it_is_due,
    leased_job_is_not_handed_out_again,
    concurrent_claims_never_share_a_job,
    job_of_an_expired_lease_is_ready_again,
    lost_job_keeps_its_place,
    extended_lease_lasts_from_then_on,
    extended_lease_may_end_sooner,
    extend_returns_the_leases_that_are_not_held,
    lost_lease_can_neither_complete_nor_fail,
    older_attempt_cannot_touch_the_newer,
    unknown_job_is_stale,
    waiting_claim_gets_a_pushed_job,
    waiting_claim_gets_follow_up_jobs,
    waiting_claim_gets_a_job_that_becomes_due,
    waiting_claim_gets_a_lost_job,
    waiting_claim_gets_a_released_job,
    dropped_claim_loses_no_job,
];

async fn claim_has_the_facts_of_the_job(subject: Subject) {
    let new = job(Lane::Fetch, "a");
    subject.push([new.clone()]).await;
    let pushed_ms = subject.view(new.id()).await.pushed_ms;
    subject.advance(5);
    let claim = subject.claim_one(Lane::Fetch).await;
    assert_eq!(claim.lease, Lease { id: new.id(), attempt: 1 });
    assert_eq!((claim.key.as_str(), &claim.payload), ("a", &new.payload));
    assert_eq!((claim.failures, claim.failing_ms), (0, None));
    let view = subject.view(new.id()).await;
    assert_eq!((view.state, view.attempts), (JobState::Leased, 1));
    assert_eq!(view.due_ms, Some(pushed_ms + 5 + LEASE_MS));
    assert_eq!(view.changed_ms, pushed_ms + 5);
}

async fn claim_takes_only_from_its_lane(subject: Subject) {
    subject.push([job(Lane::Fetch, "f"), job(Lane::Process, "p")]).await;
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), [""; 0]);
    assert_eq!(keys(&subject.claim_all(Lane::Process).await), ["p"]);
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 1);
}

async fn claims_follow_the_order_of_pushes(subject: Subject) {
    subject.push(jobs(Lane::Fetch, "b", 2)).await;
    subject.push(jobs(Lane::Fetch, "a", 2)).await;
    assert_eq!(keys(&subject.claim(request(Lane::Fetch, 3)).await.claims), ["b0", "b1", "a0"]);
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["a1"]);
}

async fn higher_priority_goes_first(subject: Subject) {
    let with = |key, priority| NewJob { priority: Priority(priority), ..job(Lane::Store, key) };
    subject.push([with("low", 0), with("high", 200), with("mid", 1), with("high2", 200)]).await;
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["high", "high2", "mid", "low"]);
}

async fn priority_goes_before_an_earlier_batch(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", 2)).await;
    subject.push([NewJob { priority: Priority(1), ..job(Lane::Store, "late") }]).await;
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["late", "s0", "s1"]);
}

async fn delayed_priority_counts_once_it_is_due(subject: Subject) {
    let urgent = NewJob { priority: Priority(9), ..job(Lane::Store, "urgent") };
    let early = job(Lane::Store, "early").delayed(500);
    subject.push([early, urgent.delayed(500)]).await;
    subject.push(jobs(Lane::Store, "s", 2)).await;
    subject.advance(499);
    assert_eq!(keys(&subject.claim(request(Lane::Store, 1)).await.claims), ["s0"]);
    subject.advance(1);
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["urgent", "early", "s1"]);
}

async fn leased_job_is_not_handed_out_again(subject: Subject) {
    subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS - 1);
    assert!(subject.claim_all(Lane::Store).await.is_empty());
}

async fn concurrent_claims_never_share_a_job(subject: Subject) {
    let n = subject.lane_capacity;
    subject.push(jobs(Lane::Process, "p", n)).await;
    let claimed = join_all((0..2 * n).map(|_| subject.claim(request(Lane::Process, 2)))).await;
    let mut ids: Vec<JobId> = claimed.iter().flat_map(|one| &one.claims).map(|one| one.lease.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n);
    assert_eq!(claimed.iter().map(|one| one.claims.len()).sum::<usize>(), n);
}

async fn job_of_an_expired_lease_is_ready_again(subject: Subject) {
    let first = subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS);
    let view = subject.view(first.id).await;
    assert_eq!((view.state, view.due_ms), (JobState::Ready, None));
    assert_eq!((view.attempts, view.failures), (1, 0));
    assert_eq!(view.history.len(), 1);
    assert_eq!((view.history[0].attempt, &view.history[0].what), (1, &JobEventKind::Lost));
    let again = subject.claim_one(Lane::Store).await;
    assert_eq!(again.lease, Lease { attempt: 2, ..first });
    assert_eq!(again.failures, 0);
    assert_eq!(subject.lane(Lane::Store).await.retried, 0);
}

async fn lost_job_keeps_its_place(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", 3)).await;
    subject.claim_one(Lane::Store).await;
    subject.advance(LEASE_MS);
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["s0", "s1", "s2"]);
}

async fn extended_lease_lasts_from_then_on(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS - 1);
    assert_eq!(subject.queue.extend(vec![lease], 500).await, Ok(vec![]));
    subject.advance(499);
    assert_eq!(subject.view(lease.id).await.state, JobState::Leased);
    assert_eq!(subject.queue.extend(vec![lease], 500).await, Ok(vec![]));
    subject.advance(499);
    assert_eq!(subject.queue.extend(vec![lease], 500).await, Ok(vec![]));
    subject.advance(500);
    assert_eq!(subject.queue.extend(vec![lease], 500).await, Ok(vec![lease]));
    assert_eq!(subject.view(lease.id).await.state, JobState::Ready);
}

async fn extended_lease_may_end_sooner(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    assert_eq!(subject.queue.extend(vec![lease], 500).await, Ok(vec![]));
    subject.advance(499);
    assert_eq!(subject.view(lease.id).await.state, JobState::Leased);
    subject.advance(1);
    assert_eq!(subject.view(lease.id).await.state, JobState::Ready);
    assert_eq!(subject.claim_one(Lane::Store).await.lease, Lease { attempt: 2, ..lease });
}

async fn extend_returns_the_leases_that_are_not_held(subject: Subject) {
    let held = subject.lease_of(Lane::Store, "held").await;
    let done = subject.lease_of(Lane::Store, "done").await;
    subject.complete(done).await;
    let older = subject.lease_of(Lane::Store, "older").await;
    subject.fail(older, Nack::Release).await;
    let newer = subject.claim_one(Lane::Store).await.lease;
    let unknown = Lease { id: JobId::of(Lane::Store, "unknown"), attempt: 1 };
    let later = Lease { attempt: 2, ..held };

    let all = vec![held, done, older, newer, unknown, later];
    let mut lost = subject.queue.extend(all, LEASE_MS).await.expect("extend must be answered");
    let mut expected = vec![done, older, unknown, later];
    lost.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lost, expected);
}

async fn lost_lease_can_neither_complete_nor_fail(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS);
    let stale = Err(QueueError::Stale(lease));
    assert_eq!(subject.queue.complete(lease, vec![job(Lane::Process, "a")]).await, stale);
    for nack in [retry_after(0), dead(), Nack::Release] {
        assert_eq!(subject.queue.fail(lease, nack).await, stale);
    }
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.failures, view.history.len()), (JobState::Ready, 0, 1));
    assert_eq!(subject.lane(Lane::Process).await.ready, 0);
}

async fn older_attempt_cannot_touch_the_newer(subject: Subject) {
    let older = subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS);
    let newer = subject.claim_one(Lane::Store).await.lease;
    let before = subject.view(newer.id).await;
    let stale = Err(QueueError::Stale(older));
    assert_eq!(subject.queue.complete(older, vec![job(Lane::Process, "a")]).await, stale);
    assert_eq!(subject.queue.fail(older, dead()).await, stale);
    assert_eq!(subject.view(newer.id).await, before);
    subject.complete(newer).await;
    assert_eq!(subject.queue.complete(older, vec![]).await, stale, "the newer one ended it");
}

async fn unknown_job_is_stale(subject: Subject) {
    let lease = Lease { id: JobId::of(Lane::Store, "unknown"), attempt: 1 };
    let stale = Err(QueueError::Stale(lease));
    assert_eq!(subject.queue.complete(lease, vec![job(Lane::Process, "a")]).await, stale);
    assert_eq!(subject.queue.fail(lease, dead()).await, stale);
    subject.push([job(Lane::Store, "unknown")]).await;
    assert_eq!(subject.queue.complete(lease, vec![]).await, stale, "it was never claimed");
    assert_eq!(subject.lane(Lane::Process).await.ready, 0);
}

/// The lanes of these cases are kept open by a worker upstream, so that the claim has a reason to wait.
impl Subject {
    async fn waits_for(&self, lane: Lane, key: &str, meanwhile: impl Future<Output = ()>) -> Lease {
        let request = ClaimRequest { wait_ms: LONG_MS, ..request(lane, 4) };
        let (claimed, ()) = tokio::join!(self.claim(request), async {
            yield_now().await;
            meanwhile.await;
        });
        assert_eq!(keys(&claimed.claims), [key]);
        claimed.claims[0].lease
    }

    async fn open_upstream(&self) {
        self.register_worker(Lane::Fetch, Registration::Add).await;
    }
}

async fn waiting_claim_gets_a_pushed_job(subject: Subject) {
    subject.open_upstream().await;
    subject.waits_for(Lane::Store, "a", subject.push([job(Lane::Store, "a")])).await;
}

async fn waiting_claim_gets_follow_up_jobs(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    subject.open_upstream().await;
    let meanwhile = async {
        assert_eq!(subject.queue.complete(lease, vec![job(Lane::Store, "b")]).await, Ok(()));
    };
    subject.waits_for(Lane::Store, "b", meanwhile).await;
}

async fn waiting_claim_gets_a_job_that_becomes_due(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.fail(lease, retry_after(40)).await;
    let again = subject.waits_for(Lane::Store, "a", async { subject.advance(40) }).await;
    assert_eq!(again.attempt, 2);
}

async fn waiting_claim_gets_a_lost_job(subject: Subject) {
    subject.push([job(Lane::Store, "a")]).await;
    subject.claim(ClaimRequest { lease_ms: 40, ..request(Lane::Store, 1) }).await;
    let again = subject.waits_for(Lane::Store, "a", async { subject.advance(40) }).await;
    assert_eq!(again.attempt, 2);
}

async fn waiting_claim_gets_a_released_job(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    let again = subject.waits_for(Lane::Store, "a", subject.fail(lease, Nack::Release)).await;
    assert_eq!(again.attempt, 2);
}

/// A job that is claimed just as the caller goes away may be leased, but is never lost. It returns when its
/// lease expires.
async fn dropped_claim_loses_no_job(subject: Subject) {
    subject.open_upstream().await;
    let request = ClaimRequest { wait_ms: LONG_MS, ..request(Lane::Store, 4) };
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(20), subject.claim(request)).await;
    assert!(given_up.is_err(), "there was nothing to claim");
    subject.push(jobs(Lane::Store, "s", 2)).await;
    subject.advance(LEASE_MS);
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["s0", "s1"]);
}
