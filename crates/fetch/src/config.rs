//! What may be set. Every default is written here, once.

pub mod allowed_host;
pub mod ip_family;
pub mod mirror;
pub mod proxy;

use std::{collections::BTreeMap, num::NonZeroU64, path::PathBuf, time::Duration};

use crate::config::{allowed_host::AllowedHost, ip_family::IpFamily, mirror::Mirror, proxy::ProxyChoice};

/// How the stage fetches. The number of downloads at a time and their spacing by host are the worker's and the queue's.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long a server may send nothing.
    pub idle_timeout: Duration,
    /// How long one request with its body may take.
    pub max_time: Duration,
    /// How many bytes of a body a second must bring, on average over [`rate_time`](Self::rate_time); 0 for any.
    pub rate_min: u64,
    /// How long a body may come slower than that. Only time spent waiting for the server counts.
    pub rate_time: Duration,
    /// The largest body, in bytes: as it comes, and decoded.
    pub body_bytes_max: u64,
    /// Which codings servers are asked for. Those that come are undone, asked for or not.
    pub accept_encoding: AcceptEncoding,
    /// Bytes a second of all downloads together; none for no limit.
    pub bytes_per_second_max: Option<NonZeroU64>,
    /// Bytes of the disk that are left alone; 0 for none.
    pub free_bytes_min: u64,
    /// Which proxy is asked.
    pub proxy: ProxyChoice,
    /// Which of a host's addresses are contacted.
    pub family: IpFamily,
    /// A PEM file of authorities that are trusted beside the system's.
    pub ca_certificate: Option<PathBuf>,
    /// Rewrites of URL prefixes; the first that fits is taken, once.
    pub mirrors: Vec<Mirror>,
    /// Hosts that may be contacted whatever their address.
    pub allow_hosts: Vec<AllowedHost>,
    /// The time from the end of a host's response to the next request to it. The queue spaces claims too, but
    /// any amount of time may pass between a claim and the end of its response.
    pub wait: Duration,
    /// The same for single hosts, by group.
    pub host_waits: BTreeMap<String, Duration>,
    /// Whether robots.txt is obeyed. If not, it is not requested.
    pub obey_robots: bool,
    /// Where what is known of hosts is kept for other processes and later runs; it is made where it is missing.
    pub hosts_directory: Option<PathBuf>,
    /// Who asks.
    pub user_agent: String,
    /// How often one candidate may fail in a way that may go better later, before the next is tried. At least 1 is
    /// taken.
    pub candidate_tries: u32,
    /// How many requests one candidate that is redirected may cost, redirects and failed tries together. A redirect
    /// that comes is followed even beyond it; nothing is tried again.
    pub requests_max: u32,
}

/// What `Accept-Encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// Bytes as they are: what was cut can be resumed, and what comes is what is stored.
    Identity,
    /// Any coding that is known: fewer bytes come, and what was cut begins anew.
    Compressed,
}

impl AcceptEncoding {
    /// The value of the header field.
    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compressed => "gzip, deflate, br, zstd",
        }
    }
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_time: Duration::from_secs(600),
            rate_min: 100,
            rate_time: Duration::from_secs(30),
            body_bytes_max: 64 << 20,
            accept_encoding: AcceptEncoding::Identity,
            bytes_per_second_max: None,
            free_bytes_min: 64 << 20,
            proxy: ProxyChoice::default(),
            family: IpFamily::default(),
            ca_certificate: None,
            mirrors: Vec::new(),
            allow_hosts: Vec::new(),
            wait: Duration::ZERO,
            host_waits: BTreeMap::new(),
            obey_robots: true,
            hosts_directory: None,
            user_agent: concat!("juggle/", env!("CARGO_PKG_VERSION")).to_owned(),
            candidate_tries: 2,
            requests_max: 12,
        }
    }
}
