//! The stage: a fetch job becomes bytes in the spool and a store job.
//!
//! A job goes to one candidate in one try. How it fails decides what is next: `failed` says how. Politeness is the
//! queue's, by the job's group; so a job whose group is not the host that would be contacted (the mirrors changed since
//! it was pushed) goes back to be queued under the right one, and nothing is contacted.

use std::{sync::Arc, time::Instant};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    clock::{Clock, millis},
    lane::Lane,
    meter::Meter,
    payload::{FetchJob, Fetched, StoreJob},
    reason::{Failure, Reason},
    stage::{Attempt, Stage, StageError},
};

use crate::{
    answer::Facts,
    candidate::{Candidate, shown},
    config::FetchConfig,
    download::Download,
    error::FetchError,
    failed::{self, Failed, Trouble},
    hops::Hops,
    local::Local,
    room::Floor,
    spool::{Digest, Spools},
    throttle::Throttle,
};

/// The fetch stage.
pub struct Fetch {
    config: FetchConfig,
    hops: Hops,
    spools: Spools,
    meter: Arc<Meter>,
    throttle: Throttle,
    clock: Clock,
}

impl Fetch {
    /// A stage that spools into `blobs` and adds the bytes it receives to `meter.bytes` as they come. Reads the
    /// system's root certificates, if there are any, those of the configuration, and the proxies that the environment
    /// names where the configuration names none.
    ///
    /// # Errors
    /// Where no HTTP client can be made of the configuration.
    pub fn new(
        config: FetchConfig,
        blobs: Arc<dyn BlobStore>,
        meter: Arc<Meter>,
    ) -> Result<Self, FetchError> {
        let hops = Hops::new(&config)?;
        let spools = Spools::new(blobs, Floor(config.free_bytes_min));
        let throttle = Throttle::new(config.bytes_per_second_max);
        Ok(Self { config, hops, spools, meter, throttle, clock: Clock::start() })
    }

    async fn bytes(&self, candidate: &Candidate, job: &FetchJob) -> Result<(Facts, Digest), Trouble> {
        let name = BlobName::new(BlobKind::Spool, job.document.clone());
        let expected = job.listed.blake3.clone();
        if candidate.url.scheme() == "file" {
            return self.copy(candidate, name, expected).await;
        }
        let download = Download {
            config: &self.config,
            hops: &self.hops,
            spools: &self.spools,
            meter: &self.meter,
            throttle: &self.throttle,
            clock: self.clock,
        };
        download.run(&candidate.url, name, expected).await
    }

    async fn copy(
        &self,
        candidate: &Candidate,
        name: BlobName,
        expected: Option<String>,
    ) -> Result<(Facts, Digest), Trouble> {
        let local = Local {
            spools: self.spools.clone(),
            url: candidate.url.clone(),
            name,
            expected,
            bytes_max: self.config.body_bytes_max,
        };
        let meter = Arc::clone(&self.meter);
        match tokio::task::spawn_blocking(move || local.run(&meter)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(Failed::for_now(Reason::Internal, error.to_string()).into()),
            },
        }
    }

    fn verdict(&self, failed: Failed, job: FetchJob, attempt: Attempt) -> StageError<FetchJob> {
        failed.verdict(job, attempt, self.config.candidate_tries, &self.config.mirrors)
    }
}

impl Stage for Fetch {
    const LANE: Lane = Lane::Fetch;
    type Input = FetchJob;
    type Output = StoreJob;

    async fn run(&self, job: FetchJob, attempt: Attempt) -> Result<Vec<StoreJob>, StageError<FetchJob>> {
        let started = Instant::now();
        let Some(listed) = job.urls.get(job.candidate) else {
            return Err(StageError::fatal(Reason::Internal, "the job has no URL left to try"));
        };
        let candidate = match Candidate::parse(listed, &self.config.mirrors) {
            Ok(candidate) => candidate,
            Err(error) => {
                return Err(self.verdict(
                    Failed::for_good(Reason::Internal, error.to_string()),
                    job,
                    attempt,
                ));
            }
        };
        if candidate.group() != job.host {
            let why =
                format!("queued again under the host it will be fetched from: {}", shown(&candidate.url));
            let present = job.candidate;
            return Err(failed::reroute(
                Failure::new(Reason::Internal, why),
                job,
                present,
                &self.config.mirrors,
            ));
        }
        match self.bytes(&candidate, &job).await {
            Ok((facts, digest)) => {
                let fetched = Fetched {
                    url: candidate.listed,
                    final_url: facts.url,
                    status: facts.status,
                    at_ms: self.clock.now_ms(),
                    took_ms: millis(started.elapsed()),
                    attempts: attempt.number,
                    bytes: digest.bytes,
                    blake3: digest.blake3.to_hex().to_string(),
                    content_type: facts.content_type,
                    charset: facts.charset,
                    etag: facts.etag,
                    last_modified: facts.last_modified,
                };
                Ok(vec![StoreJob { document: job.document, fetched, listed: job.listed }])
            }
            Err(Trouble::Candidate(failed)) => Err(self.verdict(failed, job, attempt)),
            Err(Trouble::Storage(error)) => Err(error.into()),
        }
    }
}
