//! What a stage's failures mean for its jobs.

use std::{future::Ready, time::Duration};

use tokio::time::Instant;

use super::harness::{Harness, Input, Next, Ran, pass};
use crate::{
    failure::{Failure, Reason},
    job::{JobEvent, JobEventKind, JobState, JobView, Lease, NewJob},
    lane::Lane,
    queue::BATCH_MAX,
    stage::{Attempt, Ending, Report, Requeue},
    worker::Ended,
};

fn failures(job: &JobView) -> Vec<Failure> {
    let of = |event: &JobEvent| match &event.what {
        JobEventKind::Failed(failure) | JobEventKind::Died(failure) => Some(failure.clone()),
        JobEventKind::Lost | JobEventKind::Retried | JobEventKind::Moved(_) => None,
    };
    job.history.iter().filter_map(of).collect()
}

async fn assert_dies_of_panic(harness: &Harness) {
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts, job.failures), (JobState::Dead, 3, 3));
    assert_eq!(failures(&job).len(), 3);
    for failure in failures(&job) {
        assert_eq!(failure.reason, Reason::Internal);
        assert!(failure.message.contains("boom"), "{failure}");
    }
    assert_eq!(harness.counted(), [0, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_its_job() {
    let harness = Harness::with(&["a"]).await;
    assert_eq!(harness.run(async |_, _| panic!("boom")).await.unwrap(), Ended::Finished);
    assert_dies_of_panic(&harness).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_a_failure_of_its_job() {
    fn at_once(_: Input, _: Attempt) -> Ready<Ran> {
        panic!("{}", String::from("boom"))
    }
    let harness = Harness::with(&["a"]).await;
    assert_eq!(harness.run(at_once).await.unwrap(), Ended::Finished);
    assert_dies_of_panic(&harness).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_making_a_follow_up_job_is_a_failure_of_its_job() {
    let harness = Harness::with(&["a"]).await;
    let ended = harness.run(async |_, _| Ok(vec![Next("fine".into()), Next("panic".into())])).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_dies_of_panic(&harness).await;
    assert_eq!(harness.counts(Lane::Store).await, [0; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_touches_no_other_job() {
    let harness = Harness::with(&["a", "b"]).await;
    let ended = harness
        .run(async |input: Input, _| {
            pass(100).await;
            assert_eq!(input.key, "b");
            Ok(vec![])
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_retried_with_delays_up_to_the_limit() {
    let harness = Harness::with(&["a"]).await;
    let began = Instant::now();
    let ended = harness
        .run(async |_, attempt: Attempt| {
            let Attempt { number, failures } = attempt;
            Err(Ending::retry(Reason::Connect, format!("attempt {number} after {failures}")).into())
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!(job.state, JobState::Dead);
    let told: Vec<_> = failures(&job).into_iter().map(|failure| failure.message).collect();
    assert_eq!(told, ["attempt 1 after 0", "attempt 2 after 1", "attempt 3 after 2"]);
    assert!(matches!(job.history[1].what, JobEventKind::Failed(_)));
    assert!(matches!(job.history[2].what, JobEventKind::Died(_)));
    let wait_ms = |attempt| {
        let lease = Lease { id: job.id, attempt };
        harness.config.retry.wait_ms(lease, attempt, 0, None).expect("it is tried again")
    };
    let waits = Duration::from_millis(wait_ms(1) + wait_ms(2));
    assert!(began.elapsed() >= waits, "{:?} for {waits:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_succeeds_at_last_is_done() {
    let harness = Harness::with(&["a"]).await;
    let ended = harness
        .run(async |input: Input, attempt: Attempt| match attempt.failures {
            0 | 1 => Err(Ending::retry(Reason::Timeout, "slow").into()),
            _ => Ok(vec![Next(input.key)]),
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 1, 0]);
    assert_eq!(harness.counts(Lane::Store).await, [1, 0, 0, 0, 0]);
    assert_eq!(harness.counted(), [1, 0, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_and_the_group_pause_that_the_stage_asks_for_are_kept() {
    for (after_ms, group_pause_ms, a_waits_ms, b_waits_ms) in
        [(20_000, 0, 20_000, 0), (0, 30_000, 30_000, 30_000)]
    {
        let mut harness = Harness::with(&["a", "b"]).await;
        harness.config.concurrency = 1;
        let ended = harness
            .run(move |input, attempt| async move {
                if input.key == "b" || attempt.number > 1 {
                    return Ok(vec![]);
                }
                let failure = Failure::new(Reason::HttpStatus, "429");
                Err(Report {
                    ending: Ending::Retry { failure, after_ms: Some(after_ms) },
                    group_pause_ms,
                    request: None,
                })
            })
            .await;
        assert_eq!(ended.unwrap(), Ended::Finished);
        let (a, b) = (harness.view("a").await, harness.view("b").await);
        let failed_ms = a.history[0].at_ms;
        let late = |job: &JobView, waits_ms| (job.changed_ms - failed_ms).checked_sub(waits_ms);
        assert!(late(&a, a_waits_ms).is_some_and(|ms| ms < 1_000), "{:?}", late(&a, a_waits_ms));
        assert!(late(&b, b_waits_ms).is_some_and(|ms| ms < 1_000), "{:?}", late(&b, b_waits_ms));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rerouted_job_is_claimed_as_revised_without_failures() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.retry.retries_max = 0;
    let ended = harness
        .run(async |input: Input, attempt: Attempt| {
            assert_eq!(attempt, Attempt { number: input.way + 1, failures: 0 });
            if input.way == 5 {
                return Ok(vec![Next(format!("{} {}", input.key, input.way))]);
            }
            let failure = Failure::new(Reason::HttpStatus, "404");
            let job = Box::new(Input { way: input.way + 1, ..input });
            Err(Ending::Requeue(Requeue::Rerouted { failure, after_ms: 0, job }).into())
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 6));
    assert_eq!(harness.counts(Lane::Store).await, [1, 0, 0, 0, 0]);
    assert_eq!(harness.counted(), [1, 0, 5, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_moved_job_has_no_failure_and_no_retry() {
    let mut harness = Harness::with(&["a"]).await;
    harness.config.retry.retries_max = 0;
    let ended = harness
        .run(async |input: Input, attempt: Attempt| {
            assert_eq!(attempt, Attempt { number: input.way + 1, failures: 0 });
            if input.way == 3 {
                return Ok(vec![Next(input.key)]);
            }
            let why = Failure::new(Reason::Redirect, "redirected");
            let job = Box::new(Input { way: input.way + 1, ..input });
            Err(Ending::Requeue(Requeue::Moved { why, job }).into())
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts, job.failures), (JobState::Done, 4, 0));
    assert_eq!((job.last_failure(), job.history.len()), (None, 3));
    assert_eq!(harness.counted(), [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_is_not_retried() {
    let harness = Harness::with(&["a"]).await;
    let ended = harness.run(async |_, _| Err(Ending::dead(Reason::Robots, "forbidden").into())).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts), (JobState::Dead, 1));
    assert_eq!(job.last_failure(), Some(&Failure::new(Reason::Robots, "forbidden")));
    assert_eq!(harness.counted(), [0, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_cannot_be_read_is_dead() {
    let harness = Harness::new();
    harness.push_jobs(vec![NewJob { payload: b"{\"key\":".to_vec(), ..Input::new("a").into() }]).await;
    assert_eq!(harness.run(async |_, _| Ok(vec![])).await.unwrap(), Ended::Finished);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts), (JobState::Dead, 1));
    assert_eq!(job.last_failure().map(|failure| failure.reason), Some(Reason::Internal));
    assert_eq!(job.payload, b"{\"key\":", "it can be looked at");
}

/// Else its lease would run out, it would be claimed again and stop the worker again, for ever.
#[tokio::test(start_paused = true)]
async fn a_job_whose_result_the_queue_refuses_is_dead() {
    let harness = Harness::with(&["many", "other key", "good"]).await;
    let ended = harness
        .run(async |input: Input, _| match input.key.as_str() {
            "many" => Ok((0..=BATCH_MAX).map(|at| Next(at.to_string())).collect()),
            "good" => Ok(vec![]),
            _ => {
                let failure = Failure::new(Reason::HttpStatus, "404");
                let job = Box::new(Input::new("another"));
                Err(Ending::Requeue(Requeue::Rerouted { failure, after_ms: 0, job }).into())
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    for key in ["many", "other key"] {
        let job = harness.view(key).await;
        assert_eq!((job.state, job.attempts), (JobState::Dead, 1));
        assert_eq!(job.last_failure().map(|failure| failure.reason), Some(Reason::Internal));
    }
    assert_eq!(harness.counts(Lane::Store).await, [0; 5]);
    assert_eq!(harness.counted(), [1, 2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_sent_back_is_replaced_by_a_job_of_an_earlier_stage() {
    // The worker's lane is also the earlier one. The job that is sent back to it is another job, which is
    // done already.
    let harness = Harness::with(&["lost"]).await;
    harness.run(async |_, _| Ok(vec![])).await.unwrap();
    harness.push(&["later"]).await;
    let ended = harness
        .run(async |input: Input, _| match input.key.as_str() {
            "later" => {
                let job = Box::new(NewJob::from(Input { key: "lost".to_owned(), way: 1 }).renewed());
                let failure = Failure::new(Reason::Internal, "it is gone");
                Err(Ending::Requeue(Requeue::SentBack { failure, job }).into())
            }
            _ => {
                assert_eq!(input.way, 1, "it is the new one");
                Ok(vec![])
            }
        })
        .await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!(harness.counts(Lane::Fetch).await, [0, 0, 0, 2, 0], "nothing died, nothing is lost");
}
