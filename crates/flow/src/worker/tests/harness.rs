//! A queue, a clock and little stages: what the tests of the loop share.

use std::{
    convert::identity,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::{interval, timeout};

use crate::{
    clock::Millis,
    counters::{Counter, Counters},
    events::{Event, EventKind, EventSink, RequestFacts},
    failure::Reason,
    job::{Group, JobId, JobView, NewJob, Selection},
    lane::Lane,
    queue::{GroupLimit, JobQueue, NamedLimits, Push, QueueAdmin},
    retry::RetryPolicy,
    shutdown::{Shutdown, Trigger, shutdown},
    stage::{Attempt, Ending, Report, Stage},
    testing::memory_queue::MemoryQueue,
    worker::{Ended, OnDeath, Until, Worker, WorkerConfig, WorkerError},
};

pub(super) const LANE_CAPACITY: usize = 100;
const TICK_MS: Millis = 50;

/// The payload of a job: its key, and which of several ways the stage takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) key: String,
    pub(super) way: u32,
}

impl Input {
    pub(super) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), way: 0 }
    }
}

impl From<Input> for NewJob {
    fn from(input: Input) -> Self {
        Self::new(Lane::Fetch, &input.key, &input).in_group(Group("group".into()))
    }
}

/// A follow-up job of this key; the key "panic" cannot be made into a job.
pub(super) struct Next(pub(super) String);

impl From<Next> for NewJob {
    fn from(next: Next) -> Self {
        assert_ne!(next.0, "panic", "boom");
        Self::new(Lane::Store, &next.0, &next.0)
    }
}

pub(super) type Ran = Result<Vec<Next>, Report<Input, Next>>;

/// A stage made of a function.
pub(super) struct FnStage<F>(pub(super) F);

impl<F, D> Stage for FnStage<F>
where
    F: Fn(Input, Attempt) -> D + Send + Sync + 'static,
    D: Future<Output = Ran> + Send + 'static,
{
    const LANE: Lane = Lane::Fetch;
    type Input = Input;
    type Output = Next;

    async fn run(&self, input: Input, attempt: Attempt) -> Report<Input, Next> {
        self.0(input, attempt).await.map_or_else(identity, |next| Ending::Done(next).into())
    }
}

/// Keeps the events of a worker.
#[derive(Debug, Default)]
pub(super) struct RecordedEvents(Mutex<Vec<Event>>);

impl RecordedEvents {
    /// Returns the key, number of attempt, end and reason of each attempt.
    pub(super) fn told(&self) -> Vec<(String, u32, EventKind, Option<Reason>)> {
        let events = self.0.lock().unwrap();
        let told = events.iter().map(|event| {
            let reason = event.failure.as_ref().map(|failure| failure.reason);
            (event.key.clone(), event.attempt, event.what, reason)
        });
        told.collect()
    }
}

impl RecordedEvents {
    /// Returns the request of each attempt.
    pub(super) fn requests(&self) -> Vec<Option<RequestFacts>> {
        self.0.lock().unwrap().iter().map(|event| event.request.clone()).collect()
    }
}

