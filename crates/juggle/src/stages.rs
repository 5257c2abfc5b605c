//! Creates the stages from the settings and runs their workers.

mod compaction;
mod upstream;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use blob_store::run_blobs::RunBlobs;
use corpus::{duplicate_list, duplicates, lock::ExpectedLock, reprocess::Reprocess};
use fetch::{error::FetchError, stage::Fetch};
use flow::{
    blobs::{BlobKind, BlobStore},
    clock::millis,
    counters::Counters,
    events::EventSink,
    lane::Lane,
    queue::{GroupLimit, NamedLimits, QueueAdmin, Registration},
    retry::RetryPolicy,
    shell::quoted_path,
    shutdown::{Phase, Shutdown, Trigger},
    worker::{Ended, ErasedStage, OnDeath, Until, Worker, WorkerConfig},
};
use futures_util::{FutureExt, future::FusedFuture};
use process::{
    schedule::{busy_time::imbalance, partition_table::Partition},
    stop_word_warnings,
};
use sources::{
    feed::{ExpectedHash, Feeder},
    refresh::RefreshCounters,
};
use store::stage::Store;
use tokio::{sync::oneshot, task::JoinSet, time::timeout};

use crate::{
    blocking::blocking,
    directory, event_sink,
    exit::{CliError, Exit},
    output::counted,
    process_stage::ProcessStage,
    retract::retract_block_pages,
};
use settings::{enums::OnFailure, resolved::Settings};

// A worker that dies gives its jobs back after a minute; living workers renew their leases.
const LEASE_MS: u64 = 60_000;
/// The number of documents in the store stage at a time. Few are worked on; the others wait to be durable and
/// share syncs.
const STORE_CONCURRENCY: usize = 128;
/// The maximum time that the feeder may take to finish its step when all work has ended.
const FEEDER_FAREWELL_MAX: Duration = Duration::from_secs(5);

/// The stages of a run, and what they share.
pub struct Stages {
    queue: Arc<dyn QueueAdmin>,
    /// The blob store.
    pub blobs: Arc<RunBlobs>,
    /// The counters of each lane in this process, in the order of [`Lane::ALL`].
    pub counters: [Arc<Counters>; 3],
    process: ProcessStage,
    /// The lock that the run must match, if any.
    expected: Option<Arc<ExpectedLock>>,
    events: Arc<dyn EventSink>,
    conflicts: Arc<AtomicU64>,
    /// The counters of a refresh in this process.
    pub(crate) refreshing: RefreshCounters,
    shutdown: Shutdown,
    trigger: Trigger,
}

impl Stages {
    /// Opens the run directory and creates what the stages share.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be opened, or threads cannot be started.
    pub async fn open(
        settings: &Settings,
        queue: Arc<dyn QueueAdmin>,
        shutdown: Shutdown,
        trigger: Trigger,
    ) -> Result<Self, CliError> {
        let blobs = Arc::new(directory::open_blobs(settings).await?);
        let counters = [(); 3].map(|()| Arc::new(Counters::default()));
        let process = ProcessStage::new(
            settings,
            Arc::clone(&blobs) as Arc<dyn BlobStore>,
            Arc::clone(&counters[Lane::Process.index()]),
        );
        let process = process.map_err(|error| CliError::caused(Exit::Bug, &error))?;
        Ok(Self {
            queue,
            blobs,
            counters,
            process,
            expected: None,
            events: event_sink::open(settings),
            conflicts: Arc::default(),
            refreshing: RefreshCounters::default(),
            shutdown,
            trigger,
        })
    }

    /// Returns the stages, bound to a lock.
    #[must_use]
    pub(crate) fn expecting(self, expected: Option<Arc<ExpectedLock>>) -> Self {
        Self { expected, ..self }
    }

    /// Returns the lanes with their counters.
    #[must_use]
    pub fn metered(&self, lanes: &[Lane]) -> Vec<(Lane, Arc<Counters>)> {
        lanes.iter().map(|lane| (*lane, Arc::clone(&self.counters[lane.index()]))).collect()
    }

    /// Returns the number of listed texts that were skipped because another text has their id.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Returns the working time of each thread of the process stage, or of each process of its command.
    #[must_use]
    pub fn busy(&self) -> Vec<Duration> {
        self.process.busy()
    }

    /// Returns the partitions of the process stage's work: the one that was asked for, then others.
    #[must_use]
    pub fn partitions(&self, settings: &Settings) -> Vec<Partition> {
        self.process.partitions(settings)
    }

    /// Returns the largest working time divided by the mean, or `None` if there was no work.
    #[must_use]
    pub fn imbalance(&self) -> Option<f64> {
        imbalance(&self.busy())
    }

