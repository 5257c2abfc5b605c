//! What became of texts that were asked for again: counts of one process.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of stored texts that were asked for again and came to an end well.
#[derive(Debug, Default)]
pub struct RefetchCounters {
    unchanged: AtomicU64,
    changed: AtomicU64,
}

impl RefetchCounters {
    /// Texts that are as they are stored.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.unchanged.load(Ordering::Relaxed)
    }

    /// Texts that came as other bytes.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed.load(Ordering::Relaxed)
    }

    pub(crate) fn count_unchanged(&self) {
        self.unchanged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_changed(&self) {
        self.changed.fetch_add(1, Ordering::Relaxed);
    }
}
