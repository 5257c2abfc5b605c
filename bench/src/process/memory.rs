//! How memory grows with the corpus: the stage, and counting alone, over the texts and over thirty times as
//! many.

use anyhow::Context;
use flow::durability::Durability;

use super::{
    corpus::{Corpus, placed},
    counter::{Counter, Threads},
    peer::Place,
    stage::Plan,
    texts::Texts,
};
use crate::{report::Report, row::Better, speed::RUN};

/// The name of this work.
pub const WORK: &str = "memory";

/// Number of repetitions of the corpus.
const COPIES: u64 = 30;

/// Corpora to measure: the corpus itself, or the large one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The corpus.
    Small,
    /// The corpus, and thirty times as much.
    Large,
}

/// Measures the most memory, and how fast it went.
///
/// # Errors
/// If a text cannot be processed.
pub fn measure(
    plan: &Plan<'_>,
    texts: &Texts,
    extent: Extent,
    report: &mut Report,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let copies: &[u64] = if extent == Extent::Large { &[1, COPIES] } else { &[1] };
    for copies in copies {
        let corpus = Corpus::Copies { texts, copies: *copies };
        progress(&format!("{WORK}: {}", corpus.described()));
        count(plan, corpus, report)?;
        stage(plan, corpus, report)?;
    }
    Ok(())
}

fn count(plan: &Plan<'_>, corpus: Corpus<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix(RUN).tempdir_in(plan.directory)?;
    let (run, list) = (directory.path().join("run"), directory.path().join("list"));
    let (_, bytes) = corpus.place(&run)?;
    Texts::below(&placed(&run))?.write_list(&list)?;
    let place = Place { directory: directory.path(), data: directory.path() };
    let juggle = place.find(Counter::Juggle).context("it is this program")?;
    let counted = place.run(&juggle, Threads::Two, &list)?;
    let speed = bytes as f64 / 1e6 / counted.seconds;
    add(report, &corpus.described(), "counting", counted.rss_kib, speed);
    directory.close().context("failed to remove the copies")
}

fn stage(plan: &Plan<'_>, corpus: Corpus<'_>, report: &mut Report) -> anyhow::Result<()> {
    let ran = plan.run_once(corpus, Threads::Two, Durability::Process)?;
    let speed = ran.megabytes / ran.report.seconds;
    add(report, &corpus.described(), "the stage", ran.report.rss_kib, speed);
    Ok(())
}

fn add(report: &mut Report, shape: &str, what: &str, rss_kib: Option<u64>, speed: f64) {
    let mebibytes: Vec<f64> = rss_kib.iter().map(|kib| *kib as f64 / 1024.0).collect();
    let name = |figure| format!("{shape}: {figure} of {what}, two threads");
    report.add(WORK, &name("memory"), "MiB", &mebibytes, Better::Lower, rss_kib);
    report.add(WORK, &name("speed"), "MB/s", &[speed], Better::Higher, rss_kib);
}
