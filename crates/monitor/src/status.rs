//! The JSON of `juggle status` and of the dashboard.

use std::{collections::BTreeMap, path::Path};

use corpus::duplicate_list::Duplicate;
use serde::Serialize;

use crate::{
    snapshot::Snapshot,
    traffic::{HostRequests, Traffic},
};

/// The maximum number of hosts that are named with their requests.
pub const HOSTS_MAX: usize = 256;

/// A run at one moment, with what its event log says.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// The run directory.
    pub output_dir: &'a Path,
    /// The queue.
    #[serde(flatten)]
    pub snapshot: &'a Snapshot,
    /// The requests since the event log begins.
    pub requests: Requests<'a>,
    /// Documents with the text of another, when texts were last compared.
    pub duplicates: &'a [Duplicate],
}

/// Requests in all, and by host.
#[derive(Debug, Serialize)]
pub struct Requests<'a> {
    /// All requests.
    pub total: HostRequests,
    /// The requests to the hosts with most of them, at most [`HOSTS_MAX`].
    pub hosts: BTreeMap<&'a str, HostRequests>,
    /// The number of hosts.
    pub hosts_total: usize,
}

impl<'a> From<&'a Traffic> for Requests<'a> {
    fn from(traffic: &'a Traffic) -> Self {
        let mut hosts: Vec<_> =
            traffic.hosts().iter().map(|(host, of_host)| (host.as_str(), *of_host)).collect();
        if hosts.len() > HOSTS_MAX {
            hosts.sort_by_key(|(_, of_host)| std::cmp::Reverse(of_host.requests));
            hosts.truncate(HOSTS_MAX);
        }
        Self {
            total: traffic.total(),
            hosts: hosts.into_iter().collect(),
            hosts_total: traffic.hosts().len(),
        }
    }
}
