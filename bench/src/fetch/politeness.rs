//! What a server saw of each of its hosts: how close requests followed each other, and how many were under
//! way.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// One host, as seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Requests.
    pub requests: u64,
    /// Time of the first request.
    pub first: Instant,
    /// Time of the last request.
    pub last: Instant,
    /// The least time from one to the next; none before the second.
    pub gap_min: Option<Duration>,
    /// Under way now.
    pub under_way: u64,
    /// The most that were under way at the same time.
    pub under_way_max: u64,
}

/// All hosts of a server. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Mutex<HashMap<IpAddr, Host>>>);

/// A request under way until dropped.
#[derive(Debug)]
pub struct UnderWay {
    hosts: Hosts,
    host: IpAddr,
}

impl Hosts {
    /// A request has come at this moment.
    #[must_use]
    pub fn came(&self, host: IpAddr, now: Instant) -> UnderWay {
        let mut hosts = self.lock();
        let seen = hosts.entry(host).or_insert(Host {
            requests: 0,
            first: now,
            last: now,
            gap_min: None,
            under_way: 0,
            under_way_max: 0,
        });
        if seen.requests > 0 {
            let gap = now.saturating_duration_since(seen.last);
            seen.gap_min = Some(seen.gap_min.map_or(gap, |least| least.min(gap)));
        }
        seen.requests += 1;
        seen.last = now;
        seen.under_way += 1;
        seen.under_way_max = seen.under_way_max.max(seen.under_way);
        drop(hosts);
        UnderWay { hosts: self.clone(), host }
    }

    /// The hosts that had a request so far.
    #[must_use]
    pub fn seen(&self) -> HashMap<IpAddr, Host> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Host>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(host) = self.hosts.lock().get_mut(&self.host) {
            host.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_concurrency_are_counted_by_host() {
        let hosts = Hosts::default();
        let [a, b] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        drop(hosts.came(a, at(0)));
        let slow = hosts.came(a, at(70));
        drop(hosts.came(b, at(71)));
        drop(hosts.came(a, at(100)));
        drop(slow);
        drop(hosts.came(a, at(200)));
        let seen = hosts.seen();
        assert_eq!((seen[&a].requests, seen[&a].under_way, seen[&a].under_way_max), (4, 0, 2));
        assert_eq!(seen[&a].gap_min, Some(Duration::from_millis(30)));
        assert_eq!((seen[&b].gap_min, seen[&b].under_way_max), (None, 1));
    }
}
