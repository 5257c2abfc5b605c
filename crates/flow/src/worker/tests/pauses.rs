//! Groups are left alone as stages wish, whatever became of the job.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::bench::{Bench, Input, Next};
use crate::{
    clock::Millis,
    failure::{Failure, Reason},
    job::State,
    lane::Lane,
    queue::RESTING_AFTER_MS,
    stage::{Attempt, Done, Stage, StageError},
    worker::Ended,
};

const PAUSE_MS: Millis = 7_000;

type Ran = Result<Done<Next>, StageError<Input>>;

/// Notes when it is run, and ends as a function says that is given the number of the run.
struct Noting {
    runs: Arc<Mutex<Vec<Instant>>>,
    end: fn(usize, Input) -> Ran,
}

impl Stage for Noting {
    const LANE: Lane = Lane::Fetch;
    type Input = Input;
    type Output = Next;

    async fn run(&self, input: Input, _attempt: Attempt) -> Ran {
        let number = {
            let mut runs = self.runs.lock().unwrap();
            runs.push(Instant::now());
            runs.len()
        };
        (self.end)(number, input)
    }
}

/// The waits between the runs of a worker over two jobs of one group.
async fn waits(end: fn(usize, Input) -> Ran) -> (Bench, Vec<Duration>) {
    let mut bench = Bench::with(&["a", "b"]).await;
    bench.config.group_limit.in_flight = 1;
    let runs = Arc::default();
    let ended = bench.run_stage(Noting { runs: Arc::clone(&runs), end }).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    let runs = runs.lock().unwrap();
    let waits = runs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    drop(runs);
    (bench, waits)
}

fn done() -> Ran {
    Ok(Vec::new().into())
}

fn failure() -> Failure {
    Failure::new(Reason::HttpStatus, "a test wants it")
}

fn assert_paused(waits: &[Duration]) {
    assert!(waits[0] >= Duration::from_millis(PAUSE_MS), "{waits:?}");
    assert!(waits[0] < Duration::from_millis(2 * PAUSE_MS), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_job_done() {
    let pausing = |number, _| match number {
        1 => Ok(Done { next: Vec::new(), group_pause_ms: PAUSE_MS }),
        _ => done(),
    };
    assert_paused(&waits(pausing).await.1);
}

#[tokio::test(start_paused = true)]
async fn after_a_job_that_goes_on_elsewhere() {
    let pausing = |number, input| match number {
        1 => Err(StageError::Moved { why: failure(), group_pause_ms: PAUSE_MS, revised: Box::new(input) }),
        _ => done(),
    };
    assert_paused(&waits(pausing).await.1);
}

#[tokio::test(start_paused = true)]
async fn after_a_fatal_failure() {
    let pausing = |number, _| match number {
        1 => Err(StageError::Fatal { failure: failure(), group_pause_ms: PAUSE_MS }),
        _ => done(),
    };
    assert_paused(&waits(pausing).await.1);
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_that_may_pass_and_after_the_last_of_them() {
    let pausing = |number, _| match number {
        1..=3 => Err(StageError::Retry { failure: failure(), after_ms: None, group_pause_ms: PAUSE_MS }),
        _ => done(),
    };
    let (bench, waits) = waits(pausing).await;
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(PAUSE_MS)), "{waits:?}");
    assert_eq!((waits.len(), bench.metered()), (3, [1, 1, 2, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_rerouted_job_may_pause_its_group() {
    let pausing = |number, input: Input| match number {
        1 => Err(StageError::Reroute {
            failure: failure(),
            after_ms: 0,
            group_pause_ms: PAUSE_MS,
            revised: Box::new(input),
        }),
        _ => done(),
    };
    assert_paused(&waits(pausing).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_put_off_has_not_failed() {
    let pausing = |number, _| match number {
        1 => Err(StageError::Defer { group_pause_ms: PAUSE_MS }),
        _ => done(),
    };
    let (bench, waits) = waits(pausing).await;
    assert_paused(&waits);
    let job = bench.view("a").await;
    assert_eq!((job.state, job.attempts, job.failures), (State::Done, 2, 0));
    assert!(job.history.is_empty());
    assert_eq!(bench.metered(), [2, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_does_not_wait_for_groups_that_rest() {
    let bench = Bench::with(&["a", "b"]).await;
    let end = |_, input: Input| {
        Err(StageError::Reroute {
            failure: failure(),
            after_ms: 0,
            group_pause_ms: 2 * RESTING_AFTER_MS,
            revised: Box::new(input),
        })
    };
    let began = Instant::now();
    let ended = bench.run_stage(Noting { runs: Arc::default(), end }).await;
    assert_eq!(ended.unwrap(), Ended::Resting);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(bench.counts(Lane::Fetch).await, [2, 0, 0, 0, 0]);
}
