//! A queue with one fault. It passes everything else on to another queue.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;

use super::harness::pass;
use crate::{
    clock::Millis,
    job::{Lease, NewJob},
    lane::Lane,
    queue::{ClaimRequest, ClaimResponse, GroupPause, JobQueue, Nack, QueueError, Registration},
    shutdown::{Phase, Trigger},
    testing::memory_queue::MemoryQueue,
};

pub(super) enum Fault {
    None,
    /// From the second claim on.
    ClaimsBreak,
    ExtendBreaks,
    CompleteBreaks,
    /// Completes, and is long in saying so.
    CompleteIsSlow(Millis),
    /// Neither a heartbeat nor a nack is ever answered.
    Silent,
    /// A shutdown comes while the grant is on its way back, so long before it arrives.
    DrainsWhileGranting(Trigger, Millis),
}

pub(super) struct FaultyQueue {
    inner: Arc<MemoryQueue>,
    fault: Fault,
    claims: AtomicUsize,
}

pub(super) fn broken<T>() -> Result<T, QueueError> {
    Err(QueueError::Broken("a test wants it".into()))
}

impl FaultyQueue {
    pub(super) fn new(inner: &Arc<MemoryQueue>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), fault, claims: AtomicUsize::new(0) })
    }

    /// Returns the number of claims.
    pub(super) fn claims(&self) -> usize {
        self.claims.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JobQueue for FaultyQueue {
    async fn claim(&self, ask: ClaimRequest) -> Result<ClaimResponse, QueueError> {
        let earlier = self.claims.fetch_add(1, Ordering::SeqCst);
        if matches!(self.fault, Fault::ClaimsBreak) && earlier > 0 {
            return broken();
        }
        let claimed = self.inner.claim(ask).await;
        if let Fault::DrainsWhileGranting(trigger, ms) = &self.fault {
            trigger.advance(Phase::Draining);
            pass(*ms).await;
        }
        claimed
    }

    async fn pause_group(&self, lease: Lease, pause: GroupPause) -> Result<(), QueueError> {
        self.inner.pause_group(lease, pause).await
    }

    async fn extend(&self, leases: Vec<Lease>, lease_ms: Millis) -> Result<Vec<Lease>, QueueError> {
        match self.fault {
            Fault::ExtendBreaks => broken(),
            Fault::Silent => pending().await,
            _ => self.inner.extend(leases, lease_ms).await,
        }
    }

    async fn complete(&self, lease: Lease, next: Vec<NewJob>) -> Result<(), QueueError> {
        match self.fault {
            Fault::CompleteBreaks => broken(),
            Fault::Silent => pending().await,
            Fault::CompleteIsSlow(ms) => {
                let completed = self.inner.complete(lease, next).await;
                pass(ms).await;
                completed
            }
            _ => self.inner.complete(lease, next).await,
        }
    }

    async fn fail(&self, lease: Lease, nack: Nack) -> Result<(), QueueError> {
        match self.fault {
            Fault::Silent => pending().await,
            _ => self.inner.fail(lease, nack).await,
        }
    }

    async fn register_worker(&self, lane: Lane, registration: Registration) -> Result<(), QueueError> {
        self.inner.register_worker(lane, registration).await
    }
}
