//! Puts damaged documents back into the queue, at the stage that can repair them. After a crash anywhere, the
//! damage is still there and is found again.

use std::collections::BTreeMap;

use flow::{
    document::DocumentId,
    job::NewJob,
    payload::FetchJob,
    queue::{QueueAdmin, QueueError},
};

use super::examine::{Examined, Remedy};
use crate::requeue::{self, DOCUMENTS_MAX};

/// Puts damaged documents back into the queue. `listed` holds the jobs of the documents that a source list
/// names. Returns the documents that cannot be repaired, because their meta is damaged and no list names
/// them.
///
/// # Errors
/// Returns the errors of [`requeue::push`].
pub async fn requeue(
    damaged: &[Examined],
    mut listed: BTreeMap<DocumentId, FetchJob>,
    queue: &dyn QueueAdmin,
) -> Result<Vec<DocumentId>, QueueError> {
    let mut not_repaired = Vec::new();
    for batch in damaged.chunks(DOCUMENTS_MAX) {
        let mut jobs = Vec::with_capacity(batch.len());
        for one in batch {
            match job(one, listed.remove(&one.document)) {
                Some(job) => jobs.push(job),
                None => not_repaired.push(one.document.clone()),
            }
        }
        requeue::push(queue, jobs).await?;
    }
    Ok(not_repaired)
}

/// Returns the job that repairs a document.
fn job(damaged: &Examined, listed: Option<FetchJob>) -> Option<NewJob> {
    let jobs = damaged.jobs.clone();
    Some(match damaged.remedy? {
        Remedy::Process => jobs?.process.into(),
        Remedy::Store => jobs?.store.into(),
        // The list may name several URLs of the document. Its meta has one, and may be damaged.
        Remedy::Fetch => listed.or(jobs.map(|jobs| jobs.fetch))?.into(),
    })
}
