//! Runs of the fetch stage on a loopback server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fetch::{
    candidate,
    config::{FetchConfig, ip_family::IpFamily, proxy::ProxyChoice},
    stage::Fetch,
};
use flow::{
    blobs::BlobStore,
    counters::Counters,
    payload::{FetchJob, Listed, StoreJob},
    shutdown::Shutdown,
};
use test_server::{Script, Server};
use url::Url;

use crate::{error::CompareError, input_texts::InputTexts, stage_runner};

/// A server with the texts, and the jobs that fetch them.
pub(crate) struct FetchRuns {
    /// Ends when dropped.
    _server: Server,
    config: FetchConfig,
    jobs: Vec<FetchJob>,
}

impl FetchRuns {
    /// Serves the texts. Each response is delayed by `latency`.
    pub(crate) fn new(
        texts: &InputTexts,
        latency: Duration,
        config: FetchConfig,
    ) -> Result<Self, CompareError> {
        let server = Server::start(&texts.directory).map_err(CompareError::start)?;
        let base: Url = server.base_url().parse().map_err(CompareError::start)?;
        let mut jobs = Vec::new();
        for text in &texts.list {
            let mut url = base.clone();
            // `set_path` keeps an existing percent sign, so a literal one must be escaped first.
            url.set_path(&text.file.replace('%', "%25"));
            server.respond(url.path(), Script::file().delay(latency));
            let url = url.to_string();
            jobs.push(FetchJob {
                document: text.document.clone(),
                host: candidate::group_of(&url, &[]),
                urls: vec![url],
                candidate: 0,
                redirected: None,
                refused: None,
                // A listed hash keeps texts with equal bytes from being taken for block pages.
                listed: Listed { blake3: Some(text.blake3.clone()), ..Listed::default() },
                stored: None,
                lost: 0,
            });
        }
        let config = FetchConfig {
            // The settings of the user for foreign hosts would distort or prevent requests to loopback.
            mirrors: Vec::new(),
            allow_hosts: vec!["127.0.0.1".parse().map_err(CompareError::start)?],
            proxy: ProxyChoice::Off,
            family: IpFamily::Any,
            obey_robots: false,
            wait: Duration::ZERO,
            hosts_directory: None,
            ..config
        };
        Ok(Self { _server: server, config, jobs })
    }

    /// Fetches all texts. Returns the jobs of the store stage and the time, or `None` if it was stopped.
    pub(crate) async fn fetch(
        &self,
        blobs: Arc<dyn BlobStore>,
        at_a_time: usize,
        shutdown: &Shutdown,
    ) -> Result<Option<(Vec<StoreJob>, Duration)>, CompareError> {
        let stage = Fetch::new(self.config.clone(), blobs, Arc::new(Counters::default()));
        let stage = Arc::new(stage.map_err(CompareError::start)?);
        // After the client is created: its certificates are loaded once in a real run, too.
        let started = Instant::now();
        let next = stage_runner::run_all(&stage, self.jobs.clone(), at_a_time, shutdown).await?;
        Ok(next.map(|next| (next, started.elapsed())))
    }
}
