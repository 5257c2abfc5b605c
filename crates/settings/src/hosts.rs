//! `[host."example.org"]` in `juggle.toml`: the settings of single hosts.
//!
//! The key is a host, or a host and port, and is read as
//! [`candidate::group_of_host`](fetch::candidate::group_of_host) reads it: it must be what the queue groups
//! that host's jobs by.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use flow::{clock::millis, queue::GroupLimit};

use super::{
    duration::{DAY, TimeSpan},
    error::SettingsError,
    file::{CONNECTIONS_NAME, WAIT_NAME},
    layers::Layers,
};

/// The bounds of `wait`.
pub(crate) const WAIT: RangeInclusive<TimeSpan> = TimeSpan::from_ms(0)..=DAY;
/// The bounds of `max-connection-per-server`.
pub(crate) const CONNECTIONS: RangeInclusive<u32> = 1..=1024;

/// The settings of one host; `None` for those of all hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// The minimum time from the end of a response body to the next request, from 0 to one day.
    pub wait: Option<Duration>,
    /// The maximum number of downloads at a time, 1 to 1024.
    pub max_connection_per_server: Option<u32>,
}

impl HostSettings {
    /// Returns the limits of the host, given those of all hosts.
    #[must_use]
    pub fn group_limit(&self, every: GroupLimit) -> GroupLimit {
        GroupLimit {
            in_flight: self.max_connection_per_server.unwrap_or(every.in_flight),
            interval_ms: self.wait.map_or(every.interval_ms, millis),
        }
    }
}

/// Reads the sections of hosts, and checks their values.
pub(crate) fn resolve(from: &mut Layers<'_>) -> Result<BTreeMap<String, HostSettings>, SettingsError> {
    let mut hosts = BTreeMap::new();
    for (host, found) in from.take_hosts() {
        let settings = HostSettings {
            wait: from.of_host(&host, &found, WAIT_NAME, WAIT)?.map(TimeSpan::duration),
            max_connection_per_server: from.of_host(&host, &found, CONNECTIONS_NAME, CONNECTIONS)?,
        };
        hosts.insert(host, settings);
    }
    Ok(hosts)
}
