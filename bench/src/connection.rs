//! What every tool must do.

use std::future::Future;

use crate::job::Job;

/// Duration of a lease; longer than any run.
pub const LEASE_MS: u64 = 60_000;
/// Time limit of a claim. There is always a job: each worker enqueues as many before it claims.
pub const CLAIM_WAIT_MS: u64 = 10_000;

/// A leased job.
#[derive(Debug)]
pub struct Held<Token> {
    /// The payload.
    pub payload: Vec<u8>,
    /// Handle for the acknowledgement.
    pub token: Token,
}

/// A connection to a queue, used by one task. Jobs are handed out first in, first out.
pub trait Connection: Send + Sized + 'static {
    /// Names a leased job.
    type Token: Send;

    /// Enqueues jobs. `Ok` means that the tool has acknowledged each of them, as durable as it can.
    fn push(&mut self, jobs: Vec<Job>) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Leases exactly `limit` jobs, which no one else gets meanwhile.
    fn claim(&mut self, limit: usize) -> impl Future<Output = anyhow::Result<Vec<Held<Self::Token>>>> + Send;

    /// Ends leased jobs well, so that nobody gets them again. `Ok` means that the tool has acknowledged each
    /// of them.
    fn acknowledge(&mut self, tokens: Vec<Self::Token>) -> impl Future<Output = anyhow::Result<()>> + Send;
}
