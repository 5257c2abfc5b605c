//! One run of a row: the real stages, in an empty directory, on threads of their own.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use blob_store::local::LocalBlobs;
use fetch::{config::FetchConfig, stage::Fetch};
use flow::{
    blobs::BlobStore,
    durability::Durability,
    payload::{FetchJob, Nothing},
    shutdown::{Phase, Shutdown},
};
use process::{config::ProcessConfig, stage::Process};
use store::stage::Store;
use tokio::runtime::{Builder, Runtime};

use crate::{
    blocking::blocking,
    cores,
    error::CompareError,
    measurement::{Way, Work, Workload},
    prepared_texts::ServedTexts,
    stage_runner::{run_all, run_one, run_stage},
    thread_sampler::{CAN_SAMPLE, ThreadSampler},
    timeline::Timeline,
};

/// The number of texts at a time in what comes before the measured work.
const AT_A_TIME: usize = 16;

/// A run that was measured.
pub(crate) struct MeasuredRun {
    pub(crate) took: Duration,
    /// The timeline of the threads, if all stages were measured together.
    pub(crate) timeline: Option<Timeline>,
}

/// Runs a row in an empty directory. Returns `None` if it was stopped.
///
/// # Errors
/// Returns an error if the directory cannot be written, a stage cannot be started, or a text cannot be
/// processed.
pub(crate) async fn measure(
    workload: Workload,
    served: &ServedTexts,
    directory: PathBuf,
    shutdown: Shutdown,
) -> Result<Option<MeasuredRun>, CompareError> {
    let (config, jobs) = (served.config.clone(), served.jobs.clone());
    // A thread that this run alone has: it stays on the core that it is bound to, with all that it starts.
    let run = move || {
        // Before the threads that it watches, and not bound to their core.
        let sampler = match workload.work {
            Work::Whole if CAN_SAMPLE => Some(ThreadSampler::start().map_err(CompareError::start)?),
            _ => None,
        };
        let running = move || {
            if workload.way != Way::Parallel {
                cores::bind_to_one().map_err(CompareError::start)?;
            }
            let stages = Stages::start(workload, &directory, config)?;
            runtime(workload).map_err(CompareError::start)?.block_on(async {
                tokio::select! {
                    measured = stages.measure(workload, jobs, &shutdown) => measured,
                    () = shutdown.reached(Phase::Now) => Ok(None),
                }
            })
        };
        let thread = std::thread::Builder::new().name("tasks".to_owned()).spawn(running);
        let ended = thread.map_err(CompareError::start)?.join();
        let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let Some((started, took)) = ended? else { return Ok(None) };
        let timeline = sampler.map(|sampler| Timeline::new(workload.way, took, &sampler.end(started, took)));
        Ok(Some(MeasuredRun { took, timeline }))
    };
    blocking(run).await
}

/// Returns the runtime of a way: one thread for all tasks, or many.
fn runtime(workload: Workload) -> std::io::Result<Runtime> {
    let number = AtomicUsize::new(0);
    let mut builder = match workload.way {
        Way::Serial | Way::Concurrent => Builder::new_current_thread(),
        Way::Parallel => Builder::new_multi_thread(),
    };
    builder.worker_threads(workload.threads).enable_all();
    builder.thread_name_fn(move || format!("tokio-{}", number.fetch_add(1, Ordering::Relaxed))).build()
}

/// The stages of a run, on a blob store of their own.
#[derive(Clone)]
struct Stages {
    fetch: Arc<Fetch>,
    store: Arc<Store>,
    process: Arc<Process>,
}

impl Stages {
    fn start(workload: Workload, directory: &Path, config: FetchConfig) -> Result<Self, CompareError> {
        let durability = match workload.work {
            // Without syncs: fetching waits for the network only, and processing computes only.
            Work::Fetch | Work::Process => Durability::Process,
            Work::Save | Work::Whole => Durability::Power,
        };
        let blobs: Arc<dyn BlobStore> = Arc::new(LocalBlobs::open(directory, durability)?);
        let fetch = Fetch::new(config, Arc::clone(&blobs), Arc::default()).map_err(CompareError::start)?;
        let store = Store::new(Arc::clone(&blobs), Arc::default());
        let config = ProcessConfig { threads: workload.threads, chunk: workload.chunk };
        let process = Process::new(config, blobs, Arc::default()).map_err(CompareError::start)?;
        Ok(Self { fetch: Arc::new(fetch), store: Arc::new(store), process: Arc::new(process) })
    }

    /// Prepares and measures the work. Returns its start and its duration.
    async fn measure(
        &self,
        workload: Workload,
        jobs: Vec<FetchJob>,
        shutdown: &Shutdown,
    ) -> Result<Option<(Instant, Duration)>, CompareError> {
        let at_a_time = |work| if workload.work == work { workload.at_a_time } else { AT_A_TIME };
        let mut started = Instant::now();
        if workload.work == Work::Whole {
            let done = run_all(jobs, workload.at_a_time, shutdown, |job| self.clone().through_all(job));
            return Ok(done.await?.map(|_| (started, started.elapsed())));
        }
        let fetching = run_stage(&self.fetch, jobs, at_a_time(Work::Fetch), shutdown);
        let Some(fetched) = fetching.await? else { return Ok(None) };
        if workload.work == Work::Fetch {
            return Ok(Some((started, started.elapsed())));
        }
        started = Instant::now();
        let saving = run_stage(&self.store, fetched, at_a_time(Work::Save), shutdown);
        let Some(saved) = saving.await? else { return Ok(None) };
        if workload.work == Work::Save {
            return Ok(Some((started, started.elapsed())));
        }
        started = Instant::now();
        let processing = run_stage(&self.process, saved, at_a_time(Work::Process), shutdown);
        Ok(processing.await?.map(|_| (started, started.elapsed())))
    }

    /// Takes a text through all stages.
    async fn through_all(self, job: FetchJob) -> Result<Vec<Nothing>, CompareError> {
        let mut done = Vec::new();
        for fetched in run_one(&*self.fetch, job).await? {
            for saved in run_one(&*self.store, fetched).await? {
                done.extend(run_one(&*self.process, saved).await?);
            }
        }
        Ok(done)
    }
}
