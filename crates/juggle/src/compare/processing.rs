//! InputTexts processed: those that were fetched and stored once, repeated until there is enough to do.

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

use super::{fetching::Fetching, scratch_directory::ScratchRun, stage_runner};
use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
};

/// Downloads and texts at a time while the texts are made ready.
const AT_A_TIME: usize = 16;
const BUFFER_BYTES: usize = 64 << 10;

/// InputTexts, ready to be processed.
pub(super) struct Processing {
    /// Holds their files.
    part: ScratchRun,
    jobs: Vec<ProcessJob>,
    repeats: u64,
    bytes: u64,
    lines: u64,
}

impl Processing {
    /// Fetches and stores the texts, and finds how often each is to be repeated. Nothing where it was stopped.
    ///
    /// # Errors
    /// Where a stage fails, or there is no text in the texts.
    pub(super) async fn prepare(
        part: ScratchRun,
        fetching: &Fetching,
        work_bytes: u64,
        shutdown: &Shutdown,
    ) -> Result<Option<Self>, CliError> {
        let Some((fetched, _)) = fetching.all(part.blobs(), AT_A_TIME, shutdown).await? else {
            return Ok(None);
        };
        let store = Arc::new(Store::new(part.blobs(), Arc::new(Counters::default())));
        let Some(stored) = stage_runner::run_all(&store, fetched, AT_A_TIME, shutdown).await? else {
            return Ok(None);
        };
        let blobs = part.blobs();
        let repeating = blocking(move || {
            let mut bytes = 0;
            for job in &stored {
                bytes += blobs.len(&text_of(job))?.unwrap_or(0);
            }
            let repeats = work_bytes.div_ceil(bytes.max(1)).max(1);
            let repeated = stored.iter().map(|job| Repeated::of(&*blobs, job, repeats));
            Ok::<_, CliError>((repeats, repeated.collect::<Result<Vec<_>, _>>()?))
        });
        let (repeats, repeated) = repeating.await??;
        let (bytes, lines) =
            repeated.iter().fold((0, 0), |(bytes, lines), one| (bytes + one.bytes, lines + one.lines));
        let jobs = repeated.into_iter().map(|one| one.job).collect();
        Ok(Some(Self { part, jobs, repeats, bytes, lines }))
    }

    /// How many bytes are processed in a run.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many lines.
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    /// How long it takes to process all of it; nothing where it was stopped. Laying the texts down and starting threads
    /// are not part of that.
    ///
    /// # Errors
    /// Where a text cannot be laid down or processed.
    pub(super) async fn once(
        &self,
        blobs: Arc<dyn BlobStore>,
        threads: usize,
        chunk: Chunk,
        shutdown: &Shutdown,
    ) -> Result<Option<Duration>, CliError> {
        let (from, to, jobs, repeats) =
            (self.part.blobs(), Arc::clone(&blobs), self.jobs.clone(), self.repeats);
        let laying = move || jobs.iter().try_for_each(|job| lay_down(&*from, &*to, &text_of(job), repeats));
        blocking(laying).await??;
        let process = Process::new(ProcessConfig { threads, chunk }, blobs, Arc::new(Counters::default()));
        let process = Arc::new(process.map_err(|error| CliError::caused(Exit::Bug, &error))?);
        let started = Instant::now();
        // As many at a time as the worker of a run has.
        let done = stage_runner::run_all(&process, self.jobs.clone(), 2 * threads, shutdown).await?;
        Ok(done.map(|_| started.elapsed()))
    }
}

fn text_of(job: &ProcessJob) -> BlobName {
    BlobName::new(BlobKind::Text, job.document.clone())
}

/// A text, repeated.
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

/// Hashes bytes, and counts lines.
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

/// Publishes a text of one store, repeated, in another.
fn lay_down(from: &dyn BlobStore, to: &dyn BlobStore, name: &BlobName, repeats: u64) -> Result<(), CliError> {
    let staged: StagedBlob = to.stage(name)?;
    repeat(from, name, repeats, &mut &staged.file)?;
    Ok(to.publish(vec![staged])?)
}

/// Writes a text so often. One that does not end with a line feed gets one each time.
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
        if last != b'\n' {
            to.write_all(b"\n").map_err(at)?;
        }
    }
    Ok(())
}
