//! The process that counts with juggle: one accumulator for each thread, and one place in the list for all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use uax29::{Implementation, word_counts::WordCounts};

use super::{counted::Counted, texts::read_list};
use crate::machine;

/// The hidden command that does [`Count`].
pub const COUNT: &str = "process-count";

/// Arguments of this step.
#[derive(Debug, Clone, clap::Args)]
pub struct Count {
    /// The paths of the texts.
    #[arg(long)]
    pub list: PathBuf,
    /// On how many threads.
    #[arg(long)]
    pub threads: usize,
    /// Method of finding words.
    #[arg(long)]
    pub masks: Masks,
    /// Reads the texts before the clock starts.
    #[arg(long)]
    pub held: bool,
}

/// Method of finding words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Masks {
    /// As fast as the machine can.
    Fastest,
    /// With AVX2.
    Avx2,
    /// As on every machine.
    Portable,
}

impl Masks {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fastest => "fastest",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    fn choose(self) -> anyhow::Result<()> {
        let chosen = match self {
            Self::Fastest => true,
            Self::Avx2 => Implementation::Avx2.select(),
            Self::Portable => Implementation::Portable.select(),
        };
        ensure!(chosen, "this machine has no {}", self.name());
        Ok(())
    }
}

impl Count {
    /// Counts, and prints the report as a line of JSON.
    ///
    /// # Errors
    /// If a text cannot be read.
    pub fn take(self) -> anyhow::Result<()> {
        self.masks.choose()?;
        let texts = read_list(&self.list)?;
        let held = if self.held { read(&texts)? } else { Vec::new() };
        let started = Instant::now();
        let counts = if self.held {
            count(held.len(), self.threads, |text, counts| {
                counts.add(&held[text]);
                Ok(())
            })
        } else {
            count(texts.len(), self.threads, |text, counts| read_one(&texts[text], counts))
        }?;
        let counted = Counted {
            seconds: started.elapsed().as_secs_f64(),
            words: Some(counts.words()),
            distinct: Some(counts.distinct()),
            rss_kib: machine::rss_peak_kib("self"),
        };
        writeln!(io::stdout(), "{}", serde_json::to_string(&counted)?).context("failed to print the report")
    }
}

fn read(texts: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).with_context(|| format!("failed to read '{}'", path.display()))
    };
    texts.iter().map(read).collect()
}

fn read_one(path: &Path, counts: &mut WordCounts) -> anyhow::Result<()> {
    let counted = File::open(path).and_then(|file| counts.read(file));
    counted.with_context(|| format!("failed to read '{}'", path.display()))
}

/// Counts so many texts with `one`, which is told which to add.
fn count(
    texts: usize,
    threads: usize,
    one: impl Fn(usize, &mut WordCounts) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<WordCounts> {
    let next = AtomicUsize::new(0);
    // What no other thread has taken.
    let take = || {
        let mut counts = WordCounts::default();
        loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                text if text < texts => one(text, &mut counts)?,
                _ => return Ok(counts),
            }
        }
    };
    let counts: anyhow::Result<Vec<WordCounts>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let mut counts = counts?.into_iter();
    let mut all = counts.next().unwrap_or_default();
    counts.for_each(|others| all.merge(&others));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_counts_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let texts: Vec<PathBuf> = (0..7).map(|n| directory.path().join(format!("{n}.txt"))).collect();
        for (n, path) in texts.iter().enumerate() {
            std::fs::write(path, format!("the cat and number {n}, the last\n").repeat(n + 1)).unwrap();
        }
        let counted =
            |threads| count(texts.len(), threads, |text, counts| read_one(&texts[text], counts)).unwrap();
        let one = counted(1);
        assert_eq!((one.words(), one.distinct()), (28 * 7, 12));
        for threads in [2, 9] {
            assert_eq!(counted(threads).sorted(), one.sorted());
        }
        let held = read(&texts).unwrap();
        let add = |text: usize, counts: &mut WordCounts| {
            counts.add(&held[text]);
            Ok(())
        };
        assert_eq!(count(held.len(), 2, add).unwrap().sorted(), one.sorted());
    }

    #[test]
    fn a_text_that_is_no_utf_8_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bad.txt");
        std::fs::write(&path, b"caf\xe9").unwrap();
        assert!(read_one(&path, &mut WordCounts::default()).unwrap_err().to_string().contains("bad.txt"));
        assert!(read(&[path]).unwrap_err().to_string().contains("bad.txt"));
    }
}
