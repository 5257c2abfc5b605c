//! What a process that may be killed says of its deeds.

use std::sync::atomic::{AtomicU64, Ordering};

use flow::{
    job::{JobId, Lease, NewJob},
    lane::Lane,
};
use serde::{Deserialize, Serialize};

/// Numbers the deeds of all processes of a test.
pub(crate) type DeedId = u64;

/// Something that the queue keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Subject {
    Job(JobId),
    Cursor(String),
    Lane(Lane),
}

/// What has become of a subject. A job that is leased waits, since its worker may die.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fate {
    Absent,
    Waiting { failures: u32 },
    Done,
    Dead { message: String },
    At { offset: u64 },
    Running,
    Paused,
}

/// What a deed makes of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) subject: Subject,
    pub(crate) to: Fate,
}

impl Change {
    pub(crate) fn job(id: JobId, to: Fate) -> Self {
        Self { subject: Subject::Job(id), to }
    }

    /// Jobs that are new.
    pub(crate) fn new_jobs(jobs: &[NewJob]) -> Vec<Self> {
        jobs.iter().map(|job| Self::job(job.id(), Fate::Waiting { failures: 0 })).collect()
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// The queue is asked for this now: all of the changes or none.
    Tries { deed: DeedId, changes: Vec<Change> },
    /// The queue said that it is done.
    Did(DeedId),
    /// The queue said that nothing was done.
    Refused(DeedId),
    /// The queue handed out a job that had failed so often.
    Claimed { lease: Lease, failures: u32 },
}

/// Says lines, and gives each deed its number.
#[derive(Debug)]
pub(crate) struct Voice {
    voice: powercut::voice::Voice,
    next: AtomicU64,
}

impl Voice {
    /// A voice whose deeds have numbers from `first` on.
    pub(crate) fn new(first: DeedId) -> Self {
        Self { voice: powercut::voice::Voice::default(), next: AtomicU64::new(first) }
    }

    pub(crate) fn say(&self, line: &Line) {
        self.voice.say(line);
    }

    pub(crate) fn say_try(&self, changes: Vec<Change>) -> DeedId {
        let deed = self.next.fetch_add(1, Ordering::Relaxed);
        self.say(&Line::Tries { deed, changes });
        deed
    }
}
