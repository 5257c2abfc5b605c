//! One run of stages on a run directory, from its sources to its summary and exit code.
//!
//! `juggle pipeline` runs all lanes, and `juggle fetch`, `store` and `process` run one. Both start and end
//! here. The end has a fixed order: block pages are retracted before duplicates are marked, and then the lock
//! is written, because it covers the documents that are left. Segments are compacted last.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use corpus::lock::LockReport;
use flow::{
    blobs::BlobStore,
    lane::Lane,
    queue::QueueAdmin,
    shutdown::{Phase, Shutdown, Trigger, shutdown},
    worker::Until,
};
use queue::connection::QueueConnection;
use sources::{
    add::{Added, Sources},
    filters::Filters,
    watch,
};
use tokio::time::Instant;

use crate::{
    broker_command::broker_command,
    dashboard_command,
    directory::{self, new_layout},
    exit::{CliError, Exit},
    lock_session::{self, LockSession},
    output::Out,
    progress::{Progress, Show},
    signals::{self, unless_stopped},
    stages::Stages,
    status::waits,
    summary::{RunFacts, Summary},
};
use settings::resolved::Settings;

/// The run of one command.
pub(crate) struct StageRun {
    /// The lanes that are worked on: all, or a single one.
    pub(crate) lanes: &'static [Lane],
    /// The condition for the end of the workers.
    pub(crate) until: Until,
    /// The lock that the run must match, if any; without a path, the one in the run directory.
    pub(crate) locked: Option<Option<PathBuf>>,
    /// Directories and files that are watched for new sources.
    pub(crate) watch: Vec<PathBuf>,
    /// The address of the dashboard, if one is wanted.
    pub(crate) dashboard: Option<SocketAddr>,
    /// Draining begins at the first signal, see [`signals`].
    pub(crate) shutdown: Shutdown,
    pub(crate) trigger: Trigger,
    pub(crate) started: Instant,
}

impl StageRun {
    /// Prepares a run of these lanes, and begins to listen for signals.
    ///
    /// # Errors
    /// Returns an error if the system does not let the process listen.
    pub(crate) fn new(lanes: &'static [Lane], until: Until) -> Result<Self, CliError> {
        let (trigger, shutdown) = shutdown();
        signals::listen(trigger.clone()).map_err(|error| CliError::caused(Exit::Bug, &error))?;
        let (locked, watch, dashboard, started) = (None, Vec::new(), None, Instant::now());
        Ok(Self { lanes, until, locked, watch, dashboard, shutdown, trigger, started })
    }

    /// Adds the sources, runs the stages and prints the summary.
    ///
    /// # Errors
    /// Returns an error if the sources, the run directory or the queue cannot be used, or if the machine
    /// fails.
    pub(crate) async fn run(
        self,
        sources: Sources,
        settings: &Settings,
        out: &Out,
    ) -> Result<Exit, CliError> {
        directory::prepare(&settings.output_dir)?;
        let run = settings.output_dir.as_path();
        let start = broker_command(run, settings.durability)?;
        let connecting = async {
            // A single stage joins an owner, or starts one that stays when the stage ends.
            match self.lanes {
                [_] => QueueConnection::join(run, start).await,
                _ => QueueConnection::own_or_join(run, settings.durability, start).await,
            }
        };
        let connection = unless_stopped(&self.shutdown, connecting).await?;
        let worked = self.work(sources, settings, connection.queue(), Show::of(settings, out)).await;
        // Closed before the summary is printed, which may block on a pipe while others wait for the queue.
        connection.close().await;
        let Some(summary) = worked? else { return Ok(Exit::Interrupted) };
        summary.print(settings, out)?;
        Ok(summary.exit(settings.on_failure, settings.old_failures))
    }

    /// Returns no summary if the run was stopped at once.
    async fn work(
        &self,
        sources: Sources,
        settings: &Settings,
        queue: Arc<dyn QueueAdmin>,
        show: Show,
    ) -> Result<Option<Summary>, CliError> {
        // Before sources are added: the summary counts what was done before this run.
        let before = queue.stats().await?;
        let refresh = sources.refresh;
        let expected = lock_session::read_expected(self.locked.clone(), &settings.output_dir).await?;
        let adding = new_layout::add(sources, settings, &*queue);
        let Added { bad: bad_lines, .. } = unless_stopped(&self.shutdown, adding).await?;
        let (shutdown, trigger) = (self.shutdown.clone(), self.trigger.clone());
        let stages = Stages::open(settings, Arc::clone(&queue), shutdown, trigger).await?;
        let session = LockSession::new(settings, Arc::clone(&stages.blobs), expected.clone());
        // After the sources are added and before any request: a run that would differ fetches nothing.
        session.check(&*queue).await?;
        let stages = stages.expecting(expected);
        // Dropped at the end, before the queue is closed.
        let beside = |listen| {
            let blobs = Arc::clone(&stages.blobs) as Arc<dyn BlobStore>;
            dashboard_command::beside(listen, Arc::clone(&queue), blobs, settings)
        };
        let _dashboard = self.dashboard.map(beside).transpose()?;
        let progress =
            Progress::start(show, Arc::clone(&queue), &stages.metered(self.lanes), waits(settings));
        let ended = tokio::select! {
            ended = stages.run(settings, self.lanes, self.until) => ended,
            Err(error) = self.watch(settings, &queue) => Err(error),
        };
        // Before an error is returned: the bars would stay on the terminal.
        progress.finish().await;
        let ended = ended?;
        // Stopped by a second signal: the user does not want to wait for a summary.
        if self.shutdown.phase() == Phase::Now {
            return Ok(None);
        }
        let lock = self.finish(settings, &stages, &session).await?;
        let (lanes, until, started) = (self.lanes, self.until, self.started);
        let facts = RunFacts { lanes, before, ended, until, bad_lines, started, lock };
        let refreshed = stages.refreshing.summary(refresh, &*queue).await?;
        Summary::gather(facts, refreshed, &stages, settings, &*queue).await.map(Some)
    }

    /// Adds what appears in the watched paths. Never ends by itself.
    async fn watch(&self, settings: &Settings, queue: &Arc<dyn QueueAdmin>) -> Result<(), CliError> {
        if self.watch.is_empty() {
            // Without paths to watch, this side of the `select!` must never win.
            std::future::pending().await
        } else {
            let config = settings.source_config(Filters::default());
            let snapshots = directory::sources(&settings.output_dir);
            let refused = |what: &str, error| tracing::warn!("did not add {what}: {}", CliError::from(error));
            Ok(watch::run(self.watch.clone(), snapshots, config, Arc::clone(queue), &refused).await?)
        }
    }

    /// Does the work that follows the last job. Returns the lock if all lanes have run to their end.
    async fn finish(
        &self,
        settings: &Settings,
        stages: &Stages,
        session: &LockSession,
    ) -> Result<Option<LockReport>, CliError> {
        let is_stopped = self.shutdown.phase() != Phase::Running;
        // A run that was interrupted ends soon: the same command does this after it has resumed. A run that
        // goes on until stopped ends only so.
        if is_stopped && self.until != Until::Stopped {
            return Ok(None);
        }
        stages.retract_block_pages(settings).await?;
        if self.lanes.contains(&Lane::Store) {
            stages.mark_duplicates(settings).await?;
        }
        // Whoever has stopped a stage waits for its end.
        if is_stopped {
            return Ok(None);
        }
        // A single stage knows only a part of what the lock covers.
        let lock = match self.lanes.len() < Lane::ALL.len() {
            true => None,
            false => Some(session.finish().await?),
        };
        stages.compact().await?;
        Ok(lock)
    }
}
