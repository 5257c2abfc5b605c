//! What a client asks of the owner of the queue, and the answers: one variant a method of
//! [`JobQueue`](flow::queue::JobQueue). Sent over the socket in postcard; changing any of these types takes a new
//! [`PROTOCOL`](crate::transport::broker::PROTOCOL).

use flow::{
    clock::Millis,
    job::{Group, JobId, JobView, Lease, NewJob, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, ClaimResponse, Cursor, Nack, Pause, Push, Pushed, QueueDetails, QueueStats,
        Registration,
    },
};
use serde::{Deserialize, Serialize};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the method of JobQueue of that name")]
pub enum Request {
    Push(Push),
    Claim(ClaimRequest),
    Extend { leases: Vec<Lease>, lease_ms: Millis },
    Complete { lease: Lease, next: Vec<NewJob> },
    PauseGroup { lease: Lease, for_ms: Millis },
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

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done and durable.
    Done,
    /// To [`Request::Push`].
    Pushed(Pushed),
    /// To [`Request::Claim`].
    Claimed(ClaimResponse),
    /// To [`Request::Extend`]: those no longer held.
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
    /// To [`Request::Retry`] and [`Request::Drop`]: how many.
    Count(u64),
}
