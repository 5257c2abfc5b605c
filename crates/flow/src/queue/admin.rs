//! What people and the feeder may do with the queue.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{BATCH_MAX, JobQueue, QueueDetails, QueueError, QueueStats};
use crate::{
    job::{Group, JobId, JobView, NewJob, Selection},
    lane::Lane,
};

/// A durable queue with all of its operations.
///
/// The general errors of [`JobQueue`] apply to every method.
#[async_trait]
pub trait QueueAdmin: JobQueue {
    /// Adds up to [`BATCH_MAX`](super::BATCH_MAX) jobs and moves the cursor of a source, in one step.
    ///
    /// # Errors
    /// [`QueueError::Full`] if a lane has no room for all of the jobs; [`QueueError::CursorMoved`] if the
    /// cursor is not at [`CursorMove::from`]; [`QueueError::Invalid`] if there are too many jobs or a key,
    /// group or payload is too long. Nothing is added then.
    async fn push(&self, push: Push) -> Result<Pushed, QueueError>;

    /// Returns the number of pending jobs of each group, in the order of `groups`.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] if there are more than [`BATCH_MAX`](super::BATCH_MAX) groups.
    async fn pending(&self, lane: Lane, groups: Vec<Group>) -> Result<Vec<u64>, QueueError>;

    /// Returns the counts of all lanes. Takes constant time.
    ///
    /// # Errors
    /// Only those of [`JobQueue`].
    async fn stats(&self) -> Result<QueueStats, QueueError>;

    /// Returns ages, rates and groups. Takes time proportional to the number of pending jobs.
    ///
    /// # Errors
    /// Only those of [`JobQueue`].
    async fn details(&self) -> Result<QueueDetails, QueueError>;

    /// Returns the cursors of all sources, in the order of their names.
    ///
    /// # Errors
    /// Only those of [`JobQueue`].
    async fn cursors(&self) -> Result<Vec<Cursor>, QueueError>;

    /// Returns up to `limit` selected jobs, in the order of their ids, after the job `after`.
    ///
    /// # Errors
    /// Only those of [`JobQueue`].
    async fn list(
        &self,
        selection: Selection,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError>;

    /// Makes the selected dead jobs ready again, as they were pushed and without failures. Returns their
    /// number.
    ///
    /// # Errors
    /// Only those of [`JobQueue`]. If the connection breaks, the jobs may or may not be ready.
    async fn retry(&self, selection: Selection) -> Result<u64, QueueError>;

    /// Forgets the selected jobs, except those that a worker has. Returns their number.
    ///
    /// # Errors
    /// Only those of [`JobQueue`]. If the connection breaks, the jobs may or may not be forgotten.
    async fn drop_jobs(&self, selection: Selection) -> Result<u64, QueueError>;

    /// Pauses or resumes a lane. No job of a paused lane is handed out.
    ///
    /// # Errors
    /// Only those of [`JobQueue`].
    async fn set_paused(&self, lane: Lane, pause: Pause) -> Result<(), QueueError>;
}

/// Passes the selected jobs to `take`, a page at a time, up to `limit` jobs.
///
/// # Errors
/// Returns the errors of [`QueueAdmin::list`].
pub async fn each_page(
    queue: &dyn QueueAdmin,
    selection: &Selection,
    limit: usize,
    mut take: impl FnMut(Vec<JobView>),
) -> Result<(), QueueError> {
    let (mut left, mut after) = (limit, None);
    while left > 0 {
        let page = queue.list(selection.clone(), after, left.min(BATCH_MAX)).await?;
        // The page is empty: all jobs were read.
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        left -= page.len().min(left);
        take(page);
    }
    Ok(())
}

/// Jobs to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The jobs.
    pub jobs: Vec<NewJob>,
    /// The step of the source's cursor that these jobs come from.
    pub cursor: Option<CursorMove>,
}

/// The position up to which a source list has been read into the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The source's name.
    pub source: String,
    /// The number of bytes read.
    pub offset: u64,
    /// The number of entries read.
    pub entries: u64,
    /// The number of entries in the source.
    pub entries_total: u64,
    /// The number of entries whose jobs were known already.
    pub skipped: u64,
}

/// A step of a cursor. The queue takes it only if the cursor is at `from`, so two feeders cannot take the
/// same step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorMove {
    /// The source's name, 1 to 200 bytes.
    pub source: String,
    /// The required current offset. `None` creates the cursor.
    pub from: Option<u64>,
    /// The new offset.
    pub offset: u64,
    /// The number of entries up to the new offset.
    pub entries: u64,
    /// The number of entries in the source.
    pub entries_total: u64,
}

/// The result of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The number of new jobs.
    pub new: u64,
    /// The positions in [`Push::jobs`] of the jobs that were known already.
    pub known: Vec<u32>,
}

/// The switch of a lane, which people set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// The lane hands out no jobs.
    Paused,
    /// The lane hands out jobs.
    Running,
}
