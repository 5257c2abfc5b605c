//! The settings of a run, checked.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use blob_store::{layout::Layout, local::compression::Compression};
use corpus::stats::ProcessorIdentity;
use fetch::config::{
    AcceptEncoding, FetchConfig, allowed_host::AllowedHost, ip_family::IpFamily, mirror::Mirror,
    proxy::ProxyChoice,
};
use flow::{
    byte_size::ByteSize,
    clock::millis,
    durability::Durability,
    job::Group,
    queue::{GroupLimit, NamedLimits},
};
use process::{
    config::{Chunk, ProcessConfig},
    exec::config::ExecConfig,
    options::Options,
};
use store::config::StoreConfig;

use super::{
    args::Args,
    combined,
    duration::{DAY, MS, TimeSpan},
    enums::{
        Color, EventLogging, LogFormat, Named, Network, OldFailures, OnFailure, Progress, ResultFormat,
        Robots, Run, Verbosity,
    },
    error::SettingsError,
    exec,
    hosts::{self, CONNECTIONS, HostSettings, WAIT},
    layers::Layers,
    origin::SettingRow,
    remembered::{Kept, Remembered},
    table::TABLE,
    text_options,
};
use sources::{config::Config, feed::GroupOf, filters::Filters, resolve::gutenberg_sites::GutenbergMirror};

const PROCESS_CONCURRENCY_MAX: usize = 1024;

/// The settings of a run. All values are within their bounds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The run directory.
    pub output_dir: PathBuf,
    /// Source lists; `-` is standard input.
    pub input_files: Vec<PathBuf>,
    /// The table column with the URLs; `None` for the usual names.
    pub url_column: Option<String>,
    /// The maximum number of downloads at a time, 1 to 1024.
    pub max_concurrent_downloads: u32,
    /// The maximum number of downloads at a time from one host, 1 to 1024.
    pub max_connection_per_server: u32,
    /// The minimum time from the end of a response body to the next request to the host, up to a day.
    pub wait: Duration,
    /// The settings of single hosts, by their [group](fetch::candidate::group_of_host).
    pub hosts: BTreeMap<String, HostSettings>,
    /// Threads that process texts, 0 to 1024; 0 for one per core.
    pub threads: usize,
    /// The division of texts over the threads.
    pub chunk: Chunk,
    /// The options of the built-in processor.
    pub words: Options,
    /// The command that replaces the built-in processor.
    pub exec: Option<ExecConfig>,
    /// Retries after a temporary failure, 0 to 1000.
    pub retry: u32,
    /// The maximum time from the first try to the last, up to 366 days.
    pub retry_max_time: Duration,
    /// The connection timeout.
    pub connect_timeout: Duration,
    /// The maximum time without a byte.
    pub timeout: Duration,
    /// The maximum time for one file.
    pub max_time: Duration,
    /// The minimum number of bytes per second over `speed_time`; 0 for none.
    pub speed_limit_bytes: u64,
    /// The time that a download may be slower.
    pub speed_time: Duration,
    /// The maximum size of a file in bytes, from 1.
    pub max_filesize_bytes: u64,
    /// The content codings that are requested.
    pub accept_encoding: AcceptEncoding,
    /// The maximum number of bytes per second over all downloads of this process.
    pub limit_rate_bytes: Option<NonZeroU64>,
    /// Disk space that downloads leave free, in bytes; 0 for none.
    pub min_free_space_bytes: u64,
    /// The proxy.
    pub proxy: ProxyChoice,
    /// The permission to make requests.
    pub network: Network,
    /// The address family of connections.
    pub family: IpFamily,
    /// A PEM file of certificate authorities, in addition to those of the system.
    pub ca_certificate: Option<PathBuf>,
    /// URL prefixes to fetch from elsewhere.
    pub mirrors: Vec<Mirror>,
    /// Mirrors of Project Gutenberg; empty for the built-in ones.
    pub gutenberg_mirrors: Vec<GutenbergMirror>,
    /// Hosts that may have a private address.
    pub allow_hosts: Vec<AllowedHost>,
    /// The effect of documents that failed before a run.
    pub old_failures: OldFailures,
    /// The choice whether events are logged.
    pub event_logging: EventLogging,
    /// The treatment of robots.txt.
    pub robots: Robots,
    /// The whole User-Agent header with the contact; visible ASCII and spaces.
    pub user_agent: String,
    /// The removal of boilerplate, and the keeping of received bytes.
    pub store: StoreConfig,
    /// The kinds of files that are kept compressed.
    pub compression: Compression,
    /// The layout of a new run directory; `None` for the existing one.
    pub layout: Option<Layout>,
    /// The durability of acknowledged writes.
    pub durability: Durability,
    /// The reaction to a document that failed.
    pub on_failure: OnFailure,
    /// The mode of the command.
    pub run: Run,
    /// The amount of output on standard error.
    pub verbosity: Verbosity,
    /// Colours on standard error.
    pub color: Color,
    /// Progress bars.
    pub progress: Progress,
    /// The form of the log.
    pub log_format: LogFormat,
    /// The form of the result.
    pub result_format: ResultFormat,
    rows: Vec<SettingRow>,
    kept: Kept,
}

