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
    blobs::{BlobKind, BlobName, BlobStore},
    counters::Counters,
    lane::Lane,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Report, Stage},
    worker::ErasedStage,
};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::{Chunk, ProcessConfig},
    document::{Computed, DocumentTask, Processed},
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
    /// A permit to look up the size of a document. With more than one, each lookup would start a blocking
    /// thread.
    sizes: Semaphore,
    /// The documents that wait. One more is in progress than there are threads, so that no thread waits for
    /// the next.
    scheduler: Scheduler<WaitingDocument>,
}

/// A document that waits for a thread.
#[derive(Debug)]
struct WaitingDocument {
    job: ProcessJob,
    /// The thread sends once; the caller waits for it or is dropped.
    reply: oneshot::Sender<Result<Computed, ProcessError>>,
}

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
        let (publishing, text_bytes) = self.compute(job).await?;
        publishing.end().await?;
        self.counters.bytes.add(text_bytes);
        Ok(())
    }

    /// Computes the results of a text and begins to publish them. Existing results are only made durable.
    async fn compute(&self, job: ProcessJob) -> Result<Computed, ProcessError> {
        let (sender, receiver) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let enqueue = move || {
            let text = BlobName::new(BlobKind::Text, job.document.clone());
            // A missing text fails when it is read.
            let bytes = shared.blobs.len(&text).ok().flatten().unwrap_or(0);
            shared.scheduler.add(bytes, shared.threads_for(bytes), WaitingDocument { job, reply: sender });
            shared.start_batches();
        };
        let permit = self.shared.sizes.acquire().await;
        let enqueued = tokio::task::spawn_blocking(enqueue).await;
        // The document is in the scheduler now, so the next size may be looked up.
        drop(permit);
        enqueued.map_err(|error| ProcessError::Panicked(error.to_string()))?;
        receiver.await.unwrap_or_else(|gone| Err(ProcessError::Panicked(gone.to_string())))
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
                    if !reply.is_closed()
                        && reply.send(thread_pool::catch_panic(|| shared.compute(&job))).is_err()
                    {
                        tracing::debug!("the caller of a document was dropped");
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

    fn compute(&self, job: &ProcessJob) -> Result<Computed, ProcessError> {
        let Self { processor, chunk, blobs, pool, .. } = self;
        let task = DocumentTask { job, processor, blobs: &**blobs, pool, chunk: *chunk };
        let processed = task.run()?;
        if let Processed::Staged { text_bytes, .. } = processed {
            pool.record_document(text_bytes);
        }
        Ok(processed.begin_publishing(&job.document, &**blobs))
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