    /// Finds documents with the same text and records them. Call it when the store lane has drained.
    ///
    /// # Errors
    /// Returns an error if `meta/` cannot be read or written.
    pub async fn mark_duplicates(&self, settings: &Settings) -> Result<(), CliError> {
        let (blobs, run) = (Arc::clone(&self.blobs), settings.output_dir.clone());
        let marking = blocking(move || {
            // Two runs that mark at the same time would overwrite each other's records.
            let _lock = blobs.lock(BlobKind::Meta)?;
            let report = duplicates::mark(&*blobs)?;
            duplicate_list::write(&run, &report.duplicates)
        });
        Ok(marking.await??)
    }

    /// Retracts block pages that were stored as texts. Must be called when the work has ended.
    ///
    /// # Errors
    /// Returns the errors of the queue, and of reading and removing files.
    pub async fn retract_block_pages(&self, settings: &Settings) -> Result<(), CliError> {
        let blobs = Arc::clone(&self.blobs) as Arc<dyn BlobStore>;
        retract_block_pages(&*self.queue, &blobs, settings).await
    }

    /// Works on these lanes until all have ended. If the process lane is one of them, results of another
    /// processor are made again, in as many rounds as the queue has room for.
    ///
    /// # Errors
    /// Returns the first failure, which makes the other lanes drain and stop.
    pub async fn run(&self, settings: &Settings, lanes: &[Lane], until: Until) -> Result<Ended, CliError> {
        if !lanes.contains(&Lane::Process) {
            return self.drain(settings, lanes, until).await;
        }
        stop_word_warnings::warn_before(&settings.words, self.process.tokens_by());
        let ended = self.process(settings, lanes, until).await;
        // Also after an error: the processes of a command must not outlive the run.
        self.process.end(self.shutdown.phase()).await;
        // A run that processed nothing says nothing about the list.
        if self.counters[Lane::Process.index()].bytes.get() > 0 {
            stop_word_warnings::warn_after(&settings.words);
        }
        ended
    }

    async fn process(&self, settings: &Settings, lanes: &[Lane], until: Until) -> Result<Ended, CliError> {
        let (blobs, run, identity) =
            (Arc::clone(&self.blobs), settings.output_dir.clone(), settings.identity());
        let mut reprocess = blocking(move || Reprocess::find(&run, &*blobs, identity)).await??;
        if let Some(Reprocess { found: found @ 1.., .. }) = reprocess {
            tracing::info!("{} reprocessed because options changed", counted(found as u64, "text"));
        }
        loop {
            let is_last = match &mut reprocess {
                Some(pushing) => pushing.push(&*self.queue).await?,
                None => true,
            };
            if let Some(pushed) = reprocess.take_if(|_| is_last) {
                blocking(move || pushed.finish()).await??;
            }
            let ended = self.drain(settings, lanes, until).await?;
            // A stopped or blocked run must not push another round.
            if is_last || ended != Ended::Finished {
                return Ok(ended);
            }
        }
    }

    /// Works on these lanes until all of them have ended. Repeats this if texts were sent back to the fetch
    /// lane after fetching had ended. The loop terminates, because a text is sent back only a few times.
    async fn drain(&self, settings: &Settings, lanes: &[Lane], until: Until) -> Result<Ended, CliError> {
        loop {
            let ended = self.work(settings, lanes, until).await?;
            let may_go_on =
                until == Until::Drained && ended == Ended::Finished && lanes.contains(&Lane::Fetch);
            if !may_go_on || self.queue.stats().await?.lane(Lane::Fetch).pending() == 0 {
                return Ok(ended);
            }
        }
    }

    /// Works on these lanes until all have ended. If the fetch lane is one of them, the feeder adds listed
    /// texts.
    ///
    /// # Errors
    /// Returns the first failure, which makes the other lanes drain and stop.
    async fn work(&self, settings: &Settings, lanes: &[Lane], until: Until) -> Result<Ended, CliError> {
        // All workers are registered before any of them checks whether an earlier lane has one.
        for lane in lanes {
            self.queue.register_worker(*lane, Registration::Add).await?;
        }
        let mut workers: JoinSet<(Lane, Result<Ended, CliError>)> = JoinSet::new();
        for lane in lanes {
            self.spawn(&mut workers, *lane, settings, until)?;
        }
        directory::remember(settings).await?;
        let (work_goes_on, over) = oneshot::channel();
        let feeding = async {
            if lanes.contains(&Lane::Fetch) { self.feeder(settings).run(over).await } else { Ok(()) }
        };
        let mut feeding = pin!(feeding.fuse());
        let joining = self.join(workers);
        let ended = tokio::select! {
            ended = joining => ended,
            Err(error) = &mut feeding => return Err(error.into()),
        };
        // Tells the feeder to end.
        drop(work_goes_on);
        if !feeding.is_terminated() {
            // The last step of the feeder may still report an error. Bounded: the queue may not answer.
            if let Ok(fed) = timeout(FEEDER_FAREWELL_MAX, feeding).await {
                return ended.and_then(|ended| Ok(fed.map(|()| ended)?));
            }
        }
        ended
    }

