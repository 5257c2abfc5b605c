//! Ending attempts without success.

use super::{LEASE_MS, Subject, case_list, dead, failure, grouped, job, jobs, keys, retry_after};
use crate::{
    clock::Millis,
    failure::Reason,
    job::{Group, HISTORY_MAX, JobEvent, JobEventKind, JobState, Lease, NewJob, Priority},
    lane::Lane,
    queue::{Nack, QueueError},
};

case_list![
    retried_job_waits_for_its_time,
    retry_without_wait_is_ready_at_once,
    retried_job_keeps_its_place,
    failures_are_counted_and_listed,
    revised_job_is_claimed_as_revised_without_failures,
    revised_job_must_be_the_same_job,
    dead_job_stays_with_its_payload_and_reason,
    released_job_returns_to_its_place_without_a_failure,
    moved_job_returns_as_revised_without_a_failure,
    repeated_fail_changes_nothing,
    repeated_fail_is_absorbed_until_another_attempt_ends,
    fail_after_complete_is_stale,
    unknown_attempt_is_stale,
    history_keeps_the_latest_events,
    history_has_the_times_of_events,
];

fn revise(new: NewJob) -> Nack {
    Nack::Retry { failure: failure(Reason::HttpStatus), after_ms: 0, group_pause_ms: 0, revised: Some(new) }
}

async fn retried_job_waits_for_its_time(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.advance(5);
    let claimed_ms = subject.view(lease.id).await.changed_ms;
    subject.fail(lease, retry_after(1_000)).await;
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.due_ms), (JobState::Delayed, Some(claimed_ms + 5 + 1_000)));
    assert_eq!((view.failures, view.attempts), (1, 1));
    assert_eq!(view.last_failure(), Some(&failure(Reason::Connect)));
    subject.advance(999);
    assert!(subject.claim_all(Lane::Store).await.is_empty());
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.delayed, lane.ready, lane.retried), (1, 0, 1));
    subject.advance(1);
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.delayed, lane.ready, lane.retried), (0, 1, 1));
    assert_eq!(subject.claim_one(Lane::Store).await.lease.attempt, 2);
}

async fn retry_without_wait_is_ready_at_once(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.fail(lease, retry_after(0)).await;
    assert_eq!(subject.view(lease.id).await.state, JobState::Ready);
    assert_eq!(subject.claim_one(Lane::Store).await.lease, Lease { attempt: 2, ..lease });
}

async fn retried_job_keeps_its_place(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", 3)).await;
    let first = subject.claim_one(Lane::Store).await.lease;
    subject.fail(first, retry_after(100)).await;
    subject.advance(100);
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["s0", "s1", "s2"]);
}

async fn failures_are_counted_and_listed(subject: Subject) {
    subject.push([job(Lane::Store, "a")]).await;
    for failures in 0..3 {
        let claim = subject.claim_one(Lane::Store).await;
        assert_eq!((claim.failures, claim.lease.attempt), (failures, failures + 1));
        subject.fail(claim.lease, retry_after(0)).await;
    }
    subject.claim_one(Lane::Store).await;
    subject.advance(LEASE_MS);
    let claim = subject.claim_one(Lane::Store).await;
    assert_eq!((claim.failures, claim.lease.attempt), (3, 5), "a lost lease is no failure");
    assert_eq!(subject.lane(Lane::Store).await.retried, 3);
}

async fn revised_job_is_claimed_as_revised_without_failures(subject: Subject) {
    subject.push([grouped("a", "host"), grouped("b", "host")]).await;
    let lease = subject.claim_one(Lane::Fetch).await.lease;
    subject.fail(lease, retry_after(0)).await;
    subject.advance(10);
    let claim = subject.claim_one(Lane::Fetch).await;
    assert_eq!((claim.key.as_str(), claim.failures), ("a", 1));
    assert_eq!(claim.failing_ms, Some(10));

    let revised =
        NewJob { payload: b"\"revised\"".to_vec(), priority: Priority(9), ..grouped("a", "mirror") };
    subject.fail(claim.lease, revise(revised.clone())).await;
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.failures, view.attempts), (JobState::Ready, 0, 2));
    assert_eq!((&view.group, view.priority), (&revised.group, Priority(9)));
    assert_eq!(view.last_failure(), Some(&failure(Reason::HttpStatus)));
    assert_eq!(subject.lane(Lane::Fetch).await.retried, 2);
    let claims = subject.claim_all(Lane::Fetch).await;
    let again = claims.iter().find(|claim| claim.key == "a").expect("the revised job is ready");
    assert_eq!((again.failures, &again.payload), (0, &revised.payload));
    assert_eq!(again.failing_ms, None);
}

