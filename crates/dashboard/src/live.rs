//! One sample of the run a second, for as long as somebody looks.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::Bytes;
use corpus::duplicate_list::{self, Duplicate};
use event_log::{
    line::{Kind, Line},
    reader::LogReader,
};
use flow::{
    clock::{Millis, millis},
    queue::QueueError,
};
use futures_util::{Stream, stream};
use monitor::{
    snapshot::Snapshot,
    status::{Requests, Status},
    traffic::{Recent, Traffic},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

use crate::run::Run;

/// The time between two samples.
const BEAT: Duration = Duration::from_secs(1);
/// The same while no process works on the run. Then the queue is opened for each sample, and hardly changes.
const IDLE_BEAT: Duration = Duration::from_secs(5);
/// The time after the last look at which sampling stops.
const LOOKED_AT: Duration = Duration::from_secs(10);
/// The time after the next sample is due for which a sample is still shown, because the queue may answer
/// slowly.
const LATE_MS: Millis = 1_500;
/// The maximum time that a request waits for a sample.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The maximum number of readers of `/events`.
pub(crate) const SUBSCRIBERS_MAX: usize = 32;
/// The number of lines of the log that are kept for the overview.
const NOTABLE_MAX: usize = 12;

/// A run at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) at_ms: Millis,
    /// The time before the queue was asked.
    begun_ms: Millis,
    /// The time of the next sample.
    next_ms: Millis,
    /// The queue, or why it cannot be read.
    pub(crate) snapshot: Result<Arc<Snapshot>, String>,
    pub(crate) log: Arc<LogFacts>,
    /// The error, if the log cannot be read.
    pub(crate) log_error: Option<String>,
    /// The JSON of `/api/status`. Empty without a snapshot.
    pub(crate) json: Bytes,
}

/// Facts from the event log.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFacts {
    pub(crate) traffic: Traffic,
    pub(crate) recent: Recent,
    /// The last failures and changes by people, the newest first.
    pub(crate) notable: VecDeque<Line>,
    pub(crate) duplicates: Vec<Duplicate>,
    /// True if there is no line at all.
    pub(crate) is_empty: bool,
}

/// The newest sample, and who looks at it.
#[derive(Clone)]
pub(crate) struct Live {
    samples: watch::Receiver<Option<Arc<Sample>>>,
    looks: Arc<Looks>,
    subscribers: Arc<Semaphore>,
    run: Arc<Run>,
}

/// Tells the sampler that somebody looks.
struct Looks {
    begun: Instant,
    last_ms: AtomicU64,
    wake: Notify,
    /// The time of the last change of the queue by a request. Older samples are not shown.
    changed_ms: AtomicU64,
    /// Wakes the sampler after such a change.
    changed: Notify,
}

impl Looks {
    fn since(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(last)
    }

