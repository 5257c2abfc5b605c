//! When and how a worker ends.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    faulty_queue::{Fault, FaultyQueue, broken},
    harness::{Crowd, Harness, Input, LANE_CAPACITY, Next, pass},
};
use crate::{
    failure::{Failure, Reason},
    job::{JobState, NewJob, Selection},
    lane::Lane,
    queue::{CursorMove, GroupLimit, JobQueue, Push, QueueAdmin, QueueError, Registration},
    shutdown::Phase,
    stage::Ending,
    worker::{Ended, OnDeath, Until, WorkerError},
};

#[tokio::test(start_paused = true)]
async fn a_worker_runs_until_its_lane_is_drained_and_adds_follow_up_jobs() {
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let harness = Harness::with(&keys).await;
    let ended = harness.run(async |input: Input, _| Ok(vec![Next(input.key)])).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 7, 0]);
    assert_eq!(harness.counts(Lane::Store).await, [7, 0, 0, 0, 0]);
    assert_eq!(harness.counted(), [7, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_registered_while_it_works() {
    let harness = Harness::with(&["a"]).await;
    let queue = Arc::clone(&harness.queue);
    let ended = harness
        .run(move |_, _| {
            let queue = Arc::clone(&queue);
            async move {
                let workers = queue.stats().await.unwrap().lane(Lane::Fetch).workers;
                Ok(vec![Next(format!("{workers} at work"))])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let stats = harness.queue.stats().await.unwrap();
    assert_eq!(stats.lane(Lane::Fetch).workers, 0);
    let next = harness.queue.list(Default::default(), None, 9).await.unwrap();
    assert!(next.iter().any(|job| job.key == "1 at work"), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_jobs_run_at_a_time_than_allowed_and_no_fewer() {
    let mut harness = Harness::with(&["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    harness.config.concurrency = 3;
    let crowd = Arc::new(Crowd::default());
    let seen = Arc::clone(&crowd);
    let ended = harness
        .run(move |input, _| {
            let guest = seen.enter();
            async move {
                pass(100 + 10 * u64::from(input.key.as_bytes()[0])).await;
                drop(guest);
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!((crowd.most(), crowd.entered()), (3, 8));
}

#[tokio::test(start_paused = true)]
async fn groups_are_limited_as_configured() {
    let mut harness = Harness::with(&["a", "b", "c"]).await;
    harness.config.group_limit = GroupLimit { in_flight: 1, interval_ms: 2_000 };
    let began = Instant::now();
    assert_eq!(harness.run(async |_, _| Ok(vec![])).await.unwrap(), Ended::Finished);
    assert!(began.elapsed() >= Duration::from_millis(4_000), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(5_000), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_is_in_flight_and_claims_no_more() {
    let mut harness = Harness::with(&["a", "b", "c", "d", "e"]).await;
    harness.config.concurrency = 2;
    let trigger = harness.trigger.clone();
    let ended = harness
        .run(move |_, _| {
            let trigger = trigger.clone();
            async move {
                pass(100).await;
                trigger.advance(Phase::Draining);
                pass(5_000).await;
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(harness.counts(Lane::Fetch).await, [3, 0, 0, 2, 0]);
    assert_eq!(harness.counted(), [2, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn jobs_claimed_during_a_drain_are_released() {
    for round in 0..40 {
        let harness = Harness::with(&["a", "b"]).await;
        let fault = Fault::DrainsWhileGranting(harness.trigger.clone(), round % 2);
        let crowd = Arc::new(Crowd::default());
        let seen = Arc::clone(&crowd);
        let ended = harness
            .run_on(FaultyQueue::new(&harness.queue, fault), move |_, _| {
                seen.enter();
                async { Ok(vec![]) }
            })
            .await;
        assert_eq!(ended.unwrap(), Ended::Stopped);
        assert_eq!(crowd.entered(), 0);
        for key in ["a", "b"] {
            let job = harness.view(key).await;
            assert_eq!((job.state, job.attempts, job.failures), (JobState::Ready, 1, 0));
            assert!(job.history.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_now_drops_the_work_and_the_jobs_come_back() {
    let harness = Harness::with(&["a", "b", "c"]).await;
    let crowd = Arc::new(Crowd::default());
    let (seen, trigger) = (Arc::clone(&crowd), harness.trigger.clone());
    let began = Instant::now();
    let ended = harness
        .run(move |_, _| {
            let (guest, trigger) = (seen.enter(), trigger.clone());
            async move {
                pass(100).await;
                trigger.advance(Phase::Now);
                std::future::pending::<()>().await;
                drop(guest);
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(began.elapsed(), Duration::from_millis(100));
    assert_eq!((crowd.entered(), crowd.inside()), (3, 0));
    assert_eq!(harness.counts(Lane::Fetch).await, [3, 0, 0, 0, 0]);
    assert_eq!(harness.counted(), [0, 0, 0, 0]);
    assert!(harness.view("a").await.history.is_empty(), "given back, not lost");
}

#[tokio::test(start_paused = true)]
async fn a_stop_now_ends_although_the_queue_is_silent() {
    let harness = Harness::with(&["a"]).await;
    let queue = FaultyQueue::new(&harness.queue, Fault::Silent);
    let trigger = harness.trigger.clone();
    let began = Instant::now();
    let ended = harness
        .run_on(queue, move |_, _| {
            let trigger = trigger.clone();
            async move {
                pass(100).await;
                trigger.advance(Phase::Now);
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_stops_all_workers_if_so_configured() {
    for _ in 0..20 {
        let mut harness = Harness::with(&["bad", "b", "c"]).await;
        harness.config.on_death = OnDeath::FailFast;
        harness.config.concurrency = 2;
        let ended = harness
            .run(async |input: Input, _| match input.key.as_str() {
                "bad" => Err(Ending::dead(Reason::NotText, "an HTML page").into()),
                _ => {
                    pass(1_000).await;
                    Ok(vec![])
                }
            })
            .await;
        assert_eq!(ended.unwrap(), Ended::Stopped);
        assert_eq!(harness.counts(Lane::Fetch).await, [1, 0, 0, 1, 1]);
        assert_eq!(harness.counted(), [1, 1, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_stops_no_worker_otherwise() {
    let mut harness = Harness::with(&["bad", "b", "c"]).await;
    harness.config.concurrency = 1;
    let ended = harness
        .run(async |input: Input, _| match input.key.as_str() {
            "bad" => Err(Ending::dead(Reason::NotText, "an HTML page").into()),
            _ => Ok(vec![]),
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_can_end_at_the_first_empty_claim() {
    let mut harness = Harness::with(&["a", "later"]).await;
    harness.config.until = Until::FirstEmpty;
    harness.config.concurrency = 1;
    let began = Instant::now();
    let ended = harness
        .run(async |input: Input, _| match input.key.as_str() {
            "later" => Err(Ending::retry(Reason::Connect, "not now").into()),
            _ => Ok(vec![]),
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 1, 0, 1, 0]);
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_empty_lane_is_asked_a_few_times_a_second_while_jobs_are_in_flight() {
    for until in [Until::FirstEmpty, Until::Drained, Until::Stopped] {
        let mut harness = Harness::with(&["a"]).await;
        harness.config.until = until;
        let queue = FaultyQueue::new(&harness.queue, Fault::None);
        let trigger = harness.trigger.clone();
        let ended = harness
            .run_on(Arc::clone(&queue) as Arc<dyn JobQueue>, move |_, _| {
                let trigger = trigger.clone();
                async move {
                    pass(10_000).await;
                    if until == Until::Stopped {
                        trigger.advance(Phase::Draining);
                    }
                    Ok(vec![])
                }
            })
            .await;
        assert!(ended.is_ok());
        assert!((10..=50).contains(&queue.claims()), "{until:?}: {}", queue.claims());
        assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_claims_again_at_once_when_a_job_ends() {
    let mut harness = Harness::with(&["a", "b", "c"]).await;
    harness.config.until = Until::FirstEmpty;
    harness.config.group_limit = GroupLimit { in_flight: 1, interval_ms: 0 };
    let began = Instant::now();
    let ended = harness
        .run(async |_, _| {
            pass(10).await;
            Ok(vec![])
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 3, 0]);
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_end_waits_for_new_jobs_without_spinning() {
    let mut harness = Harness::new();
    harness.config.until = Until::Stopped;
    let queue = FaultyQueue::new(&harness.queue, Fault::None);
    let asked = Arc::clone(&queue) as Arc<dyn JobQueue>;
    let (ended, ()) = tokio::join!(harness.run_on(asked, async |_, _| Ok(vec![])), async {
        pass(10_000).await;
        assert!((2..=50).contains(&queue.claims()), "{}", queue.claims());
        harness.push(&["a"]).await;
        pass(500).await;
        assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
        harness.trigger.advance(Phase::Draining);
    });
    assert_eq!(ended.unwrap(), Ended::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_worker_waits_while_sources_are_being_fed() {
    for until in [Until::FirstEmpty, Until::Drained] {
        let mut harness = Harness::new();
        harness.config.until = until;
        let step = |from, entries| CursorMove {
            source: "list".into(),
            from,
            offset: entries,
            entries,
            entries_total: 1,
        };
        harness.queue.push(Push { jobs: vec![], cursor: Some(step(None, 0)) }).await.unwrap();
        let queue = FaultyQueue::new(&harness.queue, Fault::None);
        let asked = Arc::clone(&queue) as Arc<dyn JobQueue>;
        let (ended, ()) = tokio::join!(harness.run_on(asked, async |_, _| Ok(vec![])), async {
            pass(10_000).await;
            let fed = Push { jobs: vec![Input::new("a").into()], cursor: Some(step(Some(0), 1)) };
            harness.queue.push(fed).await.unwrap();
        });
        assert_eq!(ended.unwrap(), Ended::Finished);
        assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
        assert!((10..=50).contains(&queue.claims()), "{until:?}: {}", queue.claims());
    }
}

async fn fill_store(harness: &Harness) {
    let full = (0..LANE_CAPACITY).map(|at| NewJob::new(Lane::Store, &format!("s{at}"), &at)).collect();
    harness.push_jobs(full).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_downstream_without_workers_ends_the_worker() {
    let harness = Harness::with(&["a"]).await;
    fill_store(&harness).await;
    assert_eq!(harness.run(async |_, _| Ok(vec![])).await.unwrap(), Ended::Blocked);
    assert_eq!(harness.counts(Lane::Fetch).await, [1, 0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_waits_for_a_full_lane_downstream_with_workers() {
    let harness = Harness::with(&["a"]).await;
    fill_store(&harness).await;
    harness.queue.register_worker(Lane::Store, Registration::Add).await.unwrap();
    let (ended, ()) = tokio::join!(harness.run(async |_, _| Ok(vec![])), async {
        pass(10_000).await;
        assert_eq!(harness.counts(Lane::Fetch).await, [1, 0, 0, 0, 0]);
        harness.queue.drop_jobs(Selection { key: Some("s0".into()), ..Default::default() }).await.unwrap();
    });
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_queue_ends_the_worker_with_its_error() {
    let troubles = [
        (Fault::ClaimsBreak, [0, 0, 0, 1, 0]),
        (Fault::ExtendBreaks, [0, 0, 0, 1, 0]),
        (Fault::CompleteBreaks, [0, 0, 1, 0, 0]),
    ];
    for (fault, counts) in troubles {
        let harness = Harness::with(&["a"]).await;
        let queue = FaultyQueue::new(&harness.queue, fault);
        let ended = harness
            .run_on(queue, async |_, _| {
                pass(20_000).await;
                Ok(vec![])
            })
            .await;
        let error = ended.expect_err("the queue broke");
        assert!(matches!(error, WorkerError::Queue(QueueError::Broken(_))), "{error}");
        assert_eq!(error.to_string(), broken::<()>().unwrap_err().to_string());
        assert_eq!(harness.counts(Lane::Fetch).await, counts, "what was in flight is finished first");
    }
}

#[tokio::test(start_paused = true)]
async fn a_halt_stops_the_worker_and_keeps_the_job() {
    let mut harness = Harness::with(&["full", "b", "c"]).await;
    harness.config.concurrency = 2;
    let ended = harness
        .run(async |input: Input, _| match input.key.as_str() {
            "full" => Err(Ending::Halt(Failure::new(Reason::DiskFull, "no space left")).into()),
            _ => {
                pass(1_000).await;
                Ok(vec![])
            }
        })
        .await;
    let error = ended.expect_err("the machine cannot go on");
    assert!(matches!(&error, WorkerError::Halted(failure) if failure.reason == Reason::DiskFull), "{error}");
    let job = harness.view("full").await;
    assert_eq!((job.state, job.failures, job.attempts), (JobState::Ready, 0, 1));
    assert!(job.history.is_empty());
    assert_eq!(harness.counts(Lane::Fetch).await, [2, 0, 0, 1, 0]);
    assert_eq!(harness.counted(), [1, 0, 0, 0]);
}
