//! Tops the fetch lane up from the snapshots of source lists.
//!
//! A list is a cursor, not a backlog: a batch of jobs and the step of the cursor go into the queue together, and only
//! when the lane has room. Any number of feeders may run; a step is taken once. `refresh_feed` feeds refreshes.

mod refresh_feed;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::{JobId, JobView, NewJob, Selection},
    lane::Lane,
    payload::FetchJob,
    queue::{BATCH_MAX, Cursor, CursorMove, Push, Pushed, QueueAdmin, QueueError},
};
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    blocking::blocking,
    entry::Entry,
    error::SourceError,
    refresh::{self, RefreshCounters},
    resolve::gutenberg,
    snapshot::integrity::VerifiedSnapshots,
};

/// How long to wait where the lane is full or no list has anything left.
const PAUSE: Duration = Duration::from_millis(200);

/// The maximum number of conflicts that are logged one by one.
const CONFLICTS_TOLD: u64 = 10;

/// Finds out the group that a URL's politeness counts with.
pub type GroupOf = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Returns the BLAKE3, in hex digits, that the raw bytes of a text must have, or `None` if any may come.
pub type ExpectedHash = Arc<dyn Fn(&DocumentId) -> Option<String> + Send + Sync>;

/// Feeds the fetch lane.
pub struct Feeder {
    /// Where to.
    pub queue: Arc<dyn QueueAdmin>,
    /// The directory of the snapshots.
    pub snapshots: PathBuf,
    /// The snapshots that were found intact.
    pub checked: Arc<VerifiedSnapshots>,
    /// The group of a URL.
    pub group_of: GroupOf,
    /// Where `meta/` is.
    pub blobs: Arc<dyn BlobStore>,
    /// Counts texts that are left out because their id is another text's.
    pub conflicts: Arc<AtomicU64>,
    /// Counts what a refresh does.
    pub refreshing: RefreshCounters,
    /// Returns the BLAKE3 that the raw bytes of a text must have, if something besides the list demands one.
    pub expected: Option<ExpectedHash>,
}

/// Some entries of a list, and how far they reach.
struct Batch {
    entries: Vec<Entry>,
    offset: u64,
}

/// What became of a step.
enum Moved {
    /// It was taken.
    Here(Pushed),
    /// Another feeder took it.
    Elsewhere,
    /// The lane has no room.
    NoRoom,
}