    fn look(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

impl Live {
    /// Starts sampling, on the runtime of the caller.
    pub(crate) fn start(run: &Arc<Run>) -> Self {
        let (sender, samples) = watch::channel(None);
        let looks = Arc::new(Looks {
            begun: Instant::now(),
            last_ms: AtomicU64::new(0),
            wake: Notify::new(),
            changed_ms: AtomicU64::new(0),
            changed: Notify::new(),
        });
        tokio::spawn(sample(Arc::clone(run), sender, Arc::clone(&looks)));
        let subscribers = Arc::new(Semaphore::new(SUBSCRIBERS_MAX));
        Self { samples, looks, subscribers, run: Arc::clone(run) }
    }

    /// Returns a sample that is not old, or the last one if there comes none in time.
    pub(crate) async fn sample(&self) -> Option<Arc<Sample>> {
        self.looks.look();
        let now = self.run.clock.now_ms();
        let is_fresh = |sample: &Option<Arc<Sample>>| {
            let changed_ms = self.looks.changed_ms.load(Ordering::Relaxed);
            sample.as_ref().is_some_and(|sample| {
                sample.begun_ms >= changed_ms && sample.next_ms.saturating_add(LATE_MS) >= now
            })
        };
        let mut samples = self.samples.clone();
        let waiting = samples.wait_for(is_fresh);
        drop(tokio::time::timeout(WAIT_MAX, waiting).await);
        self.samples.borrow().clone()
    }

    /// Takes a new sample at once, because a request has changed the queue.
    pub(crate) fn change(&self) {
        self.looks.changed_ms.store(self.run.clock.now_ms(), Ordering::Relaxed);
        self.looks.changed.notify_one();
    }

    /// Returns the number of readers of [`events`](Self::events).
    pub(crate) fn subscribers(&self) -> usize {
        SUBSCRIBERS_MAX - self.subscribers.available_permits()
    }

    /// Returns a stream of samples, or `None` if there are too many readers. A slow reader skips samples.
    pub(crate) fn events(&self) -> Option<Sse<impl Stream<Item = io::Result<Event>> + use<>>> {
        let permit = Arc::clone(&self.subscribers).try_acquire_owned().ok()?;
        self.looks.look();
        let state = (self.samples.clone(), Arc::clone(&self.looks), Bytes::new(), permit, true);
        let events = stream::unfold(state, next_event);
        Some(Sse::new(events).keep_alive(KeepAlive::new()))
    }
}

/// The samples, the sampler's clock, the last JSON that was sent, the place among the readers, and whether
/// nothing has been sent yet.
type Reader = (watch::Receiver<Option<Arc<Sample>>>, Arc<Looks>, Bytes, OwnedSemaphorePermit, bool);

async fn next_event(reader: Reader) -> Option<(io::Result<Event>, Reader)> {
    let (mut samples, looks, mut sent, permit, mut is_first) = reader;
    loop {
        if !std::mem::take(&mut is_first) {
            samples.changed().await.ok()?;
        }
        looks.look();
        let sample = samples.borrow_and_update().clone();
        let Some(sample) = sample else { continue };
        let event = match &sample.snapshot {
            Ok(_) if sample.json != sent => {
                sent = sample.json.clone();
                let json = std::str::from_utf8(&sent).unwrap_or_default();
                Event::default().event("status").data(json)
            }
            Ok(_) => continue,
            Err(why) => {
                sent = Bytes::new();
                Event::default().event("problem").data(why.replace(['\r', '\n'], " "))
            }
        };
        return Some((Ok(event), (samples, looks, sent, permit, false)));
    }
}

async fn sample(run: Arc<Run>, sender: watch::Sender<Option<Arc<Sample>>>, looks: Arc<Looks>) {
    let mut follower = Follower { path: event_log::path_in(&run.path), reader: None, facts: Arc::default() };
    loop {
        if looks.since() > LOOKED_AT {
            looks.wake.notified().await;
            continue;
        }
        let begun = Instant::now();
        let (back, log_error) = follower.follow(run.path.clone()).await;
        follower = back;
        let begun_ms = run.clock.now_ms();
        let taken = take(&run).await;
        let beat = if matches!(taken, Ok((_, true))) { IDLE_BEAT } else { BEAT };
        let snapshot = taken.map(|(snapshot, _)| Arc::new(snapshot)).map_err(|error| error.to_string());
        let log = Arc::clone(&follower.facts);
        let json = snapshot.as_ref().map_or_else(|_| Bytes::new(), |snapshot| json(&run, snapshot, &log));
        let at_ms = run.clock.now_ms();
        // A machine that is busy is not asked more often than it can answer.
        let pause = beat.saturating_sub(begun.elapsed()).max(BEAT / 4);
        let next_ms = at_ms.saturating_add(millis(pause));
        let sample = Sample { at_ms, begun_ms, next_ms, snapshot, log, log_error, json };
        if sender.send(Some(Arc::new(sample))).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = looks.changed.notified() => {}
        }
    }
}

/// Returns a snapshot, and whether no other process uses the queue.
async fn take(run: &Run) -> Result<(Snapshot, bool), QueueError> {
    let open = run.open_queue().await?;
    let is_idle = open.is_idle();
    let taken = Snapshot::take(&*open.queue, &run.waits).await;
    open.close(taken.map(|snapshot| (snapshot, is_idle))).await
}

fn json(run: &Run, snapshot: &Snapshot, log: &LogFacts) -> Bytes {
    let requests = Requests::from(&log.traffic);
    let status = Status { output_dir: &run.path, snapshot, requests, duplicates: &log.duplicates };
    serde_json::to_vec(&status).unwrap_or_default().into()
}

/// Reads the event log as it grows.
struct Follower {
    path: PathBuf,
    reader: Option<LogReader>,
    facts: Arc<LogFacts>,
}

impl Follower {
    async fn follow(mut self, run: PathBuf) -> (Self, Option<String>) {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = self.read(&run);
            (self, read.err().map(|error| format!("the log of events cannot be read: {error}")))
        });
        reading.await.unwrap_or_else(|_| {
            let begun = Self { path, reader: None, facts: Arc::default() };
            (begun, Some("the log of events cannot be read: a panic".to_owned()))
        })
    }

    fn read(&mut self, run: &std::path::Path) -> io::Result<()> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                self.facts = Arc::new(LogFacts { is_empty: true, ..LogFacts::default() });
                LogReader::open(&self.path)?
            }
        };
        let duplicates = duplicate_list::read(run).unwrap_or_default();
        if duplicates != self.facts.duplicates {
            Arc::make_mut(&mut self.facts).duplicates = duplicates;
        }
        while let Some(line) = reader.next_line()? {
            let facts = Arc::make_mut(&mut self.facts);
            facts.is_empty = false;
            facts.traffic.add(&line);
            facts.recent.add(&line);
            if !matches!(line.event, Kind::Done | Kind::Requeued | Kind::Moved) {
                facts.notable.push_front(line);
                facts.notable.truncate(NOTABLE_MAX);
            }
        }
        self.reader = Some(reader);
        Ok(())
    }
}
