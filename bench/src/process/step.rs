//! The process that runs the stage over a run directory whose texts are placed, and says how long it took.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, ensure};
use blob_store::local::LocalBlobs;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
    payload::ProcessJob,
    stage::{Attempt, Stage},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use process::{
    config::{CONCURRENCY_MIN, ProcessConfig},
    counts::vocabulary::{self, Vocabulary},
    stage::Process,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::{machine, program::held};

/// The hidden command that does [`Step`].
pub const STEP: &str = "process-step";

/// Arguments of this step.
#[derive(Debug, Clone, clap::Args)]
pub struct Step {
    /// The run directory.
    #[arg(long)]
    pub directory: PathBuf,
    /// Durability of results.
    #[arg(long)]
    pub durability: Durability,
    /// On how many threads.
    #[arg(long)]
    pub threads: usize,
}

/// Resources used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// From the first text to the last.
    pub seconds: f64,
    /// The processor time of all its threads meanwhile: those that compute, and those that publish.
    pub cpu_seconds: f64,
    /// Files, directories and file systems that were forced to the medium.
    pub flushes: u64,
    /// The most memory that the process had.
    pub rss_kib: Option<u64>,
}

impl Step {
    /// Runs the step in a process of its own.
    ///
    /// # Errors
    /// If it fails.
    pub fn run(&self) -> anyhow::Result<Report> {
        let mut command = held(std::env::current_exe()?.as_os_str())?;
        command.arg(STEP).arg("--directory").arg(&self.directory);
        command.args(["--durability", &self.durability.to_string()]);
        command.args(["--threads", &self.threads.to_string()]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the process stage failed ({})", output.status);
        serde_json::from_slice(&output.stdout).context("the process stage printed no report")
    }

    /// Runs the stage, and prints the report as a line of JSON.
    ///
    /// # Errors
    /// If a text cannot be processed.
    pub fn take(self) -> anyhow::Result<()> {
        let report = self.report()?;
        writeln!(io::stdout(), "{}", serde_json::to_string(&report)?).context("failed to print the report")
    }

    fn report(self) -> anyhow::Result<Report> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.process())
    }

    async fn process(self) -> anyhow::Result<Report> {
        let blobs = Arc::new(LocalBlobs::open(&self.directory, self.durability)?);
        let jobs = jobs(&blobs)?;
        let config = ProcessConfig { threads: self.threads, ..ProcessConfig::default() };
        let stage = Process::new(config, Arc::clone(&blobs) as Arc<dyn BlobStore>, Arc::default())?;
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let running = stream::iter(jobs).map(|job| run(&stage, job));
        running.buffer_unordered(CONCURRENCY_MIN).try_collect::<()>().await?;
        let seconds = started.elapsed().as_secs_f64();
        let flushes = blobs.sync_counts();
        Ok(Report {
            seconds,
            cpu_seconds: cpu_seconds() - cpu,
            flushes: flushes.files + flushes.file_systems + flushes.directories,
            rss_kib: machine::rss_peak_kib("self"),
        })
    }
}

/// The processor time of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A job for each text. Reads them all, so they are in the page cache.
fn jobs(blobs: &LocalBlobs) -> anyhow::Result<Vec<ProcessJob>> {
    let mut jobs = Vec::new();
    for document in blobs.list(BlobKind::Text)? {
        let digest = blobs.digest(&BlobName::new(BlobKind::Text, document.clone()))?;
        let digest = digest.context("the text has gone")?;
        jobs.push(ProcessJob::of_text(document, digest.blake3.to_hex().to_string(), digest.bytes));
    }
    Ok(jobs)
}

async fn run(stage: &Process, job: ProcessJob) -> anyhow::Result<()> {
    let document = job.document.clone();
    let done = stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result();
    done.map(drop).map_err(|error| anyhow::anyhow!("failed to process '{document}': {error}"))
}

/// Looks whether every text has its results; says what they add up to.
///
/// # Errors
/// If one is missing.
pub fn must_be_done(directory: &Path, documents: u64) -> anyhow::Result<Vocabulary> {
    let blobs = LocalBlobs::open(directory, Durability::Process)?;
    for kind in [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats] {
        let found = blobs.list(kind)?.len() as u64;
        ensure!(found == documents, "{found} of {documents} texts have their {}", kind.directory());
    }
    Ok(vocabulary::merge(&blobs, blobs.list(BlobKind::Counts)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{corpus::Corpus, texts::Texts};

    #[test]
    fn the_step_leaves_all_results_of_all_texts() {
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("a.txt"), "the cat and the dog\n").unwrap();
        let texts = Texts::below(source.path()).unwrap();
        let corpus = Corpus::Copies { texts: &texts, copies: 5 };
        for (durability, flushed) in [(Durability::Power, true), (Durability::Process, false)] {
            let run = tempfile::tempdir().unwrap();
            let (documents, _) = corpus.place(run.path()).unwrap();
            assert!(must_be_done(run.path(), documents).is_err());
            let step = Step { directory: run.path().to_owned(), durability, threads: 2 };
            let report = step.report().unwrap();
            assert!(report.cpu_seconds > 0.0);
            assert_eq!(report.flushes > 0, flushed);
            let found = must_be_done(run.path(), documents).unwrap();
            assert_eq!(found, Vocabulary { tokens: 25, distinct: 4 });
        }
    }
}
