//! Runs a sequence on a ledger and on the model, and compares them after each action.

use std::{fmt::Debug, path::Path};

use flow::{
    clock::Millis,
    durability::Durability,
    job::Selection,
    queue::{ClaimRequest, GroupPause, Push, QueueError},
};
use queue::{ledger::Ledger, log::database::Database, session::Session};

use super::{
    action::{Action, Closing, Edge, JobSpec, Jump, Sequence},
    model::{Check, Expected, Model, Refusal},
};

/// The number of clients. The last two belong to processes that have ended.
pub(crate) const SESSIONS: usize = 6;
const START_MS: Millis = 1_700_000_000_000;

const UNREADABLE: &str = "the disk is not damaged";

/// Runs a sequence.
///
/// # Errors
/// Returns the action after which the ledger differs from the model, and the difference.
pub(crate) fn run(sequence: &Sequence) -> Check {
    let directory = scratch().map_err(|error| format!("no scratch directory: {error}"))?;
    let mut run = Run::begin(directory.path(), sequence.capacity)?;
    for (at, action) in sequence.actions.iter().enumerate() {
        run.act(action).map_err(|why| format!("action {at}: {why}"))?;
    }
    run.check_everything().map_err(|why| format!("at the end: {why}"))
}

/// Creates a temporary directory, in memory if possible: the test makes thousands of short-lived databases.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

fn session(number: usize) -> Session {
    let this = Session::of_this_process();
    let has_ended = number >= SESSIONS - 2;
    Session { started: this.started + u64::from(has_ended), nonce: number as u64, ..this }
}

struct Run<'a> {
    directory: &'a Path,
    capacity: usize,
    /// Both are small, so that there are many checkpoints and compactions.
    wal_bytes: u64,
    slack_bytes: u64,
    sessions: Vec<Session>,
    /// `None` while it is closed.
    ledger: Option<Ledger>,
    model: Model,
    /// The model as of the last commit.
    committed: Model,
    wall_ms: Millis,
    now: Millis,
}

impl<'a> Run<'a> {
    fn begin(directory: &'a Path, capacity: usize) -> Result<Self, String> {
        let model = Model::new(capacity, START_MS);
        let mut run = Self {
            directory,
            capacity,
            wal_bytes: [0, 1_000, 10_000, 1 << 22][capacity % 4],
            slack_bytes: if capacity.is_multiple_of(2) { 0 } else { 2_000 },
            sessions: (0..SESSIONS).map(session).collect(),
            ledger: None,
            committed: model.clone(),
            model,
            wall_ms: START_MS,
            now: START_MS,
        };
        run.open(0)?;
        Ok(run)
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("it is open except within reopen")
    }

    /// Opens the ledger as of the last commit, `forward_ms` after it was closed.
    fn open(&mut self, forward_ms: Millis) -> Check {
        let disk = Database::open(self.directory, Durability::Process).map_err(|error| error.to_string())?;
        let mut ledger =
            Ledger::load(disk, self.capacity, self.wall_ms).map_err(|error| error.to_string())?;
        ledger.set_room(self.wal_bytes, self.slack_bytes);
        let now = ledger.time(self.wall_ms);
        let earliest = self.committed.latest_change_ms().max(self.wall_ms);
        // If the queue's time was ahead of the wall clock, it stays ahead.
        let latest = self.wall_ms.max(self.now + forward_ms);
        if !(earliest..=latest).contains(&now) {
            let (wall, before) = (self.wall_ms, self.now);
            return Err(format!("the clock is at {wall}, the queue's time was {before}: it took {now}"));
        }
        ledger.commit().map_err(|error| error.to_string())?;
        self.ledger = Some(ledger);
        self.now = now;
        self.model = self.committed.clone().reopened(now);
        self.committed = self.model.clone();
        self.check_everything()
    }

    fn act(&mut self, action: &Action) -> Check {
        self.tick();
        self.apply(action)?;
        self.model.record_claimable_groups();
        let stats = self.ledger().stats();
        same("stats", &stats, &self.model.stats())?;
        self.check_wakeup()
    }

    fn tick(&mut self) {
        let now = self.now;
        self.ledger().tick(now).expect(UNREADABLE);
        self.model.tick(now);
    }