async fn revised_job_must_be_the_same_job(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    let too_large = NewJob { payload: vec![b' '; 1 << 20], ..job(Lane::Store, "a") };
    for wrong in [job(Lane::Store, "b"), job(Lane::Process, "a"), too_large] {
        let refused = subject.queue.fail(lease, revise(wrong)).await;
        assert!(matches!(refused, Err(QueueError::Invalid(_))), "{refused:?}");
    }
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.failures, view.history.len()), (JobState::Leased, 0, 0));
    subject.complete(lease).await;
}

async fn dead_job_stays_with_its_payload_and_reason(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.fail(lease, dead()).await;
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.due_ms), (JobState::Dead, None));
    assert_eq!((view.failures, view.attempts), (1, 1));
    assert_eq!(view.payload, job(Lane::Store, "a").payload);
    assert_eq!(view.history.len(), 1);
    assert_eq!(view.history[0].what, JobEventKind::Died(failure(Reason::HttpStatus)));
    subject.advance(1_000_000);
    assert!(subject.claim_all(Lane::Store).await.is_empty());
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.dead, lane.leased, lane.retried), (1, 0, 0));
}

async fn released_job_returns_to_its_place_without_a_failure(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", 2)).await;
    let lease = subject.claim_one(Lane::Store).await.lease;
    subject.fail(lease, Nack::Release).await;
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.due_ms), (JobState::Ready, None));
    assert_eq!((view.failures, view.attempts, view.history.len()), (0, 1, 0));
    let claims = subject.claim_all(Lane::Store).await;
    assert_eq!(keys(&claims), ["s0", "s1"]);
    assert_eq!(claims[0].lease, Lease { attempt: 2, ..lease }, "the number stays used");
    assert_eq!(subject.lane(Lane::Store).await.retried, 0);
}

async fn moved_job_returns_as_revised_without_a_failure(subject: Subject) {
    subject.push(vec![job(Lane::Store, "a")]).await;
    let first = subject.claim_one(Lane::Store).await.lease;
    subject.fail(first, retry_after(0)).await;
    let lease = subject.claim_one(Lane::Store).await.lease;
    let why = failure(Reason::Redirect);
    let group = Some(Group("elsewhere".to_owned()));
    let revised = NewJob { group: group.clone(), payload: b"{}".to_vec(), ..job(Lane::Store, "a") };
    let other = Nack::Move { why: why.clone(), revised: job(Lane::Store, "b") };
    assert!(matches!(subject.queue.fail(lease, other).await, Err(QueueError::Invalid(_))));
    let moved = Nack::Move { why: why.clone(), revised };
    subject.fail(lease, moved.clone()).await;
    let view = subject.view(lease.id).await;
    subject.fail(lease, moved).await;
    assert_eq!(subject.view(lease.id).await, view, "repeated");
    assert_eq!((view.state, view.due_ms, view.group), (JobState::Ready, None, group));
    assert_eq!((view.failures, view.attempts, view.history.len()), (0, 2, 2));
    assert_eq!(view.history[1].what, JobEventKind::Moved(why));
    assert_eq!(view.payload, b"{}");
    assert_eq!(subject.lane(Lane::Store).await.retried, 1, "the first try's");
    let details = subject.queue.details().await.expect("details are returned");
    assert_eq!(details.lanes[Lane::Store.index()].rates.failed, 1, "the first try's");
    let claim = subject.claim_one(Lane::Store).await;
    assert_eq!((claim.failures, claim.failing_ms), (0, None));
    subject.complete(claim.lease).await;
}

