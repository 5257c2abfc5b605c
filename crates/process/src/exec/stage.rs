//! The process stage with a command, as the worker runs it.
//!
//! Invariants:
//!
//! * At most one document more than there are children is in memory, with its answer.
//! * Results are published only if the text has the hash that the job names.
//! * Results are published in the same way as those of the built-in processor.

use std::{io::Write, sync::Arc, time::Duration};

use corpus::{
    records,
    stats::{self, ProcessorIdentity},
};
use flow::{
    blobs::{BlobError, BlobKind, BlobStore, Publishing, StagedBlob},
    counters::Counters,
    lane::Lane,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Report, Stage},
    worker::ErasedStage,
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::{
    answer::{Answer, AnswerContent},
    child::{Child, History},
    child_pool::ChildPool,
    config::ExecConfig,
    error::ExecError,
    request::Request,
};
use crate::{
    document::{
        Processed,
        results::{self, Results},
    },
    error::ProcessError,
    measures::TextMeasures,
    options::Options,
    processor::Processor,
    schedule::thread_pool::ThreadPool,
    words::{Words, WordsPart},
};

/// The maximum length of a text, in bytes. The text and its answer are in memory as a whole.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Makes `tokens/`, `counts/` and `stats/` from a text with a command.
pub struct Exec {
    children: ChildPool,
    results: Arc<ExecResults>,
    counters: Arc<Counters>,
    /// Reads texts and writes results.
    pool: ThreadPool,
    /// A permit for each document in memory: one more than there are children, so that no child waits for the
    /// next.
    documents: Semaphore,
}

/// Reads texts for the command, and makes results of its answers. Synchronous code that runs in the pool.
struct ExecResults {
    words: Words,
    identity: ProcessorIdentity,
    blobs: Arc<dyn BlobStore>,
    text_bytes_max: u64,
}

/// The measures of a text, which are written to `stats/`.
#[derive(Serialize)]
struct ExecMeasures {
    #[serde(flatten)]
    text: TextMeasures,
    #[serde(skip_serializing_if = "Option::is_none")]
    measures: Option<Map<String, Value>>,
}

