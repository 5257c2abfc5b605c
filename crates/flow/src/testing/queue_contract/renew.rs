//! Jobs that take the place of ended ones.

use super::{LEASE_MS, Subject, case_list, dead, job, keys, retry_after};
use crate::{
    job::{JobId, JobState, NewJob, Priority},
    lane::Lane,
    queue::{Pushed, QueueError},
};

case_list![
    renewing_job_takes_the_place_of_one_that_ended,
    renewing_job_is_absorbed_by_one_that_is_pending,
    renewing_job_is_new_where_none_was,
    renewal_is_fenced_from_earlier_attempts,
    renewing_follow_up_takes_the_place_of_one_that_ended,
    renewing_jobs_need_room_in_their_lane,
];

fn renewed(key: &str, says: &str) -> NewJob {
    NewJob::new(Lane::Fetch, key, &says).renewed()
}

const NEW: Result<Pushed, QueueError> = Ok(Pushed { new: 1, known: vec![] });

async fn renewing_job_takes_the_place_of_one_that_ended(subject: Subject) {
    let done = subject.lease_of(Lane::Fetch, "a").await;
    subject.complete(done).await;
    let died = subject.lease_of(Lane::Fetch, "b").await;
    subject.fail(died, dead()).await;
    for key in ["a", "b"] {
        let new = NewJob { priority: Priority(3), ..renewed(key, "again").delayed(1_000) };
        assert_eq!(subject.try_push(vec![new]).await, NEW);
        let view = subject.view(JobId::of(Lane::Fetch, key)).await;
        assert_eq!((view.state, view.attempts, view.failures), (JobState::Delayed, 0, 0));
        assert!(view.history.is_empty(), "{:?}", view.history);
    }
    assert_eq!(subject.lane(Lane::Fetch).await.pending(), 2);
    subject.advance(1_000);
    let claims = subject.claim_all(Lane::Fetch).await;
    assert_eq!(keys(&claims), ["a", "b"]);
    assert!(claims.iter().all(|claim| claim.payload == b"\"again\"" && claim.failures == 0));
}

async fn renewing_job_is_absorbed_by_one_that_is_pending(subject: Subject) {
    let lease = subject.lease_of(Lane::Fetch, "leased").await;
    subject.push([job(Lane::Fetch, "ready"), job(Lane::Fetch, "delayed").delayed(LEASE_MS)]).await;
    let jobs = ["leased", "ready", "delayed"].map(|key| renewed(key, "again")).to_vec();
    assert_eq!(subject.try_push(jobs).await, Ok(Pushed { new: 0, known: vec![0, 1, 2] }));
    assert!(subject.claim_one(Lane::Fetch).await.payload.starts_with(b"\"payload"));
    subject.complete(lease).await;
}

async fn renewing_job_is_new_where_none_was(subject: Subject) {
    let twice = vec![renewed("a", "first"), renewed("a", "second")];
    assert_eq!(subject.try_push(twice).await, Ok(Pushed { new: 1, known: vec![1] }));
    assert_eq!(subject.claim_one(Lane::Fetch).await.payload, b"\"first\"");
}

async fn renewal_is_fenced_from_earlier_attempts(subject: Subject) {
    let old = subject.lease_of(Lane::Fetch, "a").await;
    subject.complete(old).await;
    assert_eq!(subject.try_push(vec![renewed("a", "again")]).await, NEW);
    assert_eq!(subject.queue.complete(old, vec![]).await, Err(QueueError::Stale(old)));
    let new = subject.claim_one(Lane::Fetch).await.lease;
    assert!(new.attempt > old.attempt, "{new:?} after {old:?}");
    assert_eq!(subject.queue.fail(old, retry_after(0)).await, Err(QueueError::Stale(old)));
    subject.complete(new).await;
}

async fn renewing_follow_up_takes_the_place_of_one_that_ended(subject: Subject) {
    let stored = subject.lease_of(Lane::Store, "a").await;
    subject.complete(stored).await;
    for says in ["again", "and again"] {
        let lease = subject.lease_of(Lane::Fetch, says).await;
        let next = vec![NewJob::new(Lane::Store, "a", &says).renewed()];
        assert_eq!(subject.queue.complete(lease, next.clone()).await, Ok(()));
        assert_eq!(subject.queue.complete(lease, next).await, Ok(()), "said again, it changes nothing");
        let claim = subject.claim_one(Lane::Store).await;
        assert_eq!(claim.payload, format!("\"{says}\"").into_bytes());
        subject.complete(claim.lease).await;
    }
    assert_eq!(subject.lane(Lane::Store).await.done, 1);
}

async fn renewing_jobs_need_room_in_their_lane(subject: Subject) {
    let ended = subject.lease_of(Lane::Fetch, "ended").await;
    subject.complete(ended).await;
    for n in 0..subject.lane_capacity {
        subject.push([job(Lane::Fetch, &format!("pending{n}"))]).await;
    }
    let full = Err(QueueError::Full(Lane::Fetch));
    assert_eq!(subject.try_push(vec![renewed("ended", "again")]).await, full);
    let known = subject.try_push(vec![renewed("pending0", "again")]).await;
    assert_eq!(known, Ok(Pushed { new: 0, known: vec![0] }));
}
