//! The one thread that owns the ledger.
//!
//! It works in rounds: it takes the messages that have arrived (at most [`ROUND_MESSAGES_MAX`], or about half
//! a MiB of changes), applies them, commits once, and only then replies to all of them. A claim that finds no
//! job waits here until something changes or its time is over. After a failed commit, every request is
//! answered with that failure, and nothing is acknowledged any more.

mod caller;
mod open;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{JoinHandle, available_parallelism},
    time::{Duration, Instant},
};

use flow::{
    clock::Millis,
    queue::{ClaimRequest, LaneStatus, Nack, QueueError},
};
use tokio::sync::{mpsc, watch};

use self::caller::Caller;
use crate::{
    ledger::Ledger,
    session::Session,
    transport::{
        local::{LocalLink, Message},
        request::{Reply, Request},
        wire::RequestFrame,
    },
};

/// The maximum number of messages that share a commit.
pub const ROUND_MESSAGES_MAX: usize = 1024;
/// About the maximum number of bytes that share a commit.
const ROUND_BYTES_MAX: usize = 512 << 10;
/// The time for which the owner spins for the next message before it sleeps, if there are more than
/// [`FEW_PROCESSORS`].
const SPIN_TIME: Duration = Duration::from_micros(100);
/// The number of processors up to which spinning takes time from those who are about to send a message.
const FEW_PROCESSORS: usize = 2;
/// The time for which a round waits for a message that is likely to come.
const GROUP_COMMIT_WINDOW: Duration = Duration::from_micros(20);
/// The maximum time for which a claim waits.
const CLAIM_WAIT_MAX: Duration = Duration::from_secs(3600);
/// The time that a client's leases last from its return.
const REJOINED_LEASE_MS: Millis = 60_000;
/// The time after which the owner wakes up if nothing is due.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// Returns the time in milliseconds since the epoch. It must not jump while the process lives; from one
/// process to the next it may.
pub type NowMs = Arc<dyn Fn() -> Millis + Send + Sync>;

/// An owned queue: the link to its owner, and the owner's thread, which ends when all clones of the link are
/// gone.
pub type Owned = (LocalLink, JoinHandle<()>);

struct Owner {
    ledger: Ledger,
    /// The session of all calls in this process.
    session: Session,
    now_ms: NowMs,
    /// Receives from [`LocalLink`]s; closed when the last is dropped.
    inbox: mpsc::Receiver<Message>,
    waiting: VecDeque<WaitingClaim>,
    /// The number of the latest connection of each client.
    connections: HashMap<Session, u64>,
    last_round_messages: usize,
    spin_time: Duration,
    /// The first failure of a commit.
    failed: Option<QueueError>,
    /// Sends `true` to every [`LocalLink`] after a commit has failed.
    failure_sender: watch::Sender<bool>,
    /// Shared with every [`LocalLink`], which only reads it.
    syncs: Arc<AtomicU64>,
}

/// A claim that has found no job yet.
struct WaitingClaim {
    request: ClaimRequest,
    /// In the monotonic time of this process, whatever the queue's clock says.
    until: Instant,
    caller: Caller,
}

/// The replies to send after the commit.
type Replies = Vec<(Caller, Result<Reply, QueueError>)>;

/// Returns the time for which the owner spins on this machine.
fn spin_time() -> Duration {
    let processors = available_parallelism().map_or(1, usize::from);
    if processors > FEW_PROCESSORS { SPIN_TIME } else { Duration::ZERO }
}

