//! The one thread that owns the ledger.
//!
//! It takes what has arrived (at most [`ROUND_MAX`] requests or about as many changed jobs), applies it, commits once,
//! and only then answers all of it. Claims that find nothing wait here until something changes or their time is over.
//! When a commit fails it never acknowledges anything again: every request is answered with that failure.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use flow::{
    clock::Millis,
    job::Lease,
    lane::Lane,
    queue::{Ask, Claimed, Outlook, QueueError, Verdict},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    disk::BATCH_OPERATIONS_MAX,
    ledger::Ledger,
    request::{Reply, Request},
    session::Session,
};

/// The most requests that share a commit.
pub const ROUND_MAX: usize = 256;
/// The longest that a claim waits.
const CLAIM_WAIT_MAX: Duration = Duration::from_secs(3600);
/// How long a client's leases last from when it comes back.
const REJOINED_LEASE_MS: Millis = 60_000;

/// Tells the time in milliseconds since the epoch. Must not jump back.
pub type NowMs = Arc<dyn Fn() -> Millis + Send + Sync>;

type ReplyTo = oneshot::Sender<Result<Reply, QueueError>>;

/// What reaches the owner.
#[derive(Debug)]
enum Message {
    /// A request of a client. Answered through the channel once it is durable.
    Ask { session: Session, request: Request, reply_to: ReplyTo },
    /// A connection of a client begins; answered like a request.
    Connect { session: Session, connection: u64, held: Vec<Lease>, attending: Vec<Lane>, reply_to: ReplyTo },
    /// A connection of a client has ended.
    Disconnect { session: Session, connection: u64 },
    /// The clock was moved by hand.
    Tick,
}

/// A way to the owner in its own process. Sends to the owner's inbox; the owner ends when all of these are gone.
#[derive(Debug, Clone)]
pub struct LocalLink {
    inbox: mpsc::Sender<Message>,
    session: Session,
    /// Becomes true when a commit has failed. From the owner, which holds the other end for its life.
    has_failed: watch::Receiver<bool>,
}

