//! The documents that failed.

use std::fmt;

use flow::{
    clock::Millis,
    failure::{Failure, Reason},
    job::{JobState, JobView, Selection},
    lane::Lane,
    payload::{FetchJob, StoreJob},
    queue::{QueueAdmin, QueueError, each_page},
};
use indicatif::HumanCount;
use monitor::failures::FailureCounter;
use serde::Serialize;
use sources::refresh;

use crate::status::failed_line;

/// A document that failed, and why.
#[derive(Debug, Serialize)]
pub(super) struct FailureRow {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) lane: Lane,
    pub(super) reason: Reason,
    pub(super) attempts: u32,
    pub(super) message: String,
    /// True if it failed in this run, false if it had failed before.
    pub(super) new: bool,
}

/// Returns the dead jobs of these lanes, by lane and id. Those that died from `started_ms` on are new.
pub(super) async fn failures(
    queue: &dyn QueueAdmin,
    lanes: &[Lane],
    started_ms: Millis,
) -> Result<Vec<FailureRow>, QueueError> {
    let dead = Selection { state: Some(JobState::Dead), ..Selection::default() };
    let mut rows = Vec::new();
    each_page(queue, &dead, usize::MAX, |page| {
        let of_lanes = page.iter().filter(|job| lanes.contains(&job.lane));
        rows.extend(of_lanes.map(|job| FailureRow::of(job, started_ms)));
    })
    .await?;
    // The queue lists by job id, which is a hash.
    rows.sort_by(|a, b| (a.lane, &a.id).cmp(&(b.lane, &b.id)));
    Ok(rows)
}

impl FailureRow {
    fn of(job: &JobView, started_ms: Millis) -> Self {
        let (reason, message) = job.last_failure().map_or_else(
            || (Reason::Internal, "no failure was recorded".to_owned()),
            |failure| (failure.reason, failure.message.clone()),
        );
        // A process job that failed has a new text, whose results are missing.
        let is_kept = job.lane != Lane::Process && refresh::is_refresh(job);
        let message = if is_kept { format!("{message}; the stored text was kept") } else { message };
        Self {
            id: job.key.clone(),
            url: url(job).unwrap_or_default(),
            lane: job.lane,
            reason,
            attempts: job.attempts,
            message,
            new: job.changed_ms >= started_ms,
        }
    }
}

/// Returns a heading for failures: how many, how many of them are new, and what happened.
pub(super) fn heading(rows: &[FailureRow]) -> String {
    let mut counter = FailureCounter::default();
    for row in rows {
        counter.add(row.lane, &Failure { reason: row.reason, message: row.message.clone() }, &row.id);
    }
    let (all, new) = (rows.len() as u64, rows.iter().filter(|row| row.new).count() as u64);
    let line = failed_line(&counter.groups(), all).unwrap_or_default();
    match all - new {
        0 => line,
        old => line.replacen(" failed:", &format!(" failed ({} before this run):", HumanCount(old)), 1),
    }
}

impl fmt::Display for FailureRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, url, reason, message, .. } = self;
        // Most messages name the URL.
        if url.is_empty() || message.contains(url.as_str()) {
            write!(f, "{id}  {reason}: {message}")
        } else {
            write!(f, "{id}  {reason}: {message}  {url}")
        }
    }
}

/// Returns the URL in the payload of a job, if it has one.
fn url(job: &JobView) -> Option<String> {
    match job.lane {
        Lane::Fetch => serde_json::from_slice::<FetchJob>(&job.payload).ok()?.urls.into_iter().next(),
        Lane::Store => Some(serde_json::from_slice::<StoreJob>(&job.payload).ok()?.fetched.url),
        Lane::Process => None,
    }
}
