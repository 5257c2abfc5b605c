//! Juggle's queue when it is full: what it costs to fill, close, open and claim from it.
//!
//! Filling and each opening are processes of their own ([`Step`]), so that memory is that of the step alone.
//! Files are in the page cache when they are opened, as after the restart of a process.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use flow::{
    clock::Clock,
    durability::Durability,
    job::Group,
    queue::{BATCH_MAX, JobQueue, Push, QueueAdmin},
};
use queue::{directory::QueueDirectory, ledger::Ledger, log::database::Database, session::Session};
use serde::{Deserialize, Serialize};
use tokio::runtime;

use crate::{
    job::Job,
    machine,
    peers::juggle::{Owned, ask, new_job},
    program::{Program, Says, held},
    report::Report,
    row::Better,
    table::grouped,
    worker::say,
};

/// The hidden command that takes a [`Step`].
pub const STEP: &str = "backlog-step";

/// Name of the work in all rows of this file.
const WORK: &str = "queue backlog";
/// Openings of each backlog.
const OPENINGS: usize = 3;
/// Claims that are timed, at most; and for how long.
const CLAIMS_MAX: u64 = 2_000;
const CLAIMS_TIME: Duration = Duration::from_secs(3);
/// Claims in memory between two commits, which are not timed.
const CLAIMS_A_COMMIT: u64 = 64;
/// Time limit of a step.
const PATIENCE: Duration = Duration::from_secs(600);

/// Numbers of waiting jobs and of their groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Backlog {
    /// Jobs.
    #[arg(long)]
    pub jobs: u64,
    /// Groups, which follow each other in turn.
    #[arg(long)]
    pub groups: u64,
}

/// One step with a backlog, run in a process of its own.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Step {
    /// Fills the queue, or opens it and claims from it.
    #[arg(value_enum)]
    pub kind: Kind,
    /// The run directory.
    pub run: PathBuf,
    /// The backlog.
    #[command(flatten)]
    pub backlog: Backlog,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Make the queue and fill it.
    Fill,
    /// Open it and claim from it.
    Open,
}

#[derive(Debug, Serialize, Deserialize)]
struct Filled {
    fill_s: f64,
    close_s: f64,
    rss_kib: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    open_s: f64,
    bytes_per_job: Option<f64>,
    claim: Latency,
    claim_in_memory: Latency,
    rss_kib: Option<u64>,
}

/// Durations of calls, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Latency {
    p50_us: f64,
    p99_us: f64,
}

impl fmt::Display for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = if self.groups == 1 { "group" } else { "groups" };
        write!(f, "{} jobs in {} {groups}", grouped(self.jobs), grouped(self.groups))
    }
}

/// The backlogs that are measured: a small one to compare with, a large one in one group, and one in many
/// groups.
#[must_use]
pub fn all(jobs: u64) -> [Backlog; 3] {
    [
        Backlog { jobs: (jobs / 100).max(1), groups: 1 },
        Backlog { jobs, groups: 1 },
        Backlog { jobs, groups: (jobs / 100).max(1) },
    ]
}

impl Backlog {
    /// Measures this backlog, with its data in an empty directory.
    ///
    /// # Errors
    /// If the queue does not do what it promises.
    pub fn measure(
        self,
        run: &Path,
        report: &mut Report,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<()> {
        progress(&format!("backlog: filling, {self}"));
        let filled: Filled = self.step(Kind::Fill, run)?;
        let disk_mib = machine::disk_bytes(run)? as f64 / f64::from(1 << 20);
        let mut opened = Vec::new();
        for number in 1..=OPENINGS {
            progress(&format!("backlog: opening {number} of {OPENINGS}, {self}"));
            opened.push(self.step::<Opened>(Kind::Open, run)?);
        }
        let rss = opened.iter().filter_map(|opened| opened.rss_kib).max();
        let rate = self.jobs as f64 / filled.fill_s;
        let mut add = |what: &str, unit, figures: &[f64], better, rss_kib| {
            report.add(WORK, &format!("{self}: {what}"), unit, figures, better, rss_kib);
        };
        add("fill", "jobs/s", &[rate], Better::Higher, filled.rss_kib);
        add("close", "s", &[filled.close_s], Better::Lower, None);
        add("disk", "MiB", &[disk_mib], Better::Lower, None);
        let mut each = |what: &str, unit, figure: &dyn Fn(&Opened) -> Option<f64>| {
            let figures: Vec<f64> = opened.iter().filter_map(figure).collect();
            add(what, unit, &figures, Better::Lower, rss);
        };
        each("open", "s", &|opened| Some(opened.open_s));
        each("memory of a pending job", "bytes", &|opened| opened.bytes_per_job);
        each("claim of one job, median", "µs", &|opened| Some(opened.claim.p50_us));
        each("claim of one job, p99", "µs", &|opened| Some(opened.claim.p99_us));
        each("claim in the ledger alone, median", "µs", &|opened| Some(opened.claim_in_memory.p50_us));
        each("claim in the ledger alone, p99", "µs", &|opened| Some(opened.claim_in_memory.p99_us));
        Ok(())
    }

    fn step<T: for<'de> Deserialize<'de>>(self, kind: Kind, run: &Path) -> anyhow::Result<T> {
        let this = std::env::current_exe().context("failed to find this program")?;
        let mut command = held(this.as_os_str())?;
        command.arg(STEP).arg(match kind {
            Kind::Fill => "fill",
            Kind::Open => "open",
        });
        command.arg(run);
        command.args(["--jobs", &self.jobs.to_string(), "--groups", &self.groups.to_string()]);
        let mut program = Program::start("a step of the backlog", command, Says::Output)?;
        let line = program.wait_for_within("{", PATIENCE)?;
        program.finish()?;
        serde_json::from_str(&line).context("a step's report cannot be read")
    }

    fn push(self, first: u64) -> Push {
        let numbers = first..(first + BATCH_MAX as u64).min(self.jobs);
        let group = |number| Group(format!("host{:06}.example.org", number % self.groups));
        let jobs = numbers.map(|number| new_job(Job::new(number)).in_group(group(number))).collect();
        Push { jobs, cursor: None }
    }
}

impl Step {
    /// Takes it, in this process, and prints what came of it.
    ///
    /// # Errors
    /// If the queue does not do what it promises.
    pub fn take(&self) -> anyhow::Result<()> {
        say(&match self.kind {
            Kind::Fill => serde_json::to_string(&self.fill()?)?,
            Kind::Open => serde_json::to_string(&self.open()?)?,
        })
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.backlog.jobs).expect("the jobs fit into memory")
    }

