//! The fetch stage: turns a fetch job into a body in the spool and a store job.
//!
//! An attempt makes one request: for robots.txt if the rules of the origin are not known, otherwise for the
//! text. A redirect is followed by the next attempt. `failure.rs` decides how a failed attempt
//! ends.
//!
//! The limits of the queue hold for the job's group, which is the host to be contacted. A job with another
//! group (after a redirect, or if mirrors have changed since it was pushed) is requeued under the right one,
//! and nothing is contacted. That counts neither as a failure nor as a retry. What a host asks for itself
//! (`Crawl-delay`, a busy status, a soft ban) becomes a pause of its group.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore, Digest},
    clock::{Clock, Millis, millis},
    counters::Counters,
    failure::{Failure, Reason},
    lane::Lane,
    payload::{FetchJob, Fetched, StoreJob},
    stage::{Attempt, Ending, Report, Requeue, Slot, Stage},
    worker::ErasedStage,
};
use url::Url;

use crate::{
    config::FetchConfig,
    credentials::strip_credentials,
    error::FetchError,
    failure::{DownloadError, FetchFailure, FetchReport, HostSignal, Retry, reroute},
    free_space::FreeSpaceMin,
    politeness::{
        backoff::HostBackoff,
        host_cache::HostCache,
        robots::{RobotsAccess, RobotsCache, RulesSource},
        soft_ban::{REST, SoftBanDetector, SoftBanSign},
    },
    refetch_counters::RefetchCounters,
    request::{
        requester::{REDIRECTS_MAX, Requester},
        trace::RequestTrace,
    },
    response::head::BodyInfo,
    target::Target,
    transfer::{
        checksum::Checksums,
        download::Download,
        file_url::FileCopy,
        publish::{Expectation, SoftBanCheck, TransferOutcome},
        rate_limit::RateLimit,
        spool::SpoolStore,
    },
};

/// The delay before a text is requested again whose body was the same as another's.
const REPEATED_BODY_DELAY_MS: Millis = 1_000;

/// The fetch stage.
pub struct Fetch {
    config: FetchConfig,
    requester: Requester,
    spools: SpoolStore,
    counters: Arc<Counters>,
    rate_limit: RateLimit,
    clock: Clock,
    robots: RobotsCache,
    backoff: HostBackoff,
    soft_bans: Arc<SoftBanDetector>,
    refetched: Arc<RefetchCounters>,
    /// The banned hosts that have been warned of. Several responses may ban a host at once.
    warned: Mutex<HashSet<String>>,
}

