//! What is meant: the settings, checked.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use fetch::config::{
    AcceptEncoding, FetchConfig, allowed_host::AllowedHost, ip_family::IpFamily, mirror::Mirror,
    proxy::ProxyChoice,
};
use flow::{
    clock::millis,
    durability::Durability,
    job::Group,
    queue::{GroupLimit, NamedLimits},
};
use process::{
    config::{Chunk, ProcessConfig},
    exec::config::ExecConfig,
    options::Options,
    processor::Identity,
};
use store::{
    config::StoreConfig,
    local::{compression::Compression, layout::Layout},
};

use super::{
    args::Args,
    duration::TimeSpan,
    enums::{Color, LogFormat, Network, OnFailure, Progress, ResultFormat, Robots, Run, Switch, Verbosity},
    error::SettingsError,
    exec,
    hosts::{self, CONNECTIONS, HostSettings, WAIT},
    layers::{Layers, wrong},
    origin::{Origin, SettingRow},
    size::ByteSize,
    table::Setting,
    text_options,
};
use sources::{catalog::Filters, library::Base, reading::Rules};

const USER_AGENT_BYTES_MAX: usize = 256;
const CONTACT_BYTES_MAX: usize = 200;
const PROCESS_CONCURRENCY_MAX: usize = 1024;
pub(super) const MS: TimeSpan = TimeSpan::from_ms(1);
pub(super) const DAY: TimeSpan = TimeSpan::from_ms(86_400_000);

/// The settings of a run. All of them are within their bounds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The run directory.
    pub output_dir: PathBuf,
    /// Source lists; `-` is standard input.
    pub input_files: Vec<PathBuf>,
    /// The name of the table column that holds the URLs; `None` for the usual names.
    pub url_column: Option<String>,
    /// Downloads at a time, 1 to 1024.
    pub max_concurrent_downloads: u32,
    /// Downloads at a time from one host, 1 to 1024.
    pub max_connection_per_server: u32,
    /// The minimum time from the end of a response body to the next request to that host, from 0 to one day.
    pub wait: Duration,
    /// What differs for single hosts, by the [group](fetch::candidate::group_of_host) that a host is.
    pub hosts: BTreeMap<String, HostSettings>,
    /// Threads that process, 0 to 1024; 0 for one per core.
    pub threads: usize,
    /// How a text is divided over them.
    pub chunk: Chunk,
    /// What is done with a text.
    pub words: Options,
    /// The command that does it in place of the built-in processor.
    pub exec: Option<ExecConfig>,
    /// Tries after a failure that may pass, 0 to 1000.
    pub retry: u32,
    /// No further try after this time, 0 to 366 days.
    pub retry_max_time: Duration,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Longest time without a byte.
    pub timeout: Duration,
    /// Longest time for one file.
    pub max_time: Duration,
    /// Least bytes a second that a body must bring, over `speed_time`; 0 for any.
    pub speed_limit_bytes: u64,
    /// How long a body may come slower than that.
    pub speed_time: Duration,
    /// Largest file, in bytes, from 1.
    pub max_filesize_bytes: u64,
    /// Which codings servers are asked for.
    pub accept_encoding: AcceptEncoding,
    /// Most bytes a second over all downloads of this process; none for no limit.
    pub limit_rate_bytes: Option<NonZeroU64>,
    /// Bytes of the disk that downloads leave alone; 0 for none.
    pub min_free_space_bytes: u64,
    /// Which proxy is asked.
    pub proxy: ProxyChoice,
    /// Whether servers are asked for anything.
    pub network: Network,
    /// Which addresses are connected to.
    pub family: IpFamily,
    /// A PEM file of authorities that are trusted beside the system's.
    pub ca_certificate: Option<PathBuf>,
    /// URL prefixes to fetch from elsewhere.
    pub mirrors: Vec<Mirror>,
    /// Mirrors of Project Gutenberg; none for the built-in ones.
    pub gutenberg_mirrors: Vec<Base>,
    /// Hosts that may have a private address.
    pub allow_hosts: Vec<AllowedHost>,
    /// Whether robots.txt is obeyed.
    pub robots: Robots,
    /// The whole User-Agent, contact included; visible ASCII and spaces.
    pub user_agent: String,
    /// How much boilerplate is cut, and what becomes of the bytes as received.
    pub store: StoreConfig,
    /// Which blobs are kept compressed.
    pub compression: Compression,
    /// How the files of the run directory shall be laid out; none for as they are.
    pub layout: Option<Layout>,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// What to do when a document fails.
    pub on_failure: OnFailure,
    /// Whether anything is done.
    pub run: Run,
    /// How much is found.
    pub verbosity: Verbosity,
    /// Colours.
    pub color: Color,
    /// Progress bars.
    pub progress: Progress,
    /// The form of the log.
    pub log_format: LogFormat,
    /// The form of the result.
    pub result_format: ResultFormat,
    shown: Vec<SettingRow>,
}