    fn fill(&self) -> anyhow::Result<Filled> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let owned = Owned::open(&self.run, self.capacity())?;
        let client = owned.client();
        let started = Instant::now();
        runtime.block_on(async {
            for first in (0..self.backlog.jobs).step_by(BATCH_MAX) {
                client.push(self.backlog.push(first)).await?;
            }
            anyhow::Ok(())
        })?;
        let fill_s = started.elapsed().as_secs_f64();
        let pending = runtime.block_on(client.stats())?.pending();
        ensure!(pending == self.backlog.jobs, "{pending} of {} jobs are there", self.backlog.jobs);
        drop(client);
        let started = Instant::now();
        owned.close()?;
        let close_s = started.elapsed().as_secs_f64();
        Ok(Filled { fill_s, close_s, rss_kib: machine::rss_peak_kib("self") })
    }

    fn open(&self) -> anyhow::Result<Opened> {
        let rss_before = machine::rss_kib("self");
        let started = Instant::now();
        let owned = Owned::open(&self.run, self.capacity())?;
        let open_s = started.elapsed().as_secs_f64();
        let grown = machine::rss_kib("self").zip(rss_before).map(|(after, before)| after - before);
        let rss_kib = machine::rss_peak_kib("self");
        let claim = self.claim_durably(owned)?;
        let claim_in_memory = self.claim_in_memory()?;
        let bytes_per_job = grown.map(|kib| kib as f64 * 1024.0 / self.backlog.jobs as f64);
        Ok(Opened { open_s, bytes_per_job, claim, claim_in_memory, rss_kib })
    }

    /// Claims that are answered when they survive what a claim must.
    fn claim_durably(&self, owned: Owned) -> anyhow::Result<Latency> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let client = owned.client();
        let pending = runtime.block_on(client.stats())?.pending();
        ensure!(pending == self.backlog.jobs, "{pending} of {} jobs are there", self.backlog.jobs);
        let mut times = Vec::new();
        let deadline = Instant::now() + CLAIMS_TIME;
        while (times.len() as u64) < self.claims() && Instant::now() < deadline {
            let started = Instant::now();
            let claimed = runtime.block_on(client.claim(ask(1)))?;
            times.push(started.elapsed());
            ensure!(claimed.claims.len() == 1, "no job was claimed");
        }
        drop(client);
        owned.close()?;
        Ok(Latency::of(times))
    }

    /// Claims in the ledger itself, without thread, channel or commit.
    fn claim_in_memory(&self) -> anyhow::Result<Latency> {
        let directory = QueueDirectory::of(&self.run);
        let _lock = directory.try_lock()?.context("another process owns the queue")?;
        let clock = Clock::start();
        let disk = Database::open(directory.path(), Durability::Power)?;
        let mut ledger = Ledger::load(disk, self.capacity(), clock.now_ms())?;
        let session = Session::of_this_process();
        let mut times = Vec::new();
        for number in 0..self.claims() {
            let now = ledger.time(clock.now_ms());
            let started = Instant::now();
            let claimed = ledger.claim(session, &ask(1), now)?;
            times.push(started.elapsed());
            ensure!(claimed.claims.len() == 1, "no job was claimed");
            if number % CLAIMS_A_COMMIT == 0 {
                ledger.commit()?;
            }
        }
        Ok(Latency::of(times))
    }

    fn claims(&self) -> u64 {
        CLAIMS_MAX.min(self.backlog.jobs / 4)
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |hundredths: usize| {
            let index = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_micros).collect();
        let Latency { p50_us, p99_us } = Latency::of(times);
        assert!((p50_us - 51.0).abs() < 0.01 && (p99_us - 100.0).abs() < 0.01, "{p50_us} {p99_us}");
    }

    #[test]
    fn the_backlogs_are_a_hundredth_the_whole_and_the_whole_in_groups_of_100() {
        let sizes = all(1_000_000).map(|backlog| (backlog.jobs, backlog.groups));
        assert_eq!(sizes, [(10_000, 1), (1_000_000, 1), (1_000_000, 10_000)]);
        assert_eq!(all(1_000)[2].push(900).jobs.len(), 100);
    }
}
