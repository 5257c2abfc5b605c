//! The record of a job in the ledger.

use crate::{
    clock::Millis,
    job::{Group, HISTORY_MAX, JobEvent, JobEventKind, JobId, JobState, JobView, Lease, NewJob, Priority},
    lane::Lane,
};

/// The state of a job, with the time at which the state ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Delayed(Millis),
    Leased(Millis),
    Done,
    Dead,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) lane: Lane,
    pub(super) key: String,
    pub(super) group: Option<Group>,
    pub(super) priority: Priority,
    pub(super) payload: Vec<u8>,
    /// The job as it was pushed, if it was revised since.
    pub(super) pushed: Option<(Option<Group>, Priority, Vec<u8>)>,
    /// The number of its push, which orders jobs of the same priority.
    pub(super) order: u64,
    pub(super) place: Place,
    /// While it is leased: it no longer counts towards the limits of its group.
    pub(super) is_settled: bool,
    pub(super) attempts: u32,
    /// The attempt numbers that an earlier job of the same key has used.
    attempts_before: u32,
    pub(super) failures: u32,
    pub(super) failing_since_ms: Option<Millis>,
    /// The latest attempt that `fail` ended, so that a repeat of it is recognised.
    pub(super) failed_attempt: Option<u32>,
    pub(super) pushed_ms: Millis,
    pub(super) changed_ms: Millis,
    pub(super) history: Vec<JobEvent>,
}

impl Job {
    pub(super) fn new(new: NewJob, order: u64, attempts_before: u32, now_ms: Millis) -> Self {
        let due_ms = now_ms.saturating_add(new.delay_ms);
        Self {
            lane: new.lane,
            key: new.key,
            group: new.group,
            priority: new.priority,
            payload: new.payload,
            pushed: None,
            order,
            place: if new.delay_ms == 0 { Place::Ready } else { Place::Delayed(due_ms) },
            is_settled: false,
            attempts: 0,
            attempts_before,
            failures: 0,
            failing_since_ms: None,
            failed_attempt: None,
            pushed_ms: now_ms,
            changed_ms: now_ms,
            history: Vec::new(),
        }
    }

    pub(super) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.place, Place::Ready | Place::Delayed(_) | Place::Leased(_))
    }

    pub(super) const fn is_leased(&self) -> bool {
        matches!(self.place, Place::Leased(_))
    }

    /// Returns the number of the latest attempt.
    pub(super) const fn lease(&self, id: JobId) -> Lease {
        Lease { id, attempt: self.attempts_before + self.attempts }
    }

    pub(super) fn is_held_by(&self, lease: Lease) -> bool {
        self.is_leased() && self.lease(lease.id) == lease
    }

    pub(super) fn wait(&mut self, after_ms: Millis, now_ms: Millis) {
        let due_ms = now_ms.saturating_add(after_ms);
        // Without a delay the job is ready at once, not at the next change of the clock.
        self.go(if after_ms == 0 { Place::Ready } else { Place::Delayed(due_ms) }, now_ms);
    }

    /// Replaces the job by a revised one and sets its count of failures to 0.
    pub(super) fn revise(&mut self, revised: NewJob) {
        let before = (
            std::mem::replace(&mut self.group, revised.group),
            std::mem::replace(&mut self.priority, revised.priority),
            std::mem::replace(&mut self.payload, revised.payload),
        );
        // Only the first revision replaces the job as it was pushed.
        self.pushed.get_or_insert(before);
        // A revised job is another task. The failures of the old one do not count against it.
        self.failures = 0;
        self.failing_since_ms = None;
    }

    /// Restores the job as it was pushed.
    pub(super) fn restore(&mut self) {
        if let Some(pushed) = self.pushed.take() {
            (self.group, self.priority, self.payload) = pushed;
        }
    }

    pub(super) fn go(&mut self, place: Place, now_ms: Millis) {
        self.place = place;
        self.changed_ms = now_ms;
    }

    pub(super) fn record(&mut self, what: JobEventKind, now_ms: Millis) {
        // The oldest event makes room.
        if self.history.len() == HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(JobEvent { at_ms: now_ms, attempt: self.attempts, what });
    }

    pub(super) const fn state(&self) -> JobState {
        match self.place {
            Place::Ready => JobState::Ready,
            Place::Delayed(_) => JobState::Delayed,
            Place::Leased(_) => JobState::Leased,
            Place::Done => JobState::Done,
            Place::Dead => JobState::Dead,
        }
    }

    pub(super) fn view(&self, id: JobId) -> JobView {
        JobView {
            id,
            lane: self.lane,
            key: self.key.clone(),
            group: self.group.clone(),
            priority: self.priority,
            state: self.state(),
            due_ms: match self.place {
                Place::Delayed(at_ms) | Place::Leased(at_ms) => Some(at_ms),
                Place::Ready | Place::Done | Place::Dead => None,
            },
            attempts: self.attempts,
            failures: self.failures,
            pushed_ms: self.pushed_ms,
            changed_ms: self.changed_ms,
            history: self.history.clone(),
            payload: self.payload.clone(),
        }
    }
}
