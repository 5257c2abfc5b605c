//! The state that all handlers share.

use std::sync::Arc;

use event_log::{line::Kind, writer};
use flow::lane::Lane;
use tokio::sync::Semaphore;

use crate::{
    attempts::AttemptLogs, documents::DocumentIndex, guard::Guard, live::Live, refusal::Refusal, run::Run,
};

/// The maximum number of answers that read files at the same time. Others wait for their turn.
const READS_MAX: usize = 2;

/// The state that all handlers share.
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
            // Only now: a read goes on after its request has timed out.
            drop(turn);
            result
        });
        reading.await.map_err(|_| fault())?
    }

    /// Writes a change by the operator to the event log, and takes a new sample of the run.
    pub(crate) fn record_change(&self, event: Kind, lane: Option<Lane>, count: Option<u64>) {
        writer::note_change(&self.run.path, event, lane, count);
        self.live.change();
    }
}