impl EventSink for RecordedEvents {
    fn record(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// One worker's surroundings.
pub(super) struct Harness {
    pub(super) queue: Arc<MemoryQueue>,
    pub(super) counters: Arc<Counters>,
    pub(super) trigger: Trigger,
    pub(super) events: Arc<RecordedEvents>,
    shutdown: Shutdown,
    pub(super) config: WorkerConfig,
}

impl Harness {
    /// Four jobs at a time, two retries a second apart, until drained.
    pub(super) fn new() -> Self {
        let (trigger, shutdown) = shutdown();
        let retry = RetryPolicy { retries_max: 2, age_max_ms: u64::MAX, base_ms: 1_000, cap_ms: 1_000 };
        let config = WorkerConfig {
            concurrency: 4,
            lease_ms: 60_000,
            group_limit: GroupLimit::NONE,
            named_limits: NamedLimits::new(),
            retry,
            until: Until::Drained,
            on_death: OnDeath::KeepGoing,
        };
        let queue = Arc::new(MemoryQueue::new(LANE_CAPACITY, 1_000_000));
        Self { queue, counters: Arc::default(), events: Arc::default(), trigger, shutdown, config }
    }

    /// With these jobs in the lane.
    pub(super) async fn with(keys: &[&str]) -> Self {
        let harness = Self::new();
        harness.push(keys).await;
        harness
    }

    pub(super) async fn push(&self, keys: &[&str]) {
        self.push_jobs(keys.iter().map(|key| Input::new(key).into()).collect()).await;
    }

    pub(super) async fn push_jobs(&self, jobs: Vec<NewJob>) {
        self.queue.push(Push { jobs, cursor: None }).await.unwrap();
    }

    /// Runs a worker to its end.
    pub(super) async fn run<F, D>(&self, stage: F) -> Result<Ended, WorkerError>
    where
        F: Fn(Input, Attempt) -> D + Send + Sync + 'static,
        D: Future<Output = Ran> + Send + 'static,
    {
        self.run_on(Arc::clone(&self.queue) as Arc<dyn JobQueue>, stage).await
    }

    /// Runs a worker of any stage.
    pub(super) async fn run_stage<S: Stage>(&self, stage: S) -> Result<Ended, WorkerError> {
        self.work(Arc::clone(&self.queue) as Arc<dyn JobQueue>, stage).await
    }

    /// Runs a worker that sees the queue through another.
    pub(super) async fn run_on<F, D>(&self, queue: Arc<dyn JobQueue>, stage: F) -> Result<Ended, WorkerError>
    where
        F: Fn(Input, Attempt) -> D + Send + Sync + 'static,
        D: Future<Output = Ran> + Send + 'static,
    {
        self.work(queue, FnStage(stage)).await
    }

    async fn work<S: Stage>(&self, queue: Arc<dyn JobQueue>, stage: S) -> Result<Ended, WorkerError> {
        let worker = Worker {
            stage: Arc::new(stage),
            queue,
            config: self.config.clone(),
            counters: Arc::clone(&self.counters),
            events: Arc::clone(&self.events) as Arc<dyn EventSink>,
            shutdown: self.shutdown.clone(),
            trigger: self.trigger.clone(),
        };
        let ended = async {
            tokio::select! {
                ended = worker.run() => ended,
                () = self.keep_time() => unreachable!("time does not end"),
            }
        };
        timeout(Duration::from_secs(3_600), ended).await.expect("the worker must end within an hour")
    }

    /// Turns the queue's clock as tokio's time passes.
    async fn keep_time(&self) {
        let mut ticks = interval(Duration::from_millis(TICK_MS));
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.queue.advance(TICK_MS);
        }
    }

    pub(super) async fn view(&self, key: &str) -> JobView {
        let selection = Selection { ids: vec![JobId::of(Lane::Fetch, key)], ..Selection::default() };
        self.queue.list(selection, None, 1).await.unwrap().pop().expect("the job is known")
    }

    /// Ready, delayed, leased, done and dead jobs of a lane.
    pub(super) async fn counts(&self, lane: Lane) -> [u64; 5] {
        let stats = self.queue.stats().await.unwrap();
        let lane = stats.lane(lane);
        [lane.ready, lane.delayed, lane.leased, lane.done, lane.dead]
    }

    /// Done, dead, retried, in flight.
    pub(super) fn counted(&self) -> [u64; 4] {
        let Counters { done, dead, retried, in_flight, .. } = &*self.counters;
        [done, dead, retried, in_flight].map(Counter::get)
    }
}

/// Lets so much of the paused time pass.
pub(super) async fn pass(ms: Millis) {
    timeout(Duration::from_millis(ms), std::future::pending::<()>()).await.expect_err("it never ends");
}

/// Counts how many are inside at a time.
#[derive(Default)]
pub(super) struct Crowd {
    inside: AtomicUsize,
    most: AtomicUsize,
    entered: AtomicUsize,
}

/// One that is inside, until dropped.
pub(super) struct Guest(Arc<Crowd>);

impl Crowd {
    pub(super) fn enter(self: &Arc<Self>) -> Guest {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        Guest(Arc::clone(self))
    }

    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}
