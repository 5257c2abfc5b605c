//! How fast words are counted: runs of all counters in turn, over the same texts.

use std::path::Path;

use anyhow::{Context, ensure};

use super::{
    counted::Counted,
    counter::{Counter, Threads},
    peer::{Found, Place},
    texts::Texts,
};
use crate::{
    machine::Machine,
    row::{Better, Measured, Outcome, Row, compare},
    speed::RUN,
};

/// The name of this work.
pub const WORK: &str = "tokenise and count";

/// The rows to measure.
#[derive(Debug)]
pub struct Plan<'a> {
    /// With which counters.
    pub counters: &'a [Counter],
    /// The texts.
    pub texts: &'a Texts,
    /// The samples of slow counters are divided by this.
    pub divisor: u64,
    /// Number of runs.
    pub runs: usize,
    /// Existing directory for all data of a run.
    pub directory: &'a Path,
}

/// The runs of a counter.
#[derive(Debug)]
struct Runs {
    counter: Counter,
    /// None where it is not installed.
    found: Option<Found>,
    /// The texts it counts: all, or a sample.
    texts: Texts,
    all: Vec<Counted>,
}

impl Plan<'_> {
    /// Measures. Says on `progress` what it does.
    ///
    /// # Errors
    /// If a counter that is installed fails, or ours differ from each other.
    pub fn measure(&self, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Row>> {
        let directory = tempfile::Builder::new().prefix(RUN).tempdir_in(self.directory)?;
        let data = self.directory.parent().unwrap_or(self.directory);
        let place = Place { directory: directory.path(), data };
        let mut rows = Vec::new();
        for threads in Threads::ALL {
            let mut all: Vec<Runs> = self.runs_on(threads, place);
            for run in 1..=self.runs {
                for runs in &mut all {
                    let (Some(found), counter) = (&runs.found, runs.counter) else { continue };
                    progress(&format!("{WORK}, {}: run {run} of {}, {counter}", threads.name(), self.runs));
                    let list = directory.path().join("list");
                    runs.texts.write_list(&list)?;
                    let counted = place.run(found, threads, &list);
                    runs.all.push(counted.with_context(|| format!("{counter} failed"))?);
                }
            }
            ours_must_agree(&all)?;
            rows.extend(self.rows(threads, &all));
        }
        Ok(rows)
    }

    fn runs_on(&self, threads: Threads, place: Place<'_>) -> Vec<Runs> {
        let counters = self.counters.iter().filter(|counter| counter.runs_on(threads));
        let runs = |counter: &Counter| Runs {
            counter: *counter,
            found: place.find(*counter),
            texts: self.texts.within(counter.bytes_max().div_ceil(self.divisor)),
            all: Vec::new(),
        };
        counters.map(runs).collect()
    }

    fn rows(&self, threads: Threads, all: &[Runs]) -> Vec<Row> {
        let machine = Machine::here(self.directory);
        let row = |runs: &Runs| Row {
            work: WORK.to_owned(),
            shape: format!("{}, {}", self.texts.described(), threads.name()),
            tool: runs.counter.name(),
            version: runs.found.as_ref().map(|found| found.version.clone()),
            unit: "MB/s",
            outcome: runs.outcome(self.texts),
            machine: machine.clone(),
        };
        let mut rows: Vec<Row> = all.iter().map(row).collect();
        compare(&mut rows, Better::Higher);
        rows
    }
}

impl Runs {
    fn outcome(&self, whole: &Texts) -> Outcome {
        let missing = Outcome::Missing { missing: true, install: self.counter.install() };
        self.measured(whole).map_or(missing, Outcome::Measured)
    }

    fn measured(&self, whole: &Texts) -> Option<Measured> {
        let figures: Vec<f64> =
            self.all.iter().map(|counted| self.texts.megabytes() / counted.seconds).collect();
        let rss_kib = self.all.iter().filter_map(|counted| counted.rss_kib).max();
        let sample = (self.texts != *whole).then(|| format!("a sample of {}", self.texts.described()));
        let counted = Some(self.all.last()?.described());
        let rule = Some(self.counter.rule().to_owned());
        let note: Vec<String> =
            rule.into_iter().chain(sample).chain(counted.filter(|said| !said.is_empty())).collect();
        let measured = Measured::of(&figures, rss_kib, "")?;
        Some(Measured { note: Some(note.join(": ")), ..measured })
    }
}

/// Ours count the same however they find words.
fn ours_must_agree(all: &[Runs]) -> anyhow::Result<()> {
    let ours = all.iter().filter(|runs| runs.counter.masks().is_some()).flat_map(|runs| &runs.all);
    let mut counts = ours.map(|counted| (counted.words, counted.distinct));
    if let Some(first) = counts.next() {
        ensure!(counts.all(|counted| counted == first), "juggle counts differently from itself");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(counter: Counter, words: u64, whole: &Texts) -> Runs {
        let counted =
            |seconds| Counted { seconds, words: Some(words), distinct: Some(9), rss_kib: Some(2048) };
        let texts = whole.within(counter.bytes_max().min(200_000));
        Runs { counter, found: None, texts, all: vec![counted(0.5), counted(0.25)] }
    }

    fn texts(directory: &Path) -> Texts {
        for name in ["a.txt", "b.txt"] {
            std::fs::write(directory.join(name), vec![b'x'; 200_000]).unwrap();
        }
        Texts::below(directory).unwrap()
    }

    #[test]
    fn a_rate_is_that_of_the_texts_that_were_counted_and_a_sample_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let whole = texts(directory.path());
        let mut all = runs(Counter::Juggle, 7, &whole);
        all.texts = whole.clone();
        let measured = all.measured(&whole).unwrap();
        assert_eq!((measured.min, measured.max), (0.8, 1.6));
        let note = measured.note.unwrap();
        assert_eq!(note, "words of UAX #29, lower-cased: 7 words, 9 different");
        let sample = runs(Counter::Nltk, 7, &whole).measured(&whole).unwrap();
        assert_eq!((sample.min, sample.rss_mib), (0.4, Some(2.0)));
        assert!(sample.note.unwrap().contains("a sample of 1 text, 0.2 MB"));
    }

    #[test]
    fn a_counter_that_is_missing_is_a_row_that_says_what_installs_it() {
        let directory = tempfile::tempdir().unwrap();
        let whole = texts(directory.path());
        let missing = Runs { all: Vec::new(), ..runs(Counter::Polars, 7, &whole) };
        let plan = Plan { counters: &[], texts: &whole, divisor: 1, runs: 1, directory: directory.path() };
        let rows = plan.rows(Threads::Two, &[missing]);
        assert_eq!((rows[0].tool, rows[0].version.as_deref()), ("Polars", None));
        assert_eq!(rows[0].shape, "2 texts, 0.4 MB, two threads");
        let Outcome::Missing { missing, install } = &rows[0].outcome else { panic!("{rows:?}") };
        assert!(*missing && install.contains("pip install polars"));
    }

    #[test]
    fn ours_that_differ_are_an_error_and_others_may_differ() {
        let directory = tempfile::tempdir().unwrap();
        let whole = texts(directory.path());
        let of = |counter, words| runs(counter, words, &whole);
        ours_must_agree(&[of(Counter::Juggle, 7), of(Counter::JuggleAvx2, 7), of(Counter::C, 8)]).unwrap();
        assert!(ours_must_agree(&[of(Counter::Juggle, 7), of(Counter::JugglePortable, 8)]).is_err());
    }
}
