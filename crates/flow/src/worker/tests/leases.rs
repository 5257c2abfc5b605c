//! Heartbeats and lost leases.

use std::sync::Arc;

use super::{
    faulty_queue::{Fault, FaultyQueue},
    harness::{Crowd, Harness, pass},
};
use crate::{
    job::{JobEventKind, JobState},
    lane::Lane,
    shutdown::Phase,
    stage::Attempt,
    worker::{Ended, Until},
};

#[tokio::test(start_paused = true)]
async fn leases_are_extended_while_the_stage_works() {
    let mut harness = Harness::with(&["a", "b"]).await;
    harness.config.lease_ms = 1_000;
    let ended = harness
        .run(async |_, _| {
            pass(30_000).await;
            Ok(vec![])
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    for key in ["a", "b"] {
        let job = harness.view(key).await;
        assert_eq!((job.state, job.attempts, job.history.len()), (JobState::Done, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn leases_are_extended_during_a_drain() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.lease_ms = 1_000;
    let trigger = harness.trigger.clone();
    let ended = harness
        .run(move |_, _| {
            trigger.advance(Phase::Draining);
            async {
                pass(30_000).await;
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(harness.view("a").await.state, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn finished_work_has_no_heartbeat() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.until = Until::Stopped;
    let queue = FaultyQueue::new(&harness.queue, Fault::ExtendBreaks);
    let (ended, ()) = tokio::join!(harness.run_on(queue, async |_, _| Ok(vec![])), async {
        pass(2 * harness.config.lease_ms).await;
        harness.trigger.advance(Phase::Draining);
    });
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(harness.counted(), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn work_whose_lease_was_lost_is_dropped_and_done_again() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.lease_ms = 1_000;
    let crowd = Arc::new(Crowd::default());
    let (seen, queue) = (Arc::clone(&crowd), Arc::clone(&harness.queue));
    let ended = harness
        .run(move |_, attempt: Attempt| {
            let (guest, queue) = (seen.enter(), Arc::clone(&queue));
            async move {
                if attempt.number == 1 {
                    pass(100).await;
                    queue.advance(1_000);
                    std::future::pending::<()>().await;
                }
                drop(guest);
                assert_eq!(attempt, Attempt { number: 2, failures: 0 });
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2));
    assert!(matches!(job.history[..], [ref event] if event.what == JobEventKind::Lost), "{:?}", job.history);
    assert_eq!((crowd.entered(), crowd.inside()), (2, 0));
    assert_eq!(harness.counted(), [1, 0, 0, 0]);
}

/// The queue no longer holds the lease, because the job is done: that is no reason to forget that it was.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_does_not_interrupt_an_acknowledgement() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.lease_ms = 1_000;
    let queue = FaultyQueue::new(&harness.queue, Fault::CompleteIsSlow(5_000));
    assert_eq!(harness.run_on(queue, async |_, _| Ok(vec![])).await.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
    assert_eq!(harness.counted(), [1, 0, 0, 0]);
}
