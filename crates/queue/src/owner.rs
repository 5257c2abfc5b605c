//! The one thread that owns the ledger.
//!
//! It takes what has arrived (at most [`ROUND_MAX`] messages, or about half a MiB of changes), applies it, commits once,
//! and only then answers all of it. Claims that find nothing wait here until something changes or their time is over.
//! When a commit fails it never acknowledges anything again: every request is answered with that failure.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use flow::{
    clock::Millis,
    queue::{ClaimRequest, LaneStatus, Nack, QueueError},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    ledger::Ledger,
    session::Session,
    transport::local::{LocalLink, Message, Outbox},
    transport::request::{Reply, Request},
    transport::wire::{ReplyFrame, RequestFrame},
};

/// The most messages that share a commit.
pub const ROUND_MAX: usize = 1024;
/// About the most bytes that share a commit.
const ROUND_BYTES_MAX: usize = 512 << 10;
/// How long the owner looks for the next message before it sleeps.
const LINGER: Duration = Duration::from_micros(100);
/// How long a round waits for a message that may be about to come.
const GATHERED: Duration = Duration::from_micros(20);
/// The longest that a claim waits.
const CLAIM_WAIT_MAX: Duration = Duration::from_secs(3600);
/// How long a client's leases last from when it comes back.
const REJOINED_LEASE_MS: Millis = 60_000;

/// Tells the time in milliseconds since the epoch. Must not jump while the process lives; from one process to the next it
/// may.
pub type NowMs = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Starts the owner. It holds `lock` for its life.
///
/// # Errors
/// Where no thread can be started.
pub fn start(ledger: Ledger, now_ms: NowMs, lock: File) -> Result<(LocalLink, JoinHandle<()>), QueueError> {
    let broken =
        |error: std::io::Error| QueueError::Broken(format!("cannot start the queue's thread: {error}"));
    let (sender, inbox) = mpsc::channel(ROUND_MAX);
    let (tell_failed, has_failed) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(broken)?;
    let syncs = Arc::new(AtomicU64::new(ledger.syncs()));
    let owner = Owner {
        ledger,
        session: Session::of_this_process(),
        now_ms,
        inbox,
        waiting: VecDeque::new(),
        connections: HashMap::new(),
        expected: 0,
        failed: None,
        tell_failed,
        syncs: Arc::clone(&syncs),
    };
    let thread = std::thread::Builder::new()
        .name("queue".to_owned())
        .spawn(move || {
            owner.run(&runtime);
            drop(lock);
        })
        .map_err(broken)?;
    Ok((LocalLink { inbox: sender, has_failed, syncs }, thread))
}

struct Owner {
    ledger: Ledger,
    /// All calls of this process are one client's.
    session: Session,
    now_ms: NowMs,
    /// From [`LocalLink`]s; closed when the last is dropped.
    inbox: mpsc::Receiver<Message>,
    waiting: VecDeque<Waiting>,
    /// The latest connection of each client.
    connections: HashMap<Session, u64>,
    /// Messages of the last round.
    expected: usize,
    failed: Option<QueueError>,
    /// To every [`LocalLink`].
    tell_failed: watch::Sender<bool>,
    syncs: Arc<AtomicU64>,
}

/// Who asks, and where the answer goes.
enum Asker {
    Here { session: Session, reply_to: oneshot::Sender<Result<Reply, QueueError>> },
    Connected { session: Session, number: u64, outbox: Outbox },
}

impl Asker {
    const fn session(&self) -> Session {
        match self {
            Self::Here { session, .. } | Self::Connected { session, .. } => *session,
        }
    }

    fn has_gone(&self) -> bool {
        match self {
            Self::Here { reply_to, .. } => reply_to.is_closed(),
            Self::Connected { outbox, .. } => outbox.is_closed(),
        }
    }

