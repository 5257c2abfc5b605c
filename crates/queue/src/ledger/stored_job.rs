//! Reads a job in full, from memory and the log.

use flow::{
    job::{Group, JobId, JobState, JobView, Priority},
    queue::QueueError,
};

use super::Ledger;
use crate::log::entry::{
    AsPushed, Entries, Entry, Origin, Progress, RetryState, begin_group, decode_content,
};

/// A job in full.
pub(super) struct StoredJob {
    pub(super) view: JobView,
    /// The number of its latest attempt, as leases have it.
    pub(super) attempt_number: u32,
    /// The number of the latest attempt that ended by `fail`.
    pub(super) failed_attempt: Option<u32>,
    pub(super) attempts_before: u32,
    pub(super) sequence: u64,
    pub(super) retry_state: Option<Box<RetryState>>,
    /// The group, priority and payload before it was revised.
    pub(super) as_pushed: Option<(Option<Group>, Priority, Vec<u8>)>,
}

impl Ledger {
    /// Reads a job, live or ended. Returns `None` if no job has this id.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the job cannot be read.
    pub(super) fn stored_job(&self, id: JobId) -> Result<Option<StoredJob>, QueueError> {
        if let Some(slot) = self.jobs.find(id) {
            let job = &self.jobs[slot];
            let progress = job.progress(self.phase(job));
            let mut stored = StoredJob::new(id, &self.origin(job), progress, &self.content(slot)?)?;
            let waits = matches!(job.state, JobState::Delayed | JobState::Leased);
            stored.view.due_ms = waits.then_some(job.due_ms);
            return Ok(Some(stored));
        }
        let Some(ended) = self.ended.by_id(id) else { return Ok(None) };
        // A job that has ended since the last commit is not in the log yet.
        let entry = match self.dirty.ended.get(&id) {
            Some(entry) => entry.clone(),
            None => self.log.read(ended.location, ended.offset, ended.location.bytes())?,
        };
        // Entries are decoded as those of a commit group, so this one becomes a group.
        let group = [begin_group(0), entry].concat();
        let broken = |why: String| QueueError::Broken(format!("job {id} cannot be read: {why}"));
        match Entries::of(&group).map_err(broken)?.next() {
            Some(Ok((_, _, Entry::Full { origin, progress, content, .. }))) => {
                StoredJob::new(id, &origin, progress, content).map(Some)
            }
            other => Err(broken(format!("{other:?}"))),
        }
    }

    /// Reads a job that is known to exist.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the job cannot be read.
    pub(super) fn known_job(&self, id: JobId) -> Result<StoredJob, QueueError> {
        Ok(self.stored_job(id)?.expect("the id was just taken from a job"))
    }
}

impl StoredJob {
    fn new(id: JobId, origin: &Origin<'_>, progress: Progress, content: &[u8]) -> Result<Self, QueueError> {
        let content = decode_content(content).map_err(QueueError::Broken)?;
        let Progress { phase, changed_ms, attempts, retry_state } = progress;
        let RetryState { failed_attempt, failures, history, .. } =
            retry_state.as_deref().cloned().unwrap_or_default();
        let view = JobView {
            id,
            lane: origin.lane,
            key: content.key.to_owned(),
            group: origin.group.map(|group| Group(group.to_owned())),
            priority: origin.priority,
            state: phase.state(),
            due_ms: None,
            attempts,
            failures,
            pushed_ms: origin.pushed_ms,
            changed_ms,
            history,
            payload: content.payload.to_owned(),
        };
        Ok(Self {
            view,
            attempt_number: origin.attempts_before.saturating_add(attempts),
            // 0 stands for none: attempts are counted from 1.
            failed_attempt: (failed_attempt > 0)
                .then(|| origin.attempts_before.saturating_add(failed_attempt)),
            attempts_before: origin.attempts_before,
            sequence: origin.sequence,
            retry_state,
            as_pushed: content.as_pushed.map(|as_pushed| {
                let AsPushed { group, priority, payload } = as_pushed;
                (group.map(|group| Group(group.to_owned())), priority, payload.to_owned())
            }),
        })
    }
}
