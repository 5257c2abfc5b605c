//! Fills the fetch lane from the snapshots of source lists.
//!
//! A list is a cursor, not a backlog: a batch of jobs and the step of the cursor enter the queue in one push,
//! and only when the lane has room. Any number of feeders may run, because each step of a cursor succeeds
//! once. `refresh_feed` feeds refreshes.

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

/// The pause if the lane is full or no list has entries left.
const PAUSE: Duration = Duration::from_millis(200);

/// The maximum number of conflicts that are logged one by one.
const CONFLICTS_LOGGED: u64 = 10;

/// Returns the politeness group of a URL.
pub type GroupOf = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Returns the BLAKE3, in hex digits, that the raw bytes of a text must have, or `None` if any may come.
pub type ExpectedHash = Arc<dyn Fn(&DocumentId) -> Option<String> + Send + Sync>;

/// Feeds the fetch lane.
pub struct Feeder {
    /// The queue.
    pub queue: Arc<dyn QueueAdmin>,
    /// The directory of the snapshots.
    pub snapshots: PathBuf,
    /// The snapshots that were found intact.
    pub verified: Arc<VerifiedSnapshots>,
    /// Returns the politeness group of a URL.
    pub group_of: GroupOf,
    /// The blob store with `meta/`.
    pub blobs: Arc<dyn BlobStore>,
    /// The number of texts that are left out because another text has their id.
    pub conflicts: Arc<AtomicU64>,
    /// The counters of refreshes.
    pub refresh_counters: RefreshCounters,
    /// Returns the hashes of a lock file, if the run must match one.
    pub expected_hash: Option<ExpectedHash>,
}

/// The result of a step of a cursor.
enum StepResult {
    /// The jobs were pushed.
    Pushed(Pushed),
    /// Another feeder has made the step.
    LostRace,
    /// The lane has no room.
    NoRoom,
}

