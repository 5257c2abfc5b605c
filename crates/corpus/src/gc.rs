//! Finds files that belong to no document.
//!
//! A file belongs to a document that has a meta or a job. A document whose jobs are done but that has no meta
//! is damaged, and verifying repairs it. The spool is needed until its document is stored; the retry of a
//! dead job begins with it. No stage may work on the corpus meanwhile.

use std::collections::BTreeSet;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::JobState,
    lane::Lane,
    queue::{QueueAdmin, QueueError},
};

use crate::requeue::documents_with_jobs;

/// The documents that the queue knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownDocuments {
    /// The documents with a job that is pending or dead.
    pub pending: BTreeSet<String>,
    /// The documents with a job that is done.
    pub done: BTreeSet<String>,
}

impl KnownDocuments {
    /// Asks the queue.
    ///
    /// # Errors
    /// Returns the errors of [`QueueAdmin::list`].
    pub async fn list(queue: &dyn QueueAdmin) -> Result<Self, QueueError> {
        // A dead job can be retried, so it needs its files like a pending one.
        let not_done = [&JobState::PENDING[..], &[JobState::Dead]].concat();
        Ok(Self {
            pending: documents_with_jobs(queue, &Lane::ALL, &not_done).await?,
            done: documents_with_jobs(queue, &Lane::ALL, &[JobState::Done]).await?,
        })
    }
}

/// Returns the blobs that belong to no document.
///
/// # Errors
/// Returns the errors of [`BlobStore::list`].
pub fn unneeded(blobs: &dyn BlobStore, known: &KnownDocuments) -> Result<Vec<BlobName>, BlobError> {
    let stored: BTreeSet<DocumentId> = blobs.list(BlobKind::Meta)?.into_iter().collect();
    let mut unneeded = Vec::new();
    // A document with a meta is stored, so a meta always belongs to a document.
    for kind in BlobKind::ALL.into_iter().filter(|kind| *kind != BlobKind::Meta) {
        let is_needed = |document: &DocumentId| {
            let (is_stored, id) = (stored.contains(document), document.as_str());
            let is_done = known.done.contains(id);
            let belongs = match kind {
                // An interrupted run left the spool of a stored document behind.
                BlobKind::Spool => is_done && !is_stored,
                _ => is_done || is_stored,
            };
            belongs || known.pending.contains(id)
        };
        let found = blobs.list(kind)?.into_iter().filter(|document| !is_needed(document));
        unneeded.extend(found.map(|document| BlobName::new(kind, document)));
    }
    Ok(unneeded)
}
