//! Estimates times and bytes from the counts.
//!
//! The jobs of a host are claimed at least `wait` apart, with any number of connections, so n requests take
//! at least (n − 1) · wait. Hosts are fetched from at the same time, so the slowest one, or the known bytes
//! at `--limit-rate`, bound the whole. The speed of servers and network is unknown and not estimated.

use std::{collections::BTreeMap, io, path::Path};

use fetch::{config::mirror::Mirror, credentials::strip_credentials, free_space::free_bytes};
use flow::{clock::Millis, job::Group, queue::GroupLimit};
use serde::Serialize;

use super::{
    PlanConfig,
    counts::{HostCounts, PlanCounts},
    robots::RobotsCounts,
};

/// The name of the row of local files.
const LOCAL_FILES: &str = "local files";

/// The work of a run. Times are in seconds, sizes in bytes.
#[derive(Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Texts listed.
    pub entries: u64,
    /// Lines that name no text.
    pub bad_lines: u64,
    /// Texts listed, by host.
    pub hosts: BTreeMap<String, u64>,
    /// Texts that are in the store.
    pub stored: u64,
    /// Requests, at least.
    pub requests: u64,
    /// Requests for texts that are stored.
    pub conditional_requests: u64,
    /// The known bytes of texts to fetch.
    pub known_bytes: u64,
    /// The number of texts to fetch with an unknown size.
    pub texts_of_unknown_size: u64,
    /// Downloads at a time, at most.
    pub downloads_at_a_time: u64,
    /// The minimum time, from politeness and the rate limit.
    pub least_seconds: f64,
    /// The hosts, the slowest first.
    pub by_host: Vec<HostEstimate>,
    /// The mirrors that apply, in the order in which they are tried.
    pub mirrors: Vec<MirrorUse>,
    /// Room on the disk.
    pub disk: Disk,
}

/// The work for one host.
#[derive(Debug, PartialEq, Serialize)]
pub struct HostEstimate {
    /// The host, or `local files`.
    pub host: String,
    /// Texts listed.
    pub texts: u64,
    /// Texts that are in the store.
    pub stored: u64,
    /// Requests, at least.
    pub requests: u64,
    /// Requests for texts that are stored.
    pub conditional_requests: u64,
    /// Downloads at a time; none for the files of this machine.
    pub connections: Option<u32>,
    /// Time between requests; none for the files of this machine.
    pub wait_seconds: Option<f64>,
    /// The minimum time.
    pub least_seconds: f64,
    /// The known bytes of texts to fetch.
    pub known_bytes: u64,
    /// The number of texts to fetch with an unknown size.
    pub texts_of_unknown_size: u64,
    /// The verdicts of robots.txt on the requested texts; `None` for local files.
    pub robots: Option<RobotsCounts>,
}

/// A mirror and the texts it applies to.
#[derive(Debug, PartialEq, Serialize)]
pub struct MirrorUse {
    /// The URL prefix that is replaced.
    pub from: String,
    /// Its replacement.
    pub to: String,
    /// Texts listed.
    pub texts: u64,
}

/// Room on the disk of the run directory.
#[derive(Debug, PartialEq, Serialize)]
pub struct Disk {
    /// `None` if it is unknown.
    pub free_bytes: Option<u64>,
    /// The space that downloads leave free.
    pub min_free_space_bytes: u64,
    /// `true` if the known bytes fit above the minimum; `None` if the free space is unknown.
    pub has_room: Option<bool>,
}

