//! The stage: a fetch job becomes bytes in the spool and a store job.
//!
//! A job makes one request in one try: for robots.txt where that is not known, for a text else; a redirect is the next try's.
//! How a try fails decides what is next: `failed` says how. Politeness is the queue's, by the job's group; so a job whose
//! group is not the host that would be contacted (a redirect, or mirrors that changed since it was pushed) goes back to be
//! queued under the right one, and nothing is contacted. Neither a redirect nor such a job is a failure or is
//! counted as one. What hosts ask for besides (`Crawl-delay`, being busy, having had
//! enough) becomes pauses of their groups.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    clock::{Clock, Millis, millis},
    counters::Counters,
    failure::{Failure, Reason},
    job::OnDuplicate,
    lane::Lane,
    payload::{FetchJob, Fetched, StoreJob},
    stage::{Attempt, Ending, Report, Requeue, Stage},
};
use url::Url;

use crate::{
    config::FetchConfig,
    credentials::strip_credentials,
    error::FetchError,
    failure::{DownloadError, FetchFailure, FetchReport, HostSignal, Retry, RetryBudget},
    free_space::FreeSpaceMin,
    politeness::{
        backoff::HostBackoff,
        host_cache::HostCache,
        robots::{Known, RobotsAccess, RobotsCache},
        soft_ban::{REST, SoftBanDetector, SoftBanSign},
    },
    refetch_counters::RefetchCounters,
    request::requester::{REDIRECTS_MAX, Requester},
    response::head::BodyInfo,
    target::Target,
    transfer::{
        body_writer::{Meant, Screen},
        checksum::Checksums,
        download::{Before, Download, Downloaded},
        file_url::Local,
        rate_limit::RateLimit,
        spool::{Digest, SpoolStore},
    },
};

/// When a text is asked for again that came as another one did.
const ONCE_MORE_AFTER_MS: Millis = 1_000;

/// The fetch stage.
pub struct Fetch {
    config: FetchConfig,
    hops: Requester,
    spools: SpoolStore,
    counters: Arc<Counters>,
    throttle: RateLimit,
    clock: Clock,
    rulebook: RobotsCache,
    manners: HostBackoff,
    suspicions: Arc<SoftBanDetector>,
    refreshed: Arc<RefetchCounters>,
}

impl Fetch {
    /// A stage that spools into `blobs` and adds the bytes it receives to `counters.bytes` as they come. Reads the
    /// system's root certificates, if there are any, those of the configuration, and the proxies that the environment
    /// names where the configuration names none.
    ///
    /// # Errors
    /// Where no HTTP client can be made of the configuration.
    pub fn new(
        config: FetchConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, FetchError> {
        let hops = Requester::new(&config)?;
        let clock = Clock::start();
        let files = Arc::new(HostCache::new(config.hosts_directory.clone()));
        let timeout = config.max_time.min(config.connect_timeout.saturating_add(config.idle_timeout));
        Ok(Self {
            rulebook: RobotsCache::new(&config.user_agent, Arc::clone(&files), clock, timeout),
            suspicions: Arc::new(SoftBanDetector::new(files)),
            manners: HostBackoff::default(),
            refreshed: Arc::default(),
            spools: SpoolStore::new(blobs, FreeSpaceMin(config.free_bytes_min)),
            throttle: RateLimit::new(config.bytes_per_second_max),
            config,
            hops,
            counters,
            clock,
        })
    }

    /// The same stage, counting texts that were asked for again there.
    #[must_use]
    pub fn counting(self, refreshed: Arc<RefetchCounters>) -> Self {
        Self { refreshed, ..self }
    }

    async fn bytes(
        &self,
        target: &Target,
        job: &FetchJob,
        attempt: Attempt,
        ended: &OnceLock<Instant>,
    ) -> Result<Downloaded, DownloadError> {
        let name = BlobName::new(BlobKind::Spool, job.document.clone());
        let expected = Checksums::of(&job.listed);
        let stored = job.stored.as_ref().map(|stored| stored.blake3.clone());
        if target.url.scheme() == "file" {
            return self.copy(target, name, expected, stored).await;
        }
        let download = Download {
            config: &self.config,
            hops: &self.hops,
            spools: &self.spools,
            counters: &self.counters,
            throttle: &self.throttle,
            clock: self.clock,
            ended,
            before: if attempt.number <= 1 { Before::Nothing } else { Before::Perhaps },
        };
        let screen = Screen {
            suspicions: Arc::clone(&self.suspicions),
            host: job.host.clone().unwrap_or_default(),
            text: job.document.clone(),
        };
        let meant = Meant { hashes: expected, screen, stored };
        download.run(&target.url, name, meant, job.stored.as_ref()).await
    }

    async fn copy(
        &self,
        target: &Target,
        name: BlobName,
        expected: Checksums,
        stored: Option<String>,
    ) -> Result<Downloaded, DownloadError> {
        let local = Local {
            spools: self.spools.clone(),
            url: target.url.clone(),
            name,
            expected,
            stored,
            bytes_max: self.config.body_bytes_max,
        };
        let counters = Arc::clone(&self.counters);
        match tokio::task::spawn_blocking(move || local.run(&counters)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(FetchFailure::transient(Reason::Internal, error.to_string()).into()),
            },
        }
    }

