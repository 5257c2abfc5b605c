//! Refresh rounds: requesting stored texts again.
//!
//! A round covers one list. Like the list, it is a cursor in the queue, `LIST.refresh`, so it is resumed
//! after a crash and waits while the lane is full. The file `LIST.refresh` in the directory of the snapshots
//! holds the start time of the round, in milliseconds since the epoch as decimal digits. A text whose fetch
//! job was pushed since then, by this list or another, has been requested in this round. The file is written
//! before the cursor is reset, so a cursor that is not at its end has the file of its own round.
//!
//! A round is finished when its cursor is at its end and no job of a refresh is pending. Only then may
//! another start.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fetch::refetch_counters::RefetchCounters;
use flow::{
    atomic_file,
    clock::Millis,
    job::{JobState, JobView, OnDuplicate, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, QueueAdmin, QueueError},
    safe_file,
};
use serde::{Deserialize, Serialize};

use crate::{blocking::blocking, cursors, error::SourceError};

/// The suffix of the names of the cursor and the file of a round.
const SUFFIX: &str = ".refresh";

/// The refresh mode: stored texts are requested again, or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refresh {
    /// They are not.
    #[default]
    No,
    /// They are.
    Yes,
}

/// Returns the list that a cursor refreshes, or `None` for a cursor that feeds a list for the first time.
#[must_use]
pub fn list_of(source: &str) -> Option<&str> {
    source.strip_suffix(SUFFIX)
}

/// Starts a round over each of these lists, or over all lists if none are named. If the last round of a list
/// is not finished, it continues instead. `now_ms` must not be later than any push of the command that starts
/// the round.
///
/// # Errors
/// Returns [`SourceError::Queue`] if the queue fails, and [`SourceError::Write`] if the start time cannot be
/// written.
pub(crate) async fn begin(
    named: &[String],
    snapshots: &Path,
    now_ms: Millis,
    queue: &dyn QueueAdmin,
) -> Result<(), SourceError> {
    let cursors = queue.cursors().await?.into_iter().map(|cursor| (cursor.source.clone(), cursor));
    let cursors: BTreeMap<String, Cursor> = cursors.collect();
    let is_meant = |list: &str| named.is_empty() || named.iter().any(|name| name == list);
    let lists = cursors.values().filter(|list| list_of(&list.source).is_none() && is_meant(&list.source));
    let are_jobs_pending = are_pending(queue).await?;
    for list in lists {
        let source = format!("{}{SUFFIX}", list.source);
        let before = cursors.get(&source);
        // A new round would request the texts of the unfinished round once more.
        if before.is_some_and(|cursor| cursor.entries < cursor.entries_total || are_jobs_pending) {
            tracing::info!("continuing the unfinished refresh of '{}'", list.source);
            continue;
        }
        write_start(snapshots, &list.source, now_ms).await?;
        // The push succeeds only if no other command has moved the cursor since.
        let from = before.map(|cursor| cursor.offset);
        cursors::start(source, from, list.entries_total, queue).await?;
    }
    Ok(())
}

/// Returns whether a job of a refresh is pending.
async fn are_pending(queue: &dyn QueueAdmin) -> Result<bool, QueueError> {
    for lane in Lane::ALL {
        for state in JobState::PENDING {
            if count(lane, state, queue, 1).await? > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Counts the jobs of refreshes in a lane and state. Stops at the first page that reaches `limit`.
async fn count(lane: Lane, state: JobState, queue: &dyn QueueAdmin, limit: u64) -> Result<u64, QueueError> {
    let selection = Selection { lane: Some(lane), state: Some(state), ..Selection::default() };
    let (mut count, mut after) = (0, None);
    while count < limit {
        let page = queue.list(selection.clone(), after, BATCH_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        count += page.iter().filter(|view| is_refresh(view)).count() as u64;
    }
    Ok(count)
}

/// Returns whether a job is of a text that is already stored. A job without its payload does not count.
#[must_use]
pub fn is_refresh(view: &JobView) -> bool {
    #[derive(Deserialize)]
    struct Marks {
        #[serde(default)]
        stored: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        known: OnDuplicate,
    }
    serde_json::from_slice::<Marks>(&view.payload)
        .is_ok_and(|marks| marks.stored.is_some() || marks.known == OnDuplicate::Renew)
}

fn start_path(snapshots: &Path, list: &str) -> PathBuf {
    snapshots.join(format!("{list}{SUFFIX}"))
}

/// Writes the start time of a round, durably.
async fn write_start(snapshots: &Path, list: &str, began_ms: Millis) -> Result<(), SourceError> {
    let path = start_path(snapshots, list);
    blocking(move || {
        let written = atomic_file::write(&path, format!("{began_ms}\n"));
        written.map_err(|source| SourceError::Write { path: path.clone(), source })
    })
    .await?
}

/// Returns the start time of the round over a list. Blocking.
///
/// # Errors
/// Returns [`SourceError::Snapshot`] if the start time cannot be read.
pub(crate) fn read_start(snapshots: &Path, list: &str) -> Result<Millis, SourceError> {
    let path = start_path(snapshots, list);
    let start = safe_file::read_to_string(&path).and_then(|start| {
        start.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    start.map_err(|source| SourceError::Snapshot { path, source })
}

/// The counters of the refreshes in one process.
#[derive(Debug, Clone, Default)]
pub struct RefreshCounters {
    /// The results of the fetch stage.
    pub fetched: Arc<RefetchCounters>,
    /// The number of texts that were not requested because a job of theirs was pending.
    pub on_their_way: Arc<AtomicU64>,
}

/// The results of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RefreshSummary {
    /// The number of stored texts that were requested again: the sum of the next three.
    pub asked: u64,
    /// The number of texts that have not changed.
    pub unchanged: u64,
    /// The number of texts whose new bytes replace the stored ones.
    pub changed: u64,
    /// The number of texts that could not be fetched; the stored ones were kept.
    pub failed: u64,
    /// The number of texts that were not requested because they were still being fetched, stored or
    /// processed.
    pub on_their_way: u64,
}

impl RefreshCounters {
    /// Returns the results, or `None` if no refresh was requested and none happened.
    ///
    /// # Errors
    /// Returns the errors of the queue.
    pub async fn summary(
        &self,
        refresh: Refresh,
        queue: &dyn QueueAdmin,
    ) -> Result<Option<RefreshSummary>, QueueError> {
        let (unchanged, changed) = (self.fetched.unchanged.get(), self.fetched.changed.get());
        let on_their_way = self.on_their_way.load(Ordering::Relaxed);
        // A run may finish a refresh that an earlier command started.
        if refresh == Refresh::No && unchanged + changed + on_their_way == 0 {
            return Ok(None);
        }
        let failed = count(Lane::Fetch, JobState::Dead, queue, u64::MAX).await?;
        let asked = unchanged + changed + failed;
        Ok(Some(RefreshSummary { asked, unchanged, changed, failed, on_their_way }))
    }
}

impl RefreshSummary {
    /// Returns the results as a line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { asked, unchanged, changed, failed, on_their_way } = self;
        let mut line =
            format!("{asked} stored texts requested again: {unchanged} unchanged, {changed} changed");
        if *failed > 0 {
            line.push_str(&format!(", {failed} failed (their stored texts were kept)"));
        }
        if *on_their_way > 0 {
            line.push_str(&format!("; {on_their_way} not requested, because they are still in progress"));
        }
        line
    }
}
