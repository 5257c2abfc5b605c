//! Puts documents back into the queue, whatever the queue knows of them.
//!
//! Their jobs are dropped and pushed again. A job that renewed an ended one would count as a refresh, and a
//! failed refresh keeps what is stored. After a crash in between, the queue knows nothing of the documents,
//! and what is stored has not changed.

use std::collections::BTreeSet;

use flow::{
    job::{JobId, JobState, NewJob, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Push, QueueAdmin, QueueError},
};

/// The maximum number of documents at a time, so that one list of the queue holds their jobs in all lanes.
pub const DOCUMENTS_MAX: usize = BATCH_MAX / Lane::ALL.len();

/// Returns the ids of a document's jobs in this lane and the lanes after it.
pub fn jobs_from(lane: Lane, document: &str) -> impl Iterator<Item = JobId> {
    Lane::ALL.into_iter().filter(move |after| *after >= lane).map(move |after| JobId::of(after, document))
}

/// Pushes jobs, at most one for each of [`DOCUMENTS_MAX`] documents, after it has dropped the documents' jobs
/// in the same lane and the lanes after it. No worker may have one of those.
///
/// # Errors
/// Returns the errors of [`QueueAdmin::drop_jobs`] and [`QueueAdmin::push`].
pub async fn push(queue: &dyn QueueAdmin, jobs: Vec<NewJob>) -> Result<(), QueueError> {
    let ids: Vec<JobId> = jobs.iter().flat_map(|job| jobs_from(job.lane, &job.key)).collect();
    if ids.is_empty() {
        // A selection without ids selects all jobs.
        return Ok(());
    }
    queue.drop_jobs(Selection { ids, ..Selection::default() }).await?;
    queue.push(Push { jobs, cursor: None }).await.map(drop)
}

/// Returns the documents that have a job in one of these lanes and states.
///
/// # Errors
/// Returns the errors of [`QueueAdmin::list`].
pub async fn documents_with_jobs(
    queue: &dyn QueueAdmin,
    lanes: &[Lane],
    states: &[JobState],
) -> Result<BTreeSet<String>, QueueError> {
    let mut found = BTreeSet::new();
    for lane in lanes {
        for state in states {
            let selection = Selection { lane: Some(*lane), state: Some(*state), ..Selection::default() };
            let mut after = None;
            loop {
                let page = queue.list(selection.clone(), after, BATCH_MAX).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                found.extend(page.into_iter().map(|view| view.key));
            }
        }
    }
    Ok(found)
}
