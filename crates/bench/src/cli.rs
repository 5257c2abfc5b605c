//! The command `juggle-bench`.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};

use crate::{program, row, serve::serve, shape::Shape, speed::Plan, table, tool::Tool, worker::Work};

/// Measures juggle beside other tools that do the same work.
#[derive(Debug, Parser)]
#[command(name = "juggle-bench", version, max_term_width = 100)]
#[command(after_help = "Examples:
  juggle-bench queue                         all shapes, all tools; a table, and target/bench/queue.json
  juggle-bench queue --quick --only juggle   a first look at one tool")]
pub struct Cli {
    /// What to measure.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lifecycles a second of juggle's queue, Redis Streams, NATS JetStream and a SQLite table.
    Queue(QueueArgs),
    #[command(hide = true)]
    Worker(Work),
    #[command(hide = true)]
    Serve { run: PathBuf },
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
  juggle-bench queue --quick

A tool that is not installed is a row that names the command that installs it. Every tool keeps its data below the
output directory, so that all of them use the same file system.")]
struct QueueArgs {
    /// Only shapes or tools whose name holds this, in any case. May be repeated.
    #[arg(long, value_name = "SHAPE|TOOL")]
    only: Vec<String>,
    /// Runs of each tool at each shape.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The measured time of each run.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Two short runs of each: for a first look, not for publication.
    #[arg(long, conflicts_with_all = ["runs", "seconds"])]
    quick: bool,
    /// Where the JSON goes, and all data for the time of a run.
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
            Command::Worker(work) => work.run(),
            Command::Serve { run } => serve(&run),
            Command::Hold { program } => Err(program::hold(&program)),
        }
    }
}

impl QueueArgs {
    fn run(self) -> anyhow::Result<()> {
        let plan = self.plan()?;
        let mut progress = |line: &str| note(line);
        let rows = plan.measure(&mut progress)?;
        let file = self.output_dir.join("queue.json");
        row::write(&rows, &file)?;
        let text = format!("{}\n{}\n", table::shown(&rows), file.display());
        io::stdout().lock().write_all(text.as_bytes()).context("failed to print the table")
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let (shapes, tools) = chosen(&self.only)?;
        let (runs, seconds) = if self.quick { (2, 0.3) } else { (usize::from(self.runs), self.seconds) };
        let work = Duration::try_from_secs_f64(seconds).context("--seconds must be a positive number")?;
        fs::create_dir_all(&self.output_dir)
            .with_context(|| format!("failed to create '{}'", self.output_dir.display()))?;
        let directory = std::path::absolute(&self.output_dir)?.join("data");
        Ok(Plan { shapes, tools, runs, work, warm_up: work.min(Duration::from_millis(300)), directory })
    }
}

/// The shapes and the tools that are named; of either, all where none is.
fn chosen(only: &[String]) -> anyhow::Result<(Vec<Shape>, Vec<Tool>)> {
    let holds = |name: &str, part: &String| name.to_lowercase().contains(&part.to_lowercase());
    let mut shapes: Vec<Shape> = Shape::ALL.to_vec();
    let mut tools: Vec<Tool> = Tool::ALL.to_vec();
    if let Some(unknown) = only.iter().find(|part| {
        !shapes.iter().any(|shape| holds(shape.name(), part))
            && !tools.iter().any(|tool| holds(tool.name(), part))
    }) {
        bail!("no shape and no tool has '{unknown}' in its name");
    }
    if only.iter().any(|part| shapes.iter().any(|shape| holds(shape.name(), part))) {
        shapes.retain(|shape| only.iter().any(|part| holds(shape.name(), part)));
    }
    if only.iter().any(|part| tools.iter().any(|tool| holds(tool.name(), part))) {
        tools.retain(|tool| only.iter().any(|part| holds(tool.name(), part)));
    }
    Ok((shapes, tools))
}

/// Says on standard error what is being done.
fn note(line: &str) {
    // Progress that nobody can read is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(parts: &[&str]) -> (Vec<Shape>, Vec<Tool>) {
        chosen(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_what_is_named_is_measured() {
        assert_eq!(only(&[]), (Shape::ALL.to_vec(), Tool::ALL.to_vec()));
        assert_eq!(only(&["sqlite"]), (Shape::ALL.to_vec(), vec![Tool::Sqlite]));
        assert_eq!(only(&["256"]), (vec![Shape::BatchesInProcess], Tool::ALL.to_vec()));
        let four = vec![Shape::FourProcesses];
        assert_eq!(only(&["four", "Juggle", "redis"]), (four, vec![Tool::Juggle, Tool::Redis]));
        assert!(chosen(&["kafka".to_owned()]).is_err());
    }
}
