//! A job in memory: live ones in full except for large contents, ended ones as the location of their entry.
//!
//! A live job takes 112 bytes here, about 10 in the index and 8 to 16 in its queue, and its content while
//! that is small. An ended one takes 32 and about 10.

use flow::{
    clock::Millis,
    job::{JobEventKind, JobId, JobState, Priority},
    lane::Lane,
};

use super::arena::OfJob;
use crate::{
    log::{
        entry::{Origin, Phase, Progress, RetryState},
        usage::EntryLocation,
    },
    session::SessionId,
};

/// Identifies a group in its lane, as long as a live job belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupId(pub(super) u32);

/// A live job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) sequence: u64,
    pub(super) pushed_ms: Millis,
    pub(super) changed_ms: Millis,
    /// The time at which its delay or its lease ends.
    pub(super) due_ms: Millis,
    pub(super) full_entry: EntryLocation,
    /// The location of its latest delta, if it has one.
    pub(super) delta_entry: EntryLocation,
    pub(super) content: ContentAt,
    pub(super) retry_state: Option<Box<RetryState>>,
    pub(super) group: GroupId,
    /// Changes with every state that the job enters. Entries of queues and timers with another stamp are
    /// stale.
    pub(super) stamp: u32,
    /// The session that has it, while it is leased.
    pub(super) session: SessionId,
    pub(super) attempts: u32,
    pub(super) attempts_before: u32,
    pub(super) priority: Priority,
    pub(super) lane: Lane,
    pub(super) state: JobState,
    pub(super) unwritten: Unwritten,
}

/// The place of a job's content.
#[derive(Debug)]
pub(super) enum ContentAt {
    Memory(Box<[u8]>),
    /// In the commit group of the job's full entry.
    Log {
        offset: u32,
        length: u32,
    },
}

/// The part of a job that the log does not hold yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unwritten {
    Nothing,
    Delta,
    Full,
}

impl Job {
    /// Creates a job that is ready and was never claimed. `group` is the id of `origin.group`.
    pub(super) const fn new(id: JobId, origin: &Origin<'_>, group: GroupId, content: ContentAt) -> Self {
        let Origin { lane, group: _, priority, sequence, pushed_ms, attempts_before } = *origin;
        Self {
            id,
            sequence,
            pushed_ms,
            changed_ms: pushed_ms,
            due_ms: 0,
            full_entry: EntryLocation::NONE,
            delta_entry: EntryLocation::NONE,
            content,
            retry_state: None,
            group,
            stamp: 0,
            session: SessionId(0),
            attempts: 0,
            attempts_before,
            priority,
            lane,
            state: JobState::Ready,
            unwritten: Unwritten::Nothing,
        }
    }

    pub(super) fn retry_state_mut(&mut self) -> &mut RetryState {
        self.retry_state.get_or_insert_default()
    }

    /// Returns the stored form of the part that every transition changes.
    pub(super) fn progress(&self, phase: Phase) -> Progress {
        let Self { changed_ms, attempts, .. } = *self;
        Progress { phase, changed_ms, attempts, retry_state: self.retry_state.clone() }
    }

    /// Notes that the latest attempt was ended by `fail`, and adds this to the history.
    pub(super) fn record_failed(&mut self, now: Millis, what: JobEventKind) -> &mut RetryState {
        let attempt = self.attempts;
        let retry_state = self.retry_state_mut();
        retry_state.failed_attempt = attempt;
        retry_state.record(now, attempt, what);
        retry_state
    }

    /// Returns the number of its latest attempt, as leases have it.
    pub(super) const fn attempt_number(&self) -> u32 {
        self.attempts_before.saturating_add(self.attempts)
    }
}

/// The location of an ended job.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndedJob {
    pub(super) id: JobId,
    pub(super) location: EntryLocation,
    /// The offset of its full entry in the commit group.
    pub(super) offset: u32,
    pub(super) lane: Lane,
    pub(super) state: JobState,
}

impl OfJob for Job {
    fn id(&self) -> JobId {
        self.id
    }
}

impl OfJob for EndedJob {
    fn id(&self) -> JobId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_takes_as_much_memory_as_the_docs_say() {
        assert_eq!(size_of::<Option<Job>>(), 112);
        assert_eq!(size_of::<Option<EndedJob>>(), 32);
    }
}
