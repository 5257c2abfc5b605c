//! Processes one document, from its text to its staged results. Synchronous code that runs in the pool.
//!
//! Four steps run at the same time, each of which takes the windows in order: one window is read, the chunks
//! of the window before it are processed, the parts of the window before that are merged, and the tokens of
//! the window before that are written. So the memory of a document holds two windows, the parts of two
//! windows, the tokens of two windows, and the merged results.

pub(crate) mod results;

use std::{
    io::{self, Read, Write},
    mem,
};

use corpus::stats;
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, StagedBlob},
    document::DocumentId,
    payload::ProcessJob,
};
use rayon::prelude::*;
use uax29::windows::Windows;

use crate::{
    config::Chunk,
    document::results::Results,
    error::ProcessError,
    processor::Processor,
    schedule::chunking::{self, Sizes},
    schedule::thread_pool::ThreadPool,
};

/// The processing of one document.
pub(crate) struct DocumentTask<'a, P> {
    pub(crate) job: &'a ProcessJob,
    pub(crate) processor: &'a P,
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) pool: &'a ThreadPool,
    pub(crate) chunk: Chunk,
}

/// The result of a document.
pub(crate) enum Processed {
    /// The results exist already.
    Current,
    /// The results are ready to be published.
    Staged {
        /// Tokens, counts, and the stats, which name the other two, last.
        results: Vec<StagedBlob>,
        /// The length of the text in bytes.
        text_bytes: u64,
    },
}

impl Processed {
    /// Returns the changes that publish the results, and the length in bytes of the text that was processed.
    /// Existing results are published again, because a run that was killed may have left their names
    /// unsynced.
    pub(crate) fn into_changes(self, document: &DocumentId) -> (Vec<Change>, u64) {
        match self {
            Self::Current => {
                let names = [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats]
                    .map(|kind| BlobName::new(kind, document.clone()));
                let changes = names.map(|name| Change::Renamed { from: name.clone(), to: name });
                (changes.into(), 0)
            }
            Self::Staged { results, text_bytes } => {
                (results.into_iter().map(Change::Staged).collect(), text_bytes)
            }
        }
    }
}

/// A document in progress.
struct DocumentInProgress<'a, P: Processor> {
    task: &'a DocumentTask<'a, P>,
    text: TextReader,
    whole: P::Whole,
    results: Results<'a>,
}

/// Reads a text in windows and hashes it.
struct TextReader {
    windows: Windows<Box<dyn Read + Send>>,
    hasher: blake3::Hasher,
}

impl TextReader {
    fn new(text: Box<dyn Read + Send>, window_bytes: u64) -> Self {
        Self { windows: Windows::new(text, window_bytes), hasher: blake3::Hasher::new() }
    }

    /// Returns the next window in reused memory, or `None` at the end.
    fn next(&mut self, memory: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let window = self.windows.next_in(memory)?;
        self.hasher.update(window.as_deref().unwrap_or_default());
        Ok(window)
    }
}

/// The results of the chunks of a window, in order.
type Parts<P> = Vec<Result<<P as Processor>::Part, ProcessError>>;

