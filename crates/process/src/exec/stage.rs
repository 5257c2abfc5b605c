//! Stage 3 with a command, as the worker runs it.
//!
//! Invariants: at most one document more than there are children is held, with its answer; results are published only of
//! a text that has the hash that the job names; they are published as those of the built-in processor are.

use std::{io::Write, sync::Arc, time::Duration};

use corpus::stats::{self, ProcessorIdentity};
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
    answer::{Answer, Content},
    child::{Child, History},
    child_pool::ChildPool,
    config::ExecConfig,
    error::ExecError,
    request::{Request, RequestMeta},
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

/// The longest text that is handed over: it is held whole, and its answer too.
const TEXT_BYTES_MAX: u64 = 256 << 20;
/// The largest `meta/` file that is looked at.
const META_BYTES_MAX: u64 = 16 << 20;

/// Makes `tokens/`, `counts/` and `stats/` of a text by a command.
pub struct Exec {
    children: ChildPool,
    words: Arc<Words>,
    identity: Arc<ProcessorIdentity>,
    blobs: Arc<dyn BlobStore>,
    counters: Arc<Counters>,
    /// Reads texts and writes results.
    pool: Arc<ThreadPool>,
    /// One for every document held; one more than children, so that none waits for the next.
    documents: Semaphore,
    text_bytes_max: u64,
}

/// What the command measured.
type Measured = Option<Map<String, Value>>;

/// What `stats/` says of a text.
#[derive(Serialize)]
struct ExecMeasures {
    #[serde(flatten)]
    text: TextMeasures,
    #[serde(skip_serializing_if = "Option::is_none")]
    measures: Measured,
}

impl Exec {
    /// The stage with a command on so many threads (0 for as many as there are cores) and as many children; `options` hold
    /// for what it gives back. No child is started before there is a document for it.
    ///
    /// # Errors
    /// Where the threads cannot be started.
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
            words: Arc::new(Words::of(options)),
            blobs,
            counters,
            pool,
            documents: Semaphore::new(children + 1),
            text_bytes_max: TEXT_BYTES_MAX,
        })
    }

    /// How many children there may be.
    pub fn threads(&self) -> usize {
        self.pool.len()
    }

    /// How long each child, with those that took its place, had a document so far.
    pub fn busy(&self) -> Vec<Duration> {
        self.children.busy_times()
    }

    /// How unevenly the work was shared so far, as [`Process::imbalance`](crate::stage::Process::imbalance) says it.
    pub fn imbalance(&self) -> Option<f64> {
        thread_pool::imbalance(&self.busy())
    }

    /// There are no more documents: closes the input of all children and waits until they have ended, `patience` at most
    /// and no longer than for a document; then they are stopped.
    pub async fn end(&self, patience: Duration) {
        self.children.end(patience).await;
    }

    /// Computes the results of a text and waits until they are durable.
    async fn process(&self, job: ProcessJob) -> Result<(), ProcessError> {
        let (publishing, text_bytes) = self.compute(job).await?;
        publishing.end().await?;
        self.counters.bytes.add(text_bytes);
        Ok(())
    }

    /// Computes the results of a text and begins to publish them; those that are there already are left as they are, but
    /// made durable. Says how many bytes of text were computed from.
    async fn compute(&self, job: ProcessJob) -> Result<(Publishing, u64), ProcessError> {
        let _permit = self.documents.acquire().await.expect("nobody closes the semaphore");
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

    /// What a child is to be asked; none where the results are there.
    async fn read(&self, job: &Arc<ProcessJob>) -> Result<Option<Request>, ProcessError> {
        let (job, blobs, bytes_max) = (Arc::clone(job), Arc::clone(&self.blobs), self.text_bytes_max);
        let identity = Arc::clone(&self.identity);
        let reading = move |pool: &ThreadPool| {
            pool.track(|| match stats::is_current(&*blobs, &job, &identity)? {
                true => Ok(None),
                false => read(&*blobs, &job, bytes_max).map(Some),
            })
        };
        self.pool.run(reading).await?
    }

    /// Asks a child. What went wrong with one that had other documents before counts only if a fresh one fails too.
    async fn answer(&self, request: &Arc<Request>) -> Result<(Content, Measured), ProcessError> {
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
                (Err(ProcessError::Exec(error)), History::Used) if error.may_come_from_another() => {
                    tracing::debug!(document = %request.document, %error, "asking a fresh child");
                }
                (Err(ProcessError::Exec(ExecError::Exited(exit))), History::Fresh) => {
                    return Err(self.children.diagnose(exit).await.into());
                }
                (Err(error), _) => return Err(error),
            }
        };
        match answer {
            Answer::Processed { content, measures } => Ok((content, measures)),
            Answer::Refused(why) => Err(ExecError::Refused(why).into()),
        }
    }

    /// The child is gone where its answer cannot be used.
    async fn ask(&self, child: Child, request: &Arc<Request>) -> Result<(Child, Answer), ProcessError> {
        let (child, line) = child.ask(request, self.children.config().timeout).await?;
        let request = Arc::clone(request);
        let reading = move |pool: &ThreadPool| pool.track(|| Answer::parse(&line, &request.document));
        let answer = self.pool.run(reading).await??;
        Ok((child, answer))
    }

    async fn results(
        &self,
        job: Arc<ProcessJob>,
        request: Arc<Request>,
        (content, measures): (Content, Measured),
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

/// Reads a text that is to be handed over, and what is known of it.
fn read(blobs: &dyn BlobStore, job: &ProcessJob, bytes_max: u64) -> Result<Request, ProcessError> {
    let name = results::name(job, BlobKind::Text);
    let bytes = match blobs.read(&name, bytes_max) {
        Ok(bytes) => bytes,
        Err(BlobError::TooLarge { .. }) => return Err(ExecError::TextTooLarge { bytes_max }.into()),
        Err(error) => return Err(error.into()),
    };
    results::check_text(job, blake3::hash(&bytes))?;
    let text = String::from_utf8(bytes).map_err(|error| ProcessError::NotUtf8 {
        path: name.relative_path(),
        at: error.utf8_error().valid_up_to() as u64,
    })?;
    Ok(Request { document: job.document.clone(), text, meta: meta(blobs, job)? })
}

/// What `meta/` knows; nothing where it is not there or cannot be understood, for verify tells that.
fn meta(blobs: &dyn BlobStore, job: &ProcessJob) -> Result<RequestMeta, BlobError> {
    match blobs.read(&results::name(job, BlobKind::Meta), META_BYTES_MAX) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(BlobError::NotFound(_) | BlobError::TooLarge { .. }) => Ok(RequestMeta::default()),
        Err(error) => Err(error),
    }
}

/// What the answer comes to. Measures are of the text that the tokens are of, as far as juggle knows it.
fn part(words: &Words, text: &str, content: &Content) -> WordsPart {
    match content {
        Content::Text(text) => words.chunk(text),
        Content::Tokens(list) => {
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
