//! How long it takes: runs of all downloaders in turn, each into an empty directory.
//!
//! Timed is all that a downloader does from its list to the medium: for juggle `add`, then `fetch` and
//! `store` at the same time; for the others their one program and the `sync` after it. What earlier runs left
//! to be written is on the medium before a run begins.

use std::{cell::RefCell, collections::BTreeMap, path::Path};

use anyhow::Context;
use tempfile::TempDir;

use super::{
    downloader::{Downloader, Work},
    item,
    running::{Took, sync},
    sizes::{Sizes, described},
    source::{ServedBy, Source},
    text::Prose,
};
use crate::{
    machine::Machine,
    row::{Better, Measured, Outcome, Row, compare},
    server::Installed,
    speed::RUN,
};

/// Files of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// Some hundred kilobytes each.
    Books,
    /// 4 KiB each.
    Small,
}

/// The rows to measure.
#[derive(Debug)]
pub struct Plan<'a> {
    /// With which downloaders.
    pub downloaders: &'a [Downloader],
    /// Number of runs.
    pub runs: usize,
    /// Amount of work.
    pub sizes: Sizes,
    /// From whom.
    pub served_by: ServedBy,
    /// Existing directory for all data of a run.
    pub directory: &'a Path,
    /// Data of finished runs with many files, removed at the end of all: ext4 gives inodes that were just
    /// freed to nobody for a minute or more, and looks at each of them again for every file that is made.
    pub left: RefCell<Vec<TempDir>>,
}

impl Files {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Books, Self::Small];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Small => "small files",
        }
    }
}

impl std::str::FromStr for Files {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|files| files.name() == name)
            .ok_or_else(|| format!("unknown files '{name}'"))
    }
}

/// One way to look at runs: what it is called, its unit, which way is better, and the figure of a run.
type View<'a> = (&'static str, &'static str, Better, &'a dyn Fn(&Took) -> f64);

/// The runs of each downloader that is installed; none for the others.
type Runs = BTreeMap<Downloader, Option<(Installed, Vec<Took>)>>;

impl Plan<'_> {
    /// Measures. Says on `progress` what it does.
    ///
    /// # Errors
    /// If a downloader that is installed does not download everything, or nobody can serve.
    pub fn measure(&self, files: Files, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Row>> {
        let prose = Prose::default();
        let texts = match files {
            Files::Books => self.sizes.books(),
            Files::Small => self.sizes.small_files(),
        };
        let shape = described(&texts);
        let source = Source::start(self.served_by, texts, &prose, self.directory)?;
        let installed = |one: &Downloader| one.installed(self.data()).map(|found| (found, Vec::new()));
        let mut runs: Runs = self.downloaders.iter().map(|one| (*one, installed(one))).collect();
        for run in 1..=self.runs {
            for (downloader, found) in &mut runs {
                let Some((_, all)) = found else { continue };
                progress(&format!("{shape}: run {run} of {}, {downloader}", self.runs));
                let ran = self.run_once(*downloader, &source, &prose);
                let (took, directory) = ran.with_context(|| format!("{downloader} failed at '{shape}'"))?;
                all.push(took);
                match files {
                    Files::Books => directory.close().context("failed to remove the files of a run")?,
                    Files::Small => self.left.borrow_mut().push(directory),
                }
            }
        }
        Ok(self.rows(&shape, &source, &runs))
    }

    /// A directory for one run.
    ///
    /// # Errors
    /// If none can be made.
    pub fn new_directory(&self) -> anyhow::Result<TempDir> {
        Ok(tempfile::Builder::new().prefix(RUN).tempdir_in(self.directory)?)
    }

    fn run_once(
        &self,
        downloader: Downloader,
        source: &Source,
        prose: &Prose,
    ) -> anyhow::Result<(Took, TempDir)> {
        let directory = self.new_directory()?;
        sync(directory.path(), directory.path())?;
        let work = Work { items: &source.items, prose, directory: directory.path(), data: self.data() };
        Ok((downloader.run(work)?, directory))
    }

    /// Directory that outlives this run, around those of the runs.
    fn data(&self) -> &Path {
        self.directory.parent().unwrap_or(self.directory)
    }

    /// The same runs as seconds, as files and as bytes a second.
    fn rows(&self, shape: &str, source: &Source, runs: &Runs) -> Vec<Row> {
        let machine = Machine::here(self.directory);
        let files = source.items.len() as f64;
        let megabytes = item::bytes(&source.items) as f64 / 1e6;
        let seconds = |took: &Took| took.seconds;
        let files_rate = |took: &Took| files / took.seconds;
        let bytes_rate = |took: &Took| megabytes / took.seconds;
        let views: [View<'_>; 3] = [
            ("download: time", "s", Better::Lower, &seconds),
            ("download: files", "files/s", Better::Higher, &files_rate),
            ("download: bytes", "MB/s", Better::Higher, &bytes_rate),
        ];
        let mut rows = Vec::new();
        for (work, unit, better, figure) in views {
            let mut view: Vec<Row> = self
                .downloaders
                .iter()
                .map(|downloader| Row {
                    work: work.to_owned(),
                    shape: shape.to_owned(),
                    tool: downloader.name(),
                    version: runs[downloader].as_ref().map(|(found, _)| found.version.clone()),
                    unit,
                    outcome: outcome(*downloader, runs[downloader].as_ref(), figure),
                    machine: machine.clone(),
                })
                .collect();
            compare(&mut view, better);
            rows.extend(view);
        }
        rows
    }
}

fn outcome(
    downloader: Downloader,
    found: Option<&(Installed, Vec<Took>)>,
    figure: &dyn Fn(&Took) -> f64,
) -> Outcome {
    let measured = found.and_then(|(installed, runs)| {
        let figures: Vec<f64> = runs.iter().map(figure).collect();
        let rss_kib = runs.iter().filter_map(|took| took.rss_kib).max();
        Measured::of(&figures, rss_kib, &installed.durability)
    });
    measured.map_or(Outcome::Missing { missing: true, install: downloader.install() }, Outcome::Measured)
}
