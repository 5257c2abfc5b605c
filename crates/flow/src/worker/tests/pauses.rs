//! Pauses of groups: they follow every ending of a job.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::harness::{Harness, Input, Next};
use crate::{
    clock::Millis,
    failure::{Failure, Reason},
    job::JobState,
    lane::Lane,
    queue::RESTING_AFTER_MS,
    stage::{Attempt, Ending, Report, Requeue, Stage},
    worker::Ended,
};

const PAUSE_MS: Millis = 7_000;

/// Notes when it is run, and ends as a function says that is given the number of the run.
struct Noting {
    runs: Arc<Mutex<Vec<Instant>>>,
    end: fn(usize, Input) -> Report<Input, Next>,
}

impl Stage for Noting {
    const LANE: Lane = Lane::Fetch;
    type Input = Input;
    type Output = Next;

    async fn run(&self, input: Input, _attempt: Attempt) -> Report<Input, Next> {
        let number = {
            let mut runs = self.runs.lock().unwrap();
            runs.push(Instant::now());
            runs.len()
        };
        (self.end)(number, input)
    }
}

/// The waits between the runs of a worker over two jobs of one group.
async fn waits(end: fn(usize, Input) -> Report<Input, Next>) -> (Harness, Vec<Duration>) {
    let mut harness = Harness::with(&["a", "b"]).await;
    harness.config.group_limit.in_flight = 1;
    let runs = Arc::default();
    let ended = harness.run_stage(Noting { runs: Arc::clone(&runs), end }).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let runs = runs.lock().unwrap();
    let waits = runs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    drop(runs);
    (harness, waits)
}

fn done() -> Report<Input, Next> {
    Ending::Done(Vec::new()).into()
}

fn pausing(ending: Ending<Input, Next>) -> Report<Input, Next> {
    Report::from(ending).pausing_group(PAUSE_MS)
}

fn failure() -> Failure {
    Failure::new(Reason::HttpStatus, "a test wants it")
}

fn rerouted(input: Input) -> Ending<Input, Next> {
    Ending::Requeue(Requeue::Rerouted { failure: failure(), after_ms: 0, job: Box::new(input) })
}

fn assert_paused(waits: &[Duration]) {
    assert!(waits[0] >= Duration::from_millis(PAUSE_MS), "{waits:?}");
    assert!(waits[0] < Duration::from_millis(2 * PAUSE_MS), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_done_may_pause_its_group() {
    let end = |number, _| match number {
        1 => pausing(Ending::Done(Vec::new())),
        _ => done(),
    };
    assert_paused(&waits(end).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_moved_job_may_pause_its_group() {
    let end = |number, input| match number {
        1 => pausing(Ending::Requeue(Requeue::Moved { why: failure(), job: Box::new(input) })),
        _ => done(),
    };
    assert_paused(&waits(end).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_may_pause_its_group() {
    let end = |number, _| match number {
        1 => pausing(Ending::Dead(failure())),
        _ => done(),
    };
    assert_paused(&waits(end).await.1);
}

#[tokio::test(start_paused = true)]
async fn each_retry_and_the_last_failure_may_pause_the_group() {
    let end = |number, _| match number {
        1..=3 => pausing(Ending::Retry { failure: failure(), after_ms: None }),
        _ => done(),
    };
    let (harness, waits) = waits(end).await;
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(PAUSE_MS)), "{waits:?}");
    assert_eq!((waits.len(), harness.counted()), (3, [1, 1, 2, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_rerouted_job_may_pause_its_group() {
    let end = |number, input: Input| match number {
        1 => pausing(rerouted(input)),
        _ => done(),
    };
    assert_paused(&waits(end).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_requeued_job_has_not_failed() {
    let end = |number, _| match number {
        1 => pausing(Ending::Requeue(Requeue::Unchanged)),
        _ => done(),
    };
    let (harness, waits) = waits(end).await;
    assert_paused(&waits);
    let job = harness.view("a").await;
    assert_eq!((job.state, job.attempts, job.failures), (JobState::Done, 2, 0));
    assert!(job.history.is_empty());
    assert_eq!(harness.counted(), [2, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_does_not_wait_for_groups_with_long_pauses() {
    let harness = Harness::with(&["a", "b"]).await;
    let end = |_, input| Report::from(rerouted(input)).pausing_group(2 * RESTING_AFTER_MS);
    let began = Instant::now();
    let ended = harness.run_stage(Noting { runs: Arc::default(), end }).await;
    assert_eq!(ended.unwrap(), Ended::Resting);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(harness.counts(Lane::Fetch).await, [2, 0, 0, 0, 0]);
}
