//! Ending jobs well, with what follows.

use super::{Subject, case_list, dead, job, jobs, keys, request, retry_after};
use crate::{
    job::{JobState, Lease, NewJob, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Nack, QueueError},
};

case_list![
    completed_job_is_done_and_its_follow_up_jobs_exist,
    done_job_loses_its_payload,
    follow_ups_go_over_the_capacity,
    largest_set_of_follow_ups_is_accepted,
    known_follow_ups_are_absorbed,
    repeated_complete_changes_nothing,
    complete_after_fail_is_stale,
    invalid_follow_ups_are_refused_and_the_claim_stays,
];

async fn completed_job_is_done_and_its_follow_up_jobs_exist(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    let next = vec![job(Lane::Store, "x"), job(Lane::Process, "y")];
    assert_eq!(subject.queue.complete(lease, next).await, Ok(()));
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.due_ms, view.attempts), (JobState::Done, None, 1));
    assert!(view.history.is_empty());
    let fetch = subject.lane(Lane::Fetch).await;
    assert_eq!((fetch.leased, fetch.done), (0, 1));
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["x"]);
    assert_eq!(keys(&subject.claim_all(Lane::Process).await), ["y"]);
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
}

async fn done_job_loses_its_payload(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    assert_eq!(subject.view(lease.id).await.payload, job(Lane::Fetch, "a").payload);
    subject.complete(lease).await;
    assert!(subject.view(lease.id).await.payload.is_empty());
}

async fn follow_ups_go_over_the_capacity(subject: Subject) {
    let n = subject.lane_capacity;
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    subject.push(jobs(Lane::Store, "s", n)).await;
    assert_eq!(subject.queue.complete(lease, jobs(Lane::Store, "t", 2)).await, Ok(()));
    assert_eq!(subject.lane(Lane::Store).await.ready, n as u64 + 2);
    let full = subject.try_push(vec![job(Lane::Store, "x")]).await;
    assert_eq!(full, Err(QueueError::Full(Lane::Store)));
}

async fn largest_set_of_follow_ups_is_accepted(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    assert_eq!(subject.queue.complete(lease, jobs(Lane::Store, "s", BATCH_MAX)).await, Ok(()));
    assert_eq!(subject.lane(Lane::Store).await.ready, BATCH_MAX as u64);
}

async fn known_follow_ups_are_absorbed(subject: Subject) {
    let done = subject.lease_of(Lane::Store, "done").await;
    subject.complete(done).await;
    subject.push([job(Lane::Store, "ready")]).await;
    let before = subject.list(Selection::default()).await;

    let lease = subject.lease_of(Lane::Fetch, "a").await;
    let next = ["done", "ready"].map(|key| NewJob { payload: b"1".to_vec(), ..job(Lane::Store, key) });
    assert_eq!(subject.queue.complete(lease, next.to_vec()).await, Ok(()));
    let mut after = subject.list(Selection::default()).await;
    after.retain(|view| view.id != lease.id);
    assert_eq!(after, before);
}

async fn repeated_complete_changes_nothing(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    let next = || vec![job(Lane::Store, "b")];
    assert_eq!(subject.queue.complete(lease, next()).await, Ok(()));
    let follow_up = Selection { lane: Some(Lane::Store), ..Selection::default() };
    assert_eq!(subject.queue.drop_jobs(follow_up).await, Ok(1));

    let before = subject.list(Selection::default()).await;
    subject.advance(10);
    assert_eq!(subject.queue.complete(lease, next()).await, Ok(()));
    assert_eq!(subject.list(Selection::default()).await, before, "a repeat must not push again");
    let other = Lease { attempt: 2, ..lease };
    assert_eq!(subject.queue.complete(other, next()).await, Err(QueueError::Stale(other)));
}

async fn complete_after_fail_is_stale(subject: Subject) {
    for (key, nack) in [("a", retry_after(1_000)), ("b", dead()), ("c", Nack::Release)] {
        let lease = subject.lease_of(Lane::Process, key).await;
        subject.fail(lease, nack).await;
        let before = subject.view(lease.id).await;
        let stale = Err(QueueError::Stale(lease));
        assert_eq!(subject.queue.complete(lease, vec![job(Lane::Store, "x")]).await, stale);
        assert_eq!(subject.view(lease.id).await, before);
        subject.claim(request(Lane::Process, BATCH_MAX)).await;
    }
    assert_eq!(subject.lane(Lane::Store).await.ready, 0);
}

async fn invalid_follow_ups_are_refused_and_the_claim_stays(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "a").await;
    let wrong = [vec![job(Lane::Store, "x"), job(Lane::Store, "")], jobs(Lane::Store, "s", BATCH_MAX + 1)];
    for next in wrong {
        let refused = subject.queue.complete(lease, next).await;
        assert!(matches!(refused, Err(QueueError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(subject.view(lease.id).await.state, JobState::Leased);
    assert_eq!(subject.lane(Lane::Store).await.ready, 0);
    subject.complete(lease).await;
}