impl LocalLink {
    /// Sends a request and waits until it is durable.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        self.call_for(self.session, request).await
    }

    /// The same on behalf of another process.
    pub(crate) async fn call_for(&self, session: Session, request: Request) -> Result<Reply, QueueError> {
        let (reply_to, reply) = oneshot::channel();
        self.send(Message::Ask { session, request, reply_to }).await?;
        reply.await.map_err(|_| ended())?
    }

    /// Says that a client is here, with what it still holds.
    pub(crate) async fn connect(
        &self,
        session: Session,
        connection: u64,
        held: Vec<Lease>,
        attending: Vec<Lane>,
    ) -> Result<(), QueueError> {
        let (reply_to, reply) = oneshot::channel();
        self.send(Message::Connect { session, connection, held, attending, reply_to }).await?;
        reply.await.map_err(|_| ended())?.map(drop)
    }

    /// Says that a client's connection has ended.
    pub(crate) async fn disconnect(&self, session: Session, connection: u64) -> Result<(), QueueError> {
        self.send(Message::Disconnect { session, connection }).await
    }

    /// Makes the owner look at its clock, for clocks that are moved by hand.
    pub async fn tick(&self) -> Result<(), QueueError> {
        self.send(Message::Tick).await
    }

    /// Waits until the owner has failed; for ever where it never does.
    pub(crate) async fn failed(&self) {
        let mut has_failed = self.has_failed.clone();
        if has_failed.wait_for(|failed| *failed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn send(&self, message: Message) -> Result<(), QueueError> {
        self.inbox.send(message).await.map_err(|_| ended())
    }
}

fn ended() -> QueueError {
    QueueError::Broken("the owner of the queue has ended".to_owned())
}

/// Starts the owner. It holds `lock` for its life.
///
/// # Errors
/// Where no thread can be started.
pub fn start(ledger: Ledger, now_ms: NowMs, lock: File) -> Result<(LocalLink, JoinHandle<()>), QueueError> {
    let broken =
        |error: std::io::Error| QueueError::Broken(format!("cannot start the queue's thread: {error}"));
    let (sender, inbox) = mpsc::channel(4 * ROUND_MAX);
    let (tell_failed, has_failed) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(broken)?;
    let owner = Owner {
        ledger,
        now_ms,
        inbox,
        waiting: VecDeque::new(),
        connections: HashMap::new(),
        failed: None,
        tell_failed,
    };
    let thread = std::thread::Builder::new()
        .name("queue".to_owned())
        .spawn(move || {
            owner.run(&runtime);
            drop(lock);
        })
        .map_err(broken)?;
    Ok((LocalLink { inbox: sender, session: Session::of_this_process(), has_failed }, thread))
}

struct Owner {
    ledger: Ledger,
    now_ms: NowMs,
    /// From [`LocalLink`]s; closed when the last is dropped.
    inbox: mpsc::Receiver<Message>,
    waiting: VecDeque<Waiting>,
    /// The latest connection of each client.
    connections: HashMap<Session, u64>,
    failed: Option<QueueError>,
    /// To every [`LocalLink`].
    tell_failed: watch::Sender<bool>,
}

/// A claim that found nothing yet.
struct Waiting {
    session: Session,
    ask: Ask,
    /// In the monotonic time of this process, whatever the queue's clock says.
    until: Instant,
    reply_to: ReplyTo,
}

struct Answer {
    session: Session,
    reply_to: ReplyTo,
    result: Result<Reply, QueueError>,
}

impl Owner {
    fn run(mut self, runtime: &tokio::runtime::Runtime) {
        loop {
            let wait = self.time_to_next_wakeup();
            let received = runtime.block_on(async { tokio::time::timeout(wait, self.inbox.recv()).await });
            match received {
                Ok(Some(message)) => self.round(Some(message)),
                Ok(None) => return,
                Err(_) => self.round(None),
            }
        }
    }

    /// Until a delay, a lease or a group's interval ends, or a waiting claim's time is over.
    fn time_to_next_wakeup(&self) -> Duration {
        if self.ledger.dirty_jobs() > 0 && self.failed.is_none() {
            // Jobs were given back after the last commit; others may wait for them.
            return Duration::ZERO;
        }
        let turns = self
            .waiting
            .iter()
            .filter_map(|waiting| self.ledger.next_turn_ms(waiting.ask.lane, waiting.ask.group_limit));
        let now = (self.now_ms)();
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
        while let Some(message) = next.take() {
            self.handle(message, &mut answers);
            taken += 1;
            if taken < ROUND_MAX && self.ledger.dirty_jobs() < BATCH_OPERATIONS_MAX {
                next = self.inbox.try_recv().ok();
            }
        }
        let now = (self.now_ms)();
        self.ledger.tick(now);
        self.serve_waiting(&mut answers);
        self.commit();
        answers.into_iter().for_each(|answer| self.send(answer));
    }

    fn commit(&mut self) {
        if self.failed.is_some() {
            return;
        }
        let ledger = &mut self.ledger;
        // sled reports some kinds of damage by panicking.
        let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ledger.commit()))
            .unwrap_or_else(|_| Err(QueueError::Broken("sled panicked while it wrote".to_owned())));
        if let Err(error) = committed {
            tracing::error!(%error, "the queue has stopped: nothing more is acknowledged");
            self.failed = Some(error);
            self.tell_failed.send_replace(true);
        }
    }

    fn send(&mut self, answer: Answer) {
        let result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => answer.result,
        };
        if let Err(Ok(Reply::Claimed(claimed))) = answer.reply_to.send(result) {
            // Nobody waits for it any more: give the jobs back. The next round follows at once and writes it.
            tracing::debug!(session = ?answer.session, "a granted claim was given back");
            self.give_back(claimed);
        }
    }

    fn give_back(&mut self, claimed: Claimed) {
        let now = (self.now_ms)();
        for claim in claimed.claims {
            if let Err(error) = self.ledger.fail(claim.lease, Verdict::Release, now) {
                tracing::debug!(%error, "a job that nobody waited for was not held any more");
            }
        }
    }

    fn handle(&mut self, message: Message, answers: &mut Vec<Answer>) {
        let now = (self.now_ms)();
        self.ledger.tick(now);
        match message {
            Message::Ask { session, request: Request::Claim(ask), reply_to } => {
                let until = Instant::now() + Duration::from_millis(ask.wait_ms).min(CLAIM_WAIT_MAX);
                self.claim(Waiting { session, ask, until, reply_to }, answers);
            }
            Message::Ask { session, request, reply_to } => {
                let result = apply(&mut self.ledger, session, request, now);
                answers.push(Answer { session, reply_to, result });
            }
            Message::Connect { session, connection, held, attending, reply_to } => {
                self.connections.insert(session, connection);
                self.ledger.rejoin(session, &held, &attending, REJOINED_LEASE_MS, now);
                answers.push(Answer { session, reply_to, result: Ok(Reply::Done) });
            }
            Message::Disconnect { session, connection } => {
                if self.connections.get(&session) == Some(&connection) {
                    self.connections.remove(&session);
                    self.ledger.end_session(session, now);
                }
            }
            Message::Tick => {}
        }
    }

    /// Answers a claim, or lets it wait.
    fn claim(&mut self, waiting: Waiting, answers: &mut Vec<Answer>) {
        let now = (self.now_ms)();
        let claimed = self.ledger.claim(waiting.session, &waiting.ask, now);
        let is_over = waiting.until <= Instant::now() || claimed.outlook == Outlook::Drained;
        if !claimed.claims.is_empty() || is_over || self.failed.is_some() {
            let result = Ok(Reply::Claimed(claimed));
            answers.push(Answer { session: waiting.session, reply_to: waiting.reply_to, result });
        } else {
            self.waiting.push_back(waiting);
        }
    }

    fn serve_waiting(&mut self, answers: &mut Vec<Answer>) {
        for waiting in std::mem::take(&mut self.waiting) {
            if !waiting.reply_to.is_closed() {
                self.claim(waiting, answers);
            }
        }
    }
}

/// Does everything but claims.
fn apply(ledger: &mut Ledger, session: Session, request: Request, now: Millis) -> Result<Reply, QueueError> {
    match request {
        Request::Push(push) => ledger.push(push, now).map(Reply::Pushed),
        Request::Claim(ask) => Ok(Reply::Claimed(ledger.claim(session, &ask, now))),
        Request::Extend { leases, lease_ms } => Ok(Reply::Lost(ledger.extend(leases, lease_ms, now))),
        Request::Complete { lease, next } => ledger.complete(lease, next, now).map(|()| Reply::Done),
        Request::Fail { lease, verdict } => ledger.fail(lease, verdict, now).map(|()| Reply::Done),
        Request::Attend { lane, presence } => {
            ledger.attend(session, lane, presence);
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