    async fn join(&self, mut workers: JoinSet<(Lane, Result<Ended, CliError>)>) -> Result<Ended, CliError> {
        let mut result = Ok(Ended::Finished);
        while let Some(joined) = workers.join_next().await {
            let (lane, ended) = joined.map_err(|error| CliError::caused(Exit::Bug, &error))?;
            let gone = self.queue.register_worker(lane, Registration::Remove).await.map_err(CliError::from);
            match ended.and_then(|ended| gone.map(|()| ended)) {
                Ok(Ended::Finished) => {}
                Ok(other) => result = result.map(|_| other),
                Err(error) => {
                    // The other lanes share the machine that failed.
                    self.trigger.advance(Phase::Draining);
                    result = result.and(Err(error));
                }
            }
        }
        result
    }

    fn spawn(
        &self,
        workers: &mut JoinSet<(Lane, Result<Ended, CliError>)>,
        lane: Lane,
        settings: &Settings,
        until: Until,
    ) -> Result<(), CliError> {
        let blobs = || Arc::clone(&self.blobs) as Arc<dyn BlobStore>;
        let counters = || Arc::clone(&self.counters[lane.index()]);
        match lane {
            Lane::Fetch => {
                let stage = Fetch::new(settings.fetch_config(), blobs(), counters());
                let stage =
                    stage.map_err(unusable)?.with_refetch_counters(Arc::clone(&self.refreshing.fetched));
                self.spawn_worker(workers, Arc::new(stage).erased(), settings, until);
            }
            Lane::Store => {
                let stage = Store::new(blobs(), counters())
                    .with_config(settings.store)
                    .with_run_dir(quoted_path(&settings.output_dir));
                self.spawn_worker(workers, Arc::new(stage).erased(), settings, until);
            }
            Lane::Process => match self.process.clone() {
                ProcessStage::BuiltIn(stage) => self.spawn_worker(workers, stage.erased(), settings, until),
                ProcessStage::Exec(stage) => self.spawn_worker(workers, stage.erased(), settings, until),
            },
        }
        Ok(())
    }

    fn spawn_worker(
        &self,
        workers: &mut JoinSet<(Lane, Result<Ended, CliError>)>,
        stage: Arc<dyn ErasedStage>,
        settings: &Settings,
        until: Until,
    ) {
        let queue = Arc::clone(&self.queue);
        let lane = stage.lane();
        let config = self.worker_config(lane, settings, until);
        let counters = Arc::clone(&self.counters[lane.index()]);
        let (shutdown, trigger) = (self.shutdown.clone(), self.trigger.clone());
        let events = Arc::clone(&self.events);
        workers.spawn(async move {
            loop {
                let worker = Worker {
                    stage: Arc::clone(&stage),
                    queue: queue.clone(),
                    config: config.clone(),
                    counters: Arc::clone(&counters),
                    events: Arc::clone(&events),
                    shutdown: shutdown.clone(),
                    trigger: trigger.clone(),
                };
                let ended = worker.run().await;
                let has_drained = until == Until::Drained && matches!(ended, Ok(Ended::Finished));
                if !(has_drained && upstream::comes(&*queue, lane).await) {
                    return (lane, ended.map_err(CliError::from));
                }
            }
        });
    }

    fn worker_config(&self, lane: Lane, settings: &Settings, until: Until) -> WorkerConfig {
        let unlimited = || (GroupLimit::NONE, NamedLimits::new());
        let (concurrency, (group_limit, named_limits)) = match lane {
            Lane::Fetch => (settings.max_concurrent_downloads as usize, settings.fetch_limits()),
            Lane::Store => (STORE_CONCURRENCY, unlimited()),
            Lane::Process => (self.process.concurrency(settings), unlimited()),
        };
        let retry = RetryPolicy {
            retries_max: settings.retry,
            age_max_ms: millis(settings.retry_max_time),
            ..RetryPolicy::default()
        };
        let on_death = match settings.on_failure {
            OnFailure::KeepGoing => OnDeath::KeepGoing,
            OnFailure::FailFast => OnDeath::FailFast,
        };
        WorkerConfig { concurrency, lease_ms: LEASE_MS, group_limit, named_limits, retry, until, on_death }
    }

    fn feeder(&self, settings: &Settings) -> Feeder {
        Feeder {
            queue: Arc::clone(&self.queue),
            snapshots: directory::sources(&settings.output_dir),
            verified: Arc::default(),
            group_of: settings.group_of(),
            blobs: Arc::clone(&self.blobs) as Arc<dyn BlobStore>,
            conflicts: Arc::clone(&self.conflicts),
            refresh_counters: self.refreshing.clone(),
            expected_hash: self.expected.clone().map(|expected| -> ExpectedHash {
                Arc::new(move |document| expected.raw_of(document).cloned())
            }),
        }
    }
}

/// Returns the error for a fetch stage that cannot be created.
fn unusable(error: FetchError) -> CliError {
    let exit = match &error {
        FetchError::ReadRoots { .. } | FetchError::Roots { .. } => Exit::File,
        FetchError::Client(_) | FetchError::Tls(_) => Exit::Usage,
    };
    CliError::caused(exit, &error)
}
