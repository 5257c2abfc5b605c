//! All measurements of a comparison.

use std::{path::PathBuf, time::Duration};

use fetch::config::FetchConfig;
use flow::shutdown::{Phase, Shutdown};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::{
    blocking::blocking,
    cores,
    error::CompareError,
    input_texts::InputTexts,
    interpretation,
    measured_run::{self, MeasuredRun},
    measurement::{self, Measurement, Way, Workload, time},
    prepared_texts::PreparedTexts,
    scratch_directory::ScratchDirectory,
    timeline::Timeline,
};

/// The conditions of a comparison: its workloads, repetitions and files.
#[derive(Debug, Clone)]
pub struct ComparePlan {
    /// The maximum number of downloads at a time.
    pub downloads: usize,
    /// The number of threads of the parallel rows; 0 for one per core.
    pub threads: usize,
    /// The number of runs of each row.
    pub runs: u32,
    /// The delay of each response of the server.
    pub latency: Duration,
    /// The minimum number of bytes of all texts of a run.
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
    /// The timeline of the last run of all stages together, for each way.
    pub timelines: Vec<Timeline>,
    /// The interpretation of the figures, in words.
    pub lesson: String,
}

/// The results of the runs.
struct Measured {
    rows: Vec<Measurement>,
    timelines: Vec<Timeline>,
    bytes: u64,
    lines: u64,
}

impl ComparePlan {
    /// Returns the rows that are measured.
    #[must_use]
    pub fn rows(&self) -> Vec<Measurement> {
        measurement::rows(self.downloads, self.threads, cores::count())
    }

    /// Measures all rows in turn. Calls `on_run` after each run. Returns `None` if the shutdown reaches
    /// [`Phase::Draining`]. The files of the runs are removed in any case.
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
        let measured = self.measure_in(&scratch, &texts, shutdown, on_run).await;
        // Before an error is returned, so that no run leaves gigabytes behind.
        blocking(move || scratch.close()).await?;
        let Some(Measured { rows, timelines, bytes, lines }) = measured? else { return Ok(None) };
        Ok(Some(Comparison {
            cores: cores::count(),
            texts,
            latency_seconds: self.latency.as_secs_f64(),
            work_bytes: bytes,
            work_lines: lines,
            runs: self.runs,
            lesson: interpretation::interpret(&rows, &timelines, lines),
            rows,
            timelines,
        }))
    }

    async fn measure_in(
        &self,
        scratch: &ScratchDirectory,
        texts: &InputTexts,
        shutdown: &Shutdown,
        on_run: impl Fn(),
    ) -> Result<Option<Measured>, CompareError> {
        let (path, config) = (scratch.path(), self.fetch.clone());
        let preparing = PreparedTexts::prepare(path, texts, self.work_bytes, self.latency, config, shutdown);
        // Only here: a run of a row has threads of its own, which end before its files are removed.
        let prepared = tokio::select! {
            prepared = preparing => prepared?,
            () = shutdown.reached(Phase::Now) => None,
        };
        let Some(PreparedTexts { served, bytes, lines }) = prepared else { return Ok(None) };
        let (mut rows, mut timelines) = (self.rows(), Vec::<Timeline>::new());
        for _ in 0..self.runs {
            // The rows take turns, so that a change of the machine's load meets all of them.
            for row in &mut rows {
                let run = scratch.run().await?;
                let directory = run.path().to_owned();
                let measured =
                    measured_run::measure(row.workload, &served, directory, shutdown.clone()).await;
                // Removing the files of each run at once bounds the disk space to one run.
                run.close().await?;
                let Some(MeasuredRun { took, timeline }) = measured? else { return Ok(None) };
                row.add(took);
                if let Some(timeline) = timeline {
                    timelines.retain(|earlier| earlier.way != timeline.way);
                    timelines.push(timeline);
                }
                on_run();
            }
        }
        measurement::compare(&mut rows);
        Ok(Some(Measured { rows, timelines, bytes, lines }))
    }
}

impl Comparison {
    /// Returns the conditions of the measurements for people, in lines.
    #[must_use]
    pub fn conditions(&self) -> String {
        let Self { texts, runs, cores, .. } = self;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let mut lines = format!(
            "{} texts of {}, {}; {runs} run{} of each row, alternating, on {cores} core{}\n",
            HumanCount(texts.count as u64),
            texts.origin(),
            HumanBytes(texts.bytes),
            plural(*runs as usize),
            plural(*cores),
        );
        if texts.left_out > 0 {
            lines.push_str(&format!("{} more texts are skipped\n", HumanCount(texts.left_out as u64)));
        }
        for line in self.ways() {
            lines.push_str(&line);
            lines.push('\n');
        }
        lines.push_str(&format!(
            "Texts are repeated until a run has {} in {} lines. They are fetched from loopback, where the \
             server delays each response by {} (simulated, see --latency). Saving and the whole are synced to \
             the disk, fetching and processing alone are not.",
            HumanBytes(self.work_bytes),
            HumanCount(self.work_lines),
            time(self.latency_seconds),
        ));
        lines
    }

    /// Returns what each way means here, one line each.
    fn ways(&self) -> Vec<String> {
        let place = if cores::CAN_BIND { "on one core" } else { "with one thread in each stage" };
        let find = |way| self.rows.iter().map(|row| row.workload).find(|workload| workload.way == way);
        let mut lines = vec![format!("serial: one text after the other, {place}")];
        if let Some(Workload { at_a_time, .. }) = find(Way::Concurrent) {
            lines.push(format!("concurrent: {at_a_time} texts at a time, {place}"));
        }
        if let Some(Workload { at_a_time, threads, .. }) = find(Way::Parallel) {
            lines.push(format!("parallel: {at_a_time} texts at a time, {threads} threads on all cores"));
        }
        lines
    }
}