impl<P: Processor> DocumentTask<'_, P> {
    /// Computes and stages the results of the document, unless they exist already.
    pub(crate) fn run(&self) -> Result<Processed, ProcessError> {
        let identity = self.processor.identity();
        // A job is repeated after a crash: results that are whole are not computed again.
        if self.pool.track(|| stats::is_current(self.blobs, self.job, &identity))? {
            return Ok(Processed::Current);
        }
        let sizes = Sizes::new(self.chunk, self.pool.len(), self.pool.steady_pace());
        let mut progress = self.begin(sizes)?;
        match self.chunk {
            Chunk::Whole | Chunk::Documents(_) => self.pool.track(|| progress.process_alone())?,
            Chunk::Bytes(_) | Chunk::Auto => progress.process_shared(sizes.chunk_bytes)?,
        }
        self.pool.track(|| progress.finish())
    }

    fn begin(&self, sizes: Sizes) -> Result<DocumentInProgress<'_, P>, BlobError> {
        Ok(DocumentInProgress {
            task: self,
            text: TextReader::new(
                self.blobs.open(&results::name(self.job, BlobKind::Text))?,
                sizes.window_bytes,
            ),
            whole: self.processor.begin(),
            results: Results::begin(self.blobs, self.job)?,
        })
    }

    /// Processes a chunk, which begins at `at` in the text.
    fn process_chunk(&self, chunk: &[u8], at: u64) -> Result<P::Part, ProcessError> {
        match simdutf8::compat::from_utf8(chunk) {
            Ok(text) => Ok(self.processor.chunk(text)),
            Err(error) => Err(ProcessError::NotUtf8 {
                path: results::name(self.job, BlobKind::Text).relative_path(),
                at: at + error.valid_up_to() as u64,
            }),
        }
    }

    /// Processes the chunks of a window, which begins at `at` in the text, on all threads.
    fn process_window(&self, window: &[u8], chunk_bytes: usize, at: u64) -> Parts<P> {
        let mut from = at;
        let mut chunks = Vec::new();
        for chunk in chunking::chunks(window, chunk_bytes) {
            chunks.push((chunk, from));
            from += chunk.len() as u64;
        }
        let part = |(chunk, at): (&[u8], u64)| self.pool.track(|| self.process_chunk(chunk, at));
        // Each chunk is a task of its own: rayon would otherwise give several to one thread.
        chunks.into_par_iter().with_max_len(1).map(part).collect()
    }

    /// Merges parts in the order of the text.
    fn merge(
        &self,
        parts: Parts<P>,
        whole: &mut P::Whole,
        tokens: &mut dyn Write,
    ) -> Result<(), ProcessError> {
        parts.into_iter().try_for_each(|part| {
            self.processor
                .merge(whole, part?, tokens)
                .map_err(|error| results::blob_error(self.job, BlobKind::Tokens, error))
        })
    }

    fn write(&self, tokens: &[u8], file: &mut dyn Write) -> Result<(), ProcessError> {
        file.write_all(tokens).map_err(|error| results::blob_error(self.job, BlobKind::Tokens, error))
    }

    fn read_window(&self, text: &mut TextReader, memory: Vec<u8>) -> Result<Option<Vec<u8>>, ProcessError> {
        text.next(memory).map_err(|error| results::blob_error(self.job, BlobKind::Text, error))
    }
}

impl<P: Processor> DocumentInProgress<'_, P> {
    /// Processes one window after the other on this thread.
    fn process_alone(&mut self) -> Result<(), ProcessError> {
        let Self { task, text, whole, results } = self;
        let (mut at, mut window) = (0, Vec::new());
        while let Some(next) = task.read_window(text, window)? {
            window = next;
            task.merge(vec![task.process_chunk(&window, at)], whole, results.tokens())?;
            at += window.len() as u64;
        }
        Ok(())
    }

    /// Processes the chunks of each window on all threads, and the steps of the windows around it at the same
    /// time.
    fn process_shared(&mut self, chunk_bytes: usize) -> Result<(), ProcessError> {
        let Self { task, text, whole, results } = self;
        let (task, pool) = (*task, task.pool);
        let (mut at, mut parts, mut tokens, mut merged) = (0, Vec::new(), Vec::new(), Vec::new());
        let (mut next, mut memory) = (pool.track(|| task.read_window(text, Vec::new()))?, Vec::new());
        while let Some(window) = next {
            let read = || pool.track(|| task.read_window(text, memory));
            let chunks = || task.process_window(&window, chunk_bytes, at);
            let merge = || pool.track(|| task.merge(parts, whole, &mut merged));
            let write = || pool.track(|| task.write(&tokens, results.tokens()));
            let ((found, is_merged), (is_read, is_written)) =
                rayon::join(|| rayon::join(chunks, merge), || rayon::join(read, write));
            // The error of the earliest window comes first, so that a document always fails in the same way.
            is_written.and(is_merged)?;
            (parts, next) = (found, is_read?);
            at += window.len() as u64;
            // A later window is read into the memory of this one.
            memory = window;
            mem::swap(&mut tokens, &mut merged);
            merged.clear();
        }
        // The tokens of the last window but one are still to be written, and the parts of the last to be
        // merged.
        pool.track(|| {
            task.write(&tokens, results.tokens())?;
            task.merge(parts, whole, results.tokens())
        })
    }

    /// Checks that the text is the one of the job, then stages the results.
    fn finish(self) -> Result<Processed, ProcessError> {
        let DocumentTask { job, processor, .. } = self.task;
        results::check_text(job, self.text.hasher.finalize())?;
        let finish = |counts: &mut dyn Write| processor.finish(self.whole, counts);
        let results = self.results.finish(&processor.identity(), finish)?;
        Ok(Processed::Staged { results, text_bytes: self.text.hasher.count() })
    }
}
