//! Retracts block pages: bodies that a host sent in place of texts until it was left alone.
//!
//! The first copies of a block page cannot be told from texts, so they were stored. Once it is known, their
//! documents are fetched again, in this order: their jobs are dropped, a new fetch job is pushed, and their
//! files are removed. After a crash at any point, the next run continues: a document is found as long as its
//! meta exists.
//!
//! A document with a pending job is left for a later run, unless that is a fetch job which cannot end without
//! the bytes.

use std::collections::BTreeMap;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::{JobState, JobView, NewJob, Selection},
    lane::Lane,
    payload::FetchJob,
    queue::{BATCH_MAX, QueueAdmin, QueueError},
};

use crate::{
    meta::Meta,
    requeue::{self, DOCUMENTS_MAX},
};

/// The files of a document, in the order in which they are removed: no stats without a meta, no meta without
/// a text.
const FILES: [BlobKind; 7] = [
    BlobKind::Stats,
    BlobKind::Counts,
    BlobKind::Tokens,
    BlobKind::Meta,
    BlobKind::Text,
    BlobKind::Arrival,
    BlobKind::Raw,
];

/// A stored document that is a block page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlockPage {
    /// The document.
    pub document: DocumentId,
    /// The URL in the source list.
    pub url: String,
    /// The URL that answered.
    pub final_url: String,
    raw_blake3: String,
}

/// The pending work on a document, by whether it downloads the bytes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PendingWork {
    /// No job is pending.
    Nothing,
    /// The pending job downloads the bytes again.
    Download,
    /// Another job is pending.
    Other,
}

/// Returns the stored documents that are block pages. `is_block_page` gets the URL that answered and the
/// BLAKE3 hash of the bytes as received. Blocking.
///
/// # Errors
/// Returns the errors of reading the store.
pub fn find(
    blobs: &dyn BlobStore,
    is_block_page: impl Fn(&str, &str) -> bool,
) -> Result<Vec<StoredBlockPage>, BlobError> {
    let mut found = Vec::new();
    for document in blobs.list(BlobKind::Meta)? {
        // An unreadable meta is damage, which verifying reports and repairs.
        let Some(meta) = Meta::read(blobs, &document)? else { continue };
        if is_block_page(&meta.final_url, &meta.raw.blake3) {
            let Meta { url, final_url, raw, .. } = meta;
            found.push(StoredBlockPage { document, url, final_url, raw_blake3: raw.blake3 });
        }
    }
    Ok(found)
}

/// Ensures that these documents, at most [`DOCUMENTS_MAX`], are fetched again, each by the job that
/// `fetch_job` returns. Returns the ones for which that is certain; only their files may be removed.
///
/// # Errors
/// Returns the errors of the queue, except [`QueueError::Full`].
pub async fn requeue<'p>(
    queue: &dyn QueueAdmin,
    pages: &'p [StoredBlockPage],
    mut fetch_job: impl FnMut(&StoredBlockPage) -> FetchJob,
) -> Result<Vec<&'p StoredBlockPage>, QueueError> {
    debug_assert!(pages.len() <= DOCUMENTS_MAX);
    let pending = pending_work(queue, pages).await?;
    let work =
        |page: &StoredBlockPage| pending.get(page.document.as_str()).copied().unwrap_or(PendingWork::Nothing);
    let ended = pages.iter().filter(|page| work(page) == PendingWork::Nothing);
    let jobs = ended.map(|page| NewJob::from(fetch_job(page))).collect();
    let is_pushed = match requeue::push(queue, jobs).await {
        Ok(()) => true,
        // The lane has no room, so these documents are left for a later run.
        Err(QueueError::Full(_)) => false,
        Err(error) => return Err(error),
    };
    let is_certain = |page: &&StoredBlockPage| match work(page) {
        PendingWork::Nothing => is_pushed,
        PendingWork::Download => true,
        PendingWork::Other => false,
    };
    Ok(pages.iter().filter(is_certain).collect())
}

/// Removes the files of a document, if its bytes are still those of the block page. Returns whether it did.
/// Blocking.
///
/// # Errors
/// Returns the errors of reading and removing blobs.
pub fn remove(page: &StoredBlockPage, blobs: &dyn BlobStore) -> Result<bool, BlobError> {
    // A new download has been stored since, or the files are removed already.
    if Meta::read(blobs, &page.document)?.is_none_or(|now| now.raw.blake3 != page.raw_blake3) {
        return Ok(false);
    }
    FILES.iter().try_for_each(|kind| blobs.remove(&BlobName::new(*kind, page.document.clone())))?;
    Ok(true)
}

async fn pending_work(
    queue: &dyn QueueAdmin,
    pages: &[StoredBlockPage],
) -> Result<BTreeMap<String, PendingWork>, QueueError> {
    let ids = pages.iter().flat_map(|page| requeue::jobs_from(Lane::Fetch, page.document.as_str()));
    let selection = Selection { ids: ids.collect(), ..Selection::default() };
    let mut pending = BTreeMap::new();
    for view in queue.list(selection, None, BATCH_MAX).await? {
        if JobState::PENDING.contains(&view.state) {
            let work = if downloads(&view) { PendingWork::Download } else { PendingWork::Other };
            // A lane has one job for a document, so the second one is no download, and may need the files.
            pending.entry(view.key).and_modify(|known| *known = PendingWork::Other).or_insert(work);
        }
    }
    Ok(pending)
}

/// Returns whether a job cannot be done without a download of the bytes.
fn downloads(view: &JobView) -> bool {
    view.lane == Lane::Fetch
        && serde_json::from_slice::<FetchJob>(&view.payload).is_ok_and(|job| job.stored.is_none())
}
