//! The [`JobQueue`] and [`QueueAdmin`] of a client: sends each call as a request to the owner of the queue.

use async_trait::async_trait;
use flow::{
    clock::Millis,
    job::{Group, JobId, JobView, Lease, NewJob, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, ClaimResponse, Cursor, GroupPause, JobQueue, Nack, Pause, Push, Pushed, QueueAdmin,
        QueueDetails, QueueError, QueueStats, Registration,
    },
};

use super::{
    local::LocalLink,
    request::{Reply, Request},
    socket::SocketLink,
};

/// A client of a queue. Cheap to clone; all clones are the same client.
#[derive(Debug, Clone)]
pub enum QueueClient {
    /// The owner is a thread of this process.
    Local(LocalLink),
    /// The owner is another process.
    Socket(SocketLink),
}

impl QueueClient {
    async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        match self {
            Self::Local(link) => link.call(request).await,
            Self::Socket(link) => link.call(request).await,
        }
    }
}

/// Takes the value of the expected reply, or returns an error for any other reply.
macro_rules! reply {
    ($reply:expr, $pattern:pat => $value:expr) => {
        match $reply? {
            $pattern => Ok($value),
            // A bug of the other side, which may be another build with the same protocol.
            other => {
                Err(QueueError::Broken(format!("the owner sent the reply to another request: {other:?}")))
            }
        }
    };
}

#[async_trait]
impl JobQueue for QueueClient {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimResponse, QueueError> {
        reply!(self.call(Request::Claim(request)).await, Reply::Claimed(claimed) => claimed)
    }

    async fn extend(&self, leases: Vec<Lease>, lease_ms: Millis) -> Result<Vec<Lease>, QueueError> {
        reply!(self.call(Request::Extend { leases, lease_ms }).await, Reply::Lost(lost) => lost)
    }

    async fn complete(&self, lease: Lease, next: Vec<NewJob>) -> Result<(), QueueError> {
        reply!(self.call(Request::Complete { lease, next }).await, Reply::Done => ())
    }

    async fn pause_group(&self, lease: Lease, pause: GroupPause) -> Result<(), QueueError> {
        reply!(self.call(Request::PauseGroup { lease, pause }).await, Reply::Done => ())
    }

    async fn fail(&self, lease: Lease, nack: Nack) -> Result<(), QueueError> {
        reply!(self.call(Request::Fail { lease, nack }).await, Reply::Done => ())
    }

    async fn register_worker(&self, lane: Lane, registration: Registration) -> Result<(), QueueError> {
        reply!(self.call(Request::RegisterWorker { lane, registration }).await, Reply::Done => ())
    }
}

#[async_trait]
impl QueueAdmin for QueueClient {
    async fn push(&self, push: Push) -> Result<Pushed, QueueError> {
        reply!(self.call(Request::Push(push)).await, Reply::Pushed(pushed) => pushed)
    }

    async fn pending(&self, lane: Lane, groups: Vec<Group>) -> Result<Vec<u64>, QueueError> {
        reply!(self.call(Request::Pending { lane, groups }).await, Reply::Counts(counts) => counts)
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        reply!(self.call(Request::Stats).await, Reply::Stats(stats) => stats)
    }

    async fn details(&self) -> Result<QueueDetails, QueueError> {
        reply!(self.call(Request::Details).await, Reply::Details(details) => details)
    }

    async fn cursors(&self) -> Result<Vec<Cursor>, QueueError> {
        reply!(self.call(Request::Cursors).await, Reply::Cursors(cursors) => cursors)
    }

    async fn list(
        &self,
        selection: Selection,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError> {
        reply!(self.call(Request::List { selection, after, limit }).await, Reply::Jobs(jobs) => jobs)
    }

    async fn retry(&self, selection: Selection) -> Result<u64, QueueError> {
        reply!(self.call(Request::Retry(selection)).await, Reply::Count(count) => count)
    }

    async fn drop_jobs(&self, selection: Selection) -> Result<u64, QueueError> {
        reply!(self.call(Request::Drop(selection)).await, Reply::Count(count) => count)
    }

    async fn set_paused(&self, lane: Lane, pause: Pause) -> Result<(), QueueError> {
        reply!(self.call(Request::SetPaused { lane, pause }).await, Reply::Done => ())
    }
}
