//! Runs of the process stage on texts that were fetched and stored once.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, StagedBlob},
    counters::Counters,
    job::OnDuplicate,
    payload::ProcessJob,
    shutdown::Shutdown,
};
use process::{
    config::{Chunk, ProcessConfig},
    stage::Process,
};
use store::stage::Store;

use crate::{
    blocking::blocking, error::CompareError, fetching::FetchRuns, scratch_directory::ScratchRun, stage_runner,
};

/// The number of downloads and texts at a time while the texts are prepared.
const AT_A_TIME: usize = 16;
const BUFFER_BYTES: usize = 64 << 10;

/// Texts that can be processed.
pub(crate) struct ProcessRuns {
    /// Holds the files of the texts.
    scratch: ScratchRun,
    jobs: Vec<ProcessJob>,
    repeats: u64,
    /// The number of bytes that are processed in a run.
    pub(crate) bytes: u64,
    /// The number of lines.
    pub(crate) lines: u64,
}

impl ProcessRuns {
    /// Fetches and stores the texts, and computes how often each is repeated. Returns `None` if it was
    /// stopped.
    pub(crate) async fn prepare(
        scratch: ScratchRun,
        fetching: &FetchRuns,
        work_bytes: u64,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>, CompareError> {
        let Some((fetched, _)) = fetching.fetch(scratch.blobs(), AT_A_TIME, shutdown).await? else {
            return Ok(None);
        };
        let store = Arc::new(Store::new(scratch.blobs(), Arc::new(Counters::default())));
        let Some(stored) = stage_runner::run_all(&store, fetched, AT_A_TIME, shutdown).await? else {
            return Ok(None);
        };
        let blobs = scratch.blobs();
        let repeating = blocking(move || {
            let mut bytes = 0;
            for job in &stored {
                bytes += blobs.len(&text_of(job))?.unwrap_or(0);
            }
            // At least once, and never divided by zero if all texts are empty.
            let repeats = work_bytes.div_ceil(bytes.max(1)).max(1);
            let repeated = stored.iter().map(|job| Repeated::of(&*blobs, job, repeats));
            Ok::<_, CompareError>((repeats, repeated.collect::<Result<Vec<_>, _>>()?))
        });
        let (repeats, repeated) = repeating.await?;
        let (bytes, lines) =
            repeated.iter().fold((0, 0), |(bytes, lines), one| (bytes + one.bytes, lines + one.lines));
        let jobs = repeated.into_iter().map(|one| one.job).collect();
        Ok(Some(Self { scratch, jobs, repeats, bytes, lines }))
    }

    /// Returns the time to process all texts, or `None` if it was stopped. Copying the texts and starting the
    /// threads are not measured.
    pub(crate) async fn time(
        &self,
        blobs: Arc<dyn BlobStore>,
        threads: usize,
        chunk: Chunk,
        shutdown: &Shutdown,
    ) -> Result<Option<Duration>, CompareError> {
        let (from, to, jobs, repeats) =
            (self.scratch.blobs(), Arc::clone(&blobs), self.jobs.clone(), self.repeats);
        let copying =
            move || jobs.iter().try_for_each(|job| copy_repeated(&*from, &*to, &text_of(job), repeats));
        blocking(copying).await?;
        let process = Process::new(ProcessConfig { threads, chunk }, blobs, Arc::new(Counters::default()));
        let process = Arc::new(process.map_err(CompareError::start)?);
        // Copying the texts and starting the threads end before the clock starts.
        let started = Instant::now();
        // The worker of a run has as many at a time.
        let done = stage_runner::run_all(&process, self.jobs.clone(), 2 * threads, shutdown).await?;
        Ok(done.map(|_| started.elapsed()))
    }
}

fn text_of(job: &ProcessJob) -> BlobName {
    BlobName::new(BlobKind::Text, job.document.clone())
}

/// A text that is repeated.
struct Repeated {
    job: ProcessJob,
    bytes: u64,
    lines: u64,
}

impl Repeated {
    fn of(blobs: &dyn BlobStore, job: &ProcessJob, repeats: u64) -> Result<Self, BlobError> {
        let mut sum = Sum { hasher: blake3::Hasher::new(), lines: 0 };
        repeat(blobs, &text_of(job), repeats, &mut sum)?;
        let text_blake3 = sum.hasher.finalize().to_hex().to_string();
        let job = ProcessJob { document: job.document.clone(), text_blake3, known: OnDuplicate::Absorb };
        Ok(Self { job, bytes: sum.hasher.count(), lines: sum.lines })
    }
}

/// Hashes bytes and counts lines.
struct Sum {
    hasher: blake3::Hasher,
    lines: u64,
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies a text to another store, repeated.
fn copy_repeated(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    name: &BlobName,
    repeats: u64,
) -> Result<(), CompareError> {
    let staged: StagedBlob = to.stage(name)?;
    repeat(from, name, repeats, &mut &staged.file)?;
    Ok(to.publish(vec![staged])?)
}

/// Writes a text `repeats` times. Adds a line feed if the text does not end with one.
fn repeat(blobs: &dyn BlobStore, name: &BlobName, repeats: u64, to: &mut dyn Write) -> Result<(), BlobError> {
    let path = name.relative_path();
    let at = |error| BlobError::at(&path, error);
    let mut buffer = vec![0; BUFFER_BYTES];
    for _ in 0..repeats {
        let (mut text, mut last) = (blobs.open(name)?, b'\n');
        loop {
            let count = text.read(&mut buffer).map_err(at)?;
            let Some(end) = buffer[..count].last() else { break };
            last = *end;
            to.write_all(&buffer[..count]).map_err(at)?;
        }
        // Otherwise the last word of a copy and the first of the next would become one token.
        if last != b'\n' {
            to.write_all(b"\n").map_err(at)?;
        }
    }
    Ok(())
}
