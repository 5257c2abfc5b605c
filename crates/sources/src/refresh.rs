//! Rounds of asking again for what is stored.
//!
//! A round goes over one list. Like the list it is a cursor in the queue, `LIST.refresh`, so it is resumed after a crash and
//! held back where the lane is full. When it began stands in the file `LIST.refresh` beside the list's snapshot, in
//! milliseconds since the epoch as decimal digits: a text whose fetch job was pushed since then, by this list or another,
//! has been asked for in this round. The file is written before the cursor is set to its beginning, so a cursor that is not
//! at its end has the file of its own round.
//!
//! A round is finished when its cursor is at its end and no job of a refresh is pending. Before that, no other begins.

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
    queue::{BATCH_MAX, Cursor, CursorMove, Push, QueueAdmin, QueueError},
    safe_file,
};
use serde::{Deserialize, Serialize};

use crate::{blocking::blocking, error::SourceError};

/// What follows a list's name in the name of its cursor and its file.
const SUFFIX: &str = ".refresh";

/// Whether what is stored is asked for again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refresh {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
}

/// The list that a cursor goes over for a refresh; none for a cursor that feeds a list for the first time.
pub fn list_of(source: &str) -> Option<&str> {
    source.strip_suffix(SUFFIX)
}

/// Begins a round over each of these lists, or over all where none are named. Where the former round of a list is not
/// finished, that goes on instead. `now_ms` must not be later than any push of the command that begins it.
///
/// # Errors
/// Where the queue fails, or the beginning cannot be noted.
pub async fn begin(
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
        if before.is_some_and(|cursor| cursor.entries < cursor.entries_total || are_jobs_pending) {
            tracing::info!("the refresh of '{}' that was begun before goes on", list.source);
            continue;
        }
        note(snapshots, &list.source, now_ms).await?;
        let from = before.map(|cursor| cursor.offset);
        let step = CursorMove { source, from, offset: 0, entries: 0, entries_total: list.entries_total };
        match queue.push(Push { jobs: Vec::new(), cursor: Some(step) }).await {
            // Another command began it at the same moment.
            Ok(_) | Err(QueueError::CursorMoved(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether a job of a refresh is pending.
async fn are_pending(queue: &dyn QueueAdmin) -> Result<bool, QueueError> {
    for lane in Lane::ALL {
        for state in JobState::PENDING {
            if count(lane, state, queue, Until::First).await? > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// How far to count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    First,
    End,
}

/// Jobs of refreshes in this lane and state.
async fn count(lane: Lane, state: JobState, queue: &dyn QueueAdmin, until: Until) -> Result<u64, QueueError> {
    let selection = Selection { lane: Some(lane), state: Some(state), ..Selection::default() };
    let (mut count, mut after) = (0, None);
    loop {
        let page = queue.list(selection.clone(), after, BATCH_MAX).await?;
        count += page.iter().filter(|view| is_refresh(view)).count() as u64;
        after = page.last().map(|view| view.id);
        if after.is_none() || (until == Until::First && count > 0) {
            return Ok(count);
        }
    }
}

/// Whether a job, as far as its payload is kept, is of a text that is stored already.
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

fn note_path(snapshots: &Path, list: &str) -> PathBuf {
    snapshots.join(format!("{list}{SUFFIX}"))
}

/// Notes when a round began, durably.
async fn note(snapshots: &Path, list: &str, began_ms: Millis) -> Result<(), SourceError> {
    let path = note_path(snapshots, list);
    blocking(move || {
        let written = atomic_file::write(&path, format!("{began_ms}\n"));
        written.map_err(|source| SourceError::Write { path: path.clone(), source })
    })
    .await?
}

/// When the round over a list began. Blocking.
///
/// # Errors
/// Where that is not noted.
pub fn began_ms(snapshots: &Path, list: &str) -> Result<Millis, SourceError> {
    let path = note_path(snapshots, list);
    let noted = safe_file::read_to_string(&path).and_then(|noted| {
        noted.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    noted.map_err(|source| SourceError::Snapshot { path, source })
}

/// What one process counts.
#[derive(Debug, Clone, Default)]
pub struct RefreshCounters {
    /// What the fetch stage found.
    pub fetched: Arc<RefetchCounters>,
    /// Texts that were not asked for since a job of theirs was pending.
    pub on_their_way: Arc<AtomicU64>,
}

/// What a refresh has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RefreshSummary {
    /// Stored texts that were asked for again: the three that follow.
    pub asked: u64,
    /// Those that are as they are stored.
    pub unchanged: u64,
    /// Those that came as other bytes, which replace what was stored.
    pub changed: u64,
    /// Those that could not be had; what is stored of them was kept.
    pub failed: u64,
    /// Texts that were not asked for again since they were still being fetched, stored or processed.
    pub on_their_way: u64,
}

impl RefreshCounters {
    /// What came of it; none where nothing was refreshed or to be refreshed.
    ///
    /// # Errors
    /// Where the queue fails.
    pub async fn summary(
        &self,
        refresh: Refresh,
        queue: &dyn QueueAdmin,
    ) -> Result<Option<RefreshSummary>, QueueError> {
        let (unchanged, changed) = (self.fetched.unchanged(), self.fetched.changed());
        let on_their_way = self.on_their_way.load(Ordering::Relaxed);
        if refresh == Refresh::No && unchanged + changed + on_their_way == 0 {
            return Ok(None);
        }
        let failed = count(Lane::Fetch, JobState::Dead, queue, Until::End).await?;
        let asked = unchanged + changed + failed;
        Ok(Some(RefreshSummary { asked, unchanged, changed, failed, on_their_way }))
    }
}

impl RefreshSummary {
    /// For people.
    pub fn line(&self) -> String {
        let Self { asked, unchanged, changed, failed, on_their_way } = self;
        let mut line =
            format!("{asked} stored texts asked for again: {unchanged} unchanged, {changed} changed");
        if *failed > 0 {
            line.push_str(&format!(", {failed} failed, whose stored texts were kept"));
        }
        if *on_their_way > 0 {
            line.push_str(&format!("; {on_their_way} not asked for, being on their way already"));
        }
        line
    }
}
