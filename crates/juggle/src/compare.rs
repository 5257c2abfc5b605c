//! `juggle compare`: serial against concurrent against parallel, measured on this machine with the real stages.
//!
//! In reading order: `texts`, what is worked on; `room`, where; `row`, what is measured; `stage_runner`, a stage with so many
//! jobs at a time; `fetching` and `processing`, one run of each; `lesson`, `chart`, `report`, what is said of it.

mod chart;
mod fetching;
mod input_texts;
mod interpretation;
mod measurement;
mod processing;
mod report;
mod scratch_directory;
mod stage_runner;

use std::time::Duration;

use flow::shutdown::{Phase, Shutdown, shutdown};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::{
    fetching::Fetching,
    input_texts::InputTexts,
    measurement::{Measurement, Workload},
    processing::Processing,
    scratch_directory::ScratchDirectory,
};
use crate::{
    blocking::blocking,
    cli::compare::CompareArgs,
    exit::{CliError, Exit},
    output::Out,
    progress::Show,
    settings::{enums::Run, resolved::Settings},
    signals,
};

/// What was measured, and on what.
#[derive(Debug, Serialize)]
struct Comparison {
    cores: usize,
    #[serde(flatten)]
    texts: InputTexts,
    latency_seconds: f64,
    work_bytes: u64,
    work_lines: u64,
    runs: u32,
    rows: Vec<Measurement>,
    lesson: String,
}

/// Runs it.
///
/// # Errors
/// Where there are no texts, the output directory cannot be written to, or a stage fails.
pub async fn run(args: &CompareArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let directory = args.texts.clone();
    let texts = blocking(move || InputTexts::read(&directory)).await??;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rows = measurement::rows(settings.max_concurrent_downloads as usize, settings.threads, cores);
    if settings.run == Run::Dry {
        rows.iter()
            .try_for_each(|row| out.line(&format!("would measure {} times: {}", args.runs, row.name)))?;
        return Ok(Exit::Done);
    }
    let (trigger, shutdown) = shutdown();
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let output = settings.output_dir.clone();
    let room = blocking(move || ScratchDirectory::make(&output)).await??;
    let task = CompareRun {
        args,
        settings,
        texts: &texts,
        room: &room,
        shutdown: &shutdown,
        show: Show::of(settings, out),
    };
    let measured = tokio::select! {
        measured = task.measure(rows) => measured,
        () = shutdown.reached(Phase::Now) => Ok(None),
    };
    blocking(move || room.close()).await??;
    let Some(Measured { rows, work_bytes, work_lines }) = measured? else { return Ok(Exit::Interrupted) };
    let latency = args.latency.duration();
    let facts = interpretation::Conditions { cores, latency, lines: work_lines };
    let comparison = Comparison {
        cores,
        texts,
        latency_seconds: latency.as_secs_f64(),
        work_bytes,
        work_lines,
        runs: args.runs,
        lesson: interpretation::interpret(&rows, &facts),
        rows,
    };
    if let Some(file) = args.svg.clone() {
        let svg = chart::svg(&comparison)?;
        blocking(move || report::write(&file, &svg)).await??;
    }
    report::print(&comparison, args.svg.as_deref(), out)?;
    Ok(Exit::Done)
}

/// What has come of the runs.
struct Measured {
    rows: Vec<Measurement>,
    work_bytes: u64,
    work_lines: u64,
}

struct CompareRun<'a> {
    args: &'a CompareArgs,
    settings: &'a Settings,
    texts: &'a InputTexts,
    room: &'a ScratchDirectory,
    shutdown: &'a Shutdown,
    show: Show,
}

impl CompareRun<'_> {
    /// Measures all rows in turn, as often as asked for; nothing where it was stopped.
    async fn measure(&self, mut rows: Vec<Measurement>) -> Result<Option<Measured>, CliError> {
        let fetching = Fetching::begin(self.texts, self.args.latency.duration(), self.settings)?;
        let prepared = self.room.part("prepared").await?;
        let work_bytes = self.args.work.bytes();
        let Some(processing) = Processing::prepare(prepared, &fetching, work_bytes, self.shutdown).await?
        else {
            return Ok(None);
        };
        let bar = self.bar(rows.len());
        for _ in 0..self.args.runs {
            for row in &mut rows {
                let Some(took) = self.once(row.work, &fetching, &processing).await? else { return Ok(None) };
                row.add(took);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        measurement::compare(&mut rows);
        Ok(Some(Measured { rows, work_bytes: processing.bytes(), work_lines: processing.lines() }))
    }

    /// One run of one row, in a directory of its own.
    async fn once(
        &self,
        work: Workload,
        fetching: &Fetching,
        processing: &Processing,
    ) -> Result<Option<Duration>, CliError> {
        let part = self.room.part("run").await?;
        let took = match work {
            Workload::Fetch { at_a_time } => fetching.once(part.blobs(), at_a_time, self.shutdown).await,
            Workload::Process { threads, chunk } => {
                processing.once(part.blobs(), threads, chunk, self.shutdown).await
            }
        };
        part.close().await?;
        took
    }

    fn bar(&self, rows: usize) -> ProgressBar {
        self.show.bar(rows as u64 * u64::from(self.args.runs), ProgressStyle::default_bar())
    }
}
