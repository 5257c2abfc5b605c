//! A job as it is stored.
//!
//! One format byte, then the record in postcard. Enum variants are stored by position: new ones go to the end. The test
//! below holds the bytes of format 1.

use flow::{
    clock::Millis,
    job::{Event, Group, HISTORY_MAX, Happened, JobId, JobView, NewJob, Priority, State},
    lane::Lane,
};
use serde::{Deserialize, Serialize};

use crate::session::Session;

const FORMAT: u8 = 1;

/// A job, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) lane: Lane,
    pub(crate) key: String,
    pub(crate) group: Option<Group>,
    pub(crate) priority: Priority,
    pub(crate) payload: Vec<u8>,
    /// As it was pushed, where it was revised since.
    pub(crate) pushed: Option<AsPushed>,
    /// Order of pushes within the ledger.
    pub(crate) sequence: u64,
    pub(crate) phase: Phase,
    /// Claims so far; the present or latest attempt.
    pub(crate) attempts: u32,
    /// The latest attempt that ended by `fail`, so that a repeated `fail` is known as such.
    pub(crate) failed_attempt: u32,
    pub(crate) failures: u32,
    pub(crate) failing_since_ms: Option<Millis>,
    /// Attempts that ended with the death of their worker.
    pub(crate) lost: u32,
    pub(crate) pushed_ms: Millis,
    pub(crate) changed_ms: Millis,
    pub(crate) history: Vec<Event>,
}

/// What a revision changes of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsPushed {
    group: Option<Group>,
    priority: Priority,
    payload: Vec<u8>,
}

/// Where a job stands, with what belongs to it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Ready,
    Delayed { due_ms: Millis },
    Leased { until_ms: Millis, session: Session },
    Done,
    Dead,
}

impl Phase {
    pub(crate) const fn state(self) -> State {
        match self {
            Self::Ready => State::Ready,
            Self::Delayed { .. } => State::Delayed,
            Self::Leased { .. } => State::Leased,
            Self::Done => State::Done,
            Self::Dead => State::Dead,
        }
    }

    const fn due_ms(self) -> Option<Millis> {
        match self {
            Self::Delayed { due_ms } => Some(due_ms),
            Self::Leased { until_ms, .. } => Some(until_ms),
            Self::Ready | Self::Done | Self::Dead => None,
        }
    }
}

impl Record {
    pub(crate) fn new(job: NewJob, sequence: u64, now: Millis) -> Self {
        let phase = match job.delay_ms {
            0 => Phase::Ready,
            delay_ms => Phase::Delayed { due_ms: now.saturating_add(delay_ms) },
        };
        Self {
            lane: job.lane,
            key: job.key,
            group: job.group,
            priority: job.priority,
            payload: job.payload,
            pushed: None,
            sequence,
            phase,
            attempts: 0,
            failed_attempt: 0,
            failures: 0,
            failing_since_ms: None,
            lost: 0,
            pushed_ms: now,
            changed_ms: now,
            history: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> JobId {
        JobId::of(self.lane, &self.key)
    }

    /// Adds to the history, which keeps the last [`HISTORY_MAX`] events.
    pub(crate) fn remember(&mut self, at_ms: Millis, what: Happened) {
        if self.history.len() == HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(Event { at_ms, attempt: self.attempts, what });
    }

    /// Takes over how it shall be tried next; its failures count anew.
    pub(crate) fn revise(&mut self, job: NewJob) {
        let before = AsPushed {
            group: std::mem::replace(&mut self.group, job.group),
            priority: std::mem::replace(&mut self.priority, job.priority),
            payload: std::mem::replace(&mut self.payload, job.payload),
        };
        self.pushed.get_or_insert(before);
        self.begin_anew();
    }

    /// Goes back to how it was pushed, with a fresh count of failures.
    pub(crate) fn restore(&mut self) {
        if let Some(AsPushed { group, priority, payload }) = self.pushed.take() {
            (self.group, self.priority, self.payload) = (group, priority, payload);
        }
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.failures = 0;
        self.failing_since_ms = None;
        self.lost = 0;
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT]).expect("records hold nothing that postcard cannot write")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(|error| error.to_string()),
            Some((other, _)) => Err(format!("it has format {other}, this version knows format {FORMAT}")),
            None => Err("it is empty".to_owned()),
        }
    }

    pub(crate) fn into_view(self) -> JobView {
        JobView {
            id: self.id(),
            lane: self.lane,
            key: self.key,
            group: self.group,
            priority: self.priority,
            state: self.phase.state(),
            due_ms: self.phase.due_ms(),
            attempts: self.attempts,
            failures: self.failures,
            pushed_ms: self.pushed_ms,
            changed_ms: self.changed_ms,
            history: self.history,
            payload: self.payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use flow::reason::{Failure, Reason};

    use super::*;

    #[test]
    fn the_stored_bytes_of_format_1_do_not_change() {
        let job = NewJob::new(Lane::Store, "PG84", &1).in_group(Group("h".to_owned()));
        let mut record = Record::new(job, 300, 5);
        record.attempts = 2;
        record.phase = Phase::Leased { until_ms: 9, session: Session { pid: 1, started: 2, nonce: 3 } };
        record.remember(7, Happened::Failed(Failure::new(Reason::Timeout, "t")));
        let golden = [
            1, 1, 4, b'P', b'G', b'8', b'4', 1, 1, b'h', 0, 1, b'1', 0, 172, 2, 2, 9, 1, 2, 3, 2, 0, 0, 0, 0,
            5, 5, 1, 7, 2, 0, 3, 1, b't',
        ];
        assert_eq!(record.encode(), golden);
        assert_eq!(Record::decode(&golden), Ok(record));
    }

    #[test]
    fn other_formats_are_refused() {
        assert!(Record::decode(&[2, 1, 4]).unwrap_err().contains("format 2"));
        assert!(Record::decode(&[]).is_err());
        assert!(Record::decode(&[1, 9]).is_err());
    }
}
