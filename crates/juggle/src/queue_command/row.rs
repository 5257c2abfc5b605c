//! The JSON of a job.

use flow::{
    clock::Millis,
    job::{JobEvent, JobId, JobState, JobView},
    lane::Lane,
};
use serde::Serialize;
use serde_json::value::RawValue;

/// A job in JSON. The payload is JSON itself and is written as it is.
#[derive(Serialize)]
pub(super) struct JobRow<'a> {
    id: JobId,
    lane: Lane,
    document: &'a str,
    state: JobState,
    group: Option<&'a str>,
    priority: u8,
    attempts: u32,
    failures: u32,
    due_ms: Option<Millis>,
    pushed_ms: Millis,
    changed_ms: Millis,
    age_ms: Millis,
    history: &'a [JobEvent],
    payload: Option<&'a RawValue>,
}

impl<'a> JobRow<'a> {
    pub(super) fn of(job: &'a JobView, now_ms: Millis) -> Self {
        Self {
            id: job.id,
            lane: job.lane,
            document: &job.key,
            state: job.state,
            group: job.group.as_ref().map(|group| group.0.as_str()),
            priority: job.priority.0,
            attempts: job.attempts,
            failures: job.failures,
            due_ms: job.due_ms,
            pushed_ms: job.pushed_ms,
            changed_ms: job.changed_ms,
            age_ms: now_ms.saturating_sub(job.pushed_ms),
            history: &job.history,
            // A payload that is no JSON is left out, because it would break the JSON of all jobs.
            payload: serde_json::from_slice(&job.payload).ok(),
        }
    }
}
