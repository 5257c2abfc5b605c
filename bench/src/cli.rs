//! The command `juggle-bench`.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::{
    backlog::{self, Step},
    churn::{Churn, Done},
    fetch::cli::FetchArgs,
    machine::Machine,
    only::Only,
    process, program,
    report::Report,
    row,
    row::Row,
    serve::serve,
    server::installed,
    shape::Shape,
    speed::{Plan, RUN},
    store, table,
    tool::Tool,
    worker::Work,
};

/// Measures juggle beside other tools that do the same work.
#[derive(Debug, Parser)]
#[command(name = "juggle-bench", version, max_term_width = 100)]
#[command(after_help = "Examples:
  juggle-bench queue                         all shapes, all tools; a table, and target/bench/queue.json
  juggle-bench queue --quick --only juggle   one tool, short runs
  juggle-bench fetch                         downloads; a table, and target/bench/fetch.json
  juggle-bench store                         the store stage alone; a table, and target/bench/store.json
  juggle-bench process                       the process stage and counting; a table, and target/bench/process.json")]
pub struct Cli {
    /// The rows to measure.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lifecycles a second of juggle's queue, Redis Streams, NATS JetStream and a SQLite table.
    Queue(QueueArgs),
    /// Downloads on loopback by juggle, curl, wget2, aria2c and Python scripts; many hosts, memory, a slow
    /// line.
    Fetch(FetchArgs),
    /// Texts a second through juggle's store stage alone, in each form that it keeps them in.
    Store(store::cli::StoreArgs),
    #[command(hide = true)]
    StoreStep(store::step::Step),
    /// Counting words with juggle, coreutils, C, Python, Polars, DuckDB and NLTK; juggle's process stage
    /// alone.
    Process(process::cli::ProcessArgs),
    #[command(hide = true)]
    ProcessCount(process::count::Count),
    #[command(hide = true)]
    ProcessStep(process::step::Step),
    #[command(hide = true)]
    Worker(Work),
    #[command(hide = true)]
    Serve { run: PathBuf },
    #[command(hide = true)]
    BacklogStep(Step),
    #[command(hide = true)]
    ChurnStep(Churn),
    #[command(hide = true)]
    Hold {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle-bench queue
  juggle-bench queue --only 'four processes' --only juggle --only redis --runs 9 --seconds 3
  juggle-bench queue --only backlog --only churn
  juggle-bench queue --quick

If a tool is not installed, its row has the command that installs it. Every tool keeps its data below the \
output directory, so that all of them use the same file system.")]
struct QueueArgs {
    /// Only shapes or tools whose name holds this, in any case; 'backlog' and 'churn' count as shapes. May be
    /// repeated.
    #[arg(long, value_name = "SHAPE|TOOL")]
    only: Vec<String>,
    /// Runs of each tool at each shape.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The measured time of each run.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Jobs of the large backlogs.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    backlog_jobs: u64,
    /// Jobs of the churn.
    #[arg(long, default_value_t = 1_600_000, value_parser = clap::value_parser!(u64).range(10..))]
    churn_jobs: u64,
    /// Two short runs of each, a tenth of the backlog and the churn: for a first look, not for publication.
    #[arg(long, conflicts_with_all = ["runs", "seconds"])]
    quick: bool,
    /// Directory for the JSON file and, during a run, for all data.
    #[arg(long, default_value = "target/bench")]
    output_dir: PathBuf,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Queue(args) => args.run(),
            Command::Fetch(args) => args.run(),
            Command::Store(args) => args.run(),
            Command::StoreStep(step) => step.take(),
            Command::Process(args) => args.run(),
            Command::ProcessCount(count) => count.take(),
            Command::ProcessStep(step) => step.take(),
            Command::Worker(work) => work.run(),
            Command::Serve { run } => serve(&run),
            Command::BacklogStep(step) => step.take(),
            Command::ChurnStep(churn) => churn.step(),
            Command::Hold { program } => Err(program::hold(&program)),
        }
    }
}

impl QueueArgs {
    fn run(self) -> anyhow::Result<()> {
        let directory = data(&self.output_dir)?;
        let chosen = Chosen::of(&self.only)?;
        let plan = self.plan(&chosen, directory)?;
        let rows = plan.measure(&mut note)?;
        let long = if chosen.tools.contains(&Tool::Juggle) {
            self.measure_long(&chosen.long, &plan.directory)?
        } else {
            Vec::new()
        };
        let tables = format!("{}{}", table::compared(&rows), table::alone("juggle's queue", &long));
        publish(&[&rows[..], &long[..]].concat(), &tables, &self.output_dir.join("queue.json"))
    }