    /// What robots.txt says of the target. Fails where it forbids it; puts the job off where it had to be asked for, since
    /// that was this try's request.
    async fn heed(&self, target: &Target) -> Result<Heeded, FetchFailure> {
        if !self.config.obey_robots || target.url.scheme() == "file" {
            return Ok(Heeded::GoOn { crawl_delay_ms: 0 });
        }
        match self.rulebook.verdict(&target.url, &self.hops).await? {
            (RobotsAccess::Forbidden, _) => {
                let why = format!(
                    "{}: robots.txt forbids it (--robots off does not ask)",
                    strip_credentials(&target.url)
                );
                Err(FetchFailure::permanent(Reason::Robots, why))
            }
            (RobotsAccess::Allowed { crawl_delay_ms }, Known::Before) => Ok(Heeded::GoOn { crawl_delay_ms }),
            (RobotsAccess::Allowed { crawl_delay_ms }, Known::JustNow) => {
                Ok(Heeded::Later { crawl_delay_ms })
            }
        }
    }

    async fn failed(
        &self,
        failed: FetchFailure,
        job: FetchJob,
        attempt: Attempt,
        host: Option<&str>,
    ) -> FetchReport {
        let host = host.unwrap_or_default();
        match failed.signal {
            HostSignal::Busy => self.manners.busy(host),
            HostSignal::Healthy => self.manners.fine(host),
            HostSignal::None => {}
        }
        if failed.retry == Retry::BlockPage && self.is_enough(host, &job).await {
            return had_enough(failed.failure, job, host);
        }
        failed.verdict(job, attempt, RetryBudget::of(&self.config), &self.config.mirrors)
    }

    /// A redirect is followed in the next try, under the host it leads to.
    async fn redirected(&self, target: &Target, job: FetchJob, attempt: Attempt, to: &Url) -> FetchReport {
        let message = format!("{}: redirected to {}", strip_credentials(&target.url), strip_credentials(to));
        match target.redirected(job.clone(), attempt.failures, to) {
            Some(job) => moved(Failure::new(Reason::Redirect, message), job),
            None => {
                let message = format!("{message}, after {REDIRECTS_MAX} redirects already");
                let failed = FetchFailure::permanent(Reason::Redirect, message);
                self.failed(failed, job, attempt, target.group().as_deref()).await
            }
        }
    }

    fn fetched(
        &self,
        target: Target,
        facts: BodyInfo,
        digest: Digest,
        attempt: Attempt,
        took_ms: Millis,
    ) -> Fetched {
        Fetched {
            url: target.listed,
            final_url: facts.url,
            status: facts.status,
            at_ms: self.clock.now_ms(),
            took_ms,
            attempts: attempt.number.saturating_sub(target.redirects).max(1),
            bytes: digest.bytes,
            blake3: digest.blake3.to_hex().to_string(),
            content_type: facts.content_type,
            charset: facts.charset,
            etag: facts.etag,
            last_modified: facts.last_modified,
        }
    }

    async fn is_enough(&self, host: &str, job: &FetchJob) -> bool {
        let (suspicions, host, text) = (Arc::clone(&self.suspicions), host.to_owned(), job.document.clone());
        let noting = tokio::task::spawn_blocking(move || suspicions.page(&host, &text));
        noting.await.is_ok_and(|sign| sign == SoftBanSign::Enough)
    }
}

/// What came of asking robots.txt.
enum Heeded {
    /// The text may be asked for.
    GoOn { crawl_delay_ms: Millis },
    /// The text may be asked for in the next try.
    Later { crawl_delay_ms: Millis },
}

/// The job is queued under a host that is not the one to contact.
fn elsewhere(job: FetchJob, url: &Url) -> FetchReport {
    let why = format!("queued again under the host it will be fetched from: {}", strip_credentials(url));
    moved(Failure::new(Reason::Internal, why), job)
}

fn moved(why: Failure, job: FetchJob) -> FetchReport {
    Ending::Requeue(Requeue::Moved { why, job: Box::new(job) }).into()
}

fn rerouted(failure: Failure, after_ms: Millis, job: FetchJob) -> FetchReport {
    Ending::Requeue(Requeue::Rerouted { failure, after_ms, job: Box::new(job) }).into()
}

/// The body may be that of another text by accident: once more, without having failed.
fn once_more(failure: Failure, job: FetchJob) -> FetchReport {
    rerouted(failure, ONCE_MORE_AFTER_MS, job)
}