    /// Checks that the owner does not sleep beyond the next delay or lease.
    fn check_wakeup(&mut self) -> Check {
        let Some(due) = self.model.next_due_ms() else { return Ok(()) };
        let wakeup = self.ledger().next_wakeup_ms();
        if wakeup.is_some_and(|at| at <= due) {
            Ok(())
        } else {
            Err(format!("it wakes at {wakeup:?}, not at {due}"))
        }
    }

    fn check_everything(&mut self) -> Check {
        let now = self.now;
        let everything = Selection::default();
        let mut after = None;
        loop {
            let page =
                self.ledger().list(&everything, after, usize::MAX, now).map_err(|error| error.to_string())?;
            self.model.check_list(&everything, after, usize::MAX, &page)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
        }
        same("cursors", &self.ledger().cursors(), &self.model.cursors())?;
        self.check_details()?;
        let stats = self.ledger().stats();
        same("stats", &stats, &self.model.stats())
    }

    fn apply(&mut self, action: &Action) -> Check {
        let now = self.now;
        match action {
            Action::Push { jobs, cursor } => {
                let cursor = cursor.as_ref().map(|step| self.model.cursor_move(step));
                let push = Push { jobs: JobSpec::jobs(jobs), cursor };
                let expected = self.model.push(push.clone());
                answered(self.ledger().push(push, now), expected)
            }
            Action::Claim { session, ask } => self.claim(*session, ask),
            Action::Extend { tokens, lease_ms } => {
                let leases = self.model.leases(tokens);
                let mut lost = self.ledger().extend(leases.clone(), *lease_ms, now);
                let mut expected = self.model.extend(&leases, *lease_ms);
                lost.sort_unstable();
                expected.sort_unstable();
                same("lost leases", &lost, &expected)
            }
            Action::Complete { token, next } => {
                let (lease, next) = (self.model.lease(*token), JobSpec::jobs(next));
                let expected = self.model.complete(lease, next.clone());
                answered(self.ledger().complete(lease, next, now), expected)
            }
            Action::Fail { token, ending } => {
                let lease = self.model.lease(*token);
                let nack = self.model.nack(lease, ending);
                let expected = self.model.fail(lease, nack.clone());
                answered(self.ledger().fail(lease, nack, now), expected)
            }
            Action::PauseGroup { token, for_ms } => {
                let lease = self.model.lease(*token);
                let expected = self.model.pause_group(lease, *for_ms);
                answered(self.ledger().pause_group(lease, GroupPause::usual(*for_ms), now), expected)
            }
            Action::Pending { lane, groups } => {
                let expected = self.model.pending_in(*lane, groups);
                same("pending", &self.ledger().pending_in(*lane, groups), &expected)
            }
            Action::Retry(_) | Action::Drop(_) | Action::Pause { .. } | Action::List { .. } => {
                self.admin(action)
            }
            Action::RegisterWorker { session, lane, registration } => {
                let session = self.sessions[*session];
                self.ledger().register_worker(session, *lane, *registration);
                self.model.register_worker(session, *lane, *registration);
                Ok(())
            }
            Action::Rejoin { session, held, worker_lanes, lease_ms } => {
                let (session, held) = (self.sessions[*session], self.model.leases(held));
                self.ledger().rejoin(session, &held, worker_lanes, *lease_ms, now);
                self.model.rejoin(session, &held, worker_lanes, *lease_ms);
                Ok(())
            }
            Action::EndSession { session } => {
                let session = self.sessions[*session];
                self.ledger().end_session(session, now).expect(UNREADABLE);
                self.model.end_session(session);
                Ok(())
            }
            Action::Details => self.check_details(),
            Action::Cursors => same("cursors", &self.ledger().cursors(), &self.model.cursors()),
            Action::Commit => self.commit(),
            Action::Step(ms) => self.step(*ms),
            Action::StepToWakeup(edge) => self.step_to_wakeup(*edge),
            Action::Reopen { how, clock } => self.reopen(*how, *clock),
        }
    }

