//! Feeds refreshes: makes jobs that request stored texts again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use corpus::{meta::Meta, records::RECORD_BYTES_MAX};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    clock::Millis,
    document::{DocumentId, folded},
    job::{JobId, JobState, Selection},
    lane::Lane,
    payload::{FetchJob, Stored},
    queue::{BATCH_MAX, Cursor},
};

use super::{Feeder, StepResult, is_same_text};
use crate::{blocking::blocking, entry::Entry, error::SourceError, refresh};

/// The maximum number of entries per step. One page of the queue holds their jobs of all lanes.
const ENTRIES_MAX: usize = BATCH_MAX / Lane::ALL.len();

/// An entry with the id that the queue knows, which may differ in case from the listed one.
struct DueEntry {
    entry: Entry,
    listed: DocumentId,
}

/// The text that is stored under the id of an entry.
enum StoredText {
    /// The text; the job requests it again.
    Same(Box<FetchJob>),
    /// Another text, from this URL.
    Other(Box<DueEntry>, String),
}

impl Feeder {
    /// Moves the cursor of a refresh by one batch. Returns `false` if the lane has no room.
    pub(super) async fn step_refresh(&self, cursor: Cursor, list: &str) -> Result<bool, SourceError> {
        let (entries, offset) = self.read(list, &cursor, ENTRIES_MAX).await?;
        let count = entries.len() as u64;
        let (entries, on_their_way) = self.due(entries, list).await?;
        let (blobs, group_of) = (Arc::clone(&self.blobs), Arc::clone(&self.group_of));
        let finding = blocking(move || {
            let find = |due| find_stored(due, &*blobs, &*group_of);
            entries.into_iter().map(find).collect::<Result<Vec<_>, _>>()
        });
        let found = finding.await??;
        let (mut jobs, mut others) = (Vec::new(), Vec::new());
        for stored in found.into_iter().flatten() {
            match stored {
                StoredText::Same(job) => jobs.push((*job).into()),
                StoredText::Other(due, url) => others.push((due, url)),
            }
        }
        match self.advance(cursor, jobs, offset, count).await? {
            StepResult::Pushed(_) => {
                self.refresh_counters.on_their_way.fetch_add(on_their_way, Ordering::Relaxed);
                for (due, url) in &others {
                    let (known, listed) = (due.entry.id.as_str(), due.listed.as_str());
                    self.warn_of_conflict((known, url), (listed, &due.entry.urls[0]));
                }
                Ok(true)
            }
            StepResult::LostRace => Ok(true),
            StepResult::NoRoom => Ok(false),
        }
    }

    /// Returns the entries that are due: without the texts that have a pending job, and those whose fetch job
    /// was pushed since the start of the round. Also returns the number of texts that have a pending job.
    async fn due(&self, entries: Vec<Entry>, list: &str) -> Result<(Vec<DueEntry>, u64), SourceError> {
        let (snapshots, list) = (self.snapshots.clone(), list.to_owned());
        let reading = blocking(move || refresh::read_start(&snapshots, &list));
        let start_ms = reading.await??;
        let known = self.known_jobs(&entries).await?;
        let (mut due, mut on_their_way) = (Vec::with_capacity(entries.len()), 0);
        let mut taken = BTreeSet::new();
        for entry in entries {
            let id = folded(entry.id.as_str()).into_owned();
            let job = known.get(&id);
            // Requested in this round by another list, or fetched for the first time.
            if job.is_some_and(|job| job.fetched_ms >= Some(start_ms)) {
                continue;
            }
            // A pending job will store the current text anyway.
            if job.is_some_and(|job| job.is_pending) {
                on_their_way += 1;
                continue;
            }
            let known_id = job.and_then(|job| job.id.parse().ok());
            // A list may name a text twice.
            if taken.insert(id) {
                let listed = entry.id.clone();
                let entry = Entry { id: known_id.unwrap_or_else(|| listed.clone()), ..entry };
                due.push(DueEntry { entry, listed });
            }
        }
        Ok((due, on_their_way))
    }

    /// Returns what the queue knows of these entries, by their folded ids.
    async fn known_jobs(&self, entries: &[Entry]) -> Result<BTreeMap<String, KnownText>, SourceError> {
        let ids = |entry: &Entry| Lane::ALL.map(|lane| JobId::of(lane, entry.id.as_str()));
        let selection = Selection { ids: entries.iter().flat_map(ids).collect(), ..Selection::default() };
        let mut known = BTreeMap::<String, KnownText>::new();
        for view in self.queue.list(selection, None, BATCH_MAX).await? {
            let text = known.entry(folded(&view.key).into_owned()).or_default();
            if view.lane == Lane::Fetch {
                text.fetched_ms = Some(view.pushed_ms);
            }
            text.is_pending |= JobState::PENDING.contains(&view.state);
            text.id = view.key;
        }
        Ok(known)
    }
}

/// A text that the queue knows.
#[derive(Default)]
struct KnownText {
    /// The id as the queue knows it.
    id: String,
    /// Set if a job of the text is pending in any lane.
    is_pending: bool,
    /// The time at which the fetch job was pushed.
    fetched_ms: Option<Millis>,
}

/// Finds the text that is stored under the id of an entry. Blocking.
fn find_stored(
    DueEntry { entry, listed }: DueEntry,
    blobs: &dyn BlobStore,
    group_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<StoredText>, BlobError> {
    let bytes = match blobs.read(&BlobName::new(BlobKind::Meta, entry.id.clone()), RECORD_BYTES_MAX) {
        // The first fetch belongs to the cursor of the list.
        Err(BlobError::NotFound(_)) => return Ok(None),
        // An oversized meta file is damaged; empty bytes lead to the same repair.
        Err(BlobError::TooLarge { .. }) => Vec::new(),
        read => read?,
    };
    let request = |entry: Entry, stored| {
        Ok(Some(StoredText::Same(Box::new(FetchJob { stored: Some(stored), ..entry.into_job(group_of) }))))
    };
    let meta = match serde_json::from_slice::<Meta>(&bytes) {
        Ok(meta) => meta,
        Err(error) => {
            tracing::warn!("the meta of '{}' cannot be read ({error}): fetching the text again", entry.id);
            return request(entry, unknown());
        }
    };
    // The id belongs to another text, which a refresh must not overwrite.
    if !is_same_text(entry.id.as_str(), std::slice::from_ref(&meta.url), &entry.urls) {
        return Ok(Some(StoredText::Other(Box::new(DueEntry { entry, listed }), meta.url)));
    }
    if meta.document != entry.id || !meta.is_complete(blobs)? {
        tracing::warn!("files of '{}' are missing or truncated: fetching the text again", entry.id);
        return request(entry, unknown());
    }
    let hash = entry.listed.blake3.as_ref();
    // If the list gives the hash of other bytes, the server must send the whole text, so there are no
    // validators.
    let is_meant = hash.is_none_or(|listed| listed.trim().eq_ignore_ascii_case(&meta.raw.blake3));
    let stored = Stored {
        blake3: meta.raw.blake3,
        final_url: meta.final_url,
        etag: meta.etag.filter(|_| is_meant),
        last_modified: meta.last_modified.filter(|_| is_meant),
    };
    // Only the URL of the stored text is requested, because another host may have another edition.
    let urls = if entry.urls.contains(&meta.url) { vec![meta.url] } else { entry.urls };
    request(Entry { urls, ..entry }, stored)
}

/// Returns facts that match no bytes and no URL, so the text is fetched as a whole.
fn unknown() -> Stored {
    Stored { blake3: String::new(), final_url: String::new(), etag: None, last_modified: None }
}
