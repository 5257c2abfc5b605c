//! One document: from its text to its staged results. Plain synchronous code that runs in the pool.
//!
//! While the chunks of a window are worked on, the parts of the window before are merged and the window after is
//! read. So a document holds two windows with what they yield, and what its whole adds up to.

use std::io::{Read, Write};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, StagedBlob},
    payload::ProcessJob,
};
use rayon::prelude::*;

use crate::{
    config::Chunk,
    error::ProcessError,
    pool::Pool,
    processor::Processor,
    results::{self, Results},
    stats,
    window::{self, Sizes, Windows},
};

/// What is to be done.
pub(crate) struct Task<'a, P> {
    pub(crate) job: &'a ProcessJob,
    pub(crate) processor: &'a P,
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) pool: &'a Pool,
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
    windows: Windows<Box<dyn Read + Send>>,
    whole: P::Whole,
    results: Results<'a>,
}

type Window = Option<Vec<u8>>;

impl<P: Processor> Task<'_, P> {
    /// Makes the results of the document, unless they are there.
    pub(crate) fn run(&self) -> Result<Processed, ProcessError> {
        let identity = self.processor.identity();
        if self.pool.busy(|| stats::is_current(self.blobs, self.job, &identity))? {
            return Ok(Processed::Current);
        }
        let sizes = Sizes::new(self.chunk, self.pool.len(), self.pool.pace());
        let mut progress = self.begin(sizes)?;
        match self.chunk {
            Chunk::Whole | Chunk::Documents(_) => self.pool.busy(|| progress.in_one_piece())?,
            Chunk::Bytes(_) | Chunk::Auto => progress.in_chunks(sizes.chunk_bytes)?,
        }
        self.pool.busy(|| progress.finish())
    }

    fn begin(&self, sizes: Sizes) -> Result<Progress<'_, P>, BlobError> {
        Ok(Progress {
            task: self,
            windows: Windows::new(self.blobs.open(&self.name(BlobKind::Text))?, sizes.window_bytes),
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
    fn parts(&self, window: &[u8], chunk_bytes: usize, at: u64) -> Vec<Result<P::Part, ProcessError>> {
        let mut from = at;
        let mut chunks = Vec::new();
        for chunk in window::chunks(window, chunk_bytes) {
            chunks.push((chunk, from));
            from += chunk.len() as u64;
        }
        let part = |(chunk, at): (&[u8], u64)| self.pool.busy(|| self.part(chunk, at));
        chunks.into_par_iter().with_max_len(1).map(part).collect()
    }
}

impl<P: Processor> Progress<'_, P> {
    /// One window after the other, on this thread.
    fn in_one_piece(&mut self) -> Result<(), ProcessError> {
        let mut at = 0;
        while let Some(window) = self.next_window()? {
            let part = self.task.part(&window, at)?;
            self.merge(part)?;
            at += window.len() as u64;
        }
        Ok(())
    }

    /// All threads share the chunks of a window, while the window before is merged and the one after is read.
    fn in_chunks(&mut self, chunk_bytes: usize) -> Result<(), ProcessError> {
        let (task, mut at, mut parts) = (self.task, 0, Vec::new());
        let mut next = task.pool.busy(|| self.next_window())?;
        while let Some(window) = next {
            let before = parts;
            let merged;
            (parts, merged) = rayon::join(
                || task.parts(&window, chunk_bytes, at),
                || task.pool.busy(|| self.merge_then_read(before)),
            );
            next = merged?;
            at += window.len() as u64;
        }
        task.pool.busy(|| self.merge_all(parts))
    }

    fn merge_then_read(&mut self, parts: Vec<Result<P::Part, ProcessError>>) -> Result<Window, ProcessError> {
        self.merge_all(parts)?;
        self.next_window()
    }

    fn merge_all(&mut self, parts: Vec<Result<P::Part, ProcessError>>) -> Result<(), ProcessError> {
        parts.into_iter().try_for_each(|part| self.merge(part?))
    }

    fn merge(&mut self, part: P::Part) -> Result<(), ProcessError> {
        let (processor, whole) = (self.task.processor, &mut self.whole);
        Ok(self.results.tokens(|tokens| processor.merge(whole, part, tokens))?)
    }

    fn next_window(&mut self) -> Result<Window, ProcessError> {
        let path = || self.task.name(BlobKind::Text).relative_path();
        self.windows.next().map_err(|error| BlobError::at(&path(), error).into())
    }

    /// Checks that this was the text, then completes the results.
    fn finish(self) -> Result<Processed, ProcessError> {
        let Task { job, processor, .. } = self.task;
        results::must_be_the_text(job, self.windows.blake3())?;
        let finish = |counts: &mut dyn Write| processor.finish(self.whole, counts);
        let results = self.results.finish(&processor.identity(), finish)?;
        Ok(Processed::Staged { results, text_bytes: self.windows.bytes() })
    }
}
