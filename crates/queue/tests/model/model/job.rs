//! A job of the model.

use std::cmp::Reverse;

use flow::{
    clock::Millis,
    failure::{Failure, Reason},
    job::{Group, HISTORY_MAX, JobEvent, JobEventKind, JobState, JobView, Lease, NewJob, Priority},
};
use queue::{ledger::LOST_MAX, session::Session};

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) view: JobView,
    /// The number of its latest attempt.
    pub(super) attempt: u32,
    pub(super) holder: Option<Session>,
    /// Its position in the order of all pushes.
    pub(super) order: u64,
    pub(super) as_pushed: (Option<Group>, Priority, Vec<u8>),
    /// The latest attempt that a `fail` ended.
    pub(super) failed_attempt: Option<u32>,
    pub(super) failing_since_ms: Option<Millis>,
    pub(super) lost: u32,
    /// The end of its delay, if nothing happened to it since.
    pub(super) woke_ms: Option<Millis>,
    /// The begin of its latest delay.
    pub(super) waits_since_ms: Millis,
    /// The other possible time of its latest change, if the contract leaves open whether something was a
    /// change.
    pub(super) or_changed_ms: Option<Millis>,
}

impl Job {
    pub(super) fn new(new: NewJob, order: u64, now: Millis) -> Self {
        let view = JobView {
            id: new.id(),
            lane: new.lane,
            key: new.key,
            group: new.group.clone(),
            priority: new.priority,
            state: JobState::Ready,
            due_ms: None,
            attempts: 0,
            failures: 0,
            pushed_ms: now,
            changed_ms: now,
            history: Vec::new(),
            payload: new.payload.clone(),
        };
        let mut job = Self {
            view,
            attempt: 0,
            holder: None,
            order,
            as_pushed: (new.group, new.priority, new.payload),
            failed_attempt: None,
            failing_since_ms: None,
            lost: 0,
            woke_ms: None,
            waits_since_ms: now,
            or_changed_ms: None,
        };
        job.wait(new.delay_ms, now);
        job
    }

    pub(super) fn enter(&mut self, state: JobState, due_ms: Option<Millis>, now: Millis) {
        (self.view.state, self.view.due_ms, self.view.changed_ms) = (state, due_ms, now);
        (self.or_changed_ms, self.woke_ms) = (None, None);
        if state != JobState::Leased {
            self.holder = None;
        }
    }

    pub(super) fn wait(&mut self, delay_ms: Millis, now: Millis) {
        match delay_ms {
            0 => self.enter(JobState::Ready, None, now),
            _ => {
                self.enter(JobState::Delayed, Some(now + delay_ms), now);
                self.waits_since_ms = now;
            }
        }
    }

    pub(super) fn remember(&mut self, what: JobEventKind, now: Millis) {
        self.view.history.push(JobEvent { at_ms: now, attempt: self.view.attempts, what });
        let over = self.view.history.len().saturating_sub(HISTORY_MAX);
        self.view.history.drain(..over);
    }

    pub(super) fn revise(&mut self, revised: NewJob) {
        let NewJob { group, priority, payload, .. } = revised;
        (self.view.group, self.view.priority, self.view.payload) = (group, priority, payload);
        self.begin_anew();
    }

    pub(super) fn begin_anew(&mut self) {
        (self.view.failures, self.failing_since_ms, self.lost) = (0, None, 0);
    }

    pub(super) fn lose(&mut self, now: Millis) {
        self.lost += 1;
        self.remember(JobEventKind::Lost, now);
        self.enter(JobState::Ready, None, now);
        if self.lost >= LOST_MAX {
            self.remember(JobEventKind::Died(Failure::new(Reason::Internal, "")), now);
            self.enter(JobState::Dead, None, now);
        }
    }

    pub(super) fn is_held_by(&self, lease: Lease) -> bool {
        self.view.state == JobState::Leased && self.attempt == lease.attempt
    }

    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.view.state, JobState::Ready | JobState::Delayed | JobState::Leased)
    }

    /// Returns its rank in its group: the lower comes first.
    pub(super) const fn rank(&self) -> (Reverse<Priority>, u64) {
        (Reverse(self.view.priority), self.order)
    }
}
