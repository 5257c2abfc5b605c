//! `juggle-bench fetch`.

use std::{cell::RefCell, path::PathBuf};

use clap::Args;

use super::{
    downloader::Downloader,
    hosts,
    juggle::Juggle,
    latency, memory,
    sizes::Sizes,
    source::ServedBy,
    speed::{Files, Plan},
};
use crate::{
    amount::Amount,
    cli::{data, note, publish},
    machine::Machine,
    only::Only,
    report::Report,
    row::Row,
    table,
};

/// Command-line arguments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle-bench fetch
  juggle-bench fetch --only books --only juggle --only curl --runs 9
  juggle-bench fetch --only latency --only memory --only hosts
  juggle-bench fetch --quick

Everything is served on loopback, by nginx. Every run downloads into an empty directory below the output \
    directory (up to 15 GB in total, removed at the end). The files are checked after the run, and a file \
    that is missing or has other bytes ends the benchmark. juggle runs with its defaults except --wait 0 \
    -x 32 -j 32, and writes durably. The time of the other downloaders includes a sync. If a downloader is \
    not installed, its row has the command that installs it.")]
pub struct FetchArgs {
    /// Only shapes ('books', 'small files', 'latency', 'memory', 'hosts') or downloaders whose name holds
    /// this, in any case. May be repeated.
    #[arg(long, visible_alias = "shape", value_name = "SHAPE|TOOL")]
    only: Vec<String>,
    /// Amount of work.
    #[command(flatten)]
    amount: Amount,
    /// Server of the files of 'books', 'small files' and 'latency'.
    #[arg(long, value_enum, default_value_t = ServedBy::Nginx)]
    server: ServedBy,
    /// Directory for the JSON file and, during a run, for all data.
    #[arg(long, default_value = "target/bench")]
    output_dir: PathBuf,
}

/// Measurements of juggle alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    Latency,
    Memory,
    Hosts,
}

impl Alone {
    const ALL: [Self; 3] = [Self::Latency, Self::Memory, Self::Hosts];

    const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Hosts => "hosts",
        }
    }
}

impl FetchArgs {
    /// Measures, writes the JSON and prints the table.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    pub fn run(self) -> anyhow::Result<()> {
        let directory = data(&self.output_dir)?;
        let chosen = Chosen::of(&self.only)?;
        let plan = Plan {
            downloaders: &chosen.downloaders,
            runs: self.amount.runs(),
            sizes: Sizes::divided_by(self.amount.divisor()),
            served_by: self.server,
            directory: &directory,
            left: RefCell::default(),
        };
        let mut compared = Vec::new();
        for files in &chosen.files {
            compared.extend(plan.measure(*files, &mut note)?);
        }
        let (alone, broken) = measure_alone(&plan, &chosen.alone)?;
        let tables = format!("{}{}", table::compared(&compared), table::alone("juggle", &alone));
        publish(&[&compared[..], &alone[..]].concat(), &tables, &self.output_dir.join("fetch.json"))?;
        broken.map_or(Ok(()), Err)
    }
}

/// The rows, and what did not hold. What was measured before that is reported all the same.
fn measure_alone(plan: &Plan<'_>, alone: &[Alone]) -> anyhow::Result<(Vec<Row>, Option<anyhow::Error>)> {
    let mut report = Report::new(Machine::here(plan.directory), Juggle::installed());
    let mut broken = None;
    for shape in alone {
        let measured = match shape {
            Alone::Latency => latency::measure(plan, &mut report, &mut note),
            Alone::Memory => memory::measure(plan, &mut report, &mut note),
            Alone::Hosts => hosts::measure(plan, &mut report, &mut note),
        };
        if let Err(error) = measured {
            broken.get_or_insert(error.context(format!("{} failed", shape.name())));
        }
    }
    Ok((report.into_rows(), broken))
}

/// The chosen shapes and downloaders.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    files: Vec<Files>,
    alone: Vec<Alone>,
    downloaders: Vec<Downloader>,
}

impl Chosen {
    /// Selects by `--only`: shapes together that are named, or all if none is; downloaders likewise.
    fn of(only: &[String]) -> anyhow::Result<Self> {
        let works = [&Files::ALL.map(Files::name)[..], &Alone::ALL.map(Alone::name)].concat();
        let only = Only::of(only, &works, &Downloader::ALL.map(Downloader::name))?;
        Ok(Self {
            files: only.works(&Files::ALL, Files::name),
            alone: only.works(&Alone::ALL, Alone::name),
            downloaders: only.tools(&Downloader::ALL, Downloader::name),
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
    fn only_what_is_named_is_measured() {
        let all = only(&[]);
        assert_eq!((all.files.len(), all.alone.len(), all.downloaders.len()), (2, 3, 10));
        let some = only(&["Books", "memory", "curl"]);
        assert_eq!((some.files, some.alone), (vec![Files::Books], vec![Alone::Memory]));
        assert_eq!(some.downloaders, [Downloader::Curl]);
        let ours = [
            Downloader::Juggle,
            Downloader::JuggleFetch,
            Downloader::JugglePacked,
            Downloader::JugglePackedFetch,
        ];
        assert_eq!(only(&["juggle"]).downloaders, ours);
        assert!(Chosen::of(&["scrapy".to_owned()]).is_err());
    }
}