impl Settings {
    /// Resolves the settings of `args`, else of `environment` (`std::env::var_os` in a program), else of the
    /// file that `--config` names or of `juggle.toml` in `directory`, else what the run directory remembers,
    /// else the defaults.
    ///
    /// # Errors
    /// Returns an error if a value is not allowed, the file cannot be read or has an unknown key, or two
    /// settings contradict each other.
    pub fn resolve(
        args: &Args,
        environment: impl Fn(&str) -> Option<OsString>,
        directory: &Path,
        remembered: Remembered,
    ) -> Result<Self, SettingsError> {
        let from = &mut Layers::new(args, &environment, directory, remembered)?;
        let mut settings = Self {
            output_dir: from.paths("output-dir").pop().expect("the table gives a default"),
            input_files: from.paths("input-file"),
            url_column: from.optional("url-column")?,
            max_concurrent_downloads: from.within("max-concurrent-downloads", 1..=1024)?,
            max_connection_per_server: from.within("max-connection-per-server", CONNECTIONS)?,
            wait: from.within("wait", WAIT)?.duration(),
            threads: from.within("threads", 0..=1024)?,
            chunk: from.one("chunk")?,
            words: text_options::resolve(from)?,
            exec: exec::resolve(from)?,
            retry: from.within("retry", 0..=1000)?,
            retry_max_time: from.one::<TimeSpan>("retry-max-time")?.duration(),
            connect_timeout: from.within("connect-timeout", MS..=DAY)?.duration(),
            timeout: from.within("timeout", MS..=DAY)?.duration(),
            max_time: from.within("max-time", MS..=DAY)?.duration(),
            speed_limit_bytes: from.within("speed-limit", ByteSize::ANY)?.bytes(),
            speed_time: from.within("speed-time", MS..=DAY)?.duration(),
            max_filesize_bytes: from.within("max-filesize", ByteSize::NOT_ZERO)?.bytes(),
            limit_rate_bytes: NonZeroU64::new(from.within("limit-rate", ByteSize::ANY)?.bytes()),
            min_free_space_bytes: from.within("min-free-space", ByteSize::ANY)?.bytes(),
            proxy: combined::proxy(from)?,
            network: if from.is_on("offline")? { Network::Offline } else { Network::Online },
            family: combined::family(from)?,
            ca_certificate: from.paths("ca-certificate").pop(),
            accept_encoding: match from.is_on("compressed")? {
                true => AcceptEncoding::Compressed,
                false => FetchConfig::default().accept_encoding,
            },
            mirrors: from.all("mirror")?,
            gutenberg_mirrors: from.all("gutenberg-mirror")?,
            allow_hosts: from.all("allow-host")?,
            old_failures: match from.is_on("accept-dead")? {
                true => OldFailures::Accepted,
                false => OldFailures::Counted,
            },
            event_logging: from.one::<Named<_>>("event-log")?.0,
            robots: from.one::<Named<_>>("robots")?.0,
            user_agent: combined::user_agent(from)?,
            store: StoreConfig { strip: from.one("strip")?, raw: from.one("raw")? },
            compression: from.one("compress")?,
            layout: from.optional("layout")?,
            durability: from.one("durability")?,
            on_failure: combined::on_failure(from)?,
            run: if from.is_on("dry-run")? { Run::Dry } else { Run::Real },
            verbosity: combined::verbosity(from)?,
            color: from.one::<Named<_>>("color")?.0,
            progress: if from.is_on("no-progress")? { Progress::Hidden } else { Progress::Shown },
            log_format: from.one::<Named<_>>("log-format")?.0,
            result_format: if from.is_on("json")? { ResultFormat::Json } else { ResultFormat::Table },
            hosts: hosts::resolve(from)?,
            // Must be the last fields: fields are evaluated in order, and each read adds a row.
            rows: from.take_rows(),
            kept: from.take_kept(),
        };
        // Settings of single hosts are not in the table and come last.
        let at = |row: &SettingRow| TABLE.iter().position(|setting| setting.name == row.name);
        settings.rows.sort_by_key(|row| at(row).unwrap_or(usize::MAX));
        Ok(settings)
    }

