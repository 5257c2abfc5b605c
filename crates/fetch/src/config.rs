//! The settings of the fetch stage. Every default is here.

pub mod allowed_host;
pub mod ip_family;
pub mod mirror;
pub mod proxy;

use std::{collections::BTreeMap, num::NonZeroU64, path::PathBuf, time::Duration};

use crate::config::{allowed_host::AllowedHost, ip_family::IpFamily, mirror::Mirror, proxy::ProxyChoice};

/// The settings of the fetch stage. The number of parallel downloads and their spacing by host belong to the
/// worker and to the queue.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// The timeout for resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// The timeout for a server that sends nothing.
    pub idle_timeout: Duration,
    /// The timeout for one request with its body.
    pub max_time: Duration,
    /// The minimum rate of a body in bytes a second, averaged over [`rate_time`](Self::rate_time). 0 for any
    /// rate.
    pub rate_min: u64,
    /// The time for which a body may be slower. Only time spent waiting for the server counts.
    pub rate_time: Duration,
    /// The size limit of a body in bytes, as received and decoded.
    pub body_bytes_max: u64,
    /// The codings that servers are asked for. All known codings are removed, requested or not.
    pub accept_encoding: AcceptEncoding,
    /// The maximum rate of all downloads together, in bytes a second. `None` for no limit.
    pub bytes_per_second_max: Option<NonZeroU64>,
    /// The number of bytes of the disk that are kept free. 0 for none.
    pub free_bytes_min: u64,
    /// The proxy.
    pub proxy: ProxyChoice,
    /// The family of addresses that are contacted.
    pub family: IpFamily,
    /// A PEM file of certificate authorities that are trusted in addition to those of the system.
    pub ca_certificate: Option<PathBuf>,
    /// The rewrites of URL prefixes. The first that matches is applied, once.
    pub mirrors: Vec<Mirror>,
    /// The hosts that may be contacted whatever their address.
    pub allow_hosts: Vec<AllowedHost>,
    /// The time from the end of a host's response to the next request to it. The queue spaces claims too, but
    /// any amount of time may pass between a claim and the end of its response.
    pub wait: Duration,
    /// The same for single hosts, by group.
    pub host_waits: BTreeMap<String, Duration>,
    /// Obeys robots.txt. If false, robots.txt is not requested.
    pub obey_robots: bool,
    /// The directory of the host cache, which other processes and later runs share. It is created if it is
    /// missing.
    pub hosts_directory: Option<PathBuf>,
    /// The value of `User-Agent`.
    pub user_agent: String,
    /// The number of transient failures of a candidate before the next one is tried. At least 1 is used.
    pub candidate_tries: u32,
    /// The maximum number of requests for a redirected candidate, redirects and failed tries together. A
    /// redirect is followed even beyond it, but nothing is tried again.
    pub requests_max: u32,
}

/// The value of `Accept-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// No coding: an interrupted body can be resumed, and the received bytes are the stored ones.
    Identity,
    /// All known codings: fewer bytes are sent, and an interrupted body starts again.
    Compressed,
}

impl AcceptEncoding {
    /// Returns the value of the header field.
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
