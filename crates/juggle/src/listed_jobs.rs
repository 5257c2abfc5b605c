//! Finds documents in the source lists of a run.

use std::collections::{BTreeMap, BTreeSet};

use flow::{document::DocumentId, payload::FetchJob, queue::QueueAdmin};
use sources::{refresh, snapshot::integrity};

use crate::{blocking::blocking, directory, exit::CliError};
use settings::resolved::Settings;

/// Returns the fetch jobs of these documents, by the first source list that names each.
///
/// # Errors
/// Returns the errors of the queue and of reading a list.
pub(crate) async fn listed_jobs(
    queue: &dyn QueueAdmin,
    settings: &Settings,
    documents: BTreeSet<DocumentId>,
) -> Result<BTreeMap<DocumentId, FetchJob>, CliError> {
    let sources = queue.cursors().await?.into_iter().map(|cursor| cursor.source);
    let lists: Vec<String> = sources.filter(|source| refresh::list_of(source).is_none()).collect();
    let snapshots = directory::sources(&settings.output_dir);
    let finding = blocking(move || integrity::find_entries(&documents, &lists, &snapshots));
    let group_of = settings.group_of();
    let jobs = finding.await??.into_iter().map(|(id, entry)| (id, entry.into_job(&*group_of)));
    Ok(jobs.collect())
}
