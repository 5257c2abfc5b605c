//! What happened to jobs, for people who want to know it later.
//!
//! A [`Worker`](crate::worker::Worker) records an event for each attempt. An attempt of the fetch stage makes
//! one request, so there is one event for each request.

use crate::{clock::Millis, failure::Failure, lane::Lane};

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The lane of the job.
    pub lane: Lane,
    /// The key of the job, which is the id of its document.
    pub key: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The time from the claim to the acknowledgement.
    pub took_ms: Millis,
    /// The end of the job's attempt.
    pub what: EventKind,
    /// The failure, or the reason of a move.
    pub failure: Option<Failure>,
    /// The request that the attempt made, if it made one.
    pub request: Option<RequestFacts>,
}

/// The outcome of an attempt for its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is done.
    Done,
    /// It failed and will be tried again.
    Retry,
    /// It continues elsewhere, for example at the target of a redirect.
    Moved,
    /// It could not be done yet.
    Requeued,
    /// It failed for good.
    Dead,
    /// Its lease was lost, so another worker has it.
    Lost,
    /// The machine cannot continue. The job stays.
    Halted,
}

/// A request of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The URL, without user and password.
    pub url: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The received bytes of the body.
    pub bytes: u64,
}

/// Takes events.
pub trait EventSink: Send + Sync + 'static {
    /// Takes an event. Must return at once: the worker waits for it.
    fn record(&self, event: Event);
}

/// Drops all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn record(&self, _: Event) {}
}
