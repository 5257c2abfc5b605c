//! How fast the whole stage is: read, check, tokenise, count, write three results; with and without forcing
//! them to the medium.

use std::{cell::RefCell, path::Path};

use anyhow::{Context, ensure};
use flow::durability::Durability;
use process::counts::vocabulary::Vocabulary;
use tempfile::TempDir;

use super::{
    corpus::Corpus,
    counter::Threads,
    step::{self, Report, Step},
};
use crate::{
    fetch::running::sync,
    machine::Machine,
    row::{Better, Measured, Outcome, Row, compare, rounded},
    speed::RUN,
};

/// The name of this work.
pub const WORK: &str = "process stage";

/// Durabilities of results, the default first.
const DURABILITIES: [Durability; 2] = [Durability::Power, Durability::Process];

/// Plan of a measurement of the stage.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Number of runs.
    pub runs: usize,
    /// Existing directory for all data of a run.
    pub directory: &'a Path,
    /// Data of finished runs, removed after the last: ext4 creates files slowly after many were removed.
    pub left: RefCell<Vec<TempDir>>,
}

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    /// Resources used.
    pub report: Report,
    /// Number of documents.
    pub documents: u64,
    /// All bytes of text, in millions.
    pub megabytes: f64,
    /// Totals of the results.
    pub vocabulary: Vocabulary,
}

/// One way to look at runs: what it is called, its unit, and the figure of a run.
type View<'a> = (&'static str, &'static str, &'a dyn Fn(&Ran) -> f64);

type Runs = (Threads, Durability, Vec<Ran>);

impl Plan<'_> {
    /// Measures. Says on `progress` what it does.
    ///
    /// # Errors
    /// If a text cannot be processed, or results differ between runs.
    pub fn measure(&self, corpus: Corpus<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Row>> {
        let forms = Threads::ALL.into_iter().flat_map(|threads| DURABILITIES.map(|one| (threads, one)));
        let mut all: Vec<Runs> =
            forms.map(|(threads, durability)| (threads, durability, Vec::new())).collect();
        for run in 1..=self.runs {
            for (threads, durability, ran) in &mut all {
                let (threads, tool) = (*threads, tool(*durability));
                progress(&format!("{WORK}, {}: run {run} of {}, {tool}", threads.name(), self.runs));
                ran.push(self.run_once(corpus, threads, *durability)?);
            }
        }
        let mut vocabularies = all.iter().flat_map(|(_, _, ran)| ran).map(|ran| ran.vocabulary);
        let first = vocabularies.next();
        ensure!(vocabularies.all(|other| Some(other) == first), "results differ between runs");
        Ok(self.rows(corpus, &all))
    }

    /// Places the texts into a directory of its own, runs the stage, and looks at the results.
    ///
    /// # Errors
    /// If a text cannot be processed.
    pub fn run_once(
        &self,
        corpus: Corpus<'_>,
        threads: Threads,
        durability: Durability,
    ) -> anyhow::Result<Ran> {
        let directory = tempfile::Builder::new().prefix(RUN).tempdir_in(self.directory)?;
        let (run, notes) = (directory.path().join("run"), directory.path());
        let (documents, bytes) = corpus.place(&run)?;
        sync(notes, notes)?;
        let step = Step { directory: run.clone(), durability, threads: threads.count() };
        let report = step.run().with_context(|| format!("failed at {}", corpus.described()))?;
        let vocabulary = step::must_be_done(&run, documents)?;
        self.left.borrow_mut().push(directory);
        Ok(Ran { report, documents, megabytes: bytes as f64 / 1e6, vocabulary })
    }

    /// The same runs as bytes and as documents a second.
    fn rows(&self, corpus: Corpus<'_>, all: &[Runs]) -> Vec<Row> {
        let machine = Machine::here(self.directory);
        let bytes = |ran: &Ran| ran.megabytes / ran.report.seconds;
        let documents = |ran: &Ran| ran.documents as f64 / ran.report.seconds;
        let views: [View<'_>; 2] = [("bytes", "MB/s", &bytes), ("documents", "documents/s", &documents)];
        let mut rows = Vec::new();
        for (view, unit, figure) in views {
            let row = |(threads, durability, ran): &Runs| {
                Some(Row {
                    work: format!("{WORK}: {view}"),
                    shape: format!("{}, {}", corpus.described(), threads.name()),
                    tool: tool(*durability),
                    version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                    unit,
                    outcome: Outcome::Measured(measured(*durability, ran, figure)?),
                    machine: machine.clone(),
                })
            };
            let mut view: Vec<Row> = all.iter().filter_map(row).collect();
            compare(&mut view, Better::Higher);
            rows.extend(view);
        }
        rows
    }
}

const fn tool(durability: Durability) -> &'static str {
    match durability {
        Durability::Power => "juggle",
        Durability::Process => "juggle --durability process",
    }
}

fn measured(durability: Durability, all: &[Ran], figure: &dyn Fn(&Ran) -> f64) -> Option<Measured> {
    let figures: Vec<f64> = all.iter().map(figure).collect();
    let rss_kib = all.iter().filter_map(|ran| ran.report.rss_kib).max();
    let flushes = all.iter().map(|ran| ran.report.flushes as f64 / ran.documents as f64).reduce(f64::max)?;
    let survives = match durability {
        Durability::Power => "power loss; files of a group are forced together",
        Durability::Process => "the end of the process",
    };
    let measured = Measured::of(&figures, rss_kib, survives)?;
    Some(Measured { syncs_per_job: Some(rounded(flushes)), ..measured })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::texts::Texts;

    fn ran(seconds: f64, flushes: u64) -> Ran {
        let report = Report { seconds, cpu_seconds: seconds, flushes, rss_kib: Some(1024) };
        Ran { report, documents: 10, megabytes: 4.0, vocabulary: Vocabulary::default() }
    }

    #[test]
    fn runs_are_told_as_bytes_and_as_documents_beside_the_default() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.txt"), vec![b'x'; 4_000_000]).unwrap();
        let texts = Texts::below(directory.path()).unwrap();
        let plan = Plan { runs: 1, directory: directory.path(), left: RefCell::default() };
        let all = [
            (Threads::One, Durability::Power, vec![ran(2.0, 30)]),
            (Threads::One, Durability::Process, vec![ran(1.0, 0)]),
        ];
        let rows = plan.rows(Corpus::All(&texts), &all);
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.tool, row.unit, row.measured().unwrap()))
            .map(|(tool, unit, it)| (tool, unit, it.median, it.syncs_per_job, it.ratio))
            .collect();
        let quick = "juggle --durability process";
        let expected = [
            ("juggle", "MB/s", 2.0, Some(3.0), Some(1.0)),
            (quick, "MB/s", 4.0, Some(0.0), Some(0.5)),
            ("juggle", "documents/s", 5.0, Some(3.0), Some(1.0)),
            (quick, "documents/s", 10.0, Some(0.0), Some(0.5)),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[0].shape, "1 text, 4.0 MB, one thread");
    }
}
