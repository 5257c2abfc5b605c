//! The process stage, as the worker runs it.
//!
//! Invariants:
//!
//! * The largest document that waits is processed next.
//! * At most one document more than there are threads is in memory.
//! * Results are published only after the text has been read to its end and has the hash that the job names.
//! * No thread of the pool waits for a publication, so that many documents share one sync.

use std::{sync::Arc, time::Duration};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publisher},
    counters::Counters,
    lane::Lane,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Report, Stage},
    worker::ErasedStage,
};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::{Chunk, ProcessConfig},
    document::{DocumentTask, Processed},
    error::ProcessError,
    processor::Processor,
    schedule::chunking::{Pace, Sizes},
    schedule::scheduler::{Batch, Scheduler},
    schedule::thread_pool::{self, ThreadPool},
    words::Words,
};

/// Makes `tokens/`, `counts/` and `stats/` from a text.
pub struct Process<P = Words> {
    shared: Arc<Shared<P>>,
    counters: Arc<Counters>,
}

/// The state that the threads share.
struct Shared<P> {
    processor: P,
    chunk: Chunk,
    blobs: Arc<dyn BlobStore>,
    pool: ThreadPool,
    /// A permit to look up the size of a text, if the job does not say it. With more than one, each lookup
    /// would start a blocking thread.
    sizes: Semaphore,
    /// The documents that wait. One more is in progress than there are threads, so that no thread waits for
    /// the next.
    scheduler: Scheduler<WaitingDocument>,
}

/// A document that waits for a thread.
#[derive(Debug)]
struct WaitingDocument {
    job: ProcessJob,
    reply: Reply,
}

/// Takes the length in bytes of the text, when the results are durable. The caller waits for it, or is
/// dropped.
type Reply = oneshot::Sender<Result<u64, ProcessError>>;

impl Process {
    /// Creates the stage with the words of UAX #29.
    ///
    /// # Errors
    /// Returns [`ProcessError::Threads`] if the threads cannot be started.
    pub fn new(
        config: ProcessConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, ProcessError> {
        Self::with_processor(config, blobs, counters, Words::uax29())
    }
}

impl<P: Processor> Process<P> {
    /// Creates the stage with another processor.
    ///
    /// # Errors
    /// Returns [`ProcessError::Threads`] if the threads cannot be started.
    pub fn with_processor(
        config: ProcessConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
        processor: P,
    ) -> Result<Self, ProcessError> {
        let pool = ThreadPool::new(config.threads)?;
        let batch = match config.chunk {
            Chunk::Documents(n) => usize::try_from(n.get()).unwrap_or(usize::MAX),
            Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => 1,
        };
        let scheduler = Scheduler::new(pool.len() + 1, batch);
        let sizes = Semaphore::new(1);
        let shared = Shared { processor, chunk: config.chunk, blobs, pool, sizes, scheduler };
        Ok(Self { shared: Arc::new(shared), counters })
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.shared.pool.len()
    }

    /// Returns the time that each thread was busy: reading, computing, merging and writing, without the time
    /// in which it waited for other threads or for a sync. See
    /// [`imbalance`](crate::schedule::busy_time::imbalance).
    pub fn busy(&self) -> Vec<Duration> {
        self.shared.pool.busy_times()
    }

    /// Returns the sizes of the texts that were processed, in bytes.
    pub fn sizes(&self) -> Vec<u64> {
        self.shared.pool.document_sizes()
    }

    /// Returns the speed of a thread so far.
    pub fn pace(&self) -> Pace {
        self.shared.pool.pace()
    }

    /// Computes the results of a text and waits until they are durable.
    async fn process(&self, job: ProcessJob) -> Result<(), ProcessError> {
        let (reply, receiver) = oneshot::channel();
        let bytes = match job.text_bytes {
            Some(bytes) => bytes,
            None => self.text_bytes(&job).await?,
        };
        self.shared.scheduler.add(bytes, self.shared.threads_for(bytes), WaitingDocument { job, reply });
        self.shared.start_batches();
        let processed = receiver.await.unwrap_or_else(|gone| Err(ProcessError::Panicked(gone.to_string())));
        self.counters.bytes.add(processed?);
        Ok(())
    }

