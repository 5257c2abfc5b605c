//! All children of a command: at most one for each place, each with at most one document.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};

use super::{
    child::{Child, History},
    config::ExecConfig,
    error::{Ending, ExecError},
};

/// How often a command is tried before it is said not to work.
const TRIES: u32 = 3;

/// The children, and their places.
#[derive(Debug)]
pub(super) struct ChildPool {
    config: ExecConfig,
    /// As many as there are places without a document. Who waits has a document and no place.
    free: Semaphore,
    /// The places without a document. Held for a moment, never while waiting.
    places: Mutex<Vec<Place>>,
    /// How long each place has had documents.
    busy_ns: Vec<AtomicU64>,
    /// How many fresh children in a row ended by themselves, well and without an answer, since any answered.
    quitters: AtomicU32,
}

#[derive(Debug)]
struct Place {
    number: usize,
    /// None before the first document, and after a child had to go.
    child: Option<Child>,
}

/// A place for one document. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat<'t> {
    pool: &'t ChildPool,
    place: Place,
    since: Instant,
    _permit: SemaphorePermit<'t>,
}

impl ChildPool {
    pub(super) fn new(config: ExecConfig, places: usize) -> Self {
        Self {
            config,
            free: Semaphore::new(places),
            places: Mutex::new((0..places).map(|number| Place { number, child: None }).collect()),
            busy_ns: (0..places).map(|_| AtomicU64::new(0)).collect(),
            quitters: AtomicU32::new(0),
        }
    }

    pub(super) const fn config(&self) -> &ExecConfig {
        &self.config
    }

    /// How long each place has had documents.
    pub(super) fn busy_times(&self) -> Vec<Duration> {
        self.busy_ns.iter().map(|ns| Duration::from_nanos(ns.load(Ordering::Relaxed))).collect()
    }

    /// Waits for a place; one with a child where there is one.
    pub(super) async fn seat(&self) -> Seat<'_> {
        let permit = self.free.acquire().await.expect("nobody closes the semaphore");
        let place = self.places().pop().expect("there are as many permits as places");
        Seat { pool: self, place, since: Instant::now(), _permit: permit }
    }

    /// A child has answered: the command works.
    pub(super) fn answered(&self) {
        self.quitters.store(0, Ordering::Relaxed);
    }

    /// A fresh child ended in its first document. Whether that was for the document, or the command does not
    /// work at all: then it also ends badly where it is given none.
    pub(super) async fn blame(&self, ending: Ending) -> ExecError {
        if ending.is_success() {
            let tries = self.quitters.fetch_add(1, Ordering::Relaxed) + 1;
            return if tries < TRIES {
                ExecError::Ended(ending)
            } else {
                ExecError::Unusable { tries, given: "with documents in a row", ending }
            };
        }
        let mut last = ending;
        for _ in 0..TRIES {
            match Child::start(&self.config.command) {
                Ok(child) => match child.finish(self.config.timeout).await {
                    // One that does not end has not ended badly.
                    Ending { status: None, .. } => return ExecError::Ended(last),
                    tried if tried.is_success() => return ExecError::Ended(last),
                    tried => last = Ending { said: last.said, ..tried },
                },
                Err(error) => return error,
            }
        }
        ExecError::Unusable { tries: TRIES, given: "without a document", ending: last }
    }

    /// Ends all children that have no document, side by side.
    pub(super) async fn end(&self, patience: Duration) {
        let children: Vec<Child> = self.places().iter_mut().filter_map(|place| place.child.take()).collect();
        let mut ending = JoinSet::new();
        for child in children {
            ending.spawn(child.end(patience.min(self.config.timeout)));
        }
        while let Some(ended) = ending.join_next().await {
            if let Err(error) = ended {
                tracing::warn!(%error, "failed to end a command");
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// The child of this place where it can be asked, else a fresh one. It is away until
    /// [`keep`](Self::keep).
    pub(super) async fn child(&mut self) -> Result<Child, ExecError> {
        if let Some(mut child) = self.place.child.take()
            && child.is_in_step().await
        {
            return Ok(child);
        }
        let child = Child::start(&self.pool.config.command)?;
        debug_assert_eq!(child.history(), History::Fresh);
        Ok(child)
    }

    pub(super) fn keep(&mut self, child: Child) {
        self.place.child = Some(child);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let ns = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.pool.busy_ns[self.place.number].fetch_add(ns, Ordering::Relaxed);
        let place = Place { number: self.place.number, child: self.place.child.take() };
        self.pool.places().push(place);
    }
}