/// The host turns robots away: it is left alone, and the job waits without having failed.
fn had_enough(failure: Failure, job: FetchJob, host: &str) -> FetchReport {
    let rest = REST.as_secs() / 60;
    tracing::warn!(
        "'{host}' answers with something else than texts, again and again: it is left alone for {rest} minutes, its texts \
         wait (--mirror fetches them from elsewhere)"
    );
    let message = format!(
        "'{host}' seems to turn robots away, and is left alone for {rest} minutes: {}",
        failure.message
    );
    rerouted(Failure::new(Reason::SoftBan, message), 0, job).pausing_group(millis(REST))
}

impl Stage for Fetch {
    const LANE: Lane = Lane::Fetch;
    type Input = FetchJob;
    type Output = StoreJob;

    async fn run(&self, job: FetchJob, attempt: Attempt) -> FetchReport {
        let Some(listed) = job.urls.get(job.candidate) else {
            return Ending::dead(Reason::Internal, "the job has no URL left to try").into();
        };
        let target = match Target::of(&job, listed, &self.config.mirrors) {
            Ok(target) => target,
            Err(error) => {
                let failed = FetchFailure::permanent(Reason::Internal, error.to_string());
                return self.failed(failed, job, attempt, None).await;
            }
        };
        let host = target.group();
        if host != job.host {
            return elsewhere(FetchJob { host, ..job }, &target.url);
        }
        let crawl_delay_ms = match self.heed(&target).await {
            Ok(Heeded::GoOn { crawl_delay_ms }) => crawl_delay_ms,
            Ok(Heeded::Later { crawl_delay_ms }) => {
                let group_pause_ms = self.rest_ms(host.as_deref(), crawl_delay_ms, None);
                return Report { ending: Ending::Requeue(Requeue::Unchanged), group_pause_ms };
            }
            Err(failed) => {
                let report = self.failed(failed, job, attempt, host.as_deref()).await;
                return report.pausing_group(self.rest_ms(host.as_deref(), 0, None));
            }
        };
        let ended = OnceLock::new();
        let report = self.text(target, job, attempt, &ended).await;
        report.pausing_group(self.rest_ms(host.as_deref(), crawl_delay_ms, ended.get().copied()))
    }
}

impl Fetch {
    /// Returns how long to leave a host alone from now: the rest of its wait and of its `Crawl-delay` since
    /// its response `ended` (if none, since now), or the delay for a busy host if that is longer.
    fn rest_ms(&self, host: Option<&str>, crawl_delay_ms: Millis, ended: Option<Instant>) -> Millis {
        let Some(host) = host else { return 0 };
        let wait = self.config.host_waits.get(host).copied().unwrap_or(self.config.wait);
        let since_ms = ended.map_or(0, |at| millis(at.elapsed()));
        millis(wait).max(crawl_delay_ms).saturating_sub(since_ms).max(self.manners.now(host))
    }

    /// Asks for the text itself; nothing follows where it is as it is stored.
    async fn text(
        &self,
        target: Target,
        job: FetchJob,
        attempt: Attempt,
        ended: &OnceLock<Instant>,
    ) -> FetchReport {
        let started = Instant::now();
        let host = target.group();
        match self.bytes(&target, &job, attempt, ended).await {
            Ok(Downloaded::Whole(facts, digest)) => {
                if let Some(host) = &host {
                    self.manners.fine(host);
                }
                let took_ms = millis(started.elapsed());
                let fetched = self.fetched(target, facts, digest, attempt, took_ms);
                let known = match job.stored {
                    Some(_) => {
                        self.refreshed.count_changed();
                        OnDuplicate::Renew
                    }
                    None if job.lost > 0 => OnDuplicate::Renew,
                    None => OnDuplicate::Absorb,
                };
                let FetchJob { document, listed, lost, .. } = job;
                Ending::Done(vec![StoreJob { document, fetched, listed, known, lost }]).into()
            }
            Ok(Downloaded::Unchanged) => {
                if let Some(host) = &host {
                    self.manners.fine(host);
                }
                self.refreshed.count_unchanged();
                Ending::Done(Vec::new()).into()
            }
            Ok(Downloaded::Suspected(sign, url)) => {
                let failed = FetchFailure::repeated_body(&url);
                match sign {
                    SoftBanSign::Enough => {
                        had_enough(failed.failure, job, host.as_deref().unwrap_or_default())
                    }
                    SoftBanSign::First => once_more(failed.failure, job),
                }
            }
            Ok(Downloaded::Redirect(to)) => self.redirected(&target, job, attempt, &to).await,
            Err(DownloadError::Failure(failed)) => self.failed(failed, job, attempt, host.as_deref()).await,
            Err(DownloadError::Storage(error)) => Ending::from(error).into(),
        }
    }
}
