//! Stage 3 as the worker runs it.
//!
//! Invariants: the largest document that waits is worked on next; at most one more than there are threads is held in
//! memory; results are published only when the text was read whole and has the hash that the job names; nothing of the
//! pool waits for what is being published, so that many documents share one sync.

use std::{sync::Arc, time::Duration};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore, Change, Publishing},
    counters::Counters,
    lane::Lane,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Report, Stage},
};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    config::{Chunk, ProcessConfig},
    document::results::republish,
    document::{DocumentTask, Processed},
    error::ProcessError,
    processor::Processor,
    schedule::chunking::{Pace, Sizes},
    schedule::scheduler::{Batch, Scheduler},
    schedule::thread_pool::{self, ThreadPool},
    words::Words,
};

/// Makes `tokens/`, `counts/` and `stats/` of a text.
pub struct Process<P = Words> {
    desk: Arc<Desk<P>>,
    counters: Arc<Counters>,
}

/// What the threads share.
struct Desk<P> {
    processor: P,
    chunk: Chunk,
    blobs: Arc<dyn BlobStore>,
    pool: Arc<ThreadPool>,
    /// One document at a time is asked for its size: each would have a thread of its own otherwise.
    sizes: Semaphore,
    /// So much at a time that all threads have work, and one document more, so that none waits for the next.
    scheduler: Scheduler<Order>,
}

/// A document that waits for a thread, and who waits for what comes of it. The thread sends once; the caller waits until
/// then or goes.
#[derive(Debug)]
struct Order {
    job: ProcessJob,
    answer: oneshot::Sender<Result<Computed, ProcessError>>,
}

/// What is being published, and how many bytes of text it was computed from.
type Computed = (Publishing, u64);

impl Process {
    /// The stage with the words of UAX #29.
    ///
    /// # Errors
    /// Where the threads cannot be started.
    pub fn new(
        config: ProcessConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, ProcessError> {
        Self::with_processor(config, blobs, counters, Words::uax29())
    }
}

impl<P: Processor> Process<P> {
    /// The stage with a processor of one's own.
    ///
    /// # Errors
    /// Where the threads cannot be started.
    pub fn with_processor(
        config: ProcessConfig,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
        processor: P,
    ) -> Result<Self, ProcessError> {
        let pool = Arc::new(ThreadPool::new(config.threads)?);
        let batch = match config.chunk {
            Chunk::Documents(n) => usize::try_from(n.get()).unwrap_or(usize::MAX),
            Chunk::Whole | Chunk::Bytes(_) | Chunk::Auto => 1,
        };
        let scheduler = Scheduler::new(pool.len() + 1, batch);
        let sizes = Semaphore::new(1);
        let desk = Desk { processor, chunk: config.chunk, blobs, pool, sizes, scheduler };
        Ok(Self { desk: Arc::new(desk), counters })
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.desk.pool.len()
    }

    /// How long each thread was busy so far: reading, computing, merging and writing, without waiting for other
    /// threads or for the disk to sync.
    pub fn busy(&self) -> Vec<Duration> {
        self.desk.pool.busy_times()
    }

    /// How unevenly the work was shared so far: the busiest thread's time over the mean. 1 is even, the number of
    /// threads is one thread alone; none where nothing was done.
    pub fn imbalance(&self) -> Option<f64> {
        thread_pool::imbalance(&self.busy())
    }

    /// The sizes of the texts that were worked on so far, in bytes.
    pub fn sizes(&self) -> Vec<u64> {
        self.desk.pool.document_sizes()
    }

    /// How fast a thread has been so far.
    pub fn pace(&self) -> Pace {
        self.desk.pool.pace()
    }

    /// Computes the results of a text and waits until they are durable.
    async fn process(&self, job: ProcessJob) -> Result<(), ProcessError> {
        let (publishing, text_bytes) = self.compute(job).await?;
        publishing.end().await?;
        self.counters.bytes.add(text_bytes);
        Ok(())
    }

    /// Computes the results of a text and begins to publish them; those that are there already are left as they are, but
    /// made durable.
    async fn compute(&self, job: ProcessJob) -> Result<Computed, ProcessError> {
        let (sender, receiver) = oneshot::channel();
        let desk = Arc::clone(&self.desk);
        let waits = move || {
            let text = BlobName::new(BlobKind::Text, job.document.clone());
            // A text that is not there is told when it is read.
            let bytes = desk.blobs.len(&text).ok().flatten().unwrap_or(0);
            desk.scheduler.add(bytes, desk.threads_for(bytes), Order { job, answer: sender });
            desk.begin();
        };
        let turn = self.desk.sizes.acquire().await;
        let asked = tokio::task::spawn_blocking(waits).await;
        drop(turn);
        asked.map_err(|error| ProcessError::Panicked(error.to_string()))?;
        receiver.await.unwrap_or_else(|gone| Err(ProcessError::Panicked(gone.to_string())))
    }
}

impl<P: Processor> Desk<P> {
    /// Gives waiting documents to threads, as far as there are any of both.
    fn begin(self: &Arc<Self>) {
        while let Some(Batch { documents, threads }) = self.scheduler.start_batch() {
            let desk = Arc::clone(self);
            self.pool.spawn(move |_| {
                for Order { job, answer } in documents {
                    // A document whose caller has gone is not begun.
                    if !answer.is_closed()
                        && answer.send(thread_pool::catch_panic(|| desk.compute(&job))).is_err()
                    {
                        tracing::debug!("nobody waits for a result any more");
                    }
                }
                desk.scheduler.finish(threads);
                thread_pool::help();
                desk.begin();
            });
        }
    }

    /// How many threads can share a document of this size.
    fn threads_for(&self, bytes: u64) -> usize {
        let Sizes { chunk_bytes, .. } = Sizes::new(self.chunk, self.pool.len(), self.pool.steady_pace());
        let chunks = bytes.div_ceil(chunk_bytes as u64);
        usize::try_from(chunks).unwrap_or(usize::MAX).clamp(1, self.pool.len())
    }

    fn compute(&self, job: &ProcessJob) -> Result<Computed, ProcessError> {
        let Self { processor, chunk, blobs, pool, .. } = self;
        let task = DocumentTask { job, processor, blobs: &**blobs, pool, chunk: *chunk };
        Ok(match task.run()? {
            Processed::Current => (blobs.begin_publishing(republish(&job.document)), 0),
            Processed::Staged { results, text_bytes } => {
                pool.record_document(text_bytes);
                let changes = results.into_iter().map(Change::Staged).collect();
                (blobs.begin_publishing(changes), text_bytes)
            }
        })
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
