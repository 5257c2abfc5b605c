//! Puts damaged documents back into the queue, at the stage that can mend them.
//!
//! What the queue knows of a document from that stage on is forgotten, and a new job pushed; so nothing stands in its way.
//! Cut off in between, the damage is still there and found again.

use std::collections::BTreeSet;

use flow::{
    document::DocumentId,
    job::{JobId, NewJob, Selection},
    lane::Lane,
    queue::{BATCH_MAX, JobQueue, Push},
};

use super::examine::{Examined, Repair};
use crate::{
    directory,
    exit::{CliError, Exit},
    refresh,
    settings::resolved::Settings,
    source::{entry::Entry, snapshot},
    stages::group_of,
};

/// Documents at a time.
const BATCH: usize = BATCH_MAX / Lane::ALL.len();

/// Puts them back.
///
/// # Errors
/// Where the queue fails or has no room, or a list cannot be read.
pub(super) async fn requeue(
    damaged: &[Examined],
    settings: &Settings,
    queue: &dyn JobQueue,
) -> Result<(), CliError> {
    let wanted: BTreeSet<DocumentId> = damaged
        .iter()
        .filter(|one| one.repair == Some(Repair::Fetch))
        .map(|one| one.document.clone())
        .collect();
    let lists = queue.cursors().await?.into_iter().map(|cursor| cursor.source);
    let lists: Vec<String> = lists.filter(|source| refresh::list_of(source).is_none()).collect();
    let snapshots = directory::sources(&settings.output_dir);
    let listing = tokio::task::spawn_blocking(move || snapshot::find(&wanted, &lists, &snapshots));
    let mut listed = listing.await.map_err(|error| CliError::caused(Exit::Bug, &error))??;
    let group_of = group_of(settings);
    for batch in damaged.chunks(BATCH) {
        let (mut ids, mut jobs) = (Vec::new(), Vec::new());
        for one in batch {
            let Some((lanes, job)) = job(one, listed.remove(&one.document), &*group_of) else {
                tracing::warn!(
                    "'{}' cannot be fetched again: its meta cannot be read, and no list names it",
                    one.document
                );
                continue;
            };
            ids.extend(lanes.iter().map(|lane| JobId::of(*lane, one.document.as_str())));
            jobs.push(job);
        }
        queue.drop_jobs(Selection { ids, ..Selection::default() }).await?;
        queue.push(Push { jobs, cursor: None }).await?;
    }
    Ok(())
}

/// The job that mends a document, and the lanes in which its former ones must be forgotten.
fn job(
    damaged: &Examined,
    listed: Option<Entry>,
    group_of: &dyn Fn(&str) -> Option<String>,
) -> Option<(&'static [Lane], NewJob)> {
    let known = damaged.known.clone();
    Some(match damaged.repair? {
        Repair::Process => (&[Lane::Process], known?.process.into()),
        Repair::Store => (&[Lane::Store, Lane::Process], known?.store.into()),
        Repair::Fetch => {
            let job = listed.map(|entry| entry.into_job(group_of)).or(known.map(|known| known.fetch))?;
            (&Lane::ALL, job.into())
        }
    })
}
