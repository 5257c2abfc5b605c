//! A stage without its types.

use std::{future::Future, pin::Pin};

use tokio::time::Instant;

use super::attempt::{self, Ran};
use crate::{
    job::Claim,
    lane::Lane,
    retry::RetryPolicy,
    stage::{Slot, Stage},
};

/// A [`Stage`] without the types of its input and output. Every stage is one.
///
/// All code of a stage is compiled where it becomes one, and the loop of the worker is compiled once. So the
/// crate of a stage should have a function that returns it as a `dyn ErasedStage`.
pub trait ErasedStage: Send + Sync + 'static {
    /// Returns the lane that the stage takes its jobs from.
    fn lane(&self) -> Lane;

    /// Runs the stage on a claimed job.
    #[doc(hidden)]
    fn run_claim<'a>(
        &'a self,
        claim: &'a Claim,
        claimed: Instant,
        retry: RetryPolicy,
        slot: &'a Slot,
    ) -> Pin<Box<dyn Future<Output = Ran> + Send + 'a>>;
}

impl<S: Stage> ErasedStage for S {
    fn lane(&self) -> Lane {
        S::LANE
    }

    fn run_claim<'a>(
        &'a self,
        claim: &'a Claim,
        claimed: Instant,
        retry: RetryPolicy,
        slot: &'a Slot,
    ) -> Pin<Box<dyn Future<Output = Ran> + Send + 'a>> {
        Box::pin(attempt::run(self, claim, claimed, retry, slot))
    }
}
