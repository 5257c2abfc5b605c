//! Documents that go through stages anew, whatever the queue knows of them.
//!
//! Their jobs are forgotten, then pushed again: a job that renewed an ended one would count as a refresh, which keeps what
//! is stored where it fails. Cut off in between, the queue knows nothing of them, and what is stored is as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use flow::{
    document::DocumentId,
    job::{JobId, NewJob, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Push, QueueAdmin, QueueError},
};

use sources::{entry::Entry, refresh, snapshot::integrity};

use crate::{blocking::blocking, exit::CliError};

/// Documents at a time: so many that one list of the queue holds their jobs of all lanes.
pub(crate) const DOCUMENTS_MAX: usize = BATCH_MAX / Lane::ALL.len();

/// The jobs of a document in this lane and those below.
pub(crate) fn jobs_from(lane: Lane, document: &str) -> impl Iterator<Item = JobId> {
    Lane::ALL.into_iter().filter(move |below| *below >= lane).map(move |below| JobId::of(below, document))
}

/// Forgets the jobs of these documents from the lane of the new ones on, and pushes those; at most [`DOCUMENTS_MAX`], of
/// none of which a worker has a job.
///
/// # Errors
/// Where the queue fails or has no room.
pub(crate) async fn push(queue: &dyn QueueAdmin, jobs: Vec<NewJob>) -> Result<(), QueueError> {
    let ids: Vec<JobId> = jobs.iter().flat_map(|job| jobs_from(job.lane, &job.key)).collect();
    if ids.is_empty() {
        // A selection that names no job is one of all jobs.
        return Ok(());
    }
    queue.drop_jobs(Selection { ids, ..Selection::default() }).await?;
    queue.push(Push { jobs, cursor: None }).await.map(drop)
}

/// What the lists that were added say of these documents; the first that names one counts.
///
/// # Errors
/// Where the queue fails, or a list cannot be read.
pub(crate) async fn listed(
    queue: &dyn QueueAdmin,
    snapshots: PathBuf,
    documents: BTreeSet<DocumentId>,
) -> Result<BTreeMap<DocumentId, Entry>, CliError> {
    let sources = queue.cursors().await?.into_iter().map(|cursor| cursor.source);
    let lists: Vec<String> = sources.filter(|source| refresh::list_of(source).is_none()).collect();
    let finding = blocking(move || integrity::find_entries(&documents, &lists, &snapshots));
    Ok(finding.await??)
}
