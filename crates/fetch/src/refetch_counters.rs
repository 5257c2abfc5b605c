//! Counts of refetched texts, for one process.

use flow::counters::Counter;

/// Counts the stored texts that were requested again without a failure.
#[derive(Debug, Default)]
pub struct RefetchCounters {
    /// Texts that have not changed since they were stored.
    pub unchanged: Counter,
    /// Texts whose bytes have changed.
    pub changed: Counter,
}
