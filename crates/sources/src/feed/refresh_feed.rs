//! Feeds a refresh: jobs that ask again for what is stored.

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

use super::{Batch, Feeder, Moved, is_same_text};
use crate::{blocking::blocking, entry::Entry, error::SourceError, refresh};

/// The maximum number of entries per step: one list of the queue holds their jobs of all lanes.
const ENTRIES_MAX: usize = BATCH_MAX / Lane::ALL.len();

/// Entries that may be asked for again.
struct Due {
    entries: Vec<Again>,
    on_their_way: u64,
}

/// An entry under the id that the queue has for it, which may differ in case from the one in the list.
struct Again {
    entry: Entry,
    listed: DocumentId,
}

/// What an entry is, beside what is stored under its id.
enum Beside {
    /// Nothing is stored; fetching it for the first time is another cursor's.
    New,
    /// It is stored.
    Stored(Box<FetchJob>),
    /// What is stored is another text, from this URL.
    Other(Box<Again>, String),
}

impl Feeder {
    /// Moves the cursor of a refresh one batch on; `false` where the lane has no room.
    pub(super) async fn step_again(&self, cursor: Cursor, list: &str) -> Result<bool, SourceError> {
        let Batch { entries, offset } = self.read(list, &cursor, ENTRIES_MAX).await?;
        let count = entries.len() as u64;
        let Due { entries, on_their_way } = self.due(entries, list).await?;
        let (blobs, group_of) = (Arc::clone(&self.blobs), Arc::clone(&self.group_of));
        let looking = blocking(move || {
            let look = |again| beside(again, &*blobs, &*group_of);
            entries.into_iter().map(look).collect::<Result<Vec<_>, _>>()
        });
        let found = looking.await??;
        let (mut jobs, mut others) = (Vec::new(), Vec::new());
        for beside in found {
            match beside {
                Beside::New => {}
                Beside::Stored(job) => jobs.push((*job).into()),
                Beside::Other(again, url) => others.push((again, url)),
            }
        }
        match self.advance(cursor, jobs, offset, count).await? {
            Moved::Here(_) => {
                self.refreshing.on_their_way.fetch_add(on_their_way, Ordering::Relaxed);
                for (again, url) in &others {
                    let (known, listed) = (again.entry.id.as_str(), again.listed.as_str());
                    self.tell_of_conflict((known, url), (listed, &again.entry.urls[0]));
                }
                Ok(true)
            }
            Moved::Elsewhere => Ok(true),
            Moved::NoRoom => Ok(false),
        }
    }

    /// Leaves out the texts that are on their way, and those whose fetch job was pushed since the round began.
    async fn due(&self, entries: Vec<Entry>, list: &str) -> Result<Due, SourceError> {
        let (snapshots, list) = (self.snapshots.clone(), list.to_owned());
        let reading = blocking(move || refresh::began_ms(&snapshots, &list));
        let began_ms = reading.await??;
        let Known { spellings, pending, fetched_ms } = self.known(&entries).await?;
        let mut due = Due { entries: Vec::with_capacity(entries.len()), on_their_way: 0 };
        let mut taken = BTreeSet::new();
        for entry in entries {
            let id = folded(entry.id.as_str()).into_owned();
            if fetched_ms.get(&id).is_some_and(|pushed_ms| *pushed_ms >= began_ms) {
                continue;
            }
            if pending.contains(&id) {
                due.on_their_way += 1;
                continue;
            }
            let known = spellings.get(&id).and_then(|id| id.parse().ok());
            if taken.insert(id) {
                let listed = entry.id.clone();
                let entry = Entry { id: known.unwrap_or_else(|| listed.clone()), ..entry };
                due.entries.push(Again { entry, listed });
            }
        }
        Ok(due)
    }

    async fn known(&self, entries: &[Entry]) -> Result<Known, SourceError> {
        let ids = |entry: &Entry| Lane::ALL.map(|lane| JobId::of(lane, entry.id.as_str()));
        let selection = Selection { ids: entries.iter().flat_map(ids).collect(), ..Selection::default() };
        let mut known = Known::default();
        for view in self.queue.list(selection, None, BATCH_MAX).await? {
            let id = folded(&view.key).into_owned();
            if view.lane == Lane::Fetch {
                known.fetched_ms.insert(id.clone(), view.pushed_ms);
            }
            if JobState::PENDING.contains(&view.state) {
                known.pending.insert(id.clone());
            }
            known.spellings.insert(id, view.key);
        }
        Ok(known)
    }
}

/// What the queue knows of some texts, by their folded ids.
#[derive(Default)]
struct Known {
    /// Their ids as the queue has them.
    spellings: BTreeMap<String, String>,
    /// Those with a pending job.
    pending: BTreeSet<String>,
    /// When their fetch jobs were pushed.
    fetched_ms: BTreeMap<String, Millis>,
}

/// Finds what is stored under an entry's id. Blocking.
fn beside(
    Again { entry, listed }: Again,
    blobs: &dyn BlobStore,
    group_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Beside, BlobError> {
    let bytes = match blobs.read(&BlobName::new(BlobKind::Meta, entry.id.clone()), RECORD_BYTES_MAX) {
        Err(BlobError::NotFound(_)) => return Ok(Beside::New),
        Err(BlobError::TooLarge { .. }) => Vec::new(),
        read => read?,
    };
    let meta = match serde_json::from_slice::<Meta>(&bytes) {
        Ok(meta) => meta,
        Err(error) => {
            tracing::warn!("the meta of '{}' cannot be read ({error}): the text is fetched anew", entry.id);
            return Ok(Beside::Stored(Box::new(again(entry, unknown(), group_of))));
        }
    };
    if !is_same_text(entry.id.as_str(), std::slice::from_ref(&meta.url), &entry.urls) {
        return Ok(Beside::Other(Box::new(Again { entry, listed }), meta.url));
    }
    if meta.document != entry.id || !meta.is_complete(blobs)? {
        tracing::warn!("files of '{}' are gone or cut: the text is fetched anew", entry.id);
        return Ok(Beside::Stored(Box::new(again(entry, unknown(), group_of))));
    }
    let hash = entry.listed.blake3.as_ref();
    // Where the list means other bytes than those that are stored, the whole must come.
    let is_meant = hash.is_none_or(|listed| listed.trim().eq_ignore_ascii_case(&meta.raw.blake3));
    let stored = Stored {
        blake3: meta.raw.blake3,
        final_url: meta.final_url,
        etag: meta.etag.filter(|_| is_meant),
        last_modified: meta.last_modified.filter(|_| is_meant),
    };
    // Only where it came from is asked: another place may have another edition.
    let urls = if entry.urls.contains(&meta.url) { vec![meta.url] } else { entry.urls };
    Ok(Beside::Stored(Box::new(again(Entry { urls, ..entry }, stored, group_of))))
}

fn again(entry: Entry, stored: Stored, group_of: &dyn Fn(&str) -> Option<String>) -> FetchJob {
    FetchJob { stored: Some(stored), ..entry.into_job(group_of) }
}

/// No bytes and no URL are the same as this.
fn unknown() -> Stored {
    Stored { blake3: String::new(), final_url: String::new(), etag: None, last_modified: None }
}