    /// Gives back what could not be delivered to a caller in this process. A connection that has gone takes its leases
    /// with it.
    fn answer(self, result: Result<Reply, QueueError>) -> Option<Reply> {
        match self {
            Self::Here { reply_to, .. } => reply_to.send(result).err().and_then(Result::ok),
            Self::Connected { session, number, outbox } => {
                if outbox.try_send(ReplyFrame { number, content: result }).is_err() {
                    tracing::debug!(?session, "a client went before it had its answer");
                }
                None
            }
        }
    }
}

/// A claim that found nothing yet.
struct Waiting {
    ask: ClaimRequest,
    /// In the monotonic time of this process, whatever the queue's clock says.
    until: Instant,
    asker: Asker,
}

type Answers = Vec<(Asker, Result<Reply, QueueError>)>;

impl Owner {
    fn run(mut self, runtime: &tokio::runtime::Runtime) {
        loop {
            if let Some(message) = self.linger() {
                self.round(Some(message));
                continue;
            }
            let wait = self.time_to_next_wakeup();
            let received = runtime.block_on(async { tokio::time::timeout(wait, self.inbox.recv()).await });
            match received {
                Ok(Some(message)) => self.round(Some(message)),
                Ok(None) => break,
                Err(_) => self.round(None),
            }
        }
        if self.failed.is_none()
            && let Err(error) = self.ledger.close()
        {
            tracing::warn!(%error, "the queue could not be sealed at its end; nothing is lost");
        }
    }

    /// Looks for the next message for a moment before it sleeps: who has just been answered often asks again at once, and
    /// to wake a thread takes longer than that.
    fn linger(&mut self) -> Option<Message> {
        self.look_for(LINGER)
    }

    fn look_for(&mut self, time: Duration) -> Option<Message> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if let Ok(message) = self.inbox.try_recv() {
                return Some(message);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// The next message of this round. Where the last round had more, their senders may be about to ask again: a moment
    /// is waited for them, so that all share a commit.
    fn gather(&mut self, taken: usize) -> Option<Message> {
        match self.inbox.try_recv() {
            Err(_) if taken < self.expected => self.look_for(GATHERED),
            received => received.ok(),
        }
    }

    fn now(&self) -> Millis {
        self.ledger.time((self.now_ms)())
    }

    /// Until a delay, a lease or a group's interval ends, or a waiting claim's time is over.
    fn time_to_next_wakeup(&self) -> Duration {
        if self.ledger.is_dirty() && self.failed.is_none() {
            // Jobs were given back after the last commit; others may wait for them.
            return Duration::ZERO;
        }
        let turns = self.waiting.iter().filter_map(|waiting| self.ledger.next_turn_ms(&waiting.ask));
        let now = self.now();
        let next = turns.chain(self.ledger.next_wakeup_ms()).min();
        // One millisecond at least: a turn that is due but was not taken must not spin.
        let due = next.map(|at| Duration::from_millis(at.saturating_sub(now).max(1)));
        let over =
            self.waiting.iter().map(|waiting| waiting.until.saturating_duration_since(Instant::now())).min();
        due.into_iter().chain(over).min().unwrap_or(Duration::from_secs(3600))
    }

    fn round(&mut self, first: Option<Message>) {
        let mut answers = Vec::new();
        let mut next = first;
        let mut taken = 0;
        let mut done = Ok(());
        while let Some(message) = next.take() {
            done = done.and_then(|()| self.handle(message, &mut answers));
            taken += 1;
            if taken < ROUND_MAX && self.ledger.dirty_bytes() < ROUND_BYTES_MAX {
                next = self.gather(taken);
            }
        }
        self.expected = taken;
        let now = self.now();
        let ended = done.and_then(|()| self.ledger.tick(now)).and_then(|()| self.serve_waiting(&mut answers));
        self.commit(ended);
        answers.into_iter().for_each(|(asker, result)| self.send(asker, result));
    }

    fn commit(&mut self, before: Result<(), QueueError>) {
        if self.failed.is_some() {
            return;
        }
        let ledger = &mut self.ledger;
        let committed = before.and_then(|()| {
            // sled reports some kinds of damage by panicking.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.commit()))
                .unwrap_or_else(|_| Err(QueueError::Broken("sled panicked while it wrote".to_owned())))
        });
        self.syncs.store(self.ledger.syncs(), Ordering::Relaxed);
        if let Err(error) = committed {
            tracing::error!(%error, "the queue has stopped: nothing more is acknowledged");
            self.failed = Some(error);
            self.tell_failed.send_replace(true);
        }
    }

    fn send(&mut self, asker: Asker, result: Result<Reply, QueueError>) {
        let result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => result,
        };
        let session = asker.session();
        if let Some(Reply::Claimed(claimed)) = asker.answer(result) {
            // Nobody waits for it any more: give the jobs back. The next round follows at once and writes it.
            tracing::debug!(?session, "a granted claim was given back");
            let now = self.now();
            for claim in claimed.claims {
                if let Err(error) = self.ledger.fail(claim.lease, Nack::Release, now) {
                    tracing::debug!(%error, "a claim that nobody waits for had ended already");
                }
            }
        }
    }

