//! Does a sequence with a ledger and with the model, and compares them all the while.

use std::{fmt::Debug, path::Path};

use flow::{
    clock::Millis,
    durability::Durability,
    job::{JobId, Lease, Selection},
    lane::Lane,
    queue::{Ask, CursorMove, GroupLimit, Pause, Push, QueueError, Verdict},
    reason::{Failure, Reason},
};
use queue::{disk::Disk, ledger::Ledger, session::Session};

use super::{
    action::{Action, Closing, CursorStep, Edge, Ending, JobSpec, Jump, Revision, Sequence, StepFrom, Token},
    model::{Check, Expected, Model, Refusal},
};

/// How many clients there are; the last two are of processes that have ended.
pub(crate) const SESSIONS: usize = 6;
const START_MS: Millis = 1_700_000_000_000;

/// Whether the ledger keeps its time from going back where the wall clock did while nobody had it open.
const TIME_NEVER_GOES_BACK: bool = false;

/// The ledger's time.
const fn time_of(_ledger: &Ledger, wall_ms: Millis) -> Millis {
    wall_ms
}

/// Does the sequence.
///
/// # Errors
/// How the ledger differs from the model, after which action.
pub(crate) fn run(sequence: &Sequence) -> Check {
    let directory = scratch().map_err(|error| format!("no scratch directory: {error}"))?;
    let mut run = Run::begin(directory.path(), sequence.capacity)?;
    for (at, action) in sequence.actions.iter().enumerate() {
        run.act(action).map_err(|why| format!("action {at}: {why}"))?;
    }
    run.check_everything().map_err(|why| format!("at the end: {why}"))
}

