//! Lifecycles a second: runs of all tools in turn, each with an empty queue of its own.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::{
    job::Tally,
    machine::Machine,
    program::{Program, Says},
    row::{Better, Measured, Outcome, Row, compare, median, rounded},
    server::{Installed, Server, installed},
    shape::Shape,
    syncs::Watch,
    tool::Tool,
    worker::{READY, Report, WORKER},
};

/// Name of the work in all rows of this file.
pub const WORK: &str = "queue: enqueue + lease + acknowledge, 200 B, durable";
/// Unit of all rows of this file.
pub const UNIT: &str = "lifecycles/s";

/// Prefix of the names of data directories.
pub const RUN: &str = "run-";

/// Plan of a measurement: shapes, tools, durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In which ways.
    pub shapes: Vec<Shape>,
    /// With which tools.
    pub tools: Vec<Tool>,
    /// Number of runs.
    pub runs: usize,
    /// The measured time of each run.
    pub work: Duration,
    /// The time before it.
    pub warm_up: Duration,
    /// Existing directory for all data of a run.
    pub directory: PathBuf,
}

/// Result of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    rate: f64,
    rss_kib: Option<u64>,
    /// None if neither the tool tells nor anybody watched.
    syncs_per_job: Option<f64>,
}

impl Plan {
    /// Measures everything. Says on `progress` what it does.
    ///
    /// # Errors
    /// If a tool that is installed does not do the work, each job exactly once.
    pub fn measure(&self, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Row>> {
        let machine = Machine::here(&self.directory);
        let found: BTreeMap<Tool, Option<Installed>> =
            self.tools.iter().map(|tool| (*tool, installed(*tool))).collect();
        let mut rows = Vec::new();
        for shape in &self.shapes {
            let outcomes = self.outcomes(*shape, &found, progress)?;
            rows.extend(outcomes.into_iter().map(|(tool, outcome)| Row {
                work: WORK.to_owned(),
                shape: shape.name().to_owned(),
                tool: tool.name(),
                version: found[&tool].as_ref().map(|installed| installed.version.clone()),
                unit: UNIT,
                outcome,
                machine: machine.clone(),
            }));
        }
        compare(&mut rows, Better::Higher);
        Ok(rows)
    }

    fn outcomes(
        &self,
        shape: Shape,
        found: &BTreeMap<Tool, Option<Installed>>,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Vec<(Tool, Outcome)>> {
        let present = || self.tools.iter().copied().filter(|tool| found[tool].is_some());
        let mut samples: BTreeMap<Tool, Vec<Sample>> = BTreeMap::new();
        for run in 1..=self.runs {
            for tool in present() {
                progress(&format!("{shape}: run {run} of {}, {tool}", self.runs));
                samples.entry(tool).or_default().push(self.run_once(tool, shape, &Watch::Off)?);
            }
        }
        let mut syncs = BTreeMap::new();
        for tool in present() {
            progress(&format!("{shape}: fsyncs of {tool}"));
            let told: Vec<f64> = samples[&tool].iter().filter_map(|sample| sample.syncs_per_job).collect();
            let counted = match median(&told) {
                Some(told) => Some(told),
                None => self.count_syncs(tool, shape)?,
            };
            syncs.insert(tool, counted.map(rounded));
        }
        let outcome = |tool: &Tool| {
            let measured = found[tool].as_ref().zip(samples.get(tool)).and_then(|(installed, samples)| {
                let figures: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
                let rss_kib = samples.iter().filter_map(|sample| sample.rss_kib).max();
                let measured = Measured::of(&figures, rss_kib, &installed.durability)?;
                Some(Measured { syncs_per_job: syncs.get(tool).copied().flatten(), ..measured })
            });
            measured.map_or(Outcome::Missing { missing: true, install: tool.install() }, Outcome::Measured)
        };
        Ok(self.tools.iter().map(|tool| (*tool, outcome(tool))).collect())
    }

    /// fsyncs for each job, if they can be counted.
    fn count_syncs(&self, tool: Tool, shape: Shape) -> anyhow::Result<Option<f64>> {
        let notes = TempDir::new()?;
        let Some(watch) = Watch::into(notes.path()) else { return Ok(None) };
        Ok(self.run_once(tool, shape, &watch)?.syncs_per_job)
    }

    fn run_once(&self, tool: Tool, shape: Shape, watch: &Watch) -> anyhow::Result<Sample> {
        self.try_run(tool, shape, watch).with_context(|| format!("{tool} failed at '{shape}'"))
    }

    fn try_run(&self, tool: Tool, shape: Shape, watch: &Watch) -> anyhow::Result<Sample> {
        let data = tempfile::Builder::new().prefix(RUN).tempdir_in(&self.directory)?;
        let mut server = Server::start(tool, shape, data.path(), watch)?;
        let mut workers = Vec::new();
        for process in 0..shape.processes() {
            workers.push(self.worker(tool, shape, &server.at, process, watch)?);
        }
        for worker in &mut workers {
            worker.wait_for(READY)?;
        }
        let before = server.syncs(tool)?.or(watch.count()?);
        for worker in &mut workers {
            worker.tell("go")?;
        }
        let mut reports = Vec::new();
        for worker in &mut workers {
            let line = worker.wait_for("{")?;
            reports.push(serde_json::from_str(&line).context("a worker's report cannot be read")?);
        }
        let after = server.syncs(tool)?.or(watch.count()?);
        let syncs = after.zip(before).map(|(after, before)| after - before);
        for worker in workers {
            worker.finish()?;
        }
        sample(&reports, server.rss_kib(), syncs)
    }

    fn worker(
        &self,
        tool: Tool,
        shape: Shape,
        at: &str,
        process: u64,
        watch: &Watch,
    ) -> anyhow::Result<Program> {
        let this = std::env::current_exe().context("failed to find this program")?;
        let mut command = watch.command(&format!("worker-{process}"), this.as_os_str())?;
        command.args([WORKER, "--tool", tool.name(), "--shape", shape.name(), "--at", at]);
        command.arg("--process").arg(process.to_string());
        command.arg("--warm-up-ms").arg(self.warm_up.as_millis().to_string());
        command.arg("--work-ms").arg(self.work.as_millis().to_string());
        Program::start(&format!("worker {process}"), command, Says::Output)
    }
}

/// All workers together. Without a server it is they who have the queue.
fn sample(reports: &[Report], server_rss_kib: Option<u64>, syncs: Option<u64>) -> anyhow::Result<Sample> {
    let (mut pushed, mut done) = (Tally::default(), Tally::default());
    for report in reports {
        pushed.merge(report.pushed);
        done.merge(report.done);
    }
    ensure!(pushed == done, "{} jobs went in and {} were done, or not the same", pushed.jobs, done.jobs);
    let jobs: u64 = reports.iter().map(|report| report.jobs).sum();
    let seconds = reports.iter().map(|report| report.seconds).fold(0.0, f64::max);
    let workers_rss_kib = reports.iter().map(|report| report.rss_kib).sum();
    let syncs = reports.iter().map(|report| report.syncs).sum::<Option<u64>>().or(syncs);
    Ok(Sample {
        rate: jobs as f64 / seconds,
        rss_kib: server_rss_kib.or(workers_rss_kib),
        syncs_per_job: syncs.map(|syncs| syncs as f64 / jobs as f64),
    })
}
