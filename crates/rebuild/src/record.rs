//! Records finished documents in a queue that no other process uses.

use std::collections::HashMap;

use corpus::survey::DocumentJobs;
use flow::{
    job::NewJob,
    lane::Lane,
    queue::{BATCH_MAX, ClaimRequest, GroupLimit, NamedLimits, Push, QueueAdmin, QueueError},
};
use futures_util::future::try_join_all;

// The jobs are completed at once; the time covers a slow disk.
const LEASE_MS: u64 = 60_000;

/// The jobs of a document that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completed {
    /// Those of all lanes.
    All,
    /// Those of fetch and store; the process job is ready.
    Stored,
}

/// Records at most [`BATCH_MAX`] documents as done. The lanes of their completed jobs must have no
/// pending jobs.
///
/// # Errors
/// Returns the errors of the queue, and [`QueueError::Broken`] if it hands out other jobs than these.
pub(crate) async fn done(
    queue: &dyn QueueAdmin,
    documents: Vec<DocumentJobs>,
    completed: Completed,
) -> Result<(), QueueError> {
    let (mut fetch, mut store, mut process) = (Vec::new(), HashMap::new(), HashMap::new());
    for DocumentJobs { fetch: fetched, store: stored, process: processed } in documents {
        let key = fetched.document.to_string();
        fetch.push(NewJob::from(fetched));
        store.insert(key.clone(), vec![NewJob::from(stored)]);
        process.insert(key, vec![NewJob::from(processed)]);
    }
    let ends = fetch.iter().map(|job| (job.key.clone(), Vec::new())).collect();
    push(queue, fetch).await?;
    end(queue, Lane::Fetch, store).await?;
    end(queue, Lane::Store, process).await?;
    match completed {
        Completed::All => end(queue, Lane::Process, ends).await,
        Completed::Stored => Ok(()),
    }
}

/// Pushes jobs, at most [`BATCH_MAX`].
pub(crate) async fn push(queue: &dyn QueueAdmin, jobs: Vec<NewJob>) -> Result<(), QueueError> {
    queue.push(Push { jobs, cursor: None }).await.map(drop)
}

/// Claims the jobs of these keys, which are the only ones in the lane, and completes each with its next jobs.
async fn end(
    queue: &dyn QueueAdmin,
    lane: Lane,
    mut next: HashMap<String, Vec<NewJob>>,
) -> Result<(), QueueError> {
    let ask = ClaimRequest {
        lane,
        limit: BATCH_MAX,
        lease_ms: LEASE_MS,
        wait_ms: 0,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
        settled: Vec::new(),
    };
    while !next.is_empty() {
        let claims = queue.claim(ask.clone()).await?.claims;
        let mut completing = Vec::with_capacity(claims.len());
        for claim in claims {
            let Some(next) = next.remove(&claim.key) else {
                return Err(QueueError::Broken(format!("it returned '{}' of another batch", claim.key)));
            };
            completing.push(queue.complete(claim.lease, next));
        }
        // Otherwise this loop would claim for ever.
        if completing.is_empty() {
            return Err(QueueError::Broken(format!(
                "the {lane} lane does not return the jobs that were \
                pushed"
            )));
        }
        // Together, so that the queue makes them durable with one sync.
        try_join_all(completing).await?;
    }
    Ok(())
}
