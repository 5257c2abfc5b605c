//! A queue in memory: the simplest implementation of the contracts in [`queue`](crate::queue).
//!
//! The core (`ledger`) consists of plain functions with `now` as an argument. This file is its asynchronous
//! shell. The queue's clock moves only when a test calls [`MemoryQueue::advance`]. Claims wait in tokio's
//! time, which tests may pause.

mod ledger;
mod record;
mod scheduler;

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
        BATCH_MAX, ClaimRequest, ClaimResponse, Cursor, GroupPause, JobQueue, LaneStatus, Nack, Pause, Push,
        Pushed, QueueAdmin, QueueDetails, QueueError, QueueStats, Registration,
    },
};

/// A queue in memory with a clock that the caller moves.
#[derive(Debug)]
pub struct MemoryQueue {
    ledger: Mutex<Ledger>,
    now_ms: AtomicU64,
    /// Wakes waiting claims after each change.
    changed: Notify,
}

impl Default for MemoryQueue {
    /// Creates a queue with room for 10,000 pending jobs in each lane, and with its clock at the present wall
    /// time.
    fn default() -> Self {
        Self::new(10_000, Clock::start().now_ms())
    }
}

impl MemoryQueue {
    /// Creates an empty queue with room for `lane_capacity` pending jobs in each lane, and with its clock at
    /// `now_ms`.
    #[must_use]
    pub fn new(lane_capacity: usize, now_ms: Millis) -> Self {
        let ledger = Mutex::new(Ledger::new(lane_capacity, now_ms));
        Self { ledger, now_ms: now_ms.into(), changed: Notify::new() }
    }

    /// Returns the time of the queue's clock.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.now_ms.load(Ordering::SeqCst)
    }

    /// Moves the clock forward and wakes waiting claims.
    pub fn advance(&self, ms: Millis) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        // Claims that wait must see the new time.
        self.change(|_, _| ());
    }

    fn change<T>(&self, act: impl FnOnce(&mut Ledger, Millis) -> T) -> T {
        let result = self.look(act);
        self.changed.notify_waiters();
        result
    }

    /// Calls `act` as `change` does, but wakes no waiting claim.
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
            // Before the ledger is asked, so that a change between the two is not missed.
            let changed = self.changed.notified();
            let claimed = self.look(|ledger, now_ms| ledger.claim(&request, now_ms))?;
            let ended = !claimed.claims.is_empty() || claimed.lane_status == LaneStatus::Drained;
            if ended || Instant::now() >= deadline {
                return Ok(claimed);
            }
            // The ledger is asked again in both cases: time alone may have made a job ready.
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

    async fn pause_group(&self, lease: Lease, pause: GroupPause) -> Result<(), QueueError> {
        self.look(|ledger, now_ms| ledger.pause_group(lease, pause, now_ms))
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
