//! How much slower a host is asked that says it is busy.
//!
//! Each busy answer (429, 5xx) doubles what is waited before anything else is asked of that host, up to
//! [`SLOWER_MAX`]; each other answer halves it again. That comes on top of the queue's limits, and through the queue's
//! pauses it holds for all processes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flow::clock::{Millis, millis};

/// What the first busy answer costs.
const SLOWER_MIN: Duration = Duration::from_millis(500);
/// The longest wait that comes of busy answers alone.
const SLOWER_MAX: Duration = Duration::from_secs(60);
/// Slow hosts that are remembered.
const HOSTS_MAX: usize = 10_000;

/// How much slower each host is asked. Hosts that are asked as fast as ever are not in it.
#[derive(Debug, Default)]
pub(crate) struct HostBackoff(Mutex<HashMap<String, Millis>>);

impl HostBackoff {
    /// The host was busy.
    pub(crate) fn busy(&self, host: &str) {
        let mut slower = self.slower();
        if slower.len() >= HOSTS_MAX && !slower.contains_key(host) {
            slower.clear();
        }
        let wait_ms = slower.entry(host.to_owned()).or_default();
        *wait_ms = (*wait_ms * 2).clamp(millis(SLOWER_MIN), millis(SLOWER_MAX));
    }

    /// The host answered.
    pub(crate) fn fine(&self, host: &str) {
        let mut slower = self.slower();
        let Some(wait_ms) = slower.get_mut(host) else { return };
        *wait_ms /= 2;
        if *wait_ms < millis(SLOWER_MIN) {
            slower.remove(host);
        }
    }

    /// How long to leave the host alone.
    pub(crate) fn now(&self, host: &str) -> Millis {
        self.slower().get(host).copied().unwrap_or(0)
    }

    fn slower(&self) -> MutexGuard<'_, HashMap<String, Millis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_is_asked_slower_and_a_good_one_faster_again() {
        let manners = HostBackoff::default();
        let busy = || {
            manners.busy("h");
            manners.now("h")
        };
        let fine = || {
            manners.fine("h");
            manners.now("h")
        };
        assert_eq!(fine(), 0);
        let waits: Vec<Millis> = (0..9).map(|_| busy()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(manners.now("other"), 0);
        let waits: Vec<Millis> = (0..8).map(|_| fine()).collect();
        assert_eq!(waits, [30_000, 15_000, 7_500, 3_750, 1_875, 937, 0, 0]);
    }
}