async fn repeated_fail_changes_nothing(subject: Subject) {
    for (key, nack) in [("a", retry_after(1_000)), ("b", dead()), ("c", Nack::Release)] {
        let lease = subject.lease_of(Lane::Process, key).await;
        subject.fail(lease, nack.clone()).await;
        let before = (subject.view(lease.id).await, subject.lane(Lane::Process).await);
        subject.advance(10);
        subject.fail(lease, nack.clone()).await;
        assert_eq!((subject.view(lease.id).await, subject.lane(Lane::Process).await), before);
        let other = Lease { attempt: 2, ..lease };
        let stale = Err(QueueError::Stale(other));
        assert_eq!(subject.queue.fail(other, nack).await, stale, "never claimed");
    }
}

async fn repeated_fail_is_absorbed_until_another_attempt_ends(subject: Subject) {
    let older = subject.lease_of(Lane::Store, "a").await;
    subject.fail(older, retry_after(0)).await;
    let newer = subject.claim_one(Lane::Store).await.lease;
    let before = subject.view(older.id).await;
    subject.fail(older, retry_after(0)).await;
    assert_eq!((&subject.view(older.id).await, before.state), (&before, JobState::Leased));
    subject.fail(newer, dead()).await;
    let stale = Err(QueueError::Stale(older));
    assert_eq!(subject.queue.fail(older, retry_after(0)).await, stale, "another attempt ended since");
    assert_eq!(subject.view(older.id).await.state, JobState::Dead);
}

async fn fail_after_complete_is_stale(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    subject.complete(lease).await;
    for nack in [retry_after(0), dead(), Nack::Release] {
        assert_eq!(subject.queue.fail(lease, nack).await, Err(QueueError::Stale(lease)));
    }
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.failures), (JobState::Done, 0));
}

async fn unknown_attempt_is_stale(subject: Subject) {
    subject.push([job(Lane::Store, "a")]).await;
    let id = job(Lane::Store, "a").id();
    for attempt in 0..2 {
        let lease = Lease { id, attempt };
        assert_eq!(subject.queue.fail(lease, dead()).await, Err(QueueError::Stale(lease)));
        assert_eq!(subject.queue.complete(lease, vec![]).await, Err(QueueError::Stale(lease)));
    }
    assert_eq!(subject.view(id).await.state, JobState::Ready);
}

async fn history_keeps_the_latest_events(subject: Subject) {
    let rounds = HISTORY_MAX as u32 + 3;
    subject.push([job(Lane::Store, "a")]).await;
    for _ in 0..rounds {
        let lease = subject.claim_one(Lane::Store).await.lease;
        subject.fail(lease, retry_after(0)).await;
    }
    let view = subject.view(job(Lane::Store, "a").id()).await;
    let attempts: Vec<_> = view.history.iter().map(|event| event.attempt).collect();
    assert_eq!(attempts, (4..=rounds).collect::<Vec<_>>());
    assert_eq!((view.attempts, view.failures), (rounds, rounds));
}

async fn history_has_the_times_of_events(subject: Subject) {
    let lease = subject.lease_of(Lane::Store, "a").await;
    let pushed_ms: Millis = subject.view(lease.id).await.pushed_ms;
    subject.advance(7);
    subject.fail(lease, retry_after(0)).await;
    subject.advance(3);
    let again = subject.claim_one(Lane::Store).await.lease;
    subject.fail(again, dead()).await;
    let event = |after_ms, attempt, what| JobEvent { at_ms: pushed_ms + after_ms, attempt, what };
    let expected = [
        event(7, 1, JobEventKind::Failed(failure(Reason::Connect))),
        event(10, 2, JobEventKind::Died(failure(Reason::HttpStatus))),
    ];
    let view = subject.view(lease.id).await;
    assert_eq!(view.history, expected);
    assert_eq!((view.pushed_ms, view.changed_ms), (pushed_ms, pushed_ms + 10));
}
