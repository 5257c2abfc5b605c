//! One document: from its text to its staged results. Plain synchronous code that runs in the pool.
//!
//! Four things go on at a time, each of which takes the windows in order: one window is read, the chunks of the window
//! before are worked on, the parts of the one before that are merged, and the tokens of the one before that are written.
//! So a document holds two windows, what two yield, the tokens of two, and what its whole adds up to.

pub(crate) mod output;
pub(crate) mod results;

use std::{
    io::{self, Read, Write},
    mem,
};

use corpus::stats;
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, StagedBlob},
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

/// What is to be done.
pub(crate) struct Task<'a, P> {
    pub(crate) job: &'a ProcessJob,
    pub(crate) processor: &'a P,
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) pool: &'a ThreadPool,
    pub(crate) chunk: Chunk,
}

/// What came of it.
pub(crate) enum Processed {
    /// The results were there.
    Current,
    /// The results are ready to be published.
    Staged {
        /// Tokens, counts, and last the stats that prove them.
        results: Vec<StagedBlob>,
        /// The length of the text.
        text_bytes: u64,
    },
}

/// The document so far.
struct Progress<'a, P: Processor> {
    task: &'a Task<'a, P>,
    text: Text,
    whole: P::Whole,
    results: Results<'a>,
}

/// The text, as far as it was read.
struct Text {
    windows: Windows<Box<dyn Read + Send>>,
    hasher: blake3::Hasher,
}

impl Text {
    fn new(text: Box<dyn Read + Send>, window_bytes: u64) -> Self {
        Self { windows: Windows::new(text, window_bytes), hasher: blake3::Hasher::new() }
    }

    /// The next window, in memory that was used before.
    fn next(&mut self, memory: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let window = self.windows.next_in(memory)?;
        self.hasher.update(window.as_deref().unwrap_or_default());
        Ok(window)
    }
}

/// What the chunks of a window yield, in order.
type Parts<P> = Vec<Result<<P as Processor>::Part, ProcessError>>;

impl<P: Processor> Task<'_, P> {
    /// Makes the results of the document, unless they are there.
    pub(crate) fn run(&self) -> Result<Processed, ProcessError> {
        let identity = self.processor.identity();
        if self.pool.track(|| stats::is_current(self.blobs, self.job, &identity))? {
            return Ok(Processed::Current);
        }
        let sizes = Sizes::new(self.chunk, self.pool.len(), self.pool.steady_pace());
        let mut progress = self.begin(sizes)?;
        match self.chunk {
            Chunk::Whole | Chunk::Documents(_) => self.pool.track(|| progress.in_one_piece())?,
            Chunk::Bytes(_) | Chunk::Auto => progress.in_chunks(sizes.chunk_bytes)?,
        }
        self.pool.track(|| progress.finish())
    }

    fn begin(&self, sizes: Sizes) -> Result<Progress<'_, P>, BlobError> {
        Ok(Progress {
            task: self,
            text: Text::new(self.blobs.open(&self.name(BlobKind::Text))?, sizes.window_bytes),
            whole: self.processor.begin(),
            results: Results::begin(self.blobs, self.job)?,
        })
    }

    fn name(&self, kind: BlobKind) -> BlobName {
        results::name(self.job, kind)
    }

    /// What a chunk yields. `at` is where it begins in the text.
    fn part(&self, chunk: &[u8], at: u64) -> Result<P::Part, ProcessError> {
        match simdutf8::compat::from_utf8(chunk) {
            Ok(text) => Ok(self.processor.chunk(text)),
            Err(error) => Err(ProcessError::NotUtf8 {
                path: self.name(BlobKind::Text).relative_path(),
                at: at + error.valid_up_to() as u64,
            }),
        }
    }

    /// What the chunks of a window yield, in order. `at` is where the window begins in the text.
    fn parts(&self, window: &[u8], chunk_bytes: usize, at: u64) -> Parts<P> {
        let mut from = at;
        let mut chunks = Vec::new();
        for chunk in chunking::chunks(window, chunk_bytes) {
            chunks.push((chunk, from));
            from += chunk.len() as u64;
        }
        let part = |(chunk, at): (&[u8], u64)| self.pool.track(|| self.part(chunk, at));
        chunks.into_par_iter().with_max_len(1).map(part).collect()
    }

    /// Adds parts in the order of the text.
    fn merge(
        &self,
        parts: Parts<P>,
        whole: &mut P::Whole,
        tokens: &mut dyn Write,
    ) -> Result<(), ProcessError> {
        parts.into_iter().try_for_each(|part| {
            self.processor
                .merge(whole, part?, tokens)
                .map_err(|error| results::failed(self.job, BlobKind::Tokens, error))
        })
    }

    fn write(&self, tokens: &[u8], file: &mut dyn Write) -> Result<(), ProcessError> {
        file.write_all(tokens).map_err(|error| results::failed(self.job, BlobKind::Tokens, error))
    }

    fn next(&self, text: &mut Text, memory: Vec<u8>) -> Result<Option<Vec<u8>>, ProcessError> {
        text.next(memory).map_err(|error| results::failed(self.job, BlobKind::Text, error))
    }
}

impl<P: Processor> Progress<'_, P> {
    /// One window after the other, on this thread.
    fn in_one_piece(&mut self) -> Result<(), ProcessError> {
        let Self { task, text, whole, results } = self;
        let (mut at, mut window) = (0, Vec::new());
        while let Some(next) = task.next(text, window)? {
            window = next;
            task.merge(vec![task.part(&window, at)], whole, results.tokens())?;
            at += window.len() as u64;
        }
        Ok(())
    }

    /// All threads share the chunks of a window, and what is done with the windows around it.
    fn in_chunks(&mut self, chunk_bytes: usize) -> Result<(), ProcessError> {
        let Self { task, text, whole, results } = self;
        let (task, pool) = (*task, task.pool);
        let (mut at, mut parts, mut tokens, mut merged) = (0, Vec::new(), Vec::new(), Vec::new());
        let (mut next, mut memory) = (pool.track(|| task.next(text, Vec::new()))?, Vec::new());
        while let Some(window) = next {
            let read = || pool.track(|| task.next(text, memory));
            let chunks = || task.parts(&window, chunk_bytes, at);
            let merge = || pool.track(|| task.merge(parts, whole, &mut merged));
            let write = || pool.track(|| task.write(&tokens, results.tokens()));
            let ((found, is_merged), (is_read, is_written)) =
                rayon::join(|| rayon::join(chunks, merge), || rayon::join(read, write));
            is_written.and(is_merged)?;
            (parts, next) = (found, is_read?);
            at += window.len() as u64;
            memory = window;
            mem::swap(&mut tokens, &mut merged);
            merged.clear();
        }
        pool.track(|| {
            task.write(&tokens, results.tokens())?;
            task.merge(parts, whole, results.tokens())
        })
    }

    /// Checks that this was the text, then completes the results.
    fn finish(self) -> Result<Processed, ProcessError> {
        let Task { job, processor, .. } = self.task;
        results::must_be_the_text(job, self.text.hasher.finalize())?;
        let finish = |counts: &mut dyn Write| processor.finish(self.whole, counts);
        let results = self.results.finish(&processor.identity(), finish)?;
        Ok(Processed::Staged { results, text_bytes: self.text.hasher.count() })
    }
}