impl Feeder {
    /// Feeds until `over` ends. The step that is under way then is finished: what it has to tell is told.
    ///
    /// # Errors
    /// Where the queue fails, or a snapshot cannot be read.
    pub async fn run(self, mut over: oneshot::Receiver<()>) -> Result<(), SourceError> {
        loop {
            let cursors = self.queue.cursors().await?;
            let mut has_moved = false;
            for cursor in cursors.into_iter().filter(|cursor| cursor.entries < cursor.entries_total) {
                if !matches!(over.try_recv(), Err(TryRecvError::Empty)) {
                    return Ok(());
                }
                let list = refresh::list_of(&cursor.source).map(str::to_owned);
                has_moved |= match list {
                    Some(list) => self.step_again(cursor, &list).await?,
                    None => self.step(cursor).await?,
                };
            }
            let pause = if has_moved { Duration::ZERO } else { PAUSE };
            tokio::select! {
                biased;
                _ = &mut over => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Moves a cursor one batch on; `false` where the lane has no room.
    async fn step(&self, cursor: Cursor) -> Result<bool, SourceError> {
        let batch = self.read(&cursor.source, &cursor, BATCH_MAX).await?;
        let count = batch.entries.len() as u64;
        let jobs: Vec<FetchJob> = batch.entries.into_iter().map(|entry| self.job(entry)).collect();
        let new = jobs.iter().cloned().map(Into::into).collect();
        match self.advance(cursor, new, batch.offset, count).await? {
            Moved::Here(pushed) => {
                self.tell_of_conflicts(&jobs, &pushed.known).await?;
                Ok(true)
            }
            Moved::Elsewhere => Ok(true),
            Moved::NoRoom => Ok(false),
        }
    }

    fn job(&self, entry: Entry) -> FetchJob {
        let mut job = entry.into_job(|url| (self.group_of)(url));
        let expected = self.expected.as_ref().and_then(|expected| expected(&job.document));
        // What the list says was compared with the lock before.
        job.listed.blake3 = job.listed.blake3.or(expected);
        job
    }

    /// Pushes jobs and moves the cursor to `offset`, so many entries on, in one step.
    async fn advance(
        &self,
        cursor: Cursor,
        jobs: Vec<NewJob>,
        offset: u64,
        entries: u64,
    ) -> Result<Moved, SourceError> {
        let step = CursorMove {
            source: cursor.source,
            from: Some(cursor.offset),
            offset,
            entries: cursor.entries + entries,
            entries_total: cursor.entries_total,
        };
        match self.queue.push(Push { jobs, cursor: Some(step) }).await {
            Ok(pushed) => Ok(Moved::Here(pushed)),
            Err(QueueError::Full(_)) => Ok(Moved::NoRoom),
            Err(QueueError::CursorMoved(_)) => Ok(Moved::Elsewhere),
            Err(error) => Err(error.into()),
        }
    }

    /// The next entries of a list, at most `entries_max`.
    async fn read(&self, list: &str, cursor: &Cursor, entries_max: usize) -> Result<Batch, SourceError> {
        let path = self.snapshots.join(format!("{list}.jsonl"));
        let (from, left) = (cursor.offset, cursor.entries_total - cursor.entries);
        let limit = usize::try_from(left).unwrap_or(entries_max).min(entries_max);
        let checked = Arc::clone(&self.checked);
        let read = blocking(move || -> Result<Batch, SourceError> {
            let mut batch = Batch { entries: Vec::with_capacity(limit), offset: from };
            for item in checked.read_from(&path, from)?.take(limit) {
                let (entry, offset) = item?;
                batch.entries.push(entry);
                batch.offset = offset;
            }
            if batch.entries.is_empty() {
                let message = "it ends before all its entries were read".to_owned();
                return Err(SourceError::Damaged { path, offset: from, message });
            }
            Ok(batch)
        });
        Ok(read.await??)
    }

    /// One id, or two that differ only in case, and two different texts: the second is not fetched, and the user must
    /// know.
    async fn tell_of_conflicts(&self, jobs: &[FetchJob], known: &[u32]) -> Result<(), SourceError> {
        let known: Vec<&FetchJob> = known.iter().filter_map(|&at| jobs.get(at as usize)).collect();
        if known.is_empty() {
            return Ok(());
        }
        let ids = known.iter().map(|job| JobId::of(Lane::Fetch, job.document.as_str())).collect();
        let views = self.queue.list(Selection { ids, ..Selection::default() }, None, BATCH_MAX).await?;
        let blobs = Arc::clone(&self.blobs);
        let reading = blocking(move || {
            views.iter().map(|view| (view.key.clone(), listed_before(view, &*blobs))).collect::<Vec<_>>()
        });
        let before = reading.await?;
        for (id, urls) in before.into_iter().filter(|(_, urls)| !urls.is_empty()) {
            let others = known.iter().filter(|job| job.document.as_str().eq_ignore_ascii_case(&id));
            for job in others.filter(|job| !is_same_text(&id, &urls, &job.urls)) {
                self.tell_of_conflict((&id, &urls[0]), (job.document.as_str(), &job.urls[0]));
            }
        }
        Ok(())
    }

    /// Tells of two texts, each by its id and URL.
    fn tell_of_conflict(&self, (before, first): (&str, &str), (id, second): (&str, &str)) {
        // The summary reports the number of conflicts.
        match self.conflicts.fetch_add(1, Ordering::Relaxed) {
            0..CONFLICTS_TOLD => {}
            CONFLICTS_TOLD => {
                tracing::warn!("more texts are left out because their ids are taken: they are only counted");
                return;
            }
            _ => return,
        }
        if before == id {
            tracing::warn!(
                "'{id}' is listed for {first} and for {second}: the second is left out; give it another id"
            );
        } else {
            tracing::warn!(
                "'{before}' is listed for {first} and '{id}' for {second}, which could be one file: the second is \
                 left out; give it an id that differs in more than case"
            );
        }
    }
}

/// Whether two lists of URLs are of one text: they share one, or are places of the same book.
fn is_same_text(id: &str, before: &[String], now: &[String]) -> bool {
    let is_book = |url: &String| before.iter().any(|other| gutenberg::are_same_book(id, url, other));
    now.iter().any(|url| before.contains(url) || is_book(url))
}

/// The URLs that a job was listed with, as far as that can still be known.
fn listed_before(view: &JobView, blobs: &dyn BlobStore) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Source {
        url: String,
    }
    if let Ok(job) = serde_json::from_slice::<FetchJob>(&view.payload) {
        return job.urls;
    }
    let Ok(document) = view.key.parse() else { return Vec::new() };
    let meta = blobs.read(&BlobName::new(BlobKind::Meta, document), corpus::records::RECORD_BYTES_MAX);
    let source = meta.ok().and_then(|meta| serde_json::from_slice::<Source>(&meta).ok());
    source.map(|source| source.url).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use flow::testing::{memory_blobs::MemoryBlobs, memory_queue::MemoryQueue};

    use super::*;

    #[tokio::test]
    async fn a_step_that_is_under_way_when_work_ends_tells_of_its_conflicts() {
        let snapshots = tempfile::tempdir().unwrap();
        let entry = |url: &str| format!("{{\"id\":\"same\",\"urls\":[\"{url}\"]}}\n");
        let list = [entry("https://a.example/1"), entry("https://a.example/2")].concat();
        std::fs::write(snapshots.path().join("list.jsonl"), list).unwrap();
        let queue: Arc<dyn QueueAdmin> = Arc::new(MemoryQueue::default());
        let cursor =
            CursorMove { source: "list".to_owned(), from: None, offset: 0, entries: 0, entries_total: 2 };
        queue.push(Push { jobs: Vec::new(), cursor: Some(cursor) }).await.unwrap();

        let (work_goes_on, over) = oneshot::channel();
        let work_goes_on = Mutex::new(Some(work_goes_on));
        let conflicts = Arc::<AtomicU64>::default();
        let feeder = Feeder {
            queue: Arc::clone(&queue),
            snapshots: snapshots.path().to_owned(),
            checked: Arc::default(),
            // Work ends before the jobs are pushed.
            group_of: Arc::new(move |_| {
                drop(work_goes_on.lock().unwrap().take());
                None
            }),
            blobs: Arc::new(MemoryBlobs::default()),
            conflicts: Arc::clone(&conflicts),
            refreshing: RefreshCounters::default(),
            expected: None,
        };
        feeder.run(over).await.unwrap();
        assert_eq!(queue.stats().await.unwrap().lane(Lane::Fetch).ready, 1);
        assert_eq!(conflicts.load(Ordering::Relaxed), 1);
    }
}