impl Exec {
    /// Creates the stage with this number of threads (0 uses one for each core) and of children. `options`
    /// apply to the answers of the command. A child is started when there is a document for it.
    ///
    /// # Errors
    /// Returns [`ProcessError::Threads`] if the threads cannot be started.
    pub fn new(
        config: ExecConfig,
        options: Options,
        threads: usize,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, ProcessError> {
        let pool = ThreadPool::new(threads)?;
        let children = pool.len();
        Ok(Self {
            results: Arc::new(ExecResults {
                identity: config.identity(&options),
                words: Words::with_options(options),
                blobs,
                text_bytes_max: TEXT_BYTES_MAX,
            }),
            children: ChildPool::new(config, children),
            counters,
            pool,
            documents: Semaphore::new(children + 1),
        })
    }

    /// Returns the maximum number of children.
    pub fn threads(&self) -> usize {
        self.pool.len()
    }

    /// Returns the time that each child, with those that replaced it, had a document.
    pub fn busy(&self) -> Vec<Duration> {
        self.children.busy_times()
    }

    /// Ends all children after the last document: closes their input and waits for their exit, at most for
    /// `patience` and for the time of a document. Children that have not exited then are stopped.
    pub async fn end(&self, patience: Duration) {
        self.children.end(patience).await;
    }

    /// Computes the results of a text and waits until they are durable.
    async fn process(&self, job: ProcessJob) -> Result<(), ExecError> {
        let (publishing, text_bytes) = self.compute(job).await?;
        publishing.end().await.map_err(ProcessError::from)?;
        self.counters.bytes.add(text_bytes);
        Ok(())
    }

    /// Computes the results of a text and begins to publish them. Existing results are only made durable.
    async fn compute(&self, job: ProcessJob) -> Result<(Publishing, u64), ExecError> {
        // Held until the publication has begun: it bounds the texts in memory.
        let _permit = self.documents.acquire().await.expect("the semaphore is never closed");
        let (document, results, of_job) = (job.document.clone(), Arc::clone(&self.results), job.clone());
        let processed = match self.pool.run(move || results.read(&of_job)).await?? {
            None => Processed::Current,
            Some(request) => {
                let request = Arc::new(request);
                let answer = self.answer(&request).await?;
                let (results, text_bytes) = (Arc::clone(&self.results), request.text.len() as u64);
                let staged = self.pool.run(move || results.stage(&job, &request, answer)).await??;
                Processed::Staged { results: staged, text_bytes }
            }
        };
        let (changes, text_bytes) = processed.into_changes(&document);
        Ok((self.results.blobs.begin_publishing(changes), text_bytes))
    }

    /// Asks a child. If one that had other documents before fails, only the answer of a fresh one counts.
    async fn answer(&self, request: &Arc<Request>) -> Result<Answer, ExecError> {
        let mut slot = self.children.acquire().await;
        loop {
            let child = slot.take_child().await?;
            let history = child.history();
            match (self.ask(child, request).await, history) {
                (Ok((child, answer)), _) => {
                    self.children.record_answer();
                    slot.put_back(child);
                    return Ok(answer);
                }
                // The failure may come from a document before.
                (Err(error), History::Used) if error.may_come_from_another() => {
                    tracing::debug!(document = %request.document, %error, "asking a fresh child");
                }
                // Either the document or the command itself is at fault.
                (Err(ExecError::Exited(exit)), History::Fresh) => {
                    return Err(self.children.diagnose(exit).await);
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Asks one child. A child whose answer is invalid is killed.
    async fn ask(&self, child: Child, request: &Arc<Request>) -> Result<(Child, Answer), ExecError> {
        let (child, line) = child.ask(request, self.children.config().timeout).await?;
        let request = Arc::clone(request);
        // In the pool: to parse a large answer here would block the runtime.
        let answer = self.pool.run(move || Answer::parse(&line, &request.document)).await??;
        Ok((child, answer))
    }
}

impl ExecResults {
    /// Reads the text and the meta of a document. Returns `None` if its results exist already.
    fn read(&self, job: &ProcessJob) -> Result<Option<Request>, ExecError> {
        let blobs = &*self.blobs;
        if stats::is_current(blobs, job, &self.identity).map_err(ProcessError::from)? {
            return Ok(None);
        }
        let (name, bytes_max) = (results::name(job, BlobKind::Text), self.text_bytes_max);
        let bytes = match blobs.read(&name, bytes_max) {
            Ok(bytes) => bytes,
            Err(BlobError::TooLarge { .. }) => return Err(ExecError::TextTooLarge { bytes_max }),
            Err(error) => return Err(ProcessError::from(error).into()),
        };
        results::check_text(job, blake3::hash(&bytes))?;
        let text = String::from_utf8(bytes).map_err(|error| ProcessError::NotUtf8 {
            path: name.relative_path(),
            at: error.utf8_error().valid_up_to() as u64,
        })?;
        // Without a valid meta the document is processed all the same: `juggle verify` reports it.
        let meta = records::read(blobs, BlobKind::Meta, &job.document).map_err(ProcessError::from)?;
        Ok(Some(Request { document: job.document.clone(), text, meta: meta.unwrap_or_default() }))
    }

    /// Stages the results of an answer.
    fn stage(
        &self,
        job: &ProcessJob,
        request: &Request,
        answer: Answer,
    ) -> Result<Vec<StagedBlob>, ExecError> {
        let (content, measures) = match answer {
            Answer::Processed { content, measures } => (content, measures),
            Answer::Refused(why) => return Err(ExecError::Refused(why)),
        };
        let mut results = Results::begin(&*self.blobs, job).map_err(ProcessError::from)?;
        let mut whole = self.words.begin();
        let merged = self.words.merge(&mut whole, self.part(&request.text, &content), results.tokens());
        merged.map_err(|error| results::blob_error(job, BlobKind::Tokens, error))?;
        let finish =
            |counts: &mut dyn Write| Ok(ExecMeasures { text: self.words.finish(whole, counts)?, measures });
        Ok(results.finish(&self.identity, finish)?)
    }

    /// Returns the result of an answer. The measures are those of the text to which the tokens belong, if
    /// juggle has it.
    fn part(&self, text: &str, content: &AnswerContent) -> WordsPart {
        match content {
            AnswerContent::Text(text) => self.words.chunk(text),
            AnswerContent::Tokens(list) => {
                let mut tokens = self.words.tokens(list.bytes());
                list.iter().for_each(|token| tokens.push(token));
                self.words.part(text, tokens)
            }
        }
    }
}

impl Exec {
    /// Returns the stage without its types, for a worker. Its code is compiled here, in its own crate.
    // Inlined, it would be compiled by the caller.
    #[inline(never)]
    #[must_use]
    pub fn erased(self: Arc<Self>) -> Arc<dyn ErasedStage> {
        self
    }
}

impl Stage for Exec {
    const LANE: Lane = Lane::Process;
    type Input = ProcessJob;
    type Output = Nothing;

    async fn run(&self, job: ProcessJob, _: Attempt) -> Report<ProcessJob, Nothing> {
        self.process(job).await.map(|()| Vec::new()).into()
    }
}

#[cfg(test)]
mod tests;
