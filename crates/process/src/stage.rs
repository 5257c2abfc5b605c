//! Stage 3 as the worker runs it.
//!
//! Invariants: at most one document more than there are threads is held in memory; results are published only when the
//! text was read whole and has the hash that the job names; nothing of the pool waits for what is being published, so that
//! many documents share one sync.

use std::{sync::Arc, time::Duration};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore, Change, Publishing},
    document::DocumentId,
    lane::Lane,
    meter::Meter,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Done, Stage, StageError},
};
use tokio::sync::Semaphore;

use crate::{
    config::{Chunk, ProcessConfig},
    document::{Processed, Task},
    error::ProcessError,
    pool::{self, Pool},
    processor::Processor,
    words::Words,
};

/// Makes `tokens/`, `counts/` and `stats/` of a text.
pub struct Process<P = Words> {
    processor: Arc<P>,
    chunk: Chunk,
    blobs: Arc<dyn BlobStore>,
    meter: Arc<Meter>,
    pool: Arc<Pool>,
    /// One for every document being computed; one more than threads, so that none waits for the next.
    documents: Semaphore,
}

impl Process {
    /// The stage with the words of UAX #29.
    ///
    /// # Errors
    /// Where the threads cannot be started.
    pub fn new(
        config: ProcessConfig,
        blobs: Arc<dyn BlobStore>,
        meter: Arc<Meter>,
    ) -> Result<Self, ProcessError> {
        Self::with_processor(config, blobs, meter, Words::uax29())
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
        meter: Arc<Meter>,
        processor: P,
    ) -> Result<Self, ProcessError> {
        let pool = Arc::new(Pool::new(config.threads)?);
        let documents = Semaphore::new(pool.len() + 1);
        Ok(Self { processor: Arc::new(processor), chunk: config.chunk, blobs, meter, pool, documents })
    }

    /// How many threads compute.
    pub fn threads(&self) -> usize {
        self.pool.len()
    }

    /// How long each thread was busy so far: reading, computing, merging and writing, without waiting for other
    /// threads or for the disk to sync.
    pub fn busy(&self) -> Vec<Duration> {
        self.pool.busy_times()
    }

    /// How unevenly the work was shared so far: the busiest thread's time over the mean. 1 is even, the number of
    /// threads is one thread alone; none where nothing was done.
    pub fn imbalance(&self) -> Option<f64> {
        pool::imbalance(&self.busy())
    }

    /// Computes the results of a text and begins to publish them; those that are there already are left as they are, but
    /// made durable. Says how many bytes of text were computed from.
    async fn compute(&self, job: ProcessJob) -> Result<(Publishing, u64), ProcessError> {
        let _permit = self.documents.acquire().await.expect("nobody closes the semaphore");
        let (processor, blobs, chunk) = (Arc::clone(&self.processor), Arc::clone(&self.blobs), self.chunk);
        let task = move |pool: &Pool| match (Task {
            job: &job,
            processor: &*processor,
            blobs: &*blobs,
            pool,
            chunk,
        })
        .run()?
        {
            Processed::Current => Ok((blobs.begin_publishing(left_as_they_are(&job.document)), 0)),
            Processed::Staged { results, text_bytes } => {
                let changes = results.into_iter().map(Change::Staged).collect();
                Ok((blobs.begin_publishing(changes), text_bytes))
            }
        };
        self.pool.run(task).await?
    }
}

/// Results that may be there by a run that died before it had forced their names.
fn left_as_they_are(document: &DocumentId) -> Vec<Change> {
    [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats]
        .map(|kind| BlobName::new(kind, document.clone()))
        .map(|name| Change::Renamed { from: name.clone(), to: name })
        .into()
}

impl<P: Processor> Stage for Process<P> {
    const LANE: Lane = Lane::Process;
    type Input = ProcessJob;
    type Output = Nothing;

    async fn run(&self, job: ProcessJob, _: Attempt) -> Result<Done<Nothing>, StageError<ProcessJob>> {
        let (publishing, text_bytes) = self.compute(job).await?;
        publishing.end().await.map_err(ProcessError::from)?;
        Meter::add(&self.meter.bytes, text_bytes);
        Ok(Vec::new().into())
    }
}

#[cfg(test)]
mod tests;