impl Feeder {
    /// Feeds until the sender of `over` is dropped. The current step is completed first, so that its
    /// conflicts are reported.
    ///
    /// # Errors
    /// Returns [`SourceError::Queue`] if the queue fails, [`SourceError::Snapshot`], [`SourceError::Altered`]
    /// or [`SourceError::Damaged`] if a snapshot cannot be read, and [`SourceError::Blob`] if a meta file
    /// cannot be read.
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
                    Some(list) => self.step_refresh(cursor, &list).await?,
                    None => self.step(cursor).await?,
                };
            }
            // After a step there may be more to feed at once.
            let pause = if has_moved { Duration::ZERO } else { PAUSE };
            tokio::select! {
                biased;
                _ = &mut over => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Moves a cursor by one batch. Returns `false` if the lane has no room.
    async fn step(&self, cursor: Cursor) -> Result<bool, SourceError> {
        let (entries, offset) = self.read(&cursor.source, &cursor, BATCH_MAX).await?;
        let count = entries.len() as u64;
        let jobs: Vec<FetchJob> = entries.into_iter().map(|entry| self.job(entry)).collect();
        let new = jobs.iter().cloned().map(Into::into).collect();
        match self.advance(cursor, new, offset, count).await? {
            StepResult::Pushed(pushed) => {
                self.warn_of_conflicts(&jobs, &pushed.known).await?;
                Ok(true)
            }
            StepResult::LostRace => Ok(true),
            StepResult::NoRoom => Ok(false),
        }
    }

    fn job(&self, entry: Entry) -> FetchJob {
        let mut job = entry.into_job(|url| (self.group_of)(url));
        let expected = self.expected_hash.as_ref().and_then(|hash_of| hash_of(&job.document));
        // A listed hash was compared with the lock before.
        job.listed.blake3 = job.listed.blake3.or(expected);
        job
    }

    /// Pushes jobs and moves the cursor to `offset`, by a number of entries, in one step.
    async fn advance(
        &self,
        cursor: Cursor,
        jobs: Vec<NewJob>,
        offset: u64,
        entries: u64,
    ) -> Result<StepResult, SourceError> {
        let step = CursorMove {
            source: cursor.source,
            from: Some(cursor.offset),
            offset,
            entries: cursor.entries + entries,
            entries_total: cursor.entries_total,
        };
        match self.queue.push(Push { jobs, cursor: Some(step) }).await {
            Ok(pushed) => Ok(StepResult::Pushed(pushed)),
            // The cursor has not moved, so the same entries are read again later.
            Err(QueueError::Full(_)) => Ok(StepResult::NoRoom),
            Err(QueueError::CursorMoved(_)) => Ok(StepResult::LostRace),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the next entries of a list, at most `entries_max`. Returns them and the offset after them.
    async fn read(
        &self,
        list: &str,
        cursor: &Cursor,
        entries_max: usize,
    ) -> Result<(Vec<Entry>, u64), SourceError> {
        let path = self.snapshots.join(format!("{list}.jsonl"));
        let (from, left) = (cursor.offset, cursor.entries_total - cursor.entries);
        let limit = usize::try_from(left).unwrap_or(entries_max).min(entries_max);
        let verified = Arc::clone(&self.verified);
        let read = blocking(move || {
            let entries = verified.read_from(&path, from)?.take(limit).collect::<Result<Vec<_>, _>>()?;
            // The caller only reads lists with entries left.
            let Some(&(_, offset)) = entries.last() else {
                let message = "it ends before all its entries were read".to_owned();
                return Err(SourceError::Damaged { path, offset: from, message });
            };
            Ok((entries.into_iter().map(|(entry, _)| entry).collect(), offset))
        });
        read.await?
    }

    /// Warns of jobs whose id is that of another text, or differs from it only in case. The second text is
    /// not fetched.
    async fn warn_of_conflicts(&self, jobs: &[FetchJob], known: &[u32]) -> Result<(), SourceError> {
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
            // Ids that differ only in case are one job, because their files may be one.
            let others = known.iter().filter(|job| job.document.as_str().eq_ignore_ascii_case(&id));
            for job in others.filter(|job| !is_same_text(&id, &urls, &job.urls)) {
                self.warn_of_conflict((&id, &urls[0]), (job.document.as_str(), &job.urls[0]));
            }
        }
        Ok(())
    }

    /// Warns of two texts with the same file name, each given by its id and URL.
    fn warn_of_conflict(&self, (before, first): (&str, &str), (id, second): (&str, &str)) {
        // The summary reports the number of conflicts.
        let logged = self.conflicts.fetch_add(1, Ordering::Relaxed);
        if logged == CONFLICTS_LOGGED {
            tracing::warn!(
                "more texts are skipped because another text has the same id. They are only counted."
            );
        }
        if logged >= CONFLICTS_LOGGED {
            return;
        }
        if before == id {
            tracing::warn!(
                "'{id}' is listed for {first} and for {second}. The second is skipped. Give it another id."
            );
        } else {
            tracing::warn!(
                "'{before}' is listed for {first} and '{id}' for {second}. The ids differ only in case, so \
                 they could name the same file. The second is skipped. Give it another id."
            );
        }
    }
}

/// Returns whether two lists of URLs are those of one text: they share a URL, or are URLs of the same book.
fn is_same_text(id: &str, before: &[String], now: &[String]) -> bool {
    let is_book = |url: &String| before.iter().any(|other| gutenberg::are_same_book(id, url, other));
    now.iter().any(|url| before.contains(url) || is_book(url))
}

/// Returns the URLs with which a job was listed: those of its payload, else the one in the meta file of its
/// document.
fn listed_before(view: &JobView, blobs: &dyn BlobStore) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Source {
        url: String,
    }
    // The queue drops the payload of a finished job; the meta file names its URL then.
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
    async fn the_conflicts_of_a_step_are_reported_when_work_ends_during_it() {
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
            verified: Arc::default(),
            // Work ends before the jobs are pushed.
            group_of: Arc::new(move |_| {
                drop(work_goes_on.lock().unwrap().take());
                None
            }),
            blobs: Arc::new(MemoryBlobs::default()),
            conflicts: Arc::clone(&conflicts),
            refresh_counters: RefreshCounters::default(),
            expected_hash: None,
        };
        feeder.run(over).await.unwrap();
        assert_eq!(queue.stats().await.unwrap().lane(Lane::Fetch).ready, 1);
        assert_eq!(conflicts.load(Ordering::Relaxed), 1);
    }
}
