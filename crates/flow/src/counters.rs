//! Counts what a stage has done so far, for progress bars and summaries.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one stage. Its worker writes them, and any thread may read them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Jobs that ended as done.
    pub done: Counter,
    /// Jobs that ended as dead.
    pub dead: Counter,
    /// Failed attempts that another attempt follows.
    pub retried: Counter,
    /// Jobs that are being worked on now.
    pub in_flight: Counter,
    /// Bytes read by the stage.
    pub bytes: Counter,
}

/// A number that several threads may change. Its order with other memory operations is not defined.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Subtracts `n`.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Returns the current value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
