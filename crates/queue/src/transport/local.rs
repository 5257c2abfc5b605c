//! The link to the owner in its own process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use flow::{job::Lease, lane::Lane, queue::QueueError};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    request::{Reply, Request},
    wire::{ReplyFrame, RequestFrame},
};
use crate::session::Session;

/// Sends the replies to the requests of a connection. Has room for every request that may be open.
pub(crate) type Outbox = mpsc::Sender<ReplyFrame>;

/// Sends the reply to one request.
pub(crate) type ReplySender = oneshot::Sender<Result<Reply, QueueError>>;

/// A message to the owner.
#[derive(Debug)]
pub(crate) enum Message {
    /// A request of this process. The reply comes once it is durable.
    Call { request: Request, reply_to: ReplySender },
    /// Requests of another process, with the outbox for the replies. Ignored if the client has a newer
    /// connection.
    Frame { session: Session, connection: u64, requests: Vec<RequestFrame>, outbox: Outbox },
    /// A connection of a client begins. The reply comes as that to a call.
    Connect {
        session: Session,
        connection: u64,
        /// The leases that the client still has.
        held: Vec<Lease>,
        worker_lanes: Vec<Lane>,
        reply_to: ReplySender,
    },
    /// A connection of a client has ended.
    Disconnect { session: Session, connection: u64 },
    /// The clock was moved by hand.
    Tick,
}

/// A link to the owner in its own process. The owner ends after the last clone is dropped.
#[derive(Debug, Clone)]
pub struct LocalLink {
    pub(crate) inbox: mpsc::Sender<Message>,
    /// Becomes true when a commit has failed. The owner holds the other end for its life.
    pub(crate) has_failed: watch::Receiver<bool>,
    /// Written by the owner after each commit.
    pub(crate) syncs: Arc<AtomicU64>,
}

impl LocalLink {
    /// Returns how often the owner has forced something to the medium so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Sends a request and waits until it is durable.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        self.ask(|reply_to| Message::Call { request, reply_to }).await
    }

    /// Sends a message that has a reply, and waits for the reply.
    pub(crate) async fn ask(
        &self,
        message: impl FnOnce(ReplySender) -> Message,
    ) -> Result<Reply, QueueError> {
        let (reply_to, reply) = oneshot::channel();
        self.send(message(reply_to)).await?;
        reply.await.map_err(|_| ended())?
    }

    /// Sends a message.
    pub(crate) async fn send(&self, message: Message) -> Result<(), QueueError> {
        self.inbox.send(message).await.map_err(|_| ended())
    }

    /// Makes the owner read its clock, for clocks that are moved by hand.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the owner has ended.
    pub async fn tick(&self) -> Result<(), QueueError> {
        self.send(Message::Tick).await
    }

    /// Waits until a commit of the owner fails; forever if none does.
    pub(crate) async fn failed(&self) {
        let mut has_failed = self.has_failed.clone();
        // The sender is dropped if the owner ends well; then no commit will ever fail.
        if has_failed.wait_for(|failed| *failed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn ended() -> QueueError {
    QueueError::Broken("the owner of the queue has ended".to_owned())
}