impl Owner {
    fn run(mut self, runtime: &tokio::runtime::Runtime) {
        loop {
            if let Some(message) = self.spin_for_next(self.spin_time) {
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
            tracing::warn!(%error, "failed to close the queue; nothing acknowledged is lost");
        }
    }

    /// Spins for the next message. A client that has just got its reply often asks again at once, and waking
    /// a thread takes longer than that.
    fn spin_for_next(&mut self, time: Duration) -> Option<Message> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if let Ok(message) = self.inbox.try_recv() {
                return Some(message);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Returns the next message of this round. If the last round had more messages than this one so far,
    /// their senders may be about to ask again, so the round waits a moment: then all of them share a commit.
    fn next_of_round(&mut self, taken: usize) -> Option<Message> {
        match self.inbox.try_recv() {
            Err(_) if taken < self.last_round_messages => self.spin_for_next(GROUP_COMMIT_WINDOW),
            received => received.ok(),
        }
    }

    fn now(&self) -> Millis {
        self.ledger.time((self.now_ms)())
    }

    /// Returns the time until a delay, a lease or a group's interval ends, or the time of a waiting claim is
    /// over.
    fn time_to_next_wakeup(&self) -> Duration {
        if self.ledger.is_dirty() && self.failed.is_none() {
            // Jobs were given back after the last commit; other claims may wait for them.
            return Duration::ZERO;
        }
        let turns = self.waiting.iter().filter_map(|claim| self.ledger.next_turn_ms(&claim.request));
        let now = self.now();
        let next = turns.chain(self.ledger.next_wakeup_ms()).min();
        // At least one millisecond: a turn that is due but was not taken must not make the owner spin.
        let due = next.map(|at| Duration::from_millis(at.saturating_sub(now).max(1)));
        let over = self.waiting.iter().map(|claim| claim.until.saturating_duration_since(Instant::now()));
        due.into_iter().chain(over.min()).min().unwrap_or(IDLE_SLEEP)
    }

    /// Applies messages, commits once, and replies.
    fn round(&mut self, first: Option<Message>) {
        let mut replies = Vec::new();
        let mut next = first;
        let mut taken = 0;
        let mut applied = Ok(());
        while let Some(message) = next.take() {
            applied = applied.and_then(|()| self.handle(message, &mut replies));
            taken += 1;
            if taken < ROUND_MESSAGES_MAX && self.ledger.dirty_bytes() < ROUND_BYTES_MAX {
                next = self.next_of_round(taken);
            }
        }
        self.last_round_messages = taken;
        let now = self.now();
        let applied =
            applied.and_then(|()| self.ledger.tick(now)).and_then(|()| self.serve_waiting(&mut replies));
        self.commit(applied);
        replies.into_iter().for_each(|(caller, result)| self.reply(caller, result));
    }

    /// Commits, unless an earlier commit or this round has failed: a ledger that could not apply a message
    /// must not be written.
    fn commit(&mut self, applied: Result<(), QueueError>) {
        if self.failed.is_some() {
            return;
        }
        let ledger = &mut self.ledger;
        let committed = applied.and_then(|()| {
            // sled reports some kinds of damage by panicking.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.commit()))
                .unwrap_or_else(|_| Err(QueueError::Broken("a panic while the log was written".to_owned())))
        });
        self.syncs.store(self.ledger.syncs(), Ordering::Relaxed);
        if let Err(error) = committed {
            tracing::error!(%error, "the queue has stopped: it acknowledges nothing more");
            self.failed = Some(error);
            self.failure_sender.send_replace(true);
        }
    }

    fn reply(&mut self, caller: Caller, result: Result<Reply, QueueError>) {
        let result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => result,
        };
        let session = caller.session();
        if let Some(Reply::Claimed(claimed)) = caller.reply(result) {
            // The next round follows at once and writes that the jobs are given back.
            tracing::debug!(?session, "gave back a claim whose caller has gone");
            let now = self.now();
            for claim in claimed.claims {
                if let Err(error) = self.ledger.fail(claim.lease, Nack::Release, now) {
                    tracing::debug!(%error, "a claim whose caller has gone had ended already");
                }
            }
        }
    }

    /// Applies a message.
    ///
    /// # Errors
    /// Returns an error if the ledger must not be used any more. Other errors are replies.
    fn handle(&mut self, message: Message, replies: &mut Replies) -> Result<(), QueueError> {
        let now = self.now();
        self.ledger.tick(now)?;
        match message {
            Message::Call { request, reply_to } => {
                let caller = Caller::InProcess { session: self.session, reply_to };
                self.handle_request(request, caller, replies)
            }
            Message::Frame { session, connection, requests, outbox } => {
                // The client has a newer connection, on which it repeats these requests.
                if self.connections.get(&session) != Some(&connection) {
                    return Ok(());
                }
                requests.into_iter().try_for_each(|RequestFrame { number, content }| {
                    let caller = Caller::Connected { session, number, outbox: outbox.clone() };
                    self.handle_request(content, caller, replies)
                })
            }
            Message::Connect { session, connection, held, worker_lanes, reply_to } => {
                self.connections.insert(session, connection);
                self.ledger.rejoin(session, &held, &worker_lanes, REJOINED_LEASE_MS, now);
                replies.push((Caller::InProcess { session, reply_to }, Ok(Reply::Done)));
                Ok(())
            }
            Message::Disconnect { session, connection } => {
                // The client is back on a newer connection, and keeps its leases.
                if self.connections.get(&session) != Some(&connection) {
                    return Ok(());
                }
                self.connections.remove(&session);
                self.ledger.end_session(session, now)
            }
            Message::Tick => Ok(()),
        }
    }

    fn handle_request(
        &mut self,
        request: Request,
        caller: Caller,
        replies: &mut Replies,
    ) -> Result<(), QueueError> {
        let (now, session) = (self.now(), caller.session());
        let ledger = &mut self.ledger;
        let result = match request {
            Request::Claim(request) => {
                let until = Instant::now() + Duration::from_millis(request.wait_ms).min(CLAIM_WAIT_MAX);
                return self.claim(WaitingClaim { request, until, caller }, replies);
            }
            Request::Push(push) => ledger.push(push, now).map(Reply::Pushed),
            Request::Extend { leases, lease_ms } => Ok(Reply::Lost(ledger.extend(leases, lease_ms, now))),
            Request::Complete { lease, next } => ledger.complete(lease, next, now).map(|()| Reply::Done),
            Request::PauseGroup { lease, pause } => {
                ledger.pause_group(lease, pause, now).map(|()| Reply::Done)
            }
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
        };
        replies.push((caller, result));
        Ok(())
    }

    /// Serves a claim, or keeps it waiting.
    fn claim(&mut self, claim: WaitingClaim, replies: &mut Replies) -> Result<(), QueueError> {
        let now = self.now();
        let claimed = match self.ledger.claim(claim.caller.session(), &claim.request, now) {
            Err(QueueError::Invalid(why)) => {
                replies.push((claim.caller, Err(QueueError::Invalid(why))));
                return Ok(());
            }
            // Any other error comes after jobs have left their groups, so the ledger must not be used any
            // more.
            claimed => claimed?,
        };
        let is_over = claim.until <= Instant::now()
            || matches!(claimed.lane_status, LaneStatus::Drained | LaneStatus::Resting);
        if !claimed.claims.is_empty() || is_over || self.failed.is_some() {
            replies.push((claim.caller, Ok(Reply::Claimed(claimed))));
        } else {
            self.waiting.push_back(claim);
        }
        Ok(())
    }

    /// Serves the waiting claims, the longest-waiting one first.
    fn serve_waiting(&mut self, replies: &mut Replies) -> Result<(), QueueError> {
        for claim in std::mem::take(&mut self.waiting) {
            if !claim.caller.is_gone() {
                self.claim(claim, replies)?;
            }
        }
        Ok(())
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
    use crate::{directory::QueueDirectory, transport::client::QueueClient};

    fn push(key: &str) -> Push {
        Push { jobs: vec![NewJob::new(Lane::Store, key, &key)], cursor: None }
    }

    /// Owns the queue in a directory. Its write-ahead log is written to `medium`, if one is given.
    fn own(run: &Path, medium: Option<&str>) -> Owned {
        let tune = |ledger: &mut Ledger| {
            if let Some(medium) = medium {
                ledger.write_wal_to(File::options().write(true).open(medium).unwrap());
            }
        };
        let owned = QueueDirectory::of(run).own_tuned(Durability::Power, 100, Arc::new(|| 1_000), tune);
        owned.unwrap().expect("nobody else owns it")
    }

    /// Returns the errors of pushes to a medium that takes nothing, after the next owner has found the rest.
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
