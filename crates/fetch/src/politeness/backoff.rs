//! The adaptive delay of busy hosts.
//!
//! Each busy response (429, 5xx) doubles the delay before the next request to its host, up to [`DELAY_MAX`].
//! Each other response halves it. The delay adds to the limits of the queue. It becomes a pause of the host's
//! group, so it holds for all processes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flow::clock::{Millis, millis};

/// The delay after the first busy response.
const DELAY_MIN: Duration = Duration::from_millis(500);
/// The longest delay.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// The maximum number of hosts that are remembered.
const HOSTS_MAX: usize = 10_000;

/// The delay of each busy host, in milliseconds. Other hosts have no entry.
#[derive(Debug, Default)]
pub(crate) struct HostBackoff(Mutex<HashMap<String, Millis>>);

impl HostBackoff {
    /// Doubles the delay of a host.
    pub(crate) fn record_busy(&self, host: &str) {
        let mut delays = self.delays();
        // Forgetting all delays is cheap: a host that is still busy says so again.
        if delays.len() >= HOSTS_MAX && !delays.contains_key(host) {
            delays.clear();
        }
        let delay_ms = delays.entry(host.to_owned()).or_default();
        *delay_ms = (*delay_ms * 2).clamp(millis(DELAY_MIN), millis(DELAY_MAX));
    }

    /// Halves the delay of a host.
    pub(crate) fn record_healthy(&self, host: &str) {
        let mut delays = self.delays();
        let Some(delay_ms) = delays.get_mut(host) else { return };
        *delay_ms /= 2;
        // Only busy hosts have an entry, so the map stays small.
        if *delay_ms < millis(DELAY_MIN) {
            delays.remove(host);
        }
    }

    /// Returns the delay of a host.
    pub(crate) fn delay_ms(&self, host: &str) -> Millis {
        self.delays().get(host).copied().unwrap_or(0)
    }

    fn delays(&self) -> MutexGuard<'_, HashMap<String, Millis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_is_asked_slower_and_a_good_one_faster_again() {
        let backoff = HostBackoff::default();
        let busy = || {
            backoff.record_busy("h");
            backoff.delay_ms("h")
        };
        let healthy = || {
            backoff.record_healthy("h");
            backoff.delay_ms("h")
        };
        assert_eq!(healthy(), 0);
        let delays: Vec<Millis> = (0..9).map(|_| busy()).collect();
        assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(backoff.delay_ms("other"), 0);
        let delays: Vec<Millis> = (0..8).map(|_| healthy()).collect();
        assert_eq!(delays, [30_000, 15_000, 7_500, 3_750, 1_875, 937, 0, 0]);
    }
}