impl Fetch {
    /// Creates a stage that spools into `blobs` and adds the received bytes to `counters.bytes`. Reads the
    /// system's root certificates, if there are any, those of the configuration, and the proxies in the
    /// environment if the configuration names none.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be created or the configured certificates cannot be read.
    pub fn new(
        config: FetchConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, FetchError> {
        let requester = Requester::new(&config)?;
        let clock = Clock::start();
        let files = Arc::new(HostCache::new(config.hosts_directory.clone()));
        Ok(Self {
            robots: RobotsCache::new(&config, Arc::clone(&files), clock),
            soft_bans: Arc::new(SoftBanDetector::new(files)),
            backoff: HostBackoff::default(),
            refetched: Arc::default(),
            warned: Mutex::default(),
            spools: SpoolStore::new(blobs, FreeSpaceMin(config.free_bytes_min)),
            rate_limit: RateLimit::new(config.bytes_per_second_max),
            config,
            requester,
            counters,
            clock,
        })
    }

    /// Returns the stage with these counters of refetched texts.
    #[must_use]
    pub fn with_refetch_counters(self, refetched: Arc<RefetchCounters>) -> Self {
        Self { refetched, ..self }
    }

    /// Requests the text and reports how the attempt ended. Nothing follows if it is the stored version.
    async fn fetch_text(
        &self,
        target: Target,
        job: FetchJob,
        attempt: Attempt,
        trace: &RequestTrace<'_>,
    ) -> FetchReport {
        let started = Instant::now();
        let host = target.group().unwrap_or_default();
        match self.transfer(&target, &job, attempt, trace).await {
            Ok(TransferOutcome::Published(info, digest)) => {
                self.backoff.record_healthy(&host);
                let took_ms = millis(started.elapsed());
                // The bytes of a local file come in one piece.
                if info.status.is_none() {
                    trace.add_bytes(digest.bytes);
                }
                let fetched = self.fetched(target, info, digest, attempt, took_ms);
                if job.stored.is_some() {
                    self.refetched.changed.add(1);
                }
                let known = job.on_duplicate();
                let FetchJob { document, listed, lost, .. } = job;
                Ending::Done(vec![StoreJob { document, fetched, listed, known, lost }]).into()
            }
            Ok(TransferOutcome::Unchanged) => {
                self.backoff.record_healthy(&host);
                self.refetched.unchanged.add(1);
                Ending::Done(Vec::new()).into()
            }
            Ok(TransferOutcome::RepeatedBody(sign, url)) => {
                let message = format!("{url}: the same body was sent for another text");
                let failure = Failure::new(Reason::SoftBan, message);
                match sign {
                    SoftBanSign::Banned => self.pause_banned_host(failure, job, &host),
                    // One equal body may be an accident: the text is requested once more.
                    SoftBanSign::Suspected => reroute(failure, REPEATED_BODY_DELAY_MS, job),
                }
            }
            Ok(TransferOutcome::Redirect(to)) => self.follow_redirect(&target, job, attempt, &to).await,
            Err(DownloadError::Failure(failure)) => self.handle_failure(failure, job, attempt, &host).await,
            Err(DownloadError::Storage(error)) => Ending::from(error).into(),
        }
    }

    async fn transfer(
        &self,
        target: &Target,
        job: &FetchJob,
        attempt: Attempt,
        trace: &RequestTrace<'_>,
    ) -> Result<TransferOutcome, DownloadError> {
        let name = BlobName::new(BlobKind::Spool, job.document.clone());
        let soft_ban = job.host.clone().map(|host| SoftBanCheck {
            detector: Arc::clone(&self.soft_bans),
            host,
            document: job.document.clone(),
        });
        let stored = job.stored.as_ref().map(|stored| stored.blake3.clone());
        let expected = Expectation { checksums: Checksums::of(&job.listed), stored, soft_ban };
        if target.url.scheme() == "file" {
            let (spools, url) = (self.spools.clone(), target.url.clone());
            let (bytes_max, is_first_attempt) = (self.config.body_bytes_max, attempt.number <= 1);
            let copy = FileCopy { spools, url, name, expected, bytes_max, is_first_attempt };
            return copy.run(Arc::clone(&self.counters)).await;
        }
        let download = Download {
            config: &self.config,
            requester: &self.requester,
            spools: &self.spools,
            counters: &self.counters,
            rate_limit: &self.rate_limit,
            clock: self.clock,
            is_first_attempt: attempt.number <= 1,
            trace,
        };
        download.run(&target.url, name, expected, job.stored.as_ref()).await
    }

    /// Checks robots.txt. Returns the `Crawl-delay` in milliseconds.
    ///
    /// # Errors
    /// Returns a failure if robots.txt forbids the URL, or if it cannot be had.
    async fn check_robots(&self, target: &Target) -> Result<(Millis, RulesSource), FetchFailure> {
        if !self.config.obey_robots || target.url.scheme() == "file" {
            return Ok((0, RulesSource::Cached));
        }
        match self.robots.check(&target.url, &self.requester).await? {
            (RobotsAccess::Allowed { crawl_delay_ms }, source) => Ok((crawl_delay_ms, source)),
            (RobotsAccess::Forbidden, _) => {
                let url = strip_credentials(&target.url);
                let message = format!("{url}: robots.txt forbids it (--robots off ignores robots.txt)");
                Err(FetchFailure::permanent(Reason::Robots, message))
            }
        }
    }

    /// Records what a failure says about its host, and reports how the attempt ended.
    async fn handle_failure(
        &self,
        failure: FetchFailure,
        job: FetchJob,
        attempt: Attempt,
        host: &str,
    ) -> FetchReport {
        match failure.signal {
            HostSignal::Busy => self.backoff.record_busy(host),
            HostSignal::Healthy => self.backoff.record_healthy(host),
            HostSignal::None => {}
        }
        // The page is recorded before the end of the job is decided: if the host is paused for it, the text
        // has not failed.
        if failure.retry == Retry::BlockPage
            && self.record_block_page(host, &job).await == SoftBanSign::Banned
        {
            return self.pause_banned_host(failure.failure, job, host);
        }
        failure.into_report(job, attempt, &self.config)
    }

    /// Requeues the job under the host that a redirect leads to.
    async fn follow_redirect(
        &self,
        target: &Target,
        job: FetchJob,
        attempt: Attempt,
        to: &Url,
    ) -> FetchReport {
        let (from, shown) = (strip_credentials(&target.url), strip_credentials(to));
        let message = format!("{from}: redirected to {shown}");
        match target.redirected(job.clone(), attempt.failures, to) {
            Some(job) => move_job(Failure::new(Reason::Redirect, message), job),
            None => {
                let message = format!("{message}, after {REDIRECTS_MAX} redirects");
                let failure = FetchFailure::permanent(Reason::Redirect, message);
                self.handle_failure(failure, job, attempt, &target.group().unwrap_or_default()).await
            }
        }
    }

    fn fetched(
        &self,
        target: Target,
        info: BodyInfo,
        digest: Digest,
        attempt: Attempt,
        took_ms: Millis,
    ) -> Fetched {
        Fetched {
            url: target.listed,
            final_url: info.url,
            status: info.status,
            at_ms: self.clock.now_ms(),
            took_ms,
            // Redirects were attempts of their own.
            attempts: attempt.number.saturating_sub(target.redirects).max(1),
            bytes: digest.bytes,
            blake3: digest.blake3.to_hex().to_string(),
            content_type: info.content_type,
            charset: info.charset,
            etag: info.etag,
            last_modified: info.last_modified,
        }
    }

    async fn record_block_page(&self, host: &str, job: &FetchJob) -> SoftBanSign {
        let detector = Arc::clone(&self.soft_bans);
        let (host, document) = (host.to_owned(), job.document.clone());
        let recording = tokio::task::spawn_blocking(move || detector.record_block_page(&host, &document));
        // The task fails only when the runtime stops. The page counts as the first sign then.
        recording.await.unwrap_or(SoftBanSign::Suspected)
    }

    /// Pauses a host that blocks robots. The job waits, and no failure is counted.
    fn pause_banned_host(&self, failure: Failure, job: FetchJob, host: &str) -> FetchReport {
        let minutes = REST.as_secs() / 60;
        let is_new = self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
        if is_new {
            tracing::warn!(
                "'{host}' sends pages or the same body instead of texts. It is paused for {minutes} minutes, and its texts wait. \
         Use --mirror to fetch them from another host."
            );
        }
        let message = format!(
            "'{host}' seems to block robots and is paused for {minutes} minutes: {}",
            failure.message
        );
        reroute(Failure::new(Reason::SoftBan, message), 0, job).pausing_group(millis(REST))
    }

    /// Returns the pause of a host from now, in milliseconds: the rest of its wait and of its `Crawl-delay`
    /// since its response `ended` (since now if there was none), or the backoff of a busy host if that is
    /// longer.
    fn group_pause_ms(&self, host: Option<&str>, crawl_delay_ms: Millis, ended: Option<Instant>) -> Millis {
        let Some(host) = host else { return 0 };
        let wait = self.config.host_waits.get(host).copied().unwrap_or(self.config.wait);
        let since_ms = ended.map_or(0, |at| millis(at.elapsed()));
        millis(wait).max(crawl_delay_ms).saturating_sub(since_ms).max(self.backoff.delay_ms(host))
    }
}

fn move_job(why: Failure, job: FetchJob) -> FetchReport {
    Ending::Requeue(Requeue::Moved { why, job: Box::new(job) }).into()
}

impl Fetch {
    /// Returns the stage without its types, for a worker. Its code is compiled here, in its own crate.
    // Inlined, it would be compiled by the caller.
    #[inline(never)]
    #[must_use]
    pub fn erased(self: Arc<Self>) -> Arc<dyn ErasedStage> {
        self
    }
}

impl Stage for Fetch {
    const LANE: Lane = Lane::Fetch;
    type Input = FetchJob;
    type Output = StoreJob;

