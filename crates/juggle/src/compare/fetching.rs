//! InputTexts fetched from a server on loopback.

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

use super::{input_texts::InputTexts, stage_runner};
use crate::{
    exit::{CliError, Exit},
    settings::resolved::Settings,
};

/// The server, and what to ask it for.
pub(super) struct Fetching {
    /// Ends when dropped.
    _server: Server,
    config: FetchConfig,
    jobs: Vec<FetchJob>,
}

impl Fetching {
    /// Serves the texts, each answer so late.
    ///
    /// # Errors
    /// Where they cannot be served.
    pub(super) fn begin(
        texts: &InputTexts,
        latency: Duration,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let bug = |error: &dyn std::error::Error| CliError::caused(Exit::Bug, error);
        let server = Server::start(&texts.directory).map_err(|error| CliError::caused(Exit::File, &error))?;
        let base: Url = server.base_url().parse().map_err(|error| bug(&error))?;
        let mut jobs = Vec::new();
        for text in &texts.list {
            let mut url = base.clone();
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
                // So that texts with the same bytes are not taken for notices of the host.
                listed: Listed { blake3: Some(text.blake3.clone()), ..Listed::default() },
                stored: None,
                lost: 0,
            });
        }
        let config = FetchConfig {
            mirrors: Vec::new(),
            allow_hosts: vec!["127.0.0.1".parse().map_err(|error| bug(&error))?],
            proxy: ProxyChoice::Off,
            family: IpFamily::Any,
            obey_robots: false,
            wait: Duration::ZERO,
            hosts_directory: None,
            ..settings.fetch_config()
        };
        Ok(Self { _server: server, config, jobs })
    }

    /// Fetches all texts; gives what the store stage needs. Nothing where it was stopped.
    ///
    /// # Errors
    /// Where one cannot be fetched.
    pub(super) async fn all(
        &self,
        blobs: Arc<dyn BlobStore>,
        at_a_time: usize,
        shutdown: &Shutdown,
    ) -> Result<Option<(Vec<StoreJob>, Duration)>, CliError> {
        let stage = Fetch::new(self.config.clone(), blobs, Arc::new(Counters::default()));
        let stage = Arc::new(stage.map_err(|error| CliError::caused(Exit::Usage, &error))?);
        let started = Instant::now();
        let next = stage_runner::run_all(&stage, self.jobs.clone(), at_a_time, shutdown).await?;
        Ok(next.map(|next| (next, started.elapsed())))
    }

    /// How long that takes.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub(super) async fn once(
        &self,
        blobs: Arc<dyn BlobStore>,
        at_a_time: usize,
        shutdown: &Shutdown,
    ) -> Result<Option<Duration>, CliError> {
        Ok(self.all(blobs, at_a_time, shutdown).await?.map(|(_, took)| took))
    }
}