    fn handle(&mut self, message: Message, answers: &mut Answers) -> Result<(), QueueError> {
        let now = self.now();
        self.ledger.tick(now)?;
        match message {
            Message::Call { request, reply_to } => {
                self.ask(request, Asker::Here { session: self.session, reply_to }, answers)
            }
            Message::Frame { session, connection, requests, outbox } => {
                if self.connections.get(&session) != Some(&connection) {
                    return Ok(());
                }
                requests.into_iter().try_for_each(|RequestFrame { number, content }| {
                    let asker = Asker::Connected { session, number, outbox: outbox.clone() };
                    self.ask(content, asker, answers)
                })
            }
            Message::Connect { session, connection, held, attending, reply_to } => {
                self.connections.insert(session, connection);
                self.ledger.rejoin(session, &held, &attending, REJOINED_LEASE_MS, now);
                answers.push((Asker::Here { session, reply_to }, Ok(Reply::Done)));
                Ok(())
            }
            Message::Disconnect { session, connection } => {
                if self.connections.get(&session) != Some(&connection) {
                    return Ok(());
                }
                self.connections.remove(&session);
                self.ledger.end_session(session, now)
            }
            Message::Tick => Ok(()),
        }
    }

    fn ask(&mut self, request: Request, asker: Asker, answers: &mut Answers) -> Result<(), QueueError> {
        if let Request::Claim(ask) = request {
            let until = Instant::now() + Duration::from_millis(ask.wait_ms).min(CLAIM_WAIT_MAX);
            return self.claim(Waiting { ask, until, asker }, answers);
        }
        let now = self.now();
        let result = apply(&mut self.ledger, asker.session(), request, now);
        answers.push((asker, result));
        Ok(())
    }

    /// Answers a claim, or lets it wait.
    fn claim(&mut self, waiting: Waiting, answers: &mut Answers) -> Result<(), QueueError> {
        let now = self.now();
        let claimed = match self.ledger.claim(waiting.asker.session(), &waiting.ask, now) {
            Err(QueueError::Invalid(why)) => {
                answers.push((waiting.asker, Err(QueueError::Invalid(why))));
                return Ok(());
            }
            claimed => claimed?,
        };
        let is_over = waiting.until <= Instant::now()
            || matches!(claimed.lane_status, LaneStatus::Drained | LaneStatus::Resting);
        if !claimed.claims.is_empty() || is_over || self.failed.is_some() {
            answers.push((waiting.asker, Ok(Reply::Claimed(claimed))));
        } else {
            self.waiting.push_back(waiting);
        }
        Ok(())
    }

    fn serve_waiting(&mut self, answers: &mut Answers) -> Result<(), QueueError> {
        for waiting in std::mem::take(&mut self.waiting) {
            if !waiting.asker.has_gone() {
                self.claim(waiting, answers)?;
            }
        }
        Ok(())
    }
}