impl Estimate {
    pub(super) fn of(counts: &PlanCounts<'_>, config: &PlanConfig) -> Self {
        let named = &config.named_limits;
        let limit_of = |host: &str| named.get(&Group(host.to_owned())).copied().unwrap_or(config.limit);
        let mut by_host: Vec<HostEstimate> = counts
            .hosts
            .iter()
            .map(|(host, counts)| HostEstimate::of(host.as_deref(), counts, limit_of))
            .collect();
        by_host.sort_by(|a, b| {
            let longest = b.least_seconds.total_cmp(&a.least_seconds);
            longest.then(b.texts.cmp(&a.texts)).then_with(|| a.host.cmp(&b.host))
        });
        let sum = |of: fn(&HostEstimate) -> u64| by_host.iter().map(of).fold(0, u64::saturating_add);
        let known_bytes = sum(|host| host.known_bytes);
        let at_a_time = |host: &HostEstimate| {
            host.connections.map_or(host.texts - host.stored, |most| host.requests.min(most.into()))
        };
        Self {
            entries: counts.entries,
            bad_lines: counts.bad_lines,
            hosts: by_host.iter().map(|host| (host.host.clone(), host.texts)).collect(),
            stored: sum(|host| host.stored),
            requests: sum(|host| host.requests),
            conditional_requests: sum(|host| host.conditional_requests),
            known_bytes,
            texts_of_unknown_size: sum(|host| host.texts_of_unknown_size),
            downloads_at_a_time: by_host
                .iter()
                .map(at_a_time)
                .fold(0, u64::saturating_add)
                .min(config.downloads_max.into()),
            least_seconds: by_host
                .iter()
                .map(|host| host.least_seconds)
                .fold(at_rate(known_bytes, config), f64::max),
            mirrors: uses(&config.fetch.mirrors, &counts.mirrored),
            disk: Disk::of(known_bytes, config),
            by_host,
        }
    }
}

impl HostEstimate {
    fn of(host: Option<&str>, counts: &HostCounts, limit_of: impl Fn(&str) -> GroupLimit) -> Self {
        let limit = host.map(limit_of);
        // A disallowed text fails without a request for it.
        let to_come = counts.texts - counts.stored + counts.again;
        let requests = if host.is_some() { to_come - counts.robots.disallowed } else { 0 };
        let wait_ms = limit.map_or(0, |limit| limit.interval_ms);
        Self {
            host: host.unwrap_or(LOCAL_FILES).to_owned(),
            texts: counts.texts,
            stored: counts.stored,
            requests,
            conditional_requests: if host.is_some() { counts.again.min(requests) } else { 0 },
            connections: limit.map(|limit| limit.in_flight),
            wait_seconds: limit.map(|limit| seconds(limit.interval_ms)),
            least_seconds: seconds(requests.saturating_sub(1).saturating_mul(wait_ms)),
            known_bytes: counts.known_bytes,
            texts_of_unknown_size: counts.unsized_texts,
            robots: host.map(|_| counts.robots),
        }
    }
}

impl Disk {
    fn of(known_bytes: u64, config: &PlanConfig) -> Self {
        let free_bytes = free_at(&config.run).unwrap_or_else(|error| {
            tracing::debug!(%error, "failed to read the free disk space");
            None
        });
        let needed = known_bytes.saturating_add(config.fetch.free_bytes_min);
        Self {
            free_bytes,
            min_free_space_bytes: config.fetch.free_bytes_min,
            has_room: free_bytes.map(|free| free >= needed),
        }
    }
}

/// Returns the free space of the disk of a directory, which need not exist.
fn free_at(directory: &Path) -> io::Result<Option<u64>> {
    let directory = std::path::absolute(directory)?;
    // The run directory may not exist; a new one will be on the disk of its parent.
    let there = directory.ancestors().find(|ancestor| ancestor.exists());
    free_bytes(there.unwrap_or(&directory))
}

#[expect(clippy::cast_precision_loss, reason = "seconds are exact to the millisecond for 285,000 years")]
fn seconds(ms: Millis) -> f64 {
    ms as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
fn at_rate(bytes: u64, config: &PlanConfig) -> f64 {
    config
        .fetch
        .bytes_per_second_max
        .map_or(0.0, |rate| (bytes as f64 / rate.get() as f64 * 1e3).round() / 1e3)
}

fn uses(mirrors: &[Mirror], texts: &[u64]) -> Vec<MirrorUse> {
    let used = mirrors.iter().zip(texts).filter(|(_, texts)| **texts > 0);
    used.map(|(mirror, texts)| MirrorUse {
        from: strip_credentials(&mirror.from).into(),
        to: strip_credentials(&mirror.to).into(),
        texts: *texts,
    })
    .collect()
}