    /// Applies an action of the queue's administration.
    fn admin(&mut self, action: &Action) -> Check {
        let now = self.now;
        match action {
            Action::Retry(selection) => {
                let retried = self.ledger().retry(selection, now);
                same("retried", &retried, &Ok(self.model.retry(selection)))
            }
            Action::Drop(selection) => {
                let dropped = self.ledger().drop_jobs(selection, now);
                same("dropped", &dropped, &Ok(self.model.drop_jobs(selection)))
            }
            Action::Pause { lane, pause } => {
                self.ledger().set_paused(*lane, *pause);
                self.model.set_paused(*lane, *pause);
                Ok(())
            }
            Action::List { selection, after, limit } => self.check_list(selection, after.as_ref(), *limit),
            other => unreachable!("{other:?} is an action of workers"),
        }
    }

    fn claim(&mut self, number: usize, ask: &ClaimRequest) -> Check {
        let (session, now) = (self.sessions[number], self.now);
        let claimed = self.ledger().claim(session, ask, now).expect(UNREADABLE);
        self.model.claimed(session, ask, &claimed)?;
        self.check_next_turn(ask)
    }

    /// Checks that a waiting claim is served again in time.
    fn check_next_turn(&mut self, ask: &ClaimRequest) -> Check {
        let now = self.now;
        let Some(expected) = self.model.next_turn_ms(ask).filter(|at| *at > now) else {
            return Ok(());
        };
        let next = self.ledger().next_turn_ms(ask);
        let is_in_time = next.is_some_and(|at| at <= expected);
        if is_in_time { Ok(()) } else { Err(format!("the next turn is at {next:?}, not at {expected}")) }
    }

    fn check_list(&mut self, selection: &Selection, after: Option<&JobSpec>, limit: usize) -> Check {
        let after = after.map(|spec| spec.job().id());
        let now = self.now;
        let listed = self.ledger().list(selection, after, limit, now).map_err(|error| error.to_string())?;
        self.model.check_list(selection, after, limit, &listed)
    }

    fn check_details(&mut self) -> Check {
        let now = self.now;
        let details = self.ledger().details(now);
        self.model.check_details(&details)
    }

    fn commit(&mut self) -> Check {
        self.ledger().commit().map_err(|error| error.to_string())?;
        self.committed = self.model.clone();
        Ok(())
    }

    fn step(&mut self, ms: Millis) -> Check {
        self.wall_ms += ms;
        self.now += ms;
        self.tick();
        Ok(())
    }

    fn step_to_wakeup(&mut self, edge: Edge) -> Check {
        let due = self.model.next_due_ms().unwrap_or(self.now);
        let to = match edge {
            Edge::Before => due - 1,
            Edge::At => due,
            Edge::After => due + 1,
        };
        self.step(to.saturating_sub(self.now))
    }

    fn reopen(&mut self, how: Closing, clock: Jump) -> Check {
        match how {
            Closing::Commit => self.commit()?,
            Closing::Crash => {}
        }
        self.ledger = None;
        let forward_ms = match clock {
            Jump::Forward(ms) => {
                self.wall_ms += ms;
                ms
            }
            Jump::Back(ms) => {
                self.wall_ms -= ms;
                0
            }
        };
        self.open(forward_ms)
    }
}

fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Check {
    if got == expected { Ok(()) } else { Err(format!("{what}: it says {got:?}, not {expected:?}")) }
}

fn answered<T: PartialEq + Debug>(got: Result<T, QueueError>, expected: Expected<T>) -> Check {
    let is_right = match (&got, &expected) {
        (Ok(got), Ok(expected)) => got == expected,
        (Err(error), Err(refusals)) => refusals.iter().any(|refusal| is_refusal(error, *refusal)),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    };
    if is_right { Ok(()) } else { Err(format!("it answers {got:?}, not {expected:?}")) }
}

fn is_refusal(error: &QueueError, refusal: Refusal) -> bool {
    match refusal {
        Refusal::Invalid => matches!(error, QueueError::Invalid(_)),
        Refusal::CursorMoved => matches!(error, QueueError::CursorMoved(_)),
        Refusal::Full(lane) => *error == QueueError::Full(lane),
        Refusal::Stale => matches!(error, QueueError::Stale(_)),
    }
}
