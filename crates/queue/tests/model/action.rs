//! What a sequence does, as data: small, printable, and meaningful in any state, so that actions can be left out.

use flow::{
    clock::Millis,
    failure::Reason,
    job::{
        GROUP_BYTES_MAX, Group, KEY_BYTES_MAX, NewJob, OnDuplicate, PAYLOAD_BYTES_MAX, Priority, Selection,
    },
    lane::Lane,
    queue::{ClaimRequest, Pause, Registration},
};

/// A queue and what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) capacity: usize,
    pub(crate) actions: Vec<Action>,
}

/// One thing that happens.
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
    Rejoin { session: usize, held: Vec<Token>, attending: Vec<Lane>, lease_ms: Millis },
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

/// A moment near the one at which the next delay or lease ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edge {
    Before,
    At,
    After,
}

/// How the ledger goes away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Closing {
    Commit,
    Crash,
}

/// What the wall clock did meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Jump {
    Forward(Millis),
    Back(Millis),
}

/// A lease that somebody names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    /// One that is held now.
    Held(usize),
    /// Any that was ever granted.
    Granted(usize),
    /// An attempt that was not granted yet.
    Future(usize),
    /// The attempt before the first.
    Zeroth(usize),
}

/// How an attempt ends without success.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Retry { reason: Reason, after_ms: Millis, group_pause_ms: Millis, revised: Option<Revision> },
    Dead { reason: Reason },
    Release,
    Move { reason: Reason, revised: Revision },
}

/// A job as it shall be tried next.
#[derive(Debug, Clone)]
pub(crate) enum Revision {
    /// The same job with the rest of this.
    Same(JobSpec),
    /// Another job, which is refused.
    Other(JobSpec),
}

/// A step of a source.
#[derive(Debug, Clone)]
pub(crate) struct CursorStep {
    pub(crate) source: usize,
    pub(crate) from: StepFrom,
    pub(crate) offset: u64,
    pub(crate) entries: u64,
    pub(crate) entries_total: u64,
}

/// Where a step says that the cursor stands.
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

/// Why a job is refused.
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
