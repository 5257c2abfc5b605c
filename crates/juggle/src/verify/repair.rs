//! Puts damaged documents back into the queue, at the stage that can mend them. Cut off anywhere, the damage is still there
//! and found again.

use flow::{document::DocumentId, job::NewJob, queue::QueueAdmin};

use super::examine::{Examined, Repair};
use sources::entry::Entry;

use crate::{
    anew::{self, DOCUMENTS_MAX},
    directory,
    exit::CliError,
    settings::resolved::Settings,
    stages::group_of,
};

/// Puts them back; gives those of which nothing is known to make them anew with.
///
/// # Errors
/// Where the queue fails or has no room, or a list cannot be read.
pub(super) async fn requeue(
    damaged: &[Examined],
    settings: &Settings,
    queue: &dyn QueueAdmin,
) -> Result<Vec<DocumentId>, CliError> {
    let is_to_be_fetched = |one: &&Examined| one.repair == Some(Repair::Fetch);
    let wanted = damaged.iter().filter(is_to_be_fetched).map(|one| one.document.clone()).collect();
    let snapshots = directory::sources(&settings.output_dir);
    let mut listed = anew::listed(queue, snapshots, wanted).await?;
    let group_of = group_of(settings);
    let mut left = Vec::new();
    for batch in damaged.chunks(DOCUMENTS_MAX) {
        let mut jobs = Vec::with_capacity(batch.len());
        for one in batch {
            match job(one, listed.remove(&one.document), &*group_of) {
                Some(job) => jobs.push(job),
                None => left.push(one.document.clone()),
            }
        }
        anew::push(queue, jobs).await?;
    }
    Ok(left)
}

/// The job that mends a document.
fn job(
    damaged: &Examined,
    listed: Option<Entry>,
    group_of: &dyn Fn(&str) -> Option<String>,
) -> Option<NewJob> {
    let known = damaged.known.clone();
    Some(match damaged.repair? {
        Repair::Process => known?.process.into(),
        Repair::Store => known?.store.into(),
        Repair::Fetch => {
            let listed = listed.map(|entry| entry.into_job(group_of));
            listed.or(known.map(|known| known.fetch))?.into()
        }
    })
}