    /// Looks up the length of a text. Of a missing one it is 0: it fails when it is read.
    async fn text_bytes(&self, job: &ProcessJob) -> Result<u64, ProcessError> {
        let (shared, document) = (Arc::clone(&self.shared), job.document.clone());
        let text = BlobName::new(BlobKind::Text, document);
        let length = move || shared.blobs.len(&text).ok().flatten().unwrap_or(0);
        let _permit = self.shared.sizes.acquire().await;
        let length = tokio::task::spawn_blocking(length).await;
        length.map_err(|error| ProcessError::Panicked(error.to_string()))
    }
}

impl<P: Processor> Shared<P> {
    /// Starts batches of waiting documents until all threads have work.
    fn start_batches(self: &Arc<Self>) {
        while let Some(Batch { documents, threads }) = self.scheduler.start_batch() {
            let shared = Arc::clone(self);
            self.pool.spawn(move || {
                for WaitingDocument { job, reply } in documents {
                    // A document is not started if its caller was dropped.
                    if !reply.is_closed() {
                        shared.process(&job, reply);
                    }
                }
                shared.scheduler.finish(threads);
                // Small documents are left for the end of a large one, when its chunks are too few for all
                // threads.
                thread_pool::help();
                shared.start_batches();
            });
        }
    }

    /// Returns the number of threads that can share a document of this size.
    fn threads_for(&self, bytes: u64) -> usize {
        let Sizes { chunk_bytes, .. } = Sizes::new(self.chunk, self.pool.len(), self.pool.steady_pace());
        let chunks = bytes.div_ceil(chunk_bytes as u64);
        usize::try_from(chunks).unwrap_or(usize::MAX).clamp(1, self.pool.len())
    }

    /// Computes the results of a text and begins to publish them. Existing results are only made durable.
    fn process(&self, job: &ProcessJob, reply: Reply) {
        match thread_pool::catch_panic(|| self.compute(job)) {
            Ok((changes, text_bytes)) => {
                let end = move |published: Result<(), BlobError>| {
                    send(reply, published.map(|()| text_bytes).map_err(Into::into));
                };
                self.blobs.publish_for(changes, Publisher::new(end));
            }
            Err(error) => send(reply, Err(error)),
        }
    }

    /// Returns the changes that publish the results, and the length in bytes of the text.
    fn compute(&self, job: &ProcessJob) -> Result<(Vec<Change>, u64), ProcessError> {
        let Self { processor, chunk, blobs, pool, .. } = self;
        let task = DocumentTask { job, processor, blobs: &**blobs, pool, chunk: *chunk };
        let processed = task.run()?;
        if let Processed::Staged { text_bytes, .. } = processed {
            pool.record_document(text_bytes);
        }
        Ok(processed.into_changes(&job.document))
    }
}

fn send(reply: Reply, processed: Result<u64, ProcessError>) {
    if reply.send(processed).is_err() {
        tracing::debug!("the caller of a document was dropped");
    }
}

impl Process<Words> {
    /// Returns the stage without its types, for a worker. Its code is compiled here, in its own crate.
    // Inlined, it would be compiled by the caller.
    #[inline(never)]
    #[must_use]
    pub fn erased(self: Arc<Self>) -> Arc<dyn ErasedStage> {
        self
    }
}

impl<P: Processor> Stage for Process<P> {
    const LANE: Lane = Lane::Process;
    type Input = ProcessJob;
    type Output = Nothing;

    async fn run(&self, job: ProcessJob, _: Attempt) -> Report<ProcessJob, Nothing> {
        self.process(job).await.map(|()| Vec::new()).into()
    }
}

#[cfg(test)]
mod tests;