impl Settings {
    /// The settings that `args` mean, filled up from `environment` (the edge passes `std::env::var_os`), from the
    /// file that `--config` names or else `juggle.toml` in `directory` where there is one, and from the defaults.
    ///
    /// # Errors
    /// Where a value is not allowed, the file has an unknown key, or two settings contradict each other.
    pub fn resolve(
        args: &Args,
        environment: impl Fn(&str) -> Option<OsString>,
        directory: &Path,
    ) -> Result<Self, SettingsError> {
        let mut from = Layers::new(args, environment, directory)?;
        let count = |last| 1..=last;
        Ok(Self {
            output_dir: from.paths("output-dir").pop().expect("the table gives a default"),
            input_files: from.paths("input-file"),
            url_column: from.optional("url-column")?,
            max_concurrent_downloads: from.within("max-concurrent-downloads", count(1024))?,
            max_connection_per_server: from.within("max-connection-per-server", CONNECTIONS)?,
            wait: from.within("wait", WAIT)?.duration(),
            threads: from.within("threads", 0..=1024)?,
            chunk: from.one("chunk")?,
            words: text_options::resolve(&mut from)?,
            exec: exec::resolve(&mut from)?,
            retry: from.within("retry", 0..=1000)?,
            retry_max_time: from.one::<TimeSpan>("retry-max-time")?.duration(),
            connect_timeout: from.within("connect-timeout", MS..=DAY)?.duration(),
            timeout: from.within("timeout", MS..=DAY)?.duration(),
            max_time: from.within("max-time", MS..=DAY)?.duration(),
            speed_limit_bytes: bytes(&mut from, "speed-limit", 0)?,
            speed_time: from.within("speed-time", MS..=DAY)?.duration(),
            max_filesize_bytes: bytes(&mut from, "max-filesize", 1)?,
            limit_rate_bytes: NonZeroU64::new(bytes(&mut from, "limit-rate", 0)?),
            min_free_space_bytes: bytes(&mut from, "min-free-space", 0)?,
            proxy: proxy(&mut from)?,
            network: if on(&mut from, "offline")? { Network::Offline } else { Network::Online },
            family: family(&mut from)?,
            ca_certificate: from.paths("ca-certificate").pop(),
            accept_encoding: accept_encoding(&mut from)?,
            mirrors: from.all("mirror")?,
            gutenberg_mirrors: from.all("gutenberg-mirror")?,
            allow_hosts: from.all("allow-host")?,
            robots: from.one("robots")?,
            user_agent: user_agent(&mut from)?,
            store: StoreConfig { strip: from.one("strip")?, raw: from.one("raw")? },
            compression: from.one("compress")?,
            layout: from.optional("layout")?,
            durability: from.one("durability")?,
            on_failure: on_failure(&mut from)?,
            run: if on(&mut from, "dry-run")? { Run::Dry } else { Run::Real },
            verbosity: verbosity(&mut from)?,
            color: from.one("color")?,
            progress: if on(&mut from, "no-progress")? { Progress::Hidden } else { Progress::Shown },
            log_format: from.one("log-format")?,
            hosts: hosts::resolve(&mut from)?,
            result_format: if on(&mut from, "json")? { ResultFormat::Json } else { ResultFormat::Table },
            shown: from.into_shown(),
        })
    }

