//! The requests of a client to the owner of the queue, and the replies: one variant for each method of
//! [`JobQueue`](flow::queue::JobQueue) and [`QueueAdmin`](flow::queue::QueueAdmin).
//!
//! They are sent over the socket in postcard, so a change of any of these types takes a new
//! [`PROTOCOL`](crate::transport::broker::PROTOCOL).

use flow::{
    clock::Millis,
    job::{Group, JobId, JobView, Lease, NewJob, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, ClaimResponse, Cursor, GroupPause, Nack, Pause, Push, Pushed, QueueDetails, QueueStats,
        Registration,
    },
};
use serde::{Deserialize, Serialize};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the method of JobQueue or QueueAdmin of that name")]
pub enum Request {
    Push(Push),
    Claim(ClaimRequest),
    Extend { leases: Vec<Lease>, lease_ms: Millis },
    Complete { lease: Lease, next: Vec<NewJob> },
    PauseGroup { lease: Lease, pause: GroupPause },
    Pending { lane: Lane, groups: Vec<Group> },
    Fail { lease: Lease, nack: Nack },
    RegisterWorker { lane: Lane, registration: Registration },
    Stats,
    Details,
    Cursors,
    List { selection: Selection, after: Option<JobId>, limit: usize },
    Retry(Selection),
    Drop(Selection),
    SetPaused { lane: Lane, pause: Pause },
}

/// The reply to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The request is done and durable, and asks for nothing in return.
    Done,
    /// To [`Request::Push`].
    Pushed(Pushed),
    /// To [`Request::Claim`].
    Claimed(ClaimResponse),
    /// To [`Request::Extend`]: the leases that are no longer held.
    Lost(Vec<Lease>),
    /// To [`Request::Stats`].
    Stats(QueueStats),
    /// To [`Request::Details`].
    Details(QueueDetails),
    /// To [`Request::Cursors`].
    Cursors(Vec<Cursor>),
    /// To [`Request::List`].
    Jobs(Vec<JobView>),
    /// To [`Request::Pending`].
    Counts(Vec<u64>),
    /// To [`Request::Retry`] and [`Request::Drop`]: the number of jobs.
    Count(u64),
}
