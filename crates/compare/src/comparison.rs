//! All measurements of a comparison.

use std::{path::PathBuf, time::Duration};

use fetch::config::FetchConfig;
use flow::shutdown::{Phase, Shutdown};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::{
    blocking::blocking,
    error::CompareError,
    fetching::FetchRuns,
    input_texts::InputTexts,
    interpretation,
    measurement::{self, Measurement, Workload, time},
    processing::ProcessRuns,
    scratch_directory::ScratchDirectory,
};

/// The conditions of a comparison: its workloads, repetitions and files.
#[derive(Debug, Clone)]
pub struct ComparePlan {
    /// The maximum number of downloads at a time.
    pub downloads: usize,
    /// The maximum number of threads; 0 for one per core, and twice that to compare.
    pub threads: usize,
    /// The number of runs of each row.
    pub runs: u32,
    /// The delay of each response of the server.
    pub latency: Duration,
    /// The minimum number of bytes to process in a run.
    pub work_bytes: u64,
    /// The configuration of the fetch stage.
    pub fetch: FetchConfig,
    /// The directory below which the runs write.
    pub output_dir: PathBuf,
}

/// The measurements and their conditions.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The number of cores.
    pub cores: usize,
    #[serde(flatten)]
    texts: InputTexts,
    latency_seconds: f64,
    work_bytes: u64,
    work_lines: u64,
    /// The number of runs of each row.
    pub runs: u32,
    /// The measurements.
    pub rows: Vec<Measurement>,
    /// The interpretation of the figures, in words.
    pub lesson: String,
}

impl ComparePlan {
    /// Returns the rows that are measured.
    #[must_use]
    pub fn rows(&self) -> Vec<Measurement> {
        measurement::rows(self.downloads, self.threads, cores())
    }

    /// Measures all rows in turn. Calls `on_run` after each run. Returns `None` if the shutdown reaches
    /// [`Phase::Now`]. The files of the runs are removed in any case.
    ///
    /// # Errors
    /// Returns an error if the output directory cannot be written, a stage cannot be started, or a text
    /// cannot be processed.
    pub async fn measure(
        &self,
        texts: InputTexts,
        shutdown: &Shutdown,
        on_run: impl Fn(),
    ) -> Result<Option<Comparison>, CompareError> {
        let output = self.output_dir.clone();
        let scratch = blocking(move || ScratchDirectory::create(&output)).await?;
        let measured = tokio::select! {
            measured = self.measure_in(&scratch, &texts, shutdown, on_run) => measured,
            () = shutdown.reached(Phase::Now) => Ok(None),
        };
        // Before an error is returned, so that no run leaves gigabytes behind.
        blocking(move || scratch.close()).await?;
        let Some((rows, work_bytes, work_lines)) = measured? else { return Ok(None) };
        let cores = cores();
        let conditions = interpretation::Conditions { cores, latency: self.latency, lines: work_lines };
        Ok(Some(Comparison {
            cores,
            texts,
            latency_seconds: self.latency.as_secs_f64(),
            work_bytes,
            work_lines,
            runs: self.runs,
            lesson: interpretation::interpret(&rows, &conditions),
            rows,
        }))
    }

    /// Returns the rows with the bytes and lines that were processed in a run.
    async fn measure_in(
        &self,
        scratch: &ScratchDirectory,
        texts: &InputTexts,
        shutdown: &Shutdown,
        on_run: impl Fn(),
    ) -> Result<Option<(Vec<Measurement>, u64, u64)>, CompareError> {
        let mut rows = self.rows();
        let fetching = FetchRuns::new(texts, self.latency, self.fetch.clone())?;
        let prepared = scratch.run("prepared").await?;
        let Some(processing) = ProcessRuns::prepare(prepared, &fetching, self.work_bytes, shutdown).await?
        else {
            return Ok(None);
        };
        for _ in 0..self.runs {
            // The rows take turns, so that a change of the machine's load meets all of them.
            for row in &mut rows {
                let run = scratch.run("run").await?;
                let took = match row.work {
                    Workload::Fetch { at_a_time } => {
                        let fetched = fetching.fetch(run.blobs(), at_a_time, shutdown).await;
                        fetched.map(|fetched| fetched.map(|(_, took)| took))
                    }
                    Workload::Process { threads, chunk } => {
                        processing.time(run.blobs(), threads, chunk, shutdown).await
                    }
                };
                // Removing the files of each run at once bounds the disk space to one run.
                run.close().await?;
                let Some(took) = took? else { return Ok(None) };
                row.add(took);
                on_run();
            }
        }
        measurement::compare(&mut rows);
        Ok(Some((rows, processing.bytes, processing.lines)))
    }
}

impl Comparison {
    /// Returns the conditions of the measurements for people, in lines.
    #[must_use]
    pub fn conditions(&self) -> String {
        let Self { texts, runs, cores, .. } = self;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let mut lines = format!(
            "{} texts of '{}', {}; {runs} run{} of each row, alternating, on {cores} core{}\n",
            HumanCount(texts.count as u64),
            texts.directory.display(),
            HumanBytes(texts.bytes),
            plural(*runs as usize),
            plural(*cores),
        );
        if texts.left_out > 0 {
            lines.push_str(&format!("{} more texts are skipped\n", HumanCount(texts.left_out as u64)));
        }
        lines.push_str(&format!(
            "Fetched from loopback; the server delays each response by {} (simulated, see --latency). \
             Processed repeatedly: {} in {} lines. Nothing is synced.",
            time(self.latency_seconds),
            HumanBytes(self.work_bytes),
            HumanCount(self.work_lines)
        ));
        lines
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