    /// What of it the fetch stage needs.
    #[must_use]
    pub fn fetch_config(&self) -> FetchConfig {
        FetchConfig {
            connect_timeout: self.connect_timeout,
            idle_timeout: self.timeout,
            max_time: self.max_time,
            rate_min: self.speed_limit_bytes,
            rate_time: self.speed_time,
            body_bytes_max: self.max_filesize_bytes,
            accept_encoding: self.accept_encoding,
            bytes_per_second_max: self.limit_rate_bytes,
            free_bytes_min: self.min_free_space_bytes,
            proxy: self.proxy.clone(),
            family: self.family,
            ca_certificate: self.ca_certificate.clone(),
            mirrors: self.mirrors.clone(),
            allow_hosts: self.allow_hosts.clone(),
            wait: self.wait,
            host_waits: self.host_waits(),
            obey_robots: self.robots == Robots::On,
            hosts_directory: Some(self.hosts_directory()),
            user_agent: self.user_agent.clone(),
            // No more tries than there will be, or a job would die before its mirrors have their turn.
            candidate_tries: FetchConfig::default().candidate_tries.min(self.retry + 1),
            // Each try and each redirect before it: 12 by default.
            requests_max: 2 * (self.retry + 1),
        }
    }

    /// What of it decides how sources are read, with these filters of a catalogue.
    #[must_use]
    pub fn rules(&self, filters: Filters) -> Rules {
        Rules {
            gutenberg_mirrors: self.gutenberg_mirrors.clone(),
            rewrites: self.mirrors.clone(),
            filters,
            url_column: self.url_column.clone(),
        }
    }

    /// What every host is limited to, where nothing else is said of it.
    #[must_use]
    pub fn group_limit(&self) -> GroupLimit {
        GroupLimit { in_flight: self.max_connection_per_server, interval_ms: millis(self.wait) }
    }

    /// What fetch jobs are claimed by: the limits of all hosts and of single ones; offline, nothing of any host.
    #[must_use]
    pub fn fetch_limits(&self) -> (GroupLimit, NamedLimits) {
        match self.network {
            Network::Online => (self.group_limit(), self.named_limits()),
            Network::Offline => (GroupLimit::NOTHING, NamedLimits::new()),
        }
    }

    /// Where it is remembered what is known of hosts.
    #[must_use]
    pub fn hosts_directory(&self) -> PathBuf {
        self.output_dir.join("hosts")
    }

    fn host_waits(&self) -> BTreeMap<String, Duration> {
        let named = self.named_limits().into_iter();
        named.map(|(Group(host), limit)| (host, Duration::from_millis(limit.interval_ms))).collect()
    }

    /// What the hosts are limited to of which something else is found.
    #[must_use]
    pub fn named_limits(&self) -> NamedLimits {
        let every = self.group_limit();
        let named =
            self.hosts.iter().map(|(host, settings)| (Group(host.clone()), settings.group_limit(every)));
        named.collect()
    }

    /// What of it the process stage needs.
    #[must_use]
    pub const fn process_config(&self) -> ProcessConfig {
        ProcessConfig { threads: self.threads, chunk: self.chunk }
    }

    /// Documents that the process stage holds at a time: so many that the largest can go first, that threads have their
    /// batches, and that results share flushes of the disk.
    #[must_use]
    pub fn process_concurrency(&self, threads: usize) -> usize {
        let batch = match self.chunk {
            Chunk::Documents(n) => usize::try_from(n.get()).unwrap_or(usize::MAX),
            Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => 1,
        };
        let batches = threads.saturating_mul(batch).saturating_mul(2);
        batches.clamp(process::config::CONCURRENCY_MIN, PROCESS_CONCURRENCY_MAX)
    }

    /// By which identity the results of the process stage are known.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let options = &self.words;
        self.exec.as_ref().map_or_else(|| options.identity(), |exec| exec.identity(options))
    }

    /// Every setting with its value and where that comes from, in the order of the table.
    #[must_use]
    pub fn shown(&self) -> &[SettingRow] {
        &self.shown
    }
}

pub(super) fn on(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
    name: &str,
) -> Result<bool, SettingsError> {
    Ok(from.switch(name)?.0 == Switch::On)
}

fn accept_encoding(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
) -> Result<AcceptEncoding, SettingsError> {
    let is_asked = on(from, "compressed")?;
    Ok(if is_asked { AcceptEncoding::Compressed } else { FetchConfig::default().accept_encoding })
}

/// A number of bytes from `least` to 1 PiB.
fn bytes(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
    name: &str,
    least: u64,
) -> Result<u64, SettingsError> {
    Ok(from.within(name, ByteSize::from_bytes(least)..=ByteSize::from_bytes(1 << 50))?.bytes())
}