    /// Returns the configuration of the fetch stage.
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
            // With more tries than retries, a job would fail before its mirrors are tried.
            candidate_tries: FetchConfig::default().candidate_tries.min(self.retry + 1),
            // Each try may follow a redirect: 12 requests by default.
            requests_max: 2 * (self.retry + 1),
        }
    }

    /// Returns the rules for reading sources, with these filters of a catalogue.
    #[must_use]
    pub fn source_config(&self, filters: Filters) -> Config {
        Config {
            gutenberg_mirrors: self.gutenberg_mirrors.clone(),
            rewrites: self.mirrors.clone(),
            filters,
            url_column: self.url_column.clone(),
        }
    }

    /// Returns the limits of every host without settings of its own.
    #[must_use]
    pub fn group_limit(&self) -> GroupLimit {
        GroupLimit { in_flight: self.max_connection_per_server, interval_ms: millis(self.wait) }
    }

    /// Returns the limits that fetch jobs are claimed by: of all hosts and of single ones. Offline, they
    /// allow no job of any host.
    #[must_use]
    pub fn fetch_limits(&self) -> (GroupLimit, NamedLimits) {
        match self.network {
            Network::Online => (self.group_limit(), self.named_limits()),
            Network::Offline => (GroupLimit::NOTHING, NamedLimits::new()),
        }
    }

    /// Returns the function that maps a URL to the group of its host.
    #[must_use]
    pub fn group_of(&self) -> GroupOf {
        let mirrors = self.mirrors.clone();
        Arc::new(move |url| fetch::candidate::group_of(url, &mirrors))
    }

    /// Returns the directory of the knowledge about hosts.
    #[must_use]
    pub fn hosts_directory(&self) -> PathBuf {
        self.output_dir.join("hosts")
    }

    fn host_waits(&self) -> BTreeMap<String, Duration> {
        let named = self.named_limits().into_iter();
        named.map(|(Group(host), limit)| (host, Duration::from_millis(limit.interval_ms))).collect()
    }

    /// Returns the limits of hosts with settings of their own.
    #[must_use]
    pub fn named_limits(&self) -> NamedLimits {
        let every = self.group_limit();
        let named =
            self.hosts.iter().map(|(host, settings)| (Group(host.clone()), settings.group_limit(every)));
        named.collect()
    }

    /// Returns the configuration of the process stage.
    #[must_use]
    pub const fn process_config(&self) -> ProcessConfig {
        ProcessConfig { threads: self.threads, chunk: self.chunk }
    }

    /// Returns the number of documents that the process stage holds at a time: enough that the largest can go
    /// first, that threads have their batches, and that results share syncs of the disk.
    #[must_use]
    pub fn process_concurrency(&self, threads: usize) -> usize {
        let batch = match self.chunk {
            Chunk::Documents(n) => usize::try_from(n.get()).unwrap_or(usize::MAX),
            Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => 1,
        };
        // Twice: one batch in work and the next one ready.
        let batches = threads.saturating_mul(batch).saturating_mul(2);
        batches.clamp(process::config::CONCURRENCY_MIN, PROCESS_CONCURRENCY_MAX)
    }

    /// Returns the identity of the processor, which is recorded with its results.
    #[must_use]
    pub fn identity(&self) -> ProcessorIdentity {
        let options = &self.words;
        self.exec.as_ref().map_or_else(|| options.identity(), |exec| exec.identity(options))
    }

    /// Writes what the run directory remembers from now on, and warns of passwords that it does not.
    /// Blocking.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn remember(&self) -> io::Result<()> {
        self.kept.remember(&self.output_dir)
    }

    /// Returns every setting with its value and origin, in the order of the table.
    #[must_use]
    pub fn shown(&self) -> &[SettingRow] {
        &self.rows
    }
}

#[cfg(test)]
mod tests;