    async fn run(&self, job: FetchJob, attempt: Attempt) -> Report<FetchJob, StoreJob> {
        self.run_in_slot(job, attempt, &Slot::of_no_worker()).await
    }

    async fn run_in_slot(&self, job: FetchJob, attempt: Attempt, slot: &Slot) -> Report<FetchJob, StoreJob> {
        let Some(listed) = job.urls.get(job.candidate) else {
            return Ending::dead(Reason::Internal, "the job has no URL left").into();
        };
        let target = match Target::of(&job, listed, &self.config.mirrors) {
            Ok(target) => target,
            Err(error) => {
                let failure = FetchFailure::permanent(Reason::Internal, error.to_string());
                // No host was contacted, so nothing is recorded for one.
                return self.handle_failure(failure, job, attempt, "").await;
            }
        };
        let host = target.group();
        // The queue has applied the limits of another group, so this host may not be contacted now.
        if host != job.host {
            let why = format!("to the group of another host: {}", strip_credentials(&target.url));
            return move_job(Failure::new(Reason::Internal, why), FetchJob { host, ..job });
        }
        let crawl_delay_ms = match self.check_robots(&target).await {
            Ok((crawl_delay_ms, RulesSource::Cached)) => crawl_delay_ms,
            Ok((crawl_delay_ms, RulesSource::Requested)) => {
                // An attempt makes one request, and this one was for robots.txt.
                let group_pause_ms = self.group_pause_ms(host.as_deref(), crawl_delay_ms, None);
                let request =
                    target.url.join("/robots.txt").ok().map(|url| RequestTrace::default().facts(&url));
                return Report { ending: Ending::Requeue(Requeue::Unchanged), group_pause_ms, request };
            }
            Err(failure) => {
                let report =
                    self.handle_failure(failure, job, attempt, host.as_deref().unwrap_or_default()).await;
                return report.pausing_group(self.group_pause_ms(host.as_deref(), 0, None));
            }
        };
        // The connection is free when the body has come. But if the host must be left alone then, the report
        // says so before any other job of it is claimed.
        let is_left_alone = self.group_pause_ms(host.as_deref(), crawl_delay_ms, None) > 0;
        let trace = RequestTrace::settling((!is_left_alone).then_some(slot));
        let url = target.url.clone();
        let report = self.fetch_text(target, job, attempt, &trace).await;
        report
            .pausing_group(self.group_pause_ms(host.as_deref(), crawl_delay_ms, trace.ended()))
            .with_request(Some(trace.facts(&url)))
    }
}
