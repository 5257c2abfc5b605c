//! A [`JobQueue`] in memory: the simplest honest implementation of its contract.
//!
//! The core (`ledger`) is plain functions of `now`; this file is its asynchronous shell. Time stands still unless a
//! test turns it with [`MemoryQueue::advance`]; only a claim that waits for a job waits in tokio's time, which tests
//! may pause.

mod ledger;
mod record;
mod turns;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};

use self::ledger::Ledger;
use crate::{
    clock::{Clock, Millis},
    job::{Group, JobId, JobView, Lease, NewJob, Selection},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, Cursor, JobQueue, LaneStatus, Nack, Pause, Push, Pushed,
        QueueAdmin, QueueDetails, QueueError, QueueStats, Registration,
    },
};

/// A queue that lives as long as the value, with a clock that is turned by hand.
#[derive(Debug)]
pub struct MemoryQueue {
    ledger: Mutex<Ledger>,
    now_ms: AtomicU64,
    /// Waiting claims look again after each change.
    changed: Notify,
}

impl Default for MemoryQueue {
    /// Roomy lanes; the clock stands at the wall time of its making, so that a worker's age limit makes sense.
    fn default() -> Self {
        Self::new(10_000, Clock::start().now_ms())
    }
}

impl MemoryQueue {
    /// An empty queue whose lanes have room for `lane_capacity` pending jobs each; its clock stands at `now_ms`.
    #[must_use]
    pub fn new(lane_capacity: usize, now_ms: Millis) -> Self {
        let ledger = Mutex::new(Ledger::new(lane_capacity));
        Self { ledger, now_ms: now_ms.into(), changed: Notify::new() }
    }

    /// What its clock shows.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.now_ms.load(Ordering::SeqCst)
    }

    /// Turns the clock forward: what is due by then is due, also for claims that wait.
    pub fn advance(&self, ms: Millis) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        self.change(|_, _| ());
    }

    fn change<T>(&self, act: impl FnOnce(&mut Ledger, Millis) -> T) -> T {
        let result = self.look(act);
        self.changed.notify_waiters();
        result
    }

    /// Like `change`, for what no waiting claim needs to know of.
    fn look<T>(&self, act: impl FnOnce(&mut Ledger, Millis) -> T) -> T {
        let mut ledger = self.ledger.lock().expect("the ledger does not panic");
        let now_ms = self.now_ms();
        ledger.wake(now_ms);
        act(&mut ledger, now_ms)
    }
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimResponse, QueueError> {
        let deadline = Instant::now() + Duration::from_millis(request.wait_ms);
        loop {
            let changed = self.changed.notified();
            let claimed = self.look(|ledger, now_ms| ledger.claim(&request, now_ms))?;
            let ended = !claimed.claims.is_empty() || claimed.lane_status == LaneStatus::Drained;
            if ended || Instant::now() >= deadline {
                return Ok(claimed);
            }
            // Either way the ledger is asked again.
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    async fn extend(&self, leases: Vec<Lease>, lease_ms: Millis) -> Result<Vec<Lease>, QueueError> {
        Ok(self.look(|ledger, now_ms| ledger.extend(leases, now_ms + lease_ms)))
    }

    async fn complete(&self, lease: Lease, next: Vec<NewJob>) -> Result<(), QueueError> {
        self.change(|ledger, now_ms| ledger.complete(lease, next, now_ms))
    }

    async fn pause_group(&self, lease: Lease, for_ms: Millis) -> Result<(), QueueError> {
        self.look(|ledger, now_ms| ledger.pause_group(lease, now_ms.saturating_add(for_ms)))
    }

    async fn fail(&self, lease: Lease, nack: Nack) -> Result<(), QueueError> {
        self.change(|ledger, now_ms| ledger.fail(lease, nack, now_ms))
    }

    async fn register_worker(&self, lane: Lane, registration: Registration) -> Result<(), QueueError> {
        self.change(|ledger, _| ledger.register_worker(lane, registration));
        Ok(())
    }
}

#[async_trait]
impl QueueAdmin for MemoryQueue {
    async fn push(&self, push: Push) -> Result<Pushed, QueueError> {
        self.change(|ledger, now_ms| ledger.push(push, now_ms))
    }

    async fn pending(&self, lane: Lane, groups: Vec<Group>) -> Result<Vec<u64>, QueueError> {
        Ok(self.look(|ledger, _| ledger.pending_in(lane, &groups)))
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        Ok(self.look(|ledger, _| ledger.stats()))
    }

    async fn details(&self) -> Result<QueueDetails, QueueError> {
        Ok(self.look(|ledger, now_ms| ledger.details(now_ms)))
    }

    async fn cursors(&self) -> Result<Vec<Cursor>, QueueError> {
        Ok(self.look(|ledger, _| ledger.cursors()))
    }

    async fn list(
        &self,
        selection: Selection,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError> {
        Ok(self.look(|ledger, now_ms| ledger.list(&selection, after, limit.min(BATCH_MAX), now_ms)))
    }

    async fn retry(&self, selection: Selection) -> Result<u64, QueueError> {
        Ok(self.change(|ledger, now_ms| ledger.retry(&selection, now_ms)))
    }

    async fn drop_jobs(&self, selection: Selection) -> Result<u64, QueueError> {
        Ok(self.change(|ledger, now_ms| ledger.drop_jobs(&selection, now_ms)))
    }

    async fn set_paused(&self, lane: Lane, pause: Pause) -> Result<(), QueueError> {
        self.change(|ledger, _| ledger.set_paused(lane, pause));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryQueue;
    use crate::testing::queue_contract::{Subject, run_all};

    #[tokio::test(start_paused = true)]
    async fn the_queue_in_memory_keeps_the_contract() {
        run_all(async || {
            let queue = Arc::new(MemoryQueue::new(8, 1_000_000));
            let clock = Arc::clone(&queue);
            Subject { queue, advance: Box::new(move |ms| clock.advance(ms)), lane_capacity: 8 }
        })
        .await;
    }
}
