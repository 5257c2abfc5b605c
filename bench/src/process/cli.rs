//! `juggle-bench process`.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use tempfile::TempDir;

use super::{
    corpus::Corpus,
    counter::Counter,
    makespan,
    memory::{self, Extent},
    speed, stage,
    texts::Texts,
};
use crate::{
    amount::Amount,
    cli::{data, note, publish},
    machine::{self, Machine},
    only::Only,
    report::Report,
    row::Row,
    server::installed,
    speed::RUN,
    table,
    tool::Tool,
};

/// With a higher load others take what threads should have.
const BUSY: f64 = 0.5;

/// Command-line arguments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle-bench process
  juggle-bench process --texts ~/books --runs 9
  juggle-bench process --only tokenise --only wc --only juggle
  juggle-bench process --quick

The texts are all *.txt files below a directory, in UTF-8. Without a directory they are generated, with \
    the word frequencies of books. All texts are in the page cache when the measurement starts. The time \
    includes reading them from there, except for 'juggle, texts read before'. It does not include the \
    start of an interpreter and the loading of its libraries. Slow tools count a sample, and their row \
    says so. 'memory' repeats the texts thirty times with changed words. This needs about a hundred times \
    their bytes below the output directory, which are removed afterwards. --quick skips 'memory'. Polars, \
    DuckDB and NLTK are searched in the Python of the system, then in python/ of the output directory. If \
    a tool is not installed, its row has the command that installs it.")]
pub struct ProcessArgs {
    /// The directory of the texts; without it they are generated.
    #[arg(long, value_name = "DIR")]
    texts: Option<PathBuf>,
    /// Only works ('tokenise and count', 'process stage', 'makespan', 'memory') or tools whose name holds
    /// this, in any case. May be repeated.
    #[arg(long, value_name = "WORK|TOOL")]
    only: Vec<String>,
    /// Amount of work.
    #[command(flatten)]
    amount: Amount,
    /// Directory for the JSON file and, during a run, for all data.
    #[arg(long, default_value = "target/bench")]
    output_dir: PathBuf,
}

/// Kinds of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Count,
    Stage,
    Makespan,
    Memory,
}

impl Work {
    const ALL: [Self; 4] = [Self::Count, Self::Stage, Self::Makespan, Self::Memory];

    const fn name(self) -> &'static str {
        match self {
            Self::Count => speed::WORK,
            Self::Stage => stage::WORK,
            Self::Makespan => makespan::WORK,
            Self::Memory => memory::WORK,
        }
    }
}

impl ProcessArgs {
    /// Measures, writes the JSON and prints the table.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    pub fn run(self) -> anyhow::Result<()> {
        let directory = data(&self.output_dir)?;
        let chosen = Chosen::of(&self.only)?;
        let (texts, _generated) = self.texts(&directory)?;
        texts.warm()?;
        let busy = machine::load().and_then(warning).unwrap_or_default();
        if !busy.is_empty() {
            note(busy.trim_end());
        }
        let mut compared = Vec::new();
        if chosen.works.contains(&Work::Count) {
            let counters = &chosen.counters[..];
            let (runs, divisor) = (self.amount.runs(), self.amount.divisor());
            let plan = speed::Plan { counters, texts: &texts, divisor, runs, directory: &directory };
            compared.extend(plan.measure(&mut note)?);
        }
        let mut alone = Vec::new();
        if chosen.counters.contains(&Counter::Juggle) {
            let (stage, rest) = self.measure_stage(&chosen.works, &texts, &directory)?;
            compared.extend(stage);
            alone = rest;
        }
        let tables = format!("{busy}{}{}", table::compared(&compared), table::alone("juggle", &alone));
        publish(&[&compared[..], &alone[..]].concat(), &tables, &self.output_dir.join("process.json"))
    }

    /// The texts, and the directory that holds them if they were generated.
    fn texts(&self, directory: &Path) -> anyhow::Result<(Texts, Option<TempDir>)> {
        if let Some(own) = &self.texts {
            return Ok((Texts::below(own)?.part(self.amount.divisor()), None));
        }
        note("generating texts; --texts measures with real ones");
        let generated = tempfile::Builder::new().prefix(RUN).tempdir_in(directory)?;
        Ok((Texts::generated(generated.path(), self.amount.divisor())?, Some(generated)))
    }

    /// Returns the rows that are compared with other tools, and those of juggle alone.
    fn measure_stage(
        &self,
        works: &[Work],
        texts: &Texts,
        directory: &Path,
    ) -> anyhow::Result<(Vec<Row>, Vec<Row>)> {
        let plan = stage::Plan { runs: self.amount.runs(), directory, left: RefCell::default() };
        let juggle = installed(Tool::Juggle).context("it is this program")?;
        let mut report = Report::new(Machine::here(directory), juggle);
        let mut compared = Vec::new();
        for work in works {
            match work {
                Work::Count => {}
                Work::Stage => compared = plan.measure(Corpus::All(texts), &mut note)?,
                Work::Makespan => {
                    makespan::measure(&plan, texts, self.amount.divisor(), &mut report, &mut note)?;
                }
                Work::Memory => {
                    let extent = if self.amount.is_quick() { Extent::Small } else { Extent::Large };
                    memory::measure(&plan, texts, extent, &mut report, &mut note)?;
                }
            }
        }
        Ok((compared, report.into_rows()))
    }
}

/// Returns a warning if the machine was busy.
fn warning(load: f64) -> Option<String> {
    (load > BUSY).then(|| {
        format!(
            "The machine was busy at the start (a load of {load:.1}). All figures are too low, \
            especially those of two threads.\n"
        )
    })
}

/// The chosen works and counters.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    works: Vec<Work>,
    counters: Vec<Counter>,
}

impl Chosen {
    /// Selects by `--only`: works together that are named, or all if none is; counters likewise.
    fn of(only: &[String]) -> anyhow::Result<Self> {
        let only = Only::of(only, &Work::ALL.map(Work::name), &Counter::ALL.map(Counter::name))?;
        Ok(Self {
            works: only.works(&Work::ALL, Work::name),
            counters: only.tools(&Counter::ALL, Counter::name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(parts: &[&str]) -> Chosen {
        Chosen::of(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_a_busy_machine_is_warned_of() {
        assert_eq!(warning(0.3), None);
        assert!(warning(5.64).unwrap().contains("a load of 5.6"));
    }

    #[test]
    fn only_what_is_named_is_measured() {
        let (works, counters) = (Work::ALL.to_vec(), Counter::ALL.to_vec());
        assert_eq!(only(&[]), Chosen { works: works.clone(), counters: counters.clone() });
        assert_eq!(only(&["Stage", "memory"]), Chosen { works: vec![Work::Stage, Work::Memory], counters });
        assert_eq!(only(&["wc"]), Chosen { works, counters: vec![Counter::Wc] });
        let ours = vec![Counter::JugglePortable];
        assert_eq!(only(&["tokenise", "portable"]), Chosen { works: vec![Work::Count], counters: ours });
        assert!(Chosen::of(&["awk".to_owned()]).is_err());
    }
}
