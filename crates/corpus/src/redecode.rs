//! Decodes stored texts again, in an encoding that the user gives. No server is asked.
//!
//! Each document goes through the stages again from the store stage on, by a job with the encoding. The store
//! stage finds the bytes as received in `raw/`.

use flow::{
    blobs::BlobError,
    document::DocumentId,
    job::{JobState, NewJob, Selection},
    lane::Lane,
    payload::StoreJob,
    queue::{BATCH_MAX, QueueAdmin, QueueError},
};

use crate::{
    meta::Meta,
    requeue::{self, DOCUMENTS_MAX},
    survey::Surveyor,
};

/// The reason why documents cannot be decoded again.
#[derive(Debug, thiserror::Error)]
pub enum RedecodeError {
    /// The document is not stored.
    #[error("'{0}' is not stored, or its file in meta/ cannot be read")]
    NotStored(DocumentId),
    /// The bytes as received were dropped when the document was stored.
    #[error("the received bytes of '{0}' were not kept, so it cannot be decoded again")]
    RawDropped(DocumentId),
    /// The document still has a pending job.
    #[error("'{0}' still has pending jobs; nothing was changed")]
    Pending(String),
    /// The store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Returns the job that decodes a document again.
///
/// # Errors
/// [`RedecodeError::NotStored`] and [`RedecodeError::RawDropped`]; [`RedecodeError::Blob`] if its records
/// cannot be read.
pub fn job(
    document: &DocumentId,
    encoding: &str,
    surveyor: &Surveyor<'_>,
) -> Result<StoreJob, RedecodeError> {
    let meta = Meta::read(surveyor.blobs, document)?;
    let meta = meta.ok_or_else(|| RedecodeError::NotStored(document.clone()))?;
    if !meta.raw.fate.is_kept() {
        return Err(RedecodeError::RawDropped(document.clone()));
    }
    let mut job = surveyor.jobs(meta)?.store;
    // A given encoding takes precedence over those that HTTP and the text declare.
    job.listed.encoding = Some(encoding.to_owned());
    Ok(job)
}

/// Puts the jobs into the queue, if none of the documents has a pending job.
///
/// # Errors
/// [`RedecodeError::Pending`], if nothing was changed; [`RedecodeError::Queue`].
pub async fn push(jobs: Vec<StoreJob>, queue: &dyn QueueAdmin) -> Result<(), RedecodeError> {
    let ids = |job: &StoreJob| requeue::jobs_from(Lane::Store, job.document.as_str()).collect::<Vec<_>>();
    // All documents are checked before any is requeued, so that a refusal changes nothing.
    for batch in jobs.chunks(DOCUMENTS_MAX) {
        let selection = Selection { ids: batch.iter().flat_map(ids).collect(), ..Selection::default() };
        let views = queue.list(selection, None, BATCH_MAX).await?;
        if let Some(view) = views.into_iter().find(|view| JobState::PENDING.contains(&view.state)) {
            return Err(RedecodeError::Pending(view.key));
        }
    }
    for batch in jobs.chunks(DOCUMENTS_MAX) {
        requeue::push(queue, batch.iter().cloned().map(NewJob::from).collect()).await?;
    }
    Ok(())
}
