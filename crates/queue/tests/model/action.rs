//! The actions of a sequence, as data: small, printable, and meaningful in any state, so that any can be left
//! out.

use flow::{
    clock::Millis,
    failure::Reason,
    job::{
        GROUP_BYTES_MAX, Group, KEY_BYTES_MAX, NewJob, OnDuplicate, PAYLOAD_BYTES_MAX, Priority, Selection,
    },
    lane::Lane,
    queue::{ClaimRequest, Pause, Registration},
};

/// A queue and the actions on it.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) capacity: usize,
    pub(crate) actions: Vec<Action>,
}

/// An action.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Push { jobs: Vec<JobSpec>, cursor: Option<CursorStep> },
    Claim { session: usize, ask: ClaimRequest },
    Extend { tokens: Vec<Token>, lease_ms: Millis },
    Complete { token: Token, next: Vec<JobSpec> },
    Fail { token: Token, ending: Ending },
    PauseGroup { token: Token, for_ms: Millis },
    Pending { lane: Lane, groups: Vec<Group> },
    RegisterWorker { session: usize, lane: Lane, registration: Registration },
    Rejoin { session: usize, held: Vec<Token>, worker_lanes: Vec<Lane>, lease_ms: Millis },
    EndSession { session: usize },
    Retry(Selection),
    Drop(Selection),
    Pause { lane: Lane, pause: Pause },
    List { selection: Selection, after: Option<JobSpec>, limit: usize },
    Details,
    Cursors,
    Commit,
    Step(Millis),
    StepToWakeup(Edge),
    Reopen { how: Closing, clock: Jump },
}

/// A moment near the end of the next delay or lease.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edge {
    Before,
    At,
    After,
}

/// The end of a ledger before it is opened again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Closing {
    Commit,
    Crash,
}

/// The change of the wall clock while the ledger is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Jump {
    Forward(Millis),
    Back(Millis),
}

/// A lease that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    /// A lease that is held now.
    Held(usize),
    /// Any lease that was ever granted.
    Granted(usize),
    /// An attempt that was not granted yet.
    Future(usize),
    /// The attempt before the first.
    Zeroth(usize),
}

/// An end of an attempt without success.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Retry { reason: Reason, after_ms: Millis, group_pause_ms: Millis, revised: Option<Revision> },
    Dead { reason: Reason },
    Release,
    Move { reason: Reason, revised: Revision },
}

/// A job for its next attempt.
#[derive(Debug, Clone)]
pub(crate) enum Revision {
    /// The same job, with all but the key and lane of this one.
    Same(JobSpec),
    /// Another job, which is refused.
    Other(JobSpec),
}

/// A move of a source's cursor.
#[derive(Debug, Clone)]
pub(crate) struct CursorStep {
    pub(crate) source: usize,
    pub(crate) from: StepFrom,
    pub(crate) offset: u64,
    pub(crate) entries: u64,
    pub(crate) entries_total: u64,
}

/// The present offset of the cursor according to a move.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StepFrom {
    Where,
    Nowhere,
    Elsewhere,
}

/// A job to push.
#[derive(Debug, Clone)]
pub(crate) struct JobSpec {
    pub(crate) lane: Lane,
    pub(crate) key: u32,
    pub(crate) group: Option<u32>,
    pub(crate) priority: u8,
    pub(crate) bytes: usize,
    pub(crate) filled_with: u8,
    pub(crate) delay_ms: Millis,
    pub(crate) known: OnDuplicate,
    pub(crate) flaw: Option<Flaw>,
}

/// A reason to refuse a job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flaw {
    NoKey,
    LongKey,
    LongGroup,
    LargePayload,
}

pub(crate) fn group(number: u32) -> Group {
    Group(format!("g{number}"))
}

pub(crate) fn key(number: u32) -> String {
    format!("k{number}")
}

impl JobSpec {
    pub(crate) fn job(&self) -> NewJob {
        let job = NewJob {
            lane: self.lane,
            key: key(self.key),
            group: self.group.map(group),
            priority: Priority(self.priority),
            payload: vec![self.filled_with; self.bytes],
            delay_ms: self.delay_ms,
            known: self.known,
        };
        match self.flaw {
            None => job,
            Some(Flaw::NoKey) => NewJob { key: String::new(), ..job },
            Some(Flaw::LongKey) => NewJob { key: "k".repeat(KEY_BYTES_MAX + 1), ..job },
            Some(Flaw::LongGroup) => job.in_group(Group("g".repeat(GROUP_BYTES_MAX + 1))),
            Some(Flaw::LargePayload) => NewJob { payload: vec![b' '; PAYLOAD_BYTES_MAX + 1], ..job },
        }
    }

    pub(crate) fn jobs(specs: &[Self]) -> Vec<NewJob> {
        specs.iter().map(Self::job).collect()
    }
}
