//! Facts about a request, collected while it runs, and what follows when it ends.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use flow::{events::RequestFacts, stage::Slot};
use reqwest::StatusCode;
use url::Url;

use crate::credentials::strip_credentials;

/// The request of an attempt. A download fills it in.
#[derive(Debug, Default)]
pub(crate) struct RequestTrace<'s> {
    /// May be settled when the response is complete.
    slot: Option<&'s Slot>,
    /// The time at which the request ended, with or without a complete response.
    ended: OnceLock<Instant>,
    status: OnceLock<StatusCode>,
    bytes: AtomicU64,
}

impl<'s> RequestTrace<'s> {
    /// Returns the trace of a request that may settle this slot when its response is complete.
    pub(crate) fn settling(slot: Option<&'s Slot>) -> Self {
        Self { slot, ..Self::default() }
    }

    /// Records that the request has ended. Only the first call counts.
    pub(crate) fn end(&self) {
        self.ended.get_or_init(Instant::now);
    }

    /// Settles the slot, because the response is complete.
    pub(crate) fn settle(&self) {
        if let Some(slot) = self.slot {
            slot.settle();
        }
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
