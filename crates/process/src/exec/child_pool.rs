//! The children of a command: at most one for each slot, each with at most one document.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
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
    error::{ChildExit, ExecError},
};
use crate::schedule::busy_time::BusyTimes;

/// The number of tries after which a command is considered unusable.
const TRIES: u32 = 3;

/// The children and their slots.
#[derive(Debug)]
pub(super) struct ChildPool {
    config: ExecConfig,
    /// A permit for each free slot. A document waits here for its slot, until another document is done.
    free: Semaphore,
    /// The free slots. Locked for a moment only, never across an await.
    slots: Mutex<Vec<Slot>>,
    /// The time for which each slot has had documents.
    busy: BusyTimes,
    /// The number of fresh children in a row that exited with status 0 without an answer.
    quitters: AtomicU32,
}

#[derive(Debug)]
struct Slot {
    number: usize,
    /// `None` before the first document, and after a child was killed or exited.
    child: Option<Child>,
}

/// A slot for one document. It is returned to the pool when this is dropped.
#[derive(Debug)]
pub(super) struct SlotGuard<'p> {
    pool: &'p ChildPool,
    slot: Slot,
    since: Instant,
    _permit: SemaphorePermit<'p>,
}

impl ChildPool {
    pub(super) fn new(config: ExecConfig, slots: usize) -> Self {
        Self {
            config,
            free: Semaphore::new(slots),
            slots: Mutex::new((0..slots).map(|number| Slot { number, child: None }).collect()),
            busy: BusyTimes::new(slots),
            quitters: AtomicU32::new(0),
        }
    }

    pub(super) const fn config(&self) -> &ExecConfig {
        &self.config
    }

    /// Returns the time for which each slot has had documents.
    pub(super) fn busy_times(&self) -> Vec<Duration> {
        self.busy.all()
    }

    /// Waits for a free slot. The last one that was returned is taken first, because it probably has a child.
    pub(super) async fn acquire(&self) -> SlotGuard<'_> {
        let permit = self.free.acquire().await.expect("the semaphore is never closed");
        let slot = self.slots().pop().expect("there is a slot for each permit");
        SlotGuard { pool: self, slot, since: Instant::now(), _permit: permit }
    }

    /// Records that a child has answered, so the command works.
    pub(super) fn record_answer(&self) {
        self.quitters.store(0, Ordering::Relaxed);
    }

    /// Finds out why a fresh child exited with its first document: because of the document, or because the
    /// command does not work at all. In the second case it also fails without a document.
    pub(super) async fn diagnose(&self, exit: ChildExit) -> ExecError {
        if exit.is_success() {
            let tries = self.quitters.fetch_add(1, Ordering::Relaxed) + 1;
            return if tries < TRIES {
                ExecError::Exited(exit)
            } else {
                ExecError::Unusable { tries, given: "with documents in a row", exit }
            };
        }
        let mut last = exit;
        for _ in 0..TRIES {
            match Child::start(&self.config.command) {
                Ok(child) => match child.finish(self.config.timeout).await {
                    // A child that was killed for not exiting has not failed by itself.
                    ChildExit { status: None, .. } => return ExecError::Exited(last),
                    tried if tried.is_success() => return ExecError::Exited(last),
                    tried => last = ChildExit { stderr: last.stderr, ..tried },
                },
                Err(error) => return error,
            }
        }
        ExecError::Unusable { tries: TRIES, given: "without a document", exit: last }
    }

    /// Ends all children without a document, at the same time.
    pub(super) async fn end(&self, patience: Duration) {
        let children: Vec<Child> = self.slots().iter_mut().filter_map(|slot| slot.child.take()).collect();
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

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotGuard<'_> {
    /// Takes the child of this slot if it waits for a request, otherwise starts a fresh one. The slot has no
    /// child until [`put_back`](Self::put_back): a child that is not put back is killed.
    pub(super) async fn take_child(&mut self) -> Result<Child, ExecError> {
        if let Some(mut child) = self.slot.child.take()
            && child.is_waiting().await
        {
            return Ok(child);
        }
        let child = Child::start(&self.pool.config.command)?;
        debug_assert_eq!(child.history(), History::Fresh);
        Ok(child)
    }

    pub(super) fn put_back(&mut self, child: Child) {
        self.slot.child = Some(child);
    }
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        self.pool.busy.add(self.slot.number, self.since.elapsed());
        // The slot is back before the permit is: fields are dropped after this.
        let slot = Slot { number: self.slot.number, child: self.slot.child.take() };
        self.pool.slots().push(slot);
    }
}
