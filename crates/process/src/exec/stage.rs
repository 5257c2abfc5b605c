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
    blobs::{BlobError, BlobKind, BlobStore, Change, Publishing, StagedBlob},
    counters::Counters,
    lane::Lane,
    payload::{Nothing, ProcessJob},
    stage::{Attempt, Report, Stage},
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
    document::results::{self, Results},
    error::ProcessError,
    measures::TextMeasures,
    options::Options,
    processor::Processor,
    schedule::thread_pool::{self, ThreadPool},
    words::{Words, WordsPart},
};

/// The maximum length of a text, in bytes. The text and its answer are in memory as a whole.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Makes `tokens/`, `counts/` and `stats/` from a text with a command.
pub struct Exec {
    children: ChildPool,
    words: Arc<Words>,
    identity: Arc<ProcessorIdentity>,
    blobs: Arc<dyn BlobStore>,
    counters: Arc<Counters>,
    /// Reads texts and writes results.
    pool: Arc<ThreadPool>,
    /// A permit for each document in memory: one more than there are children, so that no child waits for the
    /// next.
    documents: Semaphore,
    text_bytes_max: u64,
}

/// The measures of the command.
type Measured = Option<Map<String, Value>>;

/// The measures of a text, which are written to `stats/`.
#[derive(Serialize)]
struct ExecMeasures {
    #[serde(flatten)]
    text: TextMeasures,
    #[serde(skip_serializing_if = "Option::is_none")]
    measures: Measured,
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
        let pool = Arc::new(ThreadPool::new(threads)?);
        let children = pool.len();
        Ok(Self {
            identity: Arc::new(config.identity(&options)),
            children: ChildPool::new(config, children),
            words: Arc::new(Words::with_options(options)),
            blobs,
            counters,
            pool,
            documents: Semaphore::new(children + 1),
            text_bytes_max: TEXT_BYTES_MAX,
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

    /// Returns the imbalance of the work, as [`Process::imbalance`](crate::stage::Process::imbalance) does.
    pub fn imbalance(&self) -> Option<f64> {
        thread_pool::imbalance(&self.busy())
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
    /// Also returns the length in bytes of the text that was processed.
    async fn compute(&self, job: ProcessJob) -> Result<(Publishing, u64), ExecError> {
        // Held until the publication has begun: it bounds the texts in memory.
        let _permit = self.documents.acquire().await.expect("the semaphore is never closed");
        let job = Arc::new(job);
        let Some(request) = self.read(&job).await? else {
            let changes = results::republish(&job.document);
            return Ok((self.blobs.begin_publishing(changes), 0));
        };
        let request = Arc::new(request);
        let answer = self.answer(&request).await?;
        let text_bytes = request.text.len() as u64;
        let results = self.results(job, request, answer).await?;
        let changes = results.into_iter().map(Change::Staged).collect();
        Ok((self.blobs.begin_publishing(changes), text_bytes))
    }

    /// Reads the document for a child. Returns `None` if its results exist already.
    async fn read(&self, job: &Arc<ProcessJob>) -> Result<Option<Request>, ExecError> {
        let (job, blobs, bytes_max) = (Arc::clone(job), Arc::clone(&self.blobs), self.text_bytes_max);
        let identity = Arc::clone(&self.identity);
        let reading = move |pool: &ThreadPool| {
            pool.track(|| match stats::is_current(&*blobs, &job, &identity).map_err(ProcessError::from)? {
                true => Ok(None),
                false => read(&*blobs, &job, bytes_max).map(Some),
            })
        };
        self.pool.run(reading).await?
    }

    /// Asks a child. If one that had other documents before fails, only the answer of a fresh one counts.
    async fn answer(&self, request: &Arc<Request>) -> Result<(AnswerContent, Measured), ExecError> {
        let mut slot = self.children.acquire().await;
        let answer = loop {
            let child = slot.take_child().await?;
            let history = child.history();
            match (self.ask(child, request).await, history) {
                (Ok((child, answer)), _) => {
                    self.children.record_answer();
                    slot.put_back(child);
                    break answer;
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
        };
        match answer {
            Answer::Processed { content, measures } => Ok((content, measures)),
            Answer::Refused(why) => Err(ExecError::Refused(why)),
        }
    }

    /// Asks one child. A child whose answer is invalid is killed.
    async fn ask(&self, child: Child, request: &Arc<Request>) -> Result<(Child, Answer), ExecError> {
        let (child, line) = child.ask(request, self.children.config().timeout).await?;
        let request = Arc::clone(request);
        let reading = move |pool: &ThreadPool| pool.track(|| Answer::parse(&line, &request.document));
        // In the pool: to parse a large answer here would block the runtime.
        let answer = self.pool.run(reading).await??;
        Ok((child, answer))
    }

    /// Stages the results of an answer.
    async fn results(
        &self,
        job: Arc<ProcessJob>,
        request: Arc<Request>,
        (content, measures): (AnswerContent, Measured),
    ) -> Result<Vec<StagedBlob>, ProcessError> {
        let (words, blobs) = (Arc::clone(&self.words), Arc::clone(&self.blobs));
        let identity = Arc::clone(&self.identity);
        let writing = move |pool: &ThreadPool| {
            pool.track(|| {
                let mut results = Results::begin(&*blobs, &job)?;
                let (part, mut whole) = (part(&words, &request.text, &content), words.begin());
                let merged = words.merge(&mut whole, part, results.tokens());
                merged.map_err(|error| results::blob_error(&job, BlobKind::Tokens, error))?;
                let finish = |counts: &mut dyn Write| {
                    Ok(ExecMeasures { text: words.finish(whole, counts)?, measures })
                };
                Ok(results.finish(&identity, finish)?)
            })
        };
        self.pool.run(writing).await?
    }
}

/// Reads a text and its meta.
fn read(blobs: &dyn BlobStore, job: &ProcessJob, bytes_max: u64) -> Result<Request, ExecError> {
    let name = results::name(job, BlobKind::Text);
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
    Ok(Request { document: job.document.clone(), text, meta: meta.unwrap_or_default() })
}

/// Returns the result of an answer. The measures are those of the text to which the tokens belong, if juggle
/// has it.
fn part(words: &Words, text: &str, content: &AnswerContent) -> WordsPart {
    match content {
        AnswerContent::Text(text) => words.chunk(text),
        AnswerContent::Tokens(list) => {
            let mut tokens = words.tokens(list.bytes());
            list.iter().for_each(|token| tokens.push(token));
            words.part(text, tokens)
        }
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