/// Does everything but claims, which wait.
fn apply(ledger: &mut Ledger, session: Session, request: Request, now: Millis) -> Result<Reply, QueueError> {
    match request {
        Request::Push(push) => ledger.push(push, now).map(Reply::Pushed),
        Request::Claim(ask) => ledger.claim(session, &ask, now).map(Reply::Claimed),
        Request::Extend { leases, lease_ms } => Ok(Reply::Lost(ledger.extend(leases, lease_ms, now))),
        Request::Complete { lease, next } => ledger.complete(lease, next, now).map(|()| Reply::Done),
        Request::PauseGroup { lease, for_ms } => ledger.pause_group(lease, for_ms, now).map(|()| Reply::Done),
        Request::Pending { lane, groups } => Ok(Reply::Counts(ledger.pending_in(lane, &groups))),
        Request::Fail { lease, nack } => ledger.fail(lease, nack, now).map(|()| Reply::Done),
        Request::RegisterWorker { lane, registration } => {
            ledger.register_worker(session, lane, registration);
            Ok(Reply::Done)
        }
        Request::Stats => Ok(Reply::Stats(ledger.stats())),
        Request::Details => Ok(Reply::Details(ledger.details(now))),
        Request::Cursors => Ok(Reply::Cursors(ledger.cursors())),
        Request::List { selection, after, limit } => {
            ledger.list(&selection, after, limit, now).map(Reply::Jobs)
        }
        Request::Retry(selection) => ledger.retry(&selection, now).map(Reply::Count),
        Request::Drop(selection) => ledger.drop_jobs(&selection, now).map(Reply::Count),
        Request::SetPaused { lane, pause } => {
            ledger.set_paused(lane, pause);
            Ok(Reply::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::Path};

    use flow::{
        durability::Durability,
        job::NewJob,
        lane::Lane,
        queue::{Push, QueueAdmin},
    };

    use super::*;
    use crate::{
        directory::{Owned, QueueDirectory},
        transport::client::QueueClient,
    };

    fn push(key: &str) -> Push {
        Push { jobs: vec![NewJob::new(Lane::Store, key, &key)], cursor: None }
    }

    /// Owns the queue in a directory; its tail is written to `medium` where one is given.
    fn own(run: &Path, medium: Option<&str>) -> Owned {
        let tune = |ledger: &mut Ledger| {
            if let Some(medium) = medium {
                ledger.write_tail_to(File::options().write(true).open(medium).unwrap());
            }
        };
        let owned = QueueDirectory::of(run).own_tuned(Durability::Power, 100, Arc::new(|| 1_000), tune);
        owned.unwrap().expect("nobody else owns it")
    }

    /// What becomes of pushes to a medium that takes nothing, and what the next owner finds.
    async fn push_to(medium: &str) -> [QueueError; 2] {
        let run = tempfile::tempdir().unwrap();
        let (link, thread) = own(run.path(), None);
        QueueClient::Local(link).push(push("before")).await.unwrap();
        thread.join().unwrap();

        let (link, thread) = own(run.path(), Some(medium));
        let queue = QueueClient::Local(link.clone());
        let first = queue.push(push("lost")).await.unwrap_err();
        let second = queue.stats().await.unwrap_err();
        link.failed().await;
        drop((link, queue));
        thread.join().unwrap();

        let (link, thread) = own(run.path(), None);
        let queue = QueueClient::Local(link);
        assert_eq!(queue.stats().await.unwrap().pending(), 1, "only what was acknowledged is there");
        queue.push(push("after")).await.unwrap();
        drop(queue);
        thread.join().unwrap();
        [first, second]
    }

    #[tokio::test]
    async fn a_full_disk_acknowledges_nothing_and_the_next_owner_goes_on() {
        for error in push_to("/dev/full").await {
            assert!(matches!(error, QueueError::DiskFull(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn an_fsync_that_fails_acknowledges_nothing_and_is_not_tried_again() {
        // It takes every write and no fsync.
        for error in push_to("/dev/null").await {
            assert!(matches!(&error, QueueError::Broken(why) if why.contains("cannot write")), "{error}");
        }
    }
}
