//! Juggle's queue when it is old: many jobs have gone through it while a few thousand always wait.
//!
//! The disk must not grow with the jobs that went, and nothing must get slower.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use flow::{
    job::{JobState, Selection},
    queue::{BATCH_MAX, QueueAdmin},
};
use queue::transport::client::QueueClient;
use serde::{Deserialize, Serialize};
use tokio::runtime;

use crate::{
    connection::Connection,
    job::{Job, Tally, number_of},
    machine,
    peers::juggle::Owned,
    program::{Program, Says, held},
    report::Report,
    row::Better,
    table::grouped,
    worker::say,
};

/// The hidden command that runs a [`Churn`].
pub const STEP: &str = "churn-step";

const WORK: &str = "queue churn";
/// Jobs that always wait.
const DEPTH: u64 = 8_192;
/// Jobs between two droppings of those that are done.
const DROP_EVERY: u64 = 65_536;
/// Jobs between two looks at the disk.
const LOOK_EVERY: u64 = 16_384;
/// Parts whose rates are told apart.
const PARTS: u64 = 10;
/// Time limit of a run.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Many jobs through one queue.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Churn {
    /// Treatment of jobs that are done.
    #[arg(long, value_enum)]
    pub done: Done,
    /// Number of jobs that pass through.
    #[arg(long)]
    pub jobs: u64,
    /// The run directory.
    pub run: PathBuf,
}

/// Treatment of jobs that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Done {
    /// The queue is told to forget them every now and then.
    Dropped,
    /// The queue knows them for ever, so that none is ever done again.
    Kept,
}

impl Done {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dropped, Self::Kept];

    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Kept => "kept",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Churned {
    /// Lifecycles a second in each tenth.
    rates: Vec<f64>,
    disk_most_bytes: u64,
    disk_end_bytes: u64,
    rss_kib: Option<u64>,
}

impl Churn {
    /// Runs it in a process of its own.
    ///
    /// # Errors
    /// If the queue does not do what it promises.
    pub fn measure(&self, report: &mut Report, progress: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
        let shape = format!(
            "{} jobs at depth {}, done ones {}",
            grouped(self.jobs),
            grouped(DEPTH),
            self.done.name()
        );
        progress(&format!("churn: {shape}"));
        let this = std::env::current_exe().context("failed to find this program")?;
        let mut command = held(this.as_os_str())?;
        command.arg(STEP).arg(&self.run);
        command.args(["--done", self.done.name(), "--jobs", &self.jobs.to_string()]);
        let mut program = Program::start("the churn", command, Says::Output)?;
        let line = program.wait_for_within("{", PATIENCE)?;
        program.finish()?;
        let churned: Churned = serde_json::from_str(&line).context("the churn's report cannot be read")?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let mut add = |what: &str, unit, figures: &[f64], better| {
            report.add(WORK, &format!("{shape}: {what}"), unit, figures, better, churned.rss_kib);
        };
        add("rates of the tenths", "lifecycles/s", &churned.rates, Better::Higher);
        let last_to_first = churned.rates.last().zip(churned.rates.first()).map(|(last, first)| last / first);
        add("last tenth over first", "×", last_to_first.as_slice(), Better::Higher);
        add("most disk", "MiB", &[mib(churned.disk_most_bytes)], Better::Lower);
        add("disk at the end", "MiB", &[mib(churned.disk_end_bytes)], Better::Lower);
        Ok(())
    }

    /// Runs it in this process, and prints what came of it.
    ///
    /// # Errors
    /// If the queue does not do what it promises.
    pub fn step(&self) -> anyhow::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let owned = Owned::open(&self.run, queue::ledger::LANE_CAPACITY)?;
        let client = owned.client();
        let mut mill = Mill::new(client, &self.run);
        let rates = runtime.block_on(mill.turn(self.jobs, self.done))?;
        let disk_most_bytes = mill.disk_most_bytes;
        drop(mill);
        owned.close()?;
        let disk_end_bytes = machine::disk_bytes(&self.run)?;
        let churned =
            Churned { rates, disk_most_bytes, disk_end_bytes, rss_kib: machine::rss_peak_kib("self") };
        say(&serde_json::to_string(&churned)?)
    }
}

struct Mill<'a> {
    client: QueueClient,
    run: &'a Path,
    next: u64,
    pushed: Tally,
    done: Tally,
    disk_most_bytes: u64,
}

impl<'a> Mill<'a> {
    fn new(client: QueueClient, run: &'a Path) -> Self {
        let (pushed, done) = (Tally::default(), Tally::default());
        Self { client, run, next: 0, pushed, done, disk_most_bytes: 0 }
    }

    /// Lets jobs go through; the rates of the tenths.
    async fn turn(&mut self, jobs: u64, done: Done) -> anyhow::Result<Vec<f64>> {
        while self.pushed.jobs < DEPTH {
            self.push().await?;
        }
        let mut rates = Vec::new();
        for part in 1..=PARTS {
            let (before, started) = (self.done.jobs, Instant::now());
            while self.done.jobs < jobs * part / PARTS {
                self.push().await?;
                self.take().await?;
                self.look_after(done).await?;
            }
            rates.push((self.done.jobs - before) as f64 / started.elapsed().as_secs_f64());
        }
        while self.done.jobs < self.pushed.jobs {
            self.take().await?;
        }
        ensure!(self.done == self.pushed, "not every job was done exactly once");
        Ok(rates)
    }

    async fn push(&mut self) -> anyhow::Result<()> {
        let numbers = self.next..self.next + BATCH_MAX as u64;
        self.next = numbers.end;
        numbers.clone().for_each(|number| self.pushed.count(number));
        Connection::push(&mut self.client, numbers.map(Job::new).collect()).await
    }

    async fn take(&mut self) -> anyhow::Result<()> {
        let mut leases = Vec::with_capacity(BATCH_MAX);
        for held in Connection::claim(&mut self.client, BATCH_MAX).await? {
            self.done.count(number_of(&held.payload)?);
            leases.push(held.token);
        }
        self.client.acknowledge(leases).await
    }

    async fn look_after(&mut self, done: Done) -> anyhow::Result<()> {
        if self.done.jobs.is_multiple_of(LOOK_EVERY) {
            self.disk_most_bytes = self.disk_most_bytes.max(machine::disk_bytes(self.run)?);
        }
        if done == Done::Dropped && self.done.jobs.is_multiple_of(DROP_EVERY) {
            let selection = Selection { state: Some(JobState::Done), ..Selection::default() };
            let dropped = self.client.drop_jobs(selection).await?;
            ensure!(dropped == DROP_EVERY, "{dropped} of {DROP_EVERY} done jobs were dropped");
        }
        Ok(())
    }
}
