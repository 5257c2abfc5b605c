//! The way to the owner in its own process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use flow::{job::Lease, lane::Lane, queue::QueueError};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    session::Session,
    transport::request::{Reply, Request},
    transport::wire::{ReplyFrame, RequestFrame},
};

/// Where the answers to a connection's requests go. Has room for every request that may be open.
pub(crate) type Outbox = mpsc::Sender<ReplyFrame>;

/// What reaches the owner.
#[derive(Debug)]
pub(crate) enum Message {
    /// A request of this process. Answered once it is durable.
    Call { request: Request, reply_to: oneshot::Sender<Result<Reply, QueueError>> },
    /// Requests of another process, answered through its outbox; ignored where the client has a newer connection.
    Frame { session: Session, connection: u64, requests: Vec<RequestFrame>, outbox: Outbox },
    /// A connection of a client begins; answered like a call.
    Connect {
        session: Session,
        connection: u64,
        held: Vec<Lease>,
        attending: Vec<Lane>,
        reply_to: oneshot::Sender<Result<Reply, QueueError>>,
    },
    /// A connection of a client has ended.
    Disconnect { session: Session, connection: u64 },
    /// The clock was moved by hand.
    Tick,
}

/// A way to the owner in its own process. Sends to the owner's inbox; the owner ends when all of these are gone.
#[derive(Debug, Clone)]
pub struct LocalLink {
    pub(crate) inbox: mpsc::Sender<Message>,
    /// Becomes true when a commit has failed. From the owner, which holds the other end for its life.
    pub(crate) has_failed: watch::Receiver<bool>,
    pub(crate) syncs: Arc<AtomicU64>,
}

impl LocalLink {
    /// Commits that the owner has forced to the medium so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Sends a request and waits until it is durable.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        let (reply_to, reply) = oneshot::channel();
        self.send(Message::Call { request, reply_to }).await?;
        reply.await.map_err(|_| ended())?
    }

    /// Sends requests of another process.
    pub(crate) async fn forward(
        &self,
        session: Session,
        connection: u64,
        requests: Vec<RequestFrame>,
        outbox: Outbox,
    ) -> Result<(), QueueError> {
        self.send(Message::Frame { session, connection, requests, outbox }).await
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