/// In memory where the system has such a place: thousands of databases are made and none has to last.
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
    sessions: Vec<Session>,
    /// None while it is being opened anew.
    ledger: Option<Ledger>,
    model: Model,
    /// As of the last commit.
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
            sessions: (0..SESSIONS).map(session).collect(),
            ledger: None,
            committed: model.clone(),
            model,
            wall_ms: START_MS,
            now: START_MS,
        };
        run.open()?;
        Ok(run)
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().expect("it is open except within reopen")
    }

    /// Opens the ledger as of the last commit.
    fn open(&mut self) -> Check {
        let disk = Disk::open(self.directory, Durability::Process).map_err(|error| error.to_string())?;
        let mut ledger =
            Ledger::load(disk, self.capacity, self.wall_ms).map_err(|error| error.to_string())?;
        let now = time_of(&ledger, self.wall_ms);
        let earliest = self.committed.latest_change_ms().max(self.wall_ms);
        if !(earliest..=self.wall_ms.max(self.now)).contains(&now) {
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
        self.model.note_who_can_be_claimed();
        let stats = self.ledger().stats();
        same("stats", &stats, &self.model.stats())?;
        self.check_wakeup()
    }

    fn tick(&mut self) {
        let now = self.now;
        self.ledger().tick(now);
        self.model.tick(now);
    }

    /// The owner sleeps until then: later would be too late.
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
        let details = self.ledger().details(now);
        self.model.check_details(&details)?;
        let stats = self.ledger().stats();
        same("stats", &stats, &self.model.stats())
    }

    fn apply(&mut self, action: &Action) -> Check {
        let now = self.now;
        match action {
            Action::Push { jobs, cursor } => {
                let cursor = cursor.as_ref().map(|step| self.cursor_move(step));
                let push = Push { jobs: JobSpec::jobs(jobs), cursor };
                let expected = self.model.push(push.clone());
                answered(self.ledger().push(push, now), expected)
            }
            Action::Claim { session, lane, limit, lease_ms, group_limit } => {
                let (lane, limit, lease_ms, group_limit) = (*lane, *limit, *lease_ms, *group_limit);
                self.claim(*session, &Ask { lane, limit, lease_ms, wait_ms: 0, group_limit })
            }
            Action::Extend { tokens, lease_ms } => {
                let leases = self.leases(tokens);
                let mut lost = self.ledger().extend(leases.clone(), *lease_ms, now);
                let mut expected = self.model.extend(&leases, *lease_ms);
                lost.sort_unstable();
                expected.sort_unstable();
                same("lost leases", &lost, &expected)
            }
            Action::Complete { token, next } => {
                let (lease, next) = (self.lease(*token), JobSpec::jobs(next));
                let expected = self.model.complete(lease, next.clone());
                answered(self.ledger().complete(lease, next, now), expected)
            }
            Action::Fail { token, ending } => {
                let lease = self.lease(*token);
                let verdict = self.verdict(lease, ending);
                let expected = self.model.fail(lease, verdict.clone());
                answered(self.ledger().fail(lease, verdict, now), expected)
            }
            Action::Retry(selection) => {
                let retried = self.ledger().retry(selection, now);
                same("retried", &retried, &Ok(self.model.retry(selection)))
            }
            Action::Drop(selection) => {
                let dropped = self.ledger().drop_jobs(selection, now);
                same("dropped", &dropped, &Ok(self.model.drop_jobs(selection)))
            }
            Action::Attend { .. }
            | Action::Rejoin { .. }
            | Action::EndSession { .. }
            | Action::Pause { .. } => {
                self.come_and_go(action);
                Ok(())
            }
            Action::List { .. } | Action::Details | Action::Cursors => self.look(action),
            Action::Commit | Action::Step(_) | Action::StepToWakeup(_) | Action::Reopen { .. } => {
                self.pass(action)
            }
        }
    }

    fn claim(&mut self, number: usize, ask: &Ask) -> Check {
        let (session, now) = (self.sessions[number], self.now);
        let claimed = self.ledger().claim(session, ask, now);
        self.model.claimed(session, ask, &claimed)?;
        self.check_next_turn(ask.lane, ask.group_limit)
    }

    /// A claim that waits is looked at again then: later would be too late.
    fn check_next_turn(&mut self, lane: Lane, limit: GroupLimit) -> Check {
        let now = self.now;
        let Some(expected) = self.model.next_turn_ms(lane, limit).filter(|at| *at > now) else {
            return Ok(());
        };
        let next = self.ledger().next_turn_ms(lane, limit);
        let is_in_time = next.is_some_and(|at| at <= expected);
        if is_in_time { Ok(()) } else { Err(format!("the next turn is at {next:?}, not at {expected}")) }
    }

    /// What has no answer.
    fn come_and_go(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::Attend { session, lane, presence } => {
                let session = self.sessions[*session];
                self.ledger().attend(session, *lane, *presence);
                self.model.attend(session, *lane, *presence);
            }
            Action::Rejoin { session, held, attending, lease_ms } => {
                let (session, held) = (self.sessions[*session], self.leases(held));
                self.ledger().rejoin(session, &held, attending, *lease_ms, now);
                self.model.rejoin(session, &held, attending, *lease_ms);
            }
            Action::EndSession { session } => {
                let session = self.sessions[*session];
                self.ledger().end_session(session, now);
                self.model.end_session(session);
            }
            Action::Pause { lane, pause } => {
                self.ledger().set_paused(*lane, *pause);
                self.model.set_paused(*lane, *pause == Pause::Paused);
            }
            other => unreachable!("{other:?} has an answer"),
        }
    }

    /// What changes nothing.
    fn look(&mut self, action: &Action) -> Check {
        let now = self.now;
        match action {
            Action::List { selection, after, limit } => {
                let after = after.as_ref().map(|spec| spec.job().id());
                let listed =
                    self.ledger().list(selection, after, *limit, now).map_err(|error| error.to_string())?;
                self.model.check_list(selection, after, *limit, &listed)
            }
            Action::Details => {
                let details = self.ledger().details(now);
                self.model.check_details(&details)
            }
            Action::Cursors => same("cursors", &self.ledger().cursors(), &self.model.cursors()),
            other => unreachable!("{other:?} is no look"),
        }
    }

    /// What happens to a queue without its doing.
    fn pass(&mut self, action: &Action) -> Check {
        match action {
            Action::Commit => self.commit(),
            Action::Step(ms) => {
                self.step(*ms);
                Ok(())
            }
            Action::StepToWakeup(edge) => {
                let due = self.model.next_due_ms().unwrap_or(self.now);
                let to = match edge {
                    Edge::Before => due - 1,
                    Edge::At => due,
                    Edge::After => due + 1,
                };
                self.step(to.saturating_sub(self.now));
                Ok(())
            }
            Action::Reopen { how, clock } => self.reopen(*how, *clock),
            other => unreachable!("{other:?} is asked of the queue"),
        }
    }

    fn commit(&mut self) -> Check {
        self.ledger().commit().map_err(|error| error.to_string())?;
        self.committed = self.model.clone();
        Ok(())
    }

    fn step(&mut self, ms: Millis) {
        self.wall_ms += ms;
        self.now += ms;
        self.tick();
    }

    fn reopen(&mut self, how: Closing, clock: Jump) -> Check {
        match how {
            Closing::Commit => self.commit()?,
            Closing::Crash => {}
        }
        self.ledger = None;
        match clock {
            Jump::Forward(ms) => self.wall_ms += ms,
            Jump::Back(ms) if TIME_NEVER_GOES_BACK => self.wall_ms -= ms,
            Jump::Back(_) => {}
        }
        self.open()
    }

    fn cursor_move(&self, step: &CursorStep) -> CursorMove {
        let CursorStep { source, from, offset, entries, entries_total } = *step;
        let source = format!("list{source}");
        let stands_at = self.model.offset_of(&source);
        let from = match from {
            StepFrom::Where => stands_at,
            StepFrom::Nowhere => None,
            StepFrom::Elsewhere => Some(stands_at.unwrap_or(0) + 1),
        };
        CursorMove { source, from, offset, entries, entries_total }
    }

    /// A lease that nobody ever had, where there is none to choose from.
    fn lease(&self, token: Token) -> Lease {
        let from = |leases: &[Lease], n: usize| {
            let unknown = Lease { id: JobId::of(Lane::Fetch, "k0"), attempt: 1_000 };
            leases.get(leases.len().wrapping_sub(1 + n % leases.len().max(1))).copied().unwrap_or(unknown)
        };
        let granted = self.model.granted();
        match token {
            Token::Held(n) => from(&self.model.held(), n),
            Token::Granted(n) => from(granted, n),
            Token::Future(n) => {
                let Lease { id, attempt: _ } = from(granted, n);
                let highest = granted.iter().filter(|lease| lease.id == id).map(|lease| lease.attempt).max();
                Lease { id, attempt: highest.unwrap_or(0) + 1 }
            }
            Token::Zeroth(n) => Lease { attempt: 0, ..from(granted, n) },
        }
    }

    fn leases(&self, tokens: &[Token]) -> Vec<Lease> {
        let mut leases: Vec<_> = tokens.iter().map(|token| self.lease(*token)).collect();
        leases.sort_unstable();
        leases.dedup();
        leases
    }

    fn verdict(&self, lease: Lease, ending: &Ending) -> Verdict {
        let failure = |reason: &Reason| Failure::new(*reason, format!("{reason} in {}", lease.attempt));
        match ending {
            Ending::Retry { reason, after_ms, group_pause_ms, revised } => Verdict::Retry {
                failure: failure(reason),
                after_ms: *after_ms,
                group_pause_ms: *group_pause_ms,
                revised: revised.as_ref().map(|revision| self.revised(lease, revision)),
            },
            Ending::Dead { reason } => Verdict::Dead { failure: failure(reason) },
            Ending::Release => Verdict::Release,
        }
    }

    fn revised(&self, lease: Lease, revision: &Revision) -> flow::job::NewJob {
        let (Revision::Same(spec) | Revision::Other(spec)) = revision;
        let new = spec.job();
        match (revision, self.model.name_of(lease.id)) {
            (Revision::Same(_), Some((lane, key))) => flow::job::NewJob { lane, key, ..new },
            (Revision::Same(_) | Revision::Other(_), _) => new,
        }
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
