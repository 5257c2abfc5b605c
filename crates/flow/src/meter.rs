//! What a stage has done so far, for progress bars and summaries.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a worker raises and anyone may read.
#[derive(Debug, Default)]
pub struct Meter {
    /// Jobs ended well.
    pub done: AtomicU64,
    /// Jobs ended in a failure.
    pub dead: AtomicU64,
    /// Failed attempts that will be followed by another.
    pub retried: AtomicU64,
    /// Jobs being worked on.
    pub in_flight: AtomicU64,
    /// Bytes taken in.
    pub bytes: AtomicU64,
}

impl Meter {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes from a counter.
    pub fn sub(counter: &AtomicU64, n: u64) {
        counter.fetch_sub(n, Ordering::Relaxed);
    }

    /// Reads a counter.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
