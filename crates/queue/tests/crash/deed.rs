//! What a process that may be killed says of its deeds.
//!
//! One JSON text a line after a record separator (RFC 7464), in a single write: a line is there whole or it is the last.

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use flow::{
    job::{JobId, Lease, NewJob},
    lane::Lane,
};
use serde::{Deserialize, Serialize};

const RECORD_SEPARATOR: char = '\u{1e}';

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

impl Line {
    /// Reads a line. `None` for what others write to the same stream, and for a line that was cut off.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (_, json) = line.strip_suffix('\n')?.split_once(RECORD_SEPARATOR)?;
        Some(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
    }
}

/// Says lines on the standard output, past every buffer.
#[derive(Debug)]
pub(crate) struct Voice {
    stdout: Mutex<File>,
    next: AtomicU64,
}

impl Voice {
    /// A voice whose deeds have numbers from `first` on.
    pub(crate) fn new(first: DeedId) -> Self {
        let stdout = File::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap());
        Self { stdout: Mutex::new(stdout), next: AtomicU64::new(first) }
    }

    pub(crate) fn say(&self, line: &Line) {
        let text = format!("{RECORD_SEPARATOR}{}\n", serde_json::to_string(line).unwrap());
        // A longer one could be cut by that of another process on the same pipe (pipe(7), PIPE_BUF).
        assert!(text.len() <= 4096, "{text}");
        self.stdout.lock().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn say_try(&self, changes: Vec<Change>) -> DeedId {
        let deed = self.next.fetch_add(1, Ordering::Relaxed);
        self.say(&Line::Tries { deed, changes });
        deed
    }
}
