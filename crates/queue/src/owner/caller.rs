//! Who sent a request, and the way for the reply.

use flow::queue::QueueError;

use crate::{
    session::Session,
    transport::{
        local::{Outbox, ReplySender},
        request::Reply,
        wire::ReplyFrame,
    },
};

/// The sender of a request.
pub(super) enum Caller {
    /// A task of this process.
    InProcess { session: Session, reply_to: ReplySender },
    /// A client on the socket.
    Connected { session: Session, number: u64, outbox: Outbox },
}

impl Caller {
    pub(super) const fn session(&self) -> Session {
        match self {
            Self::InProcess { session, .. } | Self::Connected { session, .. } => *session,
        }
    }

    /// Returns whether no reply can reach the caller any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::InProcess { reply_to, .. } => reply_to.is_closed(),
            Self::Connected { outbox, .. } => outbox.is_closed(),
        }
    }

    /// Sends the reply. Returns a reply that a caller in this process no longer waits for; the leases of a
    /// connection that has ended return with its session.
    pub(super) fn reply(self, result: Result<Reply, QueueError>) -> Option<Reply> {
        match self {
            Self::InProcess { reply_to, .. } => reply_to.send(result).err().and_then(Result::ok),
            Self::Connected { session, number, outbox } => {
                // The outbox has room for every open request, so this fails only if the connection has ended.
                if outbox.try_send(ReplyFrame { number, content: result }).is_err() {
                    tracing::debug!(?session, "a client disconnected before its reply");
                }
                None
            }
        }
    }
}
