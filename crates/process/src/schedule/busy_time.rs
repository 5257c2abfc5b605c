//! The time for which each worker was busy, and how evenly the work was divided.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The busy time of each worker.
#[derive(Debug)]
pub(crate) struct BusyTimes {
    ns: Vec<AtomicU64>,
}

impl BusyTimes {
    /// Returns the times of this number of workers, all zero.
    pub(crate) fn new(workers: usize) -> Self {
        Self { ns: (0..workers).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Adds to the time of one worker, by its number from 0.
    pub(crate) fn add(&self, worker: usize, busy: Duration) {
        let ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        self.ns[worker].fetch_add(ns, Ordering::Relaxed);
    }

    /// Returns the time of each worker.
    pub(crate) fn all(&self) -> Vec<Duration> {
        self.ns.iter().map(|ns| Duration::from_nanos(ns.load(Ordering::Relaxed))).collect()
    }

    /// Returns the number of workers.
    pub(crate) fn workers(&self) -> usize {
        self.ns.len()
    }
}

/// Returns the imbalance of the work: the time of the busiest worker divided by the mean. 1 is even; the
/// number of workers means that one of them did everything. `None` if nothing was done.
#[must_use]
pub fn imbalance(busy: &[Duration]) -> Option<f64> {
    let sum: Duration = busy.iter().sum();
    let most = busy.iter().max()?;
    (!sum.is_zero()).then(|| most.as_secs_f64() * busy.len() as f64 / sum.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_busiest_over_the_mean() {
        let ms = Duration::from_millis;
        assert_eq!(imbalance(&[]), None);
        assert_eq!(imbalance(&[ms(0), ms(0)]), None);
        assert_eq!(imbalance(&[ms(5), ms(5)]), Some(1.0));
        assert_eq!(imbalance(&[ms(8), ms(0), ms(0), ms(0)]), Some(4.0));
    }
}
