//! The process that does the work and takes the time.
//!
//! It connects, works for a short while to warm up, prints [`READY`], waits for a line on its standard input,
//! works for the time that it was given, and prints a [`Report`] as one line of JSON. Every phase is made of
//! whole cycles (enqueue, lease, acknowledge) and has at least one.

use std::{
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::{runtime, task::JoinSet};

use crate::{
    connection::Connection,
    job::{Job, Tally, number_of},
    machine,
    peers::{self, juggle::Owned},
    shape::{Reach, Shape},
    tool::Tool,
};

/// Line that a worker prints when it is warm, and a broker when it listens.
pub const READY: &str = "ready";

/// The hidden command that does [`Work`].
pub const WORKER: &str = "worker";

/// Jobs that one task can number.
const NUMBERS_OF_A_TASK: u64 = 100_000_000;

/// Arguments of a worker process.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Work {
    /// With which tool.
    #[arg(long)]
    pub tool: Tool,
    /// In which way.
    #[arg(long)]
    pub shape: Shape,
    /// Place of the queue: a directory, a socket, an address or a file, as the tool needs it.
    #[arg(long)]
    pub at: String,
    /// Number of this process, from 0.
    #[arg(long)]
    pub process: u64,
    /// Duration of the warm-up.
    #[arg(long)]
    pub warm_up_ms: u64,
    /// Duration of the measured work.
    #[arg(long)]
    pub work_ms: u64,
}

/// Result of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Jobs that were enqueued, leased and acknowledged in the measured time.
    pub jobs: u64,
    /// The measured time.
    pub seconds: f64,
    /// All jobs that it enqueued, warm-up included.
    pub pushed: Tally,
    /// All jobs that it acknowledged, warm-up included.
    pub done: Tally,
    /// Commits that were forced to the medium in the measured time; none if the tool does not tell.
    pub syncs: Option<u64>,
    /// The most memory that the process had.
    pub rss_kib: Option<u64>,
}

impl Work {
    /// Does it.
    ///
    /// # Errors
    /// If the tool fails, or does not do what [`Connection`] promises.
    pub fn run(&self) -> anyhow::Result<()> {
        let runtime = if self.shape.tasks() > 1 {
            runtime::Builder::new_multi_thread().enable_all().build()?
        } else {
            runtime::Builder::new_current_thread().enable_all().build()?
        };
        let report = runtime.block_on(self.connect_and_measure())?;
        say(&serde_json::to_string(&report)?)
    }

    async fn connect_and_measure(&self) -> anyhow::Result<Report> {
        let numbers = 0..self.shape.tasks();
        match (self.tool, self.shape.reach()) {
            (Tool::Juggle, Reach::InProcess) => {
                let owned = Owned::open(Path::new(&self.at), queue::ledger::LANE_CAPACITY)?;
                let clients = numbers.map(|_| owned.client()).collect();
                let report = self.measure(clients, || Some(owned.link.syncs())).await?;
                owned.close()?;
                Ok(report)
            }
            (Tool::Juggle, Reach::Socket) => {
                let client = peers::juggle::reach(Path::new(&self.at)).await?;
                self.measure(numbers.map(|_| client.clone()).collect(), || None).await
            }
            (Tool::Redis, Reach::InProcess | Reach::Socket) => {
                let mut streams = Vec::new();
                for task in numbers {
                    let consumer = format!("{}-{task}", self.process);
                    streams.push(peers::redis::Stream::connect(Path::new(&self.at), consumer).await?);
                }
                self.measure(streams, || None).await
            }
            (Tool::JetStream, Reach::InProcess | Reach::Socket) => {
                let mut consumers = Vec::new();
                for _ in numbers {
                    consumers.push(peers::jetstream::Consumer::connect(&self.at).await?);
                }
                self.measure(consumers, || None).await
            }
            (Tool::Sqlite, Reach::InProcess | Reach::Socket) => {
                let table = peers::sqlite::Table::open(Path::new(&self.at))?;
                self.measure(numbers.map(|_| table.clone()).collect(), || None).await
            }
        }
    }

    async fn measure<C: Connection>(
        &self,
        connections: Vec<C>,
        syncs: impl Fn() -> Option<u64>,
    ) -> anyhow::Result<Report> {
        let mut tasks = connections
            .into_iter()
            .zip(self.process * self.shape.tasks()..)
            .map(|(connection, task)| Task::new(connection, self.shape.batch(), task))
            .collect();
        tasks = work(tasks, Duration::from_millis(self.warm_up_ms)).await?;
        let warm: u64 = tasks.iter().map(|task| task.done.jobs).sum();
        wait_for_start()?;
        let syncs_before = syncs();
        let started = Instant::now();
        tasks = work(tasks, Duration::from_millis(self.work_ms)).await?;
        let seconds = started.elapsed().as_secs_f64();
        let (mut pushed, mut done) = (Tally::default(), Tally::default());
        for task in &tasks {
            pushed.merge(task.pushed);
            done.merge(task.done);
        }
        let syncs = syncs().zip(syncs_before).map(|(after, before)| after - before);
        let rss_kib = machine::rss_peak_kib("self");
        Ok(Report { jobs: done.jobs - warm, seconds, pushed, done, syncs, rss_kib })
    }
}

struct Task<C> {
    connection: C,
    batch: usize,
    next: u64,
    pushed: Tally,
    done: Tally,
}

impl<C: Connection> Task<C> {
    fn new(connection: C, batch: usize, task: u64) -> Self {
        let next = task * NUMBERS_OF_A_TASK;
        Self { connection, batch, next, pushed: Tally::default(), done: Tally::default() }
    }

    async fn work_until(mut self, deadline: Instant) -> anyhow::Result<Self> {
        loop {
            self.cycle().await?;
            if Instant::now() >= deadline {
                return Ok(self);
            }
        }
    }

    async fn cycle(&mut self) -> anyhow::Result<()> {
        let numbers = self.next..self.next + self.batch as u64;
        self.next = numbers.end;
        numbers.clone().for_each(|number| self.pushed.count(number));
        self.connection.push(numbers.map(Job::new).collect()).await.context("failed to enqueue")?;
        let held = self.connection.claim(self.batch).await.context("failed to lease")?;
        let mut tokens = Vec::with_capacity(held.len());
        for held in held {
            self.done.count(number_of(&held.payload)?);
            tokens.push(held.token);
        }
        self.connection.acknowledge(tokens).await.context("failed to acknowledge")
    }
}

/// Lets all tasks work side by side for so long.
async fn work<C: Connection>(tasks: Vec<Task<C>>, time: Duration) -> anyhow::Result<Vec<Task<C>>> {
    let deadline = Instant::now() + time;
    if tasks.len() > 1 {
        let spawned: JoinSet<_> = tasks.into_iter().map(|task| task.work_until(deadline)).collect();
        return spawned.join_all().await.into_iter().collect();
    }
    // A lone task stays on its thread.
    let mut worked = Vec::new();
    for task in tasks {
        worked.push(task.work_until(deadline).await?);
    }
    Ok(worked)
}

fn wait_for_start() -> anyhow::Result<()> {
    say(READY)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("failed to wait for the start")?;
    Ok(())
}

/// Prints a line for the process that started this one.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("failed to report")
}
