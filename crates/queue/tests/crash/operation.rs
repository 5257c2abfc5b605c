//! The lines in which a process that may be killed reports its operations.

use std::sync::atomic::{AtomicU64, Ordering};

use flow::{
    job::{JobId, Lease, NewJob},
    lane::Lane,
};
use serde::{Deserialize, Serialize};

/// The number of an operation, over all processes of a test.
pub(crate) type OperationId = u64;

/// Something that the queue keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Subject {
    Job(JobId),
    Cursor(String),
    Lane(Lane),
}

/// The state of a subject. A leased job is waiting, since its worker may die.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum SubjectState {
    Absent,
    Waiting { failures: u32 },
    Done,
    Dead { message: String },
    At { offset: u64 },
    Running,
    Paused,
}

/// The change of a subject by an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) subject: Subject,
    pub(crate) to: SubjectState,
}

impl Change {
    pub(crate) fn job(id: JobId, to: SubjectState) -> Self {
        Self { subject: Subject::Job(id), to }
    }

    /// Returns the changes by which jobs are added.
    pub(crate) fn new_jobs(jobs: &[NewJob]) -> Vec<Self> {
        jobs.iter().map(|job| Self::job(job.id(), SubjectState::Waiting { failures: 0 })).collect()
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// An operation begins. It makes all of the changes or none.
    Tries { operation: OperationId, changes: Vec<Change> },
    /// The queue has acknowledged the operation.
    Did(OperationId),
    /// The queue has refused the operation, and changed nothing.
    Refused(OperationId),
    /// The queue has handed out a job with this count of failures.
    Claimed { lease: Lease, failures: u32 },
}

/// Writes the lines, and numbers the operations.
#[derive(Debug)]
pub(crate) struct OperationLog {
    log: powercut::event_stream::EventWriter,
    next: AtomicU64,
}

impl OperationLog {
    /// Creates a log that numbers operations from `first` on.
    pub(crate) fn new(first: OperationId) -> Self {
        Self { log: powercut::event_stream::EventWriter::default(), next: AtomicU64::new(first) }
    }

    pub(crate) fn write(&self, line: &Line) {
        self.log.write(line);
    }

    pub(crate) fn begin(&self, changes: Vec<Change>) -> OperationId {
        let operation = self.next.fetch_add(1, Ordering::Relaxed);
        self.write(&Line::Tries { operation, changes });
        operation
    }
}
