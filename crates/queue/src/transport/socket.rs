//! The link to an owner in another process. Starts an owner if there is none, and replaces one that has died.
//!
//! One task of each client owns the connection. When the connection breaks, the task connects again and
//! repeats every request that has no reply yet. That is safe: the owner recognises what it has applied
//! before, and leases that were granted by a lost reply return when the client names the leases that it
//! holds. Only retries and drops by hand are not safe to repeat, so they fail with an error that says so.

mod connector;

use std::{
    collections::{BTreeMap, HashSet},
    io,
    pin::pin,
    time::Duration,
};

use bytes::Bytes;
use flow::{
    job::Lease,
    lane::Lane,
    queue::{QueueError, Registration},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval_at},
};

use self::connector::Connector;
pub use self::connector::{BrokerCommand, IfNoOwner};
use super::{
    local::ReplySender,
    request::{Reply, Request},
    wire::{self, Frames, Numbered, OPEN_REQUESTS_MAX, ReplyFrame},
};
use crate::directory::QueueDirectory;

/// The interval at which to check whether the owner answers. Time is counted in these intervals, so that time
/// during which this process itself is stopped does not count.
const BEAT: Duration = Duration::from_secs(1);

/// The time for which a connected owner may leave a request without an answer. A claim may take its own
/// waiting time in addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerTimeout(pub Duration);

impl AnswerTimeout {
    /// The limit for commands that people wait for.
    pub const SHORT: Self = Self(Duration::from_secs(10));
    /// The limit for workers, which must survive a disk that takes long to force data to the medium.
    pub const LONG: Self = Self(Duration::from_secs(30));

    /// Returns whether the limit is exceeded after `beats` intervals in which none of these requests was
    /// answered.
    fn is_over<'c>(self, beats: u32, mut open: impl Iterator<Item = &'c Request>) -> bool {
        let wait_ms = |request: &Request| if let Request::Claim(claim) = request { claim.wait_ms } else { 0 };
        let silence = BEAT * beats;
        open.any(|request| silence > self.0 + Duration::from_millis(wait_ms(request)))
    }
}

/// A link to an owner in another process. The connection ends after the last clone is dropped.
#[derive(Debug, Clone)]
pub struct SocketLink {
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
struct Call {
    request: Request,
    /// Taken once, by the task that owns the connection.
    reply_to: ReplySender,
}

impl SocketLink {
    /// Connects to the owner of the queue, or does what `if_no_owner` says if there is none.
    ///
    /// # Errors
    /// Returns [`QueueError::Unreachable`] if no owner can be reached or started, [`QueueError::InUse`] if a
    /// process holds the queue but does not answer, and [`QueueError::Version`] if the owner is another
    /// version of juggle.
    pub async fn connect(
        directory: QueueDirectory,
        if_no_owner: IfNoOwner,
        timeout: AnswerTimeout,
    ) -> Result<Self, QueueError> {
        let mut connector = Connector::new(directory, if_no_owner);
        let frames = connector.connect(Vec::new(), Vec::new()).await?;
        let (calls, inbox) = mpsc::channel(OPEN_REQUESTS_MAX);
        let connection = Connection {
            connector,
            timeout,
            inbox,
            open: BTreeMap::new(),
            number: 0,
            held: HashSet::new(),
            worker_lanes: Vec::new(),
        };
        // Ends by itself when the last clone of the link is gone and nothing is open.
        tokio::spawn(connection.run(frames));
        Ok(Self { calls })
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        let ended = || QueueError::Unreachable("the connection's task has ended".to_owned());
        let (reply_to, reply) = oneshot::channel();
        self.calls.send(Call { request, reply_to }).await.map_err(|_| ended())?;
        reply.await.map_err(|_| ended())?
    }
}

/// The reason why serving ended without an error.
enum Served {
    NoLongerNeeded,
    /// The owner does not answer.
    InSilence,
}

/// The task that owns a client's connection.
struct Connection {
    connector: Connector,
    timeout: AnswerTimeout,
    /// Receives from the clones of the link.
    inbox: mpsc::Receiver<Call>,
    /// Requests without a reply, by number.
    open: BTreeMap<u64, Call>,
    number: u64,
    held: HashSet<Lease>,
    /// The lanes of the client's workers, once for each worker.
    worker_lanes: Vec<Lane>,
}

impl Connection {
    async fn run(mut self, frames: Frames) {
        let mut frames = Some(frames);
        loop {
            let connected = match frames.take() {
                Some(frames) => Ok(frames),
                None => {
                    self.connector
                        .connect(self.held.iter().copied().collect(), self.worker_lanes.clone())
                        .await
                }
            };
            match connected {
                Ok(frames) => match self.serve(frames).await {
                    Ok(Served::NoLongerNeeded) => return,
                    Ok(Served::InSilence) => self.refuse_all(&self.connector.silent_owner()),
                    Err(why) => {
                        tracing::debug!(%why, "lost the connection to the owner of the queue; connecting \
                            again");
                        self.refuse_unrepeatable();
                    }
                },
                Err(error) => {
                    // Callers get the error now; the next call tries again.
                    self.refuse_all(&error);
                    let Some(call) = self.inbox.recv().await else { return };
                    self.number += 1;
                    self.open.insert(self.number, call);
                }
            }
        }
    }