fn proxy(from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>) -> Result<ProxyChoice, SettingsError> {
    let proxy: Option<ProxyChoice> = from.optional("proxy")?;
    let named_by = from.origin("proxy");
    let (no_proxy, none_by) = from.switch("no-proxy")?;
    let is_named = matches!(proxy, Some(ProxyChoice::At(_)));
    let named = Side { name: "proxy", given: is_named, origin: named_by };
    let none = Side { name: "no-proxy", given: no_proxy == Switch::On, origin: none_by };
    Ok(match stronger(named, none)? {
        Some("no-proxy") => ProxyChoice::Off,
        Some(_) | None => proxy.unwrap_or_default(),
    })
}

fn family(from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>) -> Result<IpFamily, SettingsError> {
    let (v4, v4_by) = from.switch("ipv4")?;
    let (v6, v6_by) = from.switch("ipv6")?;
    let v4 = Side { name: "ipv4", given: v4 == Switch::On, origin: v4_by };
    let v6 = Side { name: "ipv6", given: v6 == Switch::On, origin: v6_by };
    Ok(match stronger(v4, v6)? {
        Some("ipv4") => IpFamily::V4,
        Some(_) => IpFamily::V6,
        None => IpFamily::Any,
    })
}

fn user_agent(from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>) -> Result<String, SettingsError> {
    let name: String = from.one("user-agent")?;
    let contact: Option<String> = from.optional("contact")?;
    let plain = |text: &str, bytes_max| {
        let visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        visible && !text.trim().is_empty() && text.len() <= bytes_max
    };
    let refuse = |setting: &str, value: &str, message: &str| {
        let origin = from.origin(setting);
        Err(wrong(Setting::named(setting), value.as_ref(), &origin, message.to_owned()))
    };
    if !plain(&name, USER_AGENT_BYTES_MAX) {
        return refuse("user-agent", &name, "use 1 to 256 visible ASCII characters");
    }
    match contact {
        None => Ok(name),
        Some(contact) if !plain(&contact, CONTACT_BYTES_MAX) || contact.contains(['(', ')', ' ', '\\']) => {
            refuse("contact", &contact, "use a mail address or URL of visible ASCII characters, 200 at most")
        }
        Some(contact) => Ok(format!("{name} (+{contact})")),
    }
}

fn on_failure(from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>) -> Result<OnFailure, SettingsError> {
    let (keep_going, kept_by) = from.switch("keep-going")?;
    let (fail_fast, failed_by) = from.switch("fail-fast")?;
    let keep = Side { name: "keep-going", given: keep_going == Switch::On, origin: kept_by };
    let fail = Side { name: "fail-fast", given: fail_fast == Switch::On, origin: failed_by };
    Ok(match stronger(keep, fail)? {
        Some("fail-fast") => OnFailure::FailFast,
        Some(_) | None => OnFailure::KeepGoing,
    })
}

fn verbosity(from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>) -> Result<Verbosity, SettingsError> {
    let (quiet, quiet_by) = from.switch("quiet")?;
    let (count, verbose_by) = from.count("verbose")?;
    let quiet = Side { name: "quiet", given: quiet == Switch::On, origin: quiet_by };
    let verbose = Side { name: "verbose", given: count > 0, origin: verbose_by };
    Ok(match stronger(quiet, verbose)? {
        Some("quiet") => Verbosity::Quiet,
        Some(_) => Verbosity::Verbose(count),
        None => Verbosity::Normal,
    })
}

/// One of two settings that mean opposite things.
struct Side {
    name: &'static str,
    given: bool,
    origin: Origin,
}

/// The one that counts: the only one given, or the one from the stronger layer.
fn stronger(one: Side, other: Side) -> Result<Option<&'static str>, SettingsError> {
    match (one.given, other.given) {
        (false, false) => Ok(None),
        (true, false) => Ok(Some(one.name)),
        (false, true) => Ok(Some(other.name)),
        (true, true) if one.origin.rank() > other.origin.rank() => Ok(Some(one.name)),
        (true, true) if one.origin.rank() < other.origin.rank() => Ok(Some(other.name)),
        (true, true) => Err(SettingsError::Contradiction {
            first: one.name,
            first_origin: one.origin,
            second: other.name,
            second_origin: other.origin,
        }),
    }
}

#[cfg(test)]
mod tests;
