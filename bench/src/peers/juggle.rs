//! Our own queue, in process or over its socket.

use std::{path::Path, sync::Arc, thread::JoinHandle};

use anyhow::{Context, anyhow, ensure};
use flow::{
    clock::Clock,
    durability::Durability,
    job::{Lease, NewJob, OnDuplicate, Priority},
    lane::Lane,
    queue::{ClaimRequest, GroupLimit, JobQueue, NamedLimits, Push, QueueAdmin},
};
use futures_util::future::try_join_all;
use queue::{
    directory::QueueDirectory,
    transport::client::QueueClient,
    transport::local::LocalLink,
    transport::socket::{AnswerTimeout, IfNoOwner, SocketLink},
};

use crate::{
    connection::{CLAIM_WAIT_MS, Connection, Held, LEASE_MS},
    job::Job,
};

/// The lane that all measurements use.
pub const LANE: Lane = Lane::Fetch;

/// A queue that this process owns, durable over power loss.
#[derive(Debug)]
pub struct Owned {
    /// The way to it.
    pub link: LocalLink,
    thread: JoinHandle<()>,
}

impl Owned {
    /// Owns the queue of a run directory.
    ///
    /// # Errors
    /// If another process does, or it does not open.
    pub fn open(run: &Path, capacity: usize) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let owned = QueueDirectory::of(run)
            .own(Durability::Power, capacity, Arc::new(move || clock.now_ms()))
            .with_context(|| format!("failed to open the queue in '{}'", run.display()))?;
        let (link, thread) = owned.context("another process owns the queue")?;
        Ok(Self { link, thread })
    }

    /// A client in this process.
    #[must_use]
    pub fn client(&self) -> QueueClient {
        QueueClient::Local(self.link.clone())
    }

    /// Waits for the owner's end. All clients must be gone.
    ///
    /// # Errors
    /// If it panicked.
    pub fn close(self) -> anyhow::Result<()> {
        drop(self.link);
        self.thread.join().map_err(|_| anyhow!("the queue's thread panicked"))
    }
}

/// Reaches the queue of a run directory that another process serves.
///
/// # Errors
/// If nobody does.
pub async fn reach(run: &Path) -> anyhow::Result<QueueClient> {
    let link = SocketLink::connect(QueueDirectory::of(run), IfNoOwner::Fail, AnswerTimeout::LONG).await?;
    Ok(QueueClient::Socket(link))
}

/// Returns the new job that the queue gets.
#[must_use]
pub fn new_job(job: Job) -> NewJob {
    NewJob {
        lane: LANE,
        key: job.key(),
        group: None,
        priority: Priority::default(),
        payload: job.payload,
        delay_ms: 0,
        known: OnDuplicate::Absorb,
    }
}

/// The wish for up to `limit` jobs.
#[must_use]
pub const fn ask(limit: usize) -> ClaimRequest {
    ClaimRequest {
        lane: LANE,
        limit,
        lease_ms: LEASE_MS,
        wait_ms: CLAIM_WAIT_MS,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
        settled: Vec::new(),
    }
}

impl Connection for QueueClient {
    type Token = Lease;

    async fn push(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        let count = jobs.len() as u64;
        let jobs = jobs.into_iter().map(new_job).collect();
        let pushed = QueueAdmin::push(self, Push { jobs, cursor: None }).await?;
        ensure!(pushed.new == count, "only {} of {count} jobs were new", pushed.new);
        Ok(())
    }

    async fn claim(&mut self, limit: usize) -> anyhow::Result<Vec<Held<Lease>>> {
        let claimed = JobQueue::claim(self, ask(limit)).await?;
        ensure!(claimed.claims.len() == limit, "{} of {limit} jobs were claimed", claimed.claims.len());
        Ok(claimed
            .claims
            .into_iter()
            .map(|claim| Held { payload: claim.payload, token: claim.lease })
            .collect())
    }

    async fn acknowledge(&mut self, leases: Vec<Lease>) -> anyhow::Result<()> {
        try_join_all(leases.into_iter().map(|lease| self.complete(lease, Vec::new()))).await?;
        Ok(())
    }
}
