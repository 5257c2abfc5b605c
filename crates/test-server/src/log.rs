//! The requests that a server has seen.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

/// How many requests are remembered; later ones are counted only.
pub const REQUESTS_MAX: usize = 200_000;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` or another method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// All header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// When its header section had come.
    pub at: Instant,
    /// The status it was answered with.
    pub status: u16,
}

impl Request {
    /// The value of a header field, named in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `Range`.
    #[must_use]
    pub fn range(&self) -> Option<&str> {
        self.header("range")
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Request>,
    total: u64,
    answering: usize,
    answering_peak: usize,
}

/// What a server has seen; shared by its connections.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log(Arc<Mutex<Seen>>);

impl Log {
    pub(crate) fn push(&self, request: Request) {
        let mut seen = self.lock();
        seen.total += 1;
        if seen.requests.len() < REQUESTS_MAX {
            seen.requests.push(request);
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.lock().requests.iter().filter(|request| request.path == path).count()
    }

    pub(crate) fn total(&self) -> u64 {
        self.lock().total
    }

    pub(crate) fn peak(&self) -> usize {
        self.lock().answering_peak
    }

    pub(crate) fn answering(&self) -> Answering {
        let mut seen = self.lock();
        seen.answering += 1;
        seen.answering_peak = seen.answering_peak.max(seen.answering);
        Answering(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// Counts as an answer under way until dropped.
#[derive(Debug)]
pub(crate) struct Answering(Log);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.lock().answering -= 1;
    }
}
