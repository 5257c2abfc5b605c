//! The log of received requests, shared by all connections of a server.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

/// The maximum number of requests that a server keeps. It only counts further ones.
pub const REQUESTS_MAX: usize = 200_000;

/// A request that a server has received.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// The method, `GET` for example.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// All header fields in order, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The time at which the header section was complete.
    pub at: Instant,
    /// The status of the response.
    pub status: u16,
}

impl ReceivedRequest {
    /// Returns the value of a header field; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value of `Range`.
    #[must_use]
    pub fn range(&self) -> Option<&str> {
        self.header("range")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) requests: Vec<ReceivedRequest>,
    pub(crate) total: u64,
    pub(crate) active: usize,
    pub(crate) active_peak: usize,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct RequestLog(Arc<Mutex<Entries>>);

impl RequestLog {
    pub(crate) fn push(&self, request: ReceivedRequest) {
        let mut entries = self.lock();
        entries.total += 1;
        // Requests are counted even if they are not kept.
        if entries.requests.len() < REQUESTS_MAX {
            entries.requests.push(request);
        }
    }

    /// Counts a response as active until the returned guard is dropped.
    pub(crate) fn begin_response(&self) -> ActiveResponse {
        let mut entries = self.lock();
        entries.active += 1;
        entries.active_peak = entries.active_peak.max(entries.active);
        ActiveResponse(self.clone())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// A response in progress. Its body's stream holds it, so that a response is active until its last byte.
#[derive(Debug)]
pub(crate) struct ActiveResponse(RequestLog);

impl Drop for ActiveResponse {
    fn drop(&mut self) {
        self.0.lock().active -= 1;
    }
}
