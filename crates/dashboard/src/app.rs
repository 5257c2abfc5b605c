//! The things that every answer is made of.

use std::sync::Arc;

use event_log::{line::Kind, writer};
use flow::lane::Lane;
use tokio::sync::Semaphore;

use crate::{
    attempts::AttemptLogs, documents::DocumentIndex, guard::Guard, live::Live, refusal::Refusal, run::Run,
};

/// The maximum number of answers that read files at the same time. Others wait for their turn.
const READS_MAX: usize = 2;

/// The run, what was read of it, and who may see it.
pub(crate) struct App {
    pub(crate) guard: Arc<Guard>,
    pub(crate) live: Live,
    pub(crate) run: Arc<Run>,
    pub(crate) documents: DocumentIndex,
    pub(crate) attempts: AttemptLogs,
    reads: Arc<Semaphore>,
}

impl App {
    /// Starts sampling the run, on the runtime of the caller.
    pub(crate) fn start(guard: Guard, run: Run) -> Arc<Self> {
        let run = Arc::new(run);
        Arc::new(Self {
            guard: Arc::new(guard),
            live: Live::start(&run),
            documents: DocumentIndex::default(),
            attempts: AttemptLogs::new(&run.path),
            run,
            reads: Arc::new(Semaphore::new(READS_MAX)),
        })
    }

    /// Runs `read`, which may block, when it has its turn.
    ///
    /// # Errors
    /// Returns the error of `read`, or a refusal if it panicked.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let fault = || Refusal::fault("an error in juggle");
        let turn = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| fault())?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = read();
            // Only now: a request that is given up does not end its read.
            drop(turn);
            result
        });
        reading.await.map_err(|_| fault())?
    }

    /// Records a change that the operator made in the event log, and takes a new sample of the run.
    pub(crate) fn record_change(&self, event: Kind, lane: Option<Lane>, count: Option<u64>) {
        writer::note_change(&self.run.path, event, lane, count);
        self.live.change();
    }
}