    fn plan(&self, chosen: &Chosen, directory: PathBuf) -> anyhow::Result<Plan> {
        let (runs, seconds) = if self.quick { (2, 0.3) } else { (usize::from(self.runs), self.seconds) };
        let work = Duration::try_from_secs_f64(seconds).context("--seconds must be a positive number")?;
        Ok(Plan {
            shapes: chosen.shapes.clone(),
            tools: chosen.tools.clone(),
            runs,
            work,
            warm_up: work.min(Duration::from_millis(300)),
            directory,
        })
    }

    fn measure_long(&self, long: &[Long], directory: &Path) -> anyhow::Result<Vec<Row>> {
        let juggle = installed(Tool::Juggle).expect("it is this program");
        let mut report = Report::new(Machine::here(directory), juggle);
        let less = if self.quick { 10 } else { 1 };
        let empty = || tempfile::Builder::new().prefix(RUN).tempdir_in(directory);
        for long in long {
            match long {
                Long::Backlog => {
                    for backlog in backlog::all(self.backlog_jobs / less) {
                        backlog.measure(empty()?.path(), &mut report, &mut note)?;
                    }
                }
                Long::Churn => {
                    for done in Done::ALL {
                        let data = empty()?;
                        let run = data.path().to_owned();
                        Churn { done, jobs: self.churn_jobs / less, run }.measure(&mut report, &mut note)?;
                    }
                }
            }
        }
        Ok(report.into_rows())
    }
}

/// Rows for juggle alone, which take longer than a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Long {
    Backlog,
    Churn,
}

impl Long {
    const ALL: [Self; 2] = [Self::Backlog, Self::Churn];

    const fn name(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Churn => "churn",
        }
    }
}

/// The chosen shapes and tools.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    shapes: Vec<Shape>,
    long: Vec<Long>,
    tools: Vec<Tool>,
}

impl Chosen {
    /// Selects by `--only`: shapes and long ones together that are named, or all if none is; tools likewise.
    fn of(only: &[String]) -> anyhow::Result<Self> {
        let works = [&Shape::ALL.map(Shape::name)[..], &Long::ALL.map(Long::name)].concat();
        let only = Only::of(only, &works, &Tool::ALL.map(Tool::name))?;
        Ok(Self {
            shapes: only.works(&Shape::ALL, Shape::name),
            long: only.works(&Long::ALL, Long::name),
            tools: only.tools(&Tool::ALL, Tool::name),
        })
    }
}

/// Directory for the data of a run, below an output directory; what a benchmark that was killed has
/// left there is removed.
///
/// # Errors
/// If it cannot be made, or what was left cannot be removed.
pub(crate) fn data(output: &Path) -> anyhow::Result<PathBuf> {
    let data = std::path::absolute(output)?.join("data");
    fs::create_dir_all(&data).with_context(|| format!("failed to create '{}'", data.display()))?;
    for entry in fs::read_dir(&data)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(RUN.as_bytes())) {
            fs::remove_dir_all(&path).with_context(|| format!("failed to remove '{}'", path.display()))?;
        }
    }
    Ok(data)
}

/// Writes the rows to a JSON file, and prints the tables and the path of the file.
///
/// # Errors
/// If the file cannot be written, or nothing can be printed.
pub(crate) fn publish(rows: &[Row], tables: &str, file: &Path) -> anyhow::Result<()> {
    row::write(rows, file)?;
    let text = format!("{tables}\n{}\n", file.display());
    io::stdout().lock().write_all(text.as_bytes()).context("failed to print the table")
}

/// Says on standard error what is being done.
pub(crate) fn note(line: &str) {
    // Progress that nobody can read is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(parts: &[&str]) -> Chosen {
        Chosen::of(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_what_is_named_is_measured() {
        let (shapes, long, tools) = (Shape::ALL.to_vec(), Long::ALL.to_vec(), Tool::ALL.to_vec());
        assert_eq!(only(&[]), Chosen { shapes: shapes.clone(), long: long.clone(), tools: tools.clone() });
        assert_eq!(only(&["sqlite"]), Chosen { shapes, long, tools: vec![Tool::Sqlite] });
        let (shapes, long) = (vec![Shape::BatchesInProcess], vec![]);
        assert_eq!(only(&["256"]), Chosen { shapes, long, tools });
        let (shapes, long) = (vec![Shape::FourProcesses], vec![Long::Churn]);
        let tools = vec![Tool::Juggle, Tool::Redis];
        assert_eq!(only(&["four", "Juggle", "churn", "redis"]), Chosen { shapes, long, tools });
        assert!(Chosen::of(&["kafka".to_owned()]).is_err());
    }
}
