//! Facts about a request, collected while it runs.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use flow::events::RequestFacts;
use reqwest::StatusCode;
use url::Url;

use crate::credentials::strip_credentials;

/// The request of an attempt. A download fills it in.
#[derive(Debug, Default)]
pub(crate) struct RequestTrace {
    /// The time at which the request ended, with or without a complete response.
    ended: OnceLock<Instant>,
    status: OnceLock<StatusCode>,
    bytes: AtomicU64,
}

impl RequestTrace {
    /// Records that the request has ended. Only the first call counts.
    pub(crate) fn end(&self) {
        self.ended.get_or_init(Instant::now);
    }

    pub(crate) fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        self.status.get_or_init(|| status);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the facts for the log of events.
    pub(crate) fn facts(&self, url: &Url) -> RequestFacts {
        RequestFacts {
            url: strip_credentials(url).into(),
            status: self.status.get().map(StatusCode::as_u16),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