    fn refuse_all(&mut self, error: &QueueError) {
        for call in std::mem::take(&mut self.open).into_values() {
            answer(call, Err(error.clone()));
        }
    }

    /// Carries requests and replies until the connection breaks (`Err`), nobody needs it any more, or the
    /// owner leaves requests unanswered. Reads even while it writes, so that two full sockets cannot wait for
    /// each other.
    async fn serve(&mut self, frames: Frames) -> Result<Served, String> {
        let (mut sink, mut stream) = frames.split();
        // From here to the writer below. It has room for every open request, so sending never waits.
        let (outbox, mut unsent) = mpsc::channel::<Bytes>(OPEN_REQUESTS_MAX + 1);
        let mut writer = pin!(async move {
            while let Some(frame) = unsent.recv().await {
                sink.send(frame).await?;
            }
            Ok::<_, io::Error>(())
        });
        let send = |frames: Vec<Bytes>| {
            frames.into_iter().try_for_each(|frame| outbox.try_send(frame)).map_err(|error| error.to_string())
        };
        // Requests that an earlier connection left without a reply come first, in their order.
        send(wire::encode_all(self.open.iter().map(|(number, call)| numbered(*number, call))))?;
        let mut calls = Vec::new();
        let mut is_open = true;
        let (mut beat, mut silent_beats) = (interval_at(Instant::now() + BEAT, BEAT), 0);
        // After this process was stopped, the missed intervals must not count.
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while is_open || !self.open.is_empty() {
            tokio::select! {
                call = self.inbox.recv(), if is_open && self.open.len() < OPEN_REQUESTS_MAX => {
                    is_open = call.is_some();
                    calls.extend(call);
                    // Others that are about to call share the frame.
                    yield_now().await;
                    while calls.len() + self.open.len() < OPEN_REQUESTS_MAX
                        && let Ok(call) = self.inbox.try_recv()
                    {
                        calls.push(call);
                    }
                    let (first, count) = (self.number + 1, calls.len());
                    send(wire::encode_all((first..).zip(&calls).map(|(number, call)| numbered(number, call))))?;
                    self.number += count as u64;
                    self.open.extend((first..).zip(calls.drain(..)));
                }
                frame = stream.next() => {
                    let frame = frame.ok_or("it closed the connection")?.map_err(|error| error.to_string())?;
                    wire::decode_all(&frame)?.into_iter().for_each(|reply| self.receive(reply));
                    silent_beats = 0;
                }
                // The writer ends well only after `outbox` is dropped, so an end here is an error.
                Err(error) = &mut writer => return Err(error.to_string()),
                _ = beat.tick() => {
                    silent_beats = if self.open.is_empty() { 0 } else { silent_beats + 1 };
                    if self.timeout.is_over(silent_beats, self.open.values().map(|call| &call.request)) {
                        return Ok(Served::InSilence);
                    }
                }
            }
        }
        Ok(Served::NoLongerNeeded)
    }

    /// Refuses retries and drops by hand. Their selection may mean other jobs by now than it did at first.
    fn refuse_unrepeatable(&mut self) {
        let may_not = |call: &Call| matches!(call.request, Request::Retry(_) | Request::Drop(_));
        for (_, call) in self.open.extract_if(.., |_, call| may_not(call)) {
            let why = "its owner ended before it replied, so it is unknown if this was done. Check the \
                jobs before you repeat it";
            answer(call, Err(QueueError::Unreachable(why.to_owned())));
        }
    }

    fn receive(&mut self, reply: ReplyFrame) {
        // The request was refused meanwhile, since the owner did not answer in time.
        let Some(call) = self.open.remove(&reply.number) else { return };
        self.remember(&call.request, &reply.content);
        answer(call, reply.content);
    }

    /// Keeps the leases and workers that the hello to the next owner must name.
    fn remember(&mut self, request: &Request, result: &Result<Reply, QueueError>) {
        match (request, result) {
            (Request::Claim(_), Ok(Reply::Claimed(claimed))) => {
                self.held.extend(claimed.claims.iter().map(|claim| claim.lease));
            }
            (
                Request::Complete { lease, .. } | Request::Fail { lease, .. },
                Ok(_) | Err(QueueError::Stale(_)),
            ) => {
                self.held.remove(lease);
            }
            (Request::Extend { .. }, Ok(Reply::Lost(lost))) => {
                self.held.retain(|lease| !lost.contains(lease))
            }
            (Request::RegisterWorker { lane, registration: Registration::Add }, Ok(_)) => {
                self.worker_lanes.push(*lane)
            }
            (Request::RegisterWorker { lane, registration: Registration::Remove }, Ok(_)) => {
                if let Some(at) = self.worker_lanes.iter().position(|of| of == lane) {
                    self.worker_lanes.swap_remove(at);
                }
            }
            _ => {}
        }
    }
}

const fn numbered(number: u64, call: &Call) -> Numbered<&Request> {
    Numbered { number, content: &call.request }
}

fn answer(call: Call, result: Result<Reply, QueueError>) {
    if call.reply_to.send(result).is_err() {
        tracing::debug!("the caller of a request has gone before its reply");
    }
}
