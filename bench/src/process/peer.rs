//! How each of the counters is run, and whether it is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use super::{
    count::{COUNT, Masks},
    counted::Counted,
    counter::{Counter, Threads},
};
use crate::{
    fetch::{python, running::Running},
    machine::Machine,
    program::{self, held},
};

/// The list of the texts is `$1`; what is counted goes to `$2`.
const WC: &str = "exec wc -w --files0-from=\"$1\" >\"$2\"";
const COREUTILS: &str = "xargs -0 cat <\"$1\" | tr -cs A-Za-z '\\n' | sort --parallel=2 | uniq -c >\"$2\"";

/// Environment in which counters are run.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// An empty directory for the time of the benchmark.
    pub directory: &'a Path,
    /// Directory of the Python environment of the scripts.
    pub data: &'a Path,
}

/// A counter as it is installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The counter.
    pub counter: Counter,
    /// Its version.
    pub version: String,
    /// Interpreter of its script, if it is a script.
    python: Option<PathBuf>,
}

impl Place<'_> {
    /// Looks for a counter; none where it is not installed.
    #[must_use]
    pub fn find(self, counter: Counter) -> Option<Found> {
        let own = Some(env!("CARGO_PKG_VERSION").to_owned());
        let mut python = None;
        let version = match counter {
            Counter::Juggle | Counter::JuggleHeld | Counter::JugglePortable => own,
            Counter::JuggleAvx2 => {
                own.filter(|_| matches!(Machine::here(self.directory).simd, "avx2" | "avx512"))
            }
            Counter::Wc => coreutils_version(),
            Counter::Coreutils => program::find("xargs").and_then(|_| coreutils_version()),
            Counter::C => compiler_version(),
            Counter::Regex | Counter::PyJuggle => {
                python = python::plain();
                python::version(python.as_ref()?)
            }
            Counter::Polars | Counter::DuckDb | Counter::Nltk => {
                let (found, version) = self.python_with(counter.module()?)?;
                python = Some(found);
                Some(version)
            }
        };
        Some(Found { counter, version: version?, python })
    }

    /// Counts the texts of a list.
    ///
    /// # Errors
    /// If it fails, or counts nothing.
    pub fn run(self, found: &Found, threads: Threads, list: &Path) -> anyhow::Result<Counted> {
        if let Some(masks) = found.counter.masks() {
            let mut command = juggle(masks, threads, list)?;
            command.args(found.counter.holds_texts().then_some("--held"));
            return Counted::said_by(command);
        }
        if let Some(python) = &found.python {
            return Counted::said_by(self.script(found.counter, python, threads, list)?);
        }
        if found.counter == Counter::C {
            let mut command = held(self.compiled()?.as_os_str())?;
            command.arg(list);
            return Counted::said_by(command);
        }
        self.run_shell(found.counter, list)
    }

    /// A program that reports no time of its own is timed from its start to its end.
    fn run_shell(self, counter: Counter, list: &Path) -> anyhow::Result<Counted> {
        let script = if counter == Counter::Wc { WC } else { COREUTILS };
        let output = self.directory.join("counts");
        let mut command = held("sh".as_ref())?;
        command.env("LC_ALL", "C").current_dir(self.directory);
        command.args(["-c", script, "sh"]).arg(list).arg(&output);
        let took = Running::start("sh", command, self.directory)?.wait()?;
        let counts =
            fs::read_to_string(&output).with_context(|| format!("failed to read '{}'", output.display()))?;
        fs::remove_file(&output)?;
        let words = (counter == Counter::Wc).then(|| wc_total(&counts).context("no total")).transpose()?;
        let distinct = (counter == Counter::Coreutils).then(|| counts.lines().count() as u64);
        // The shell of the pipeline does not know what its programs had.
        let rss_kib = took.rss_kib.filter(|_| counter == Counter::Wc);
        Ok(Counted { seconds: took.seconds, words, distinct, rss_kib })
    }

    /// The program, which is compiled when first asked for.
    fn compiled(self) -> anyhow::Result<PathBuf> {
        let (source, program) = (self.directory.join("count.c"), self.directory.join("count"));
        if !program.exists() {
            fs::write(&source, include_str!("count.c"))?;
            let mut compiler = Command::new("cc");
            compiler.args(["-O3", "-o"]).arg(&program).arg(&source);
            let output = compiler.stdin(Stdio::null()).output().context("failed to run cc")?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "failed to compile: {}", said.trim());
        }
        Ok(program)
    }

    fn script(
        self,
        counter: Counter,
        python: &Path,
        threads: Threads,
        list: &Path,
    ) -> anyhow::Result<Command> {
        let script = self.directory.join("count.py");
        fs::write(&script, include_str!("count.py"))
            .with_context(|| format!("failed to write '{}'", script.display()))?;
        let mut command = held(python.as_os_str())?;
        command.arg(script).arg(counter.way()).arg(threads.count().to_string()).arg(list);
        command.env("POLARS_MAX_THREADS", threads.count().to_string());
        Ok(command)
    }

    /// A Python that has this module, and the module's version: the system's, else that of the benchmark.
    fn python_with(self, module: &str) -> Option<(PathBuf, String)> {
        let own = self.data.join("python/bin/python3");
        let version = |python: PathBuf| {
            let print = format!("import {module}; print({module}.__version__)");
            let said = program::output_of(&python, &["-c", &print]).filter(|said| !said.is_empty())?;
            Some((python, said))
        };
        python::plain().into_iter().chain([own]).find_map(version)
    }
}

fn juggle(masks: Masks, threads: Threads, list: &Path) -> anyhow::Result<Command> {
    let mut command = held(std::env::current_exe()?.as_os_str())?;
    command.arg(COUNT).arg("--list").arg(list);
    command.args(["--threads", &threads.count().to_string(), "--masks", masks.name()]);
    Ok(command)
}

fn coreutils_version() -> Option<String> {
    last_word(&program::output_of(&program::find("wc")?, &["--version"])?)
}

fn compiler_version() -> Option<String> {
    last_word(&program::output_of(&program::find("cc")?, &["--version"])?)
}

/// The last word of the first line.
fn last_word(said: &str) -> Option<String> {
    Some(said.lines().next()?.rsplit(' ').next()?.to_owned())
}

/// The total that `wc` says last; of one text, the only number.
fn wc_total(said: &str) -> Option<u64> {
    said.lines().next_back()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::texts::Texts;

    #[test]
    fn the_total_of_wc_is_its_last_line() {
        assert_eq!(wc_total("  7 a.txt\n 12 b c.txt\n 19 total\n"), Some(19));
        assert_eq!(wc_total("7 a.txt\n"), Some(7));
        assert_eq!(wc_total(""), None);
    }

    #[test]
    fn versions_end_the_first_line() {
        assert_eq!(last_word("wc (GNU coreutils) 9.1\nCopyright"), Some("9.1".to_owned()));
    }

    /// Skipped if there is no C compiler.
    #[test]
    fn the_c_program_counts_words_whatever_their_case_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place { directory: directory.path(), data: directory.path() };
        if place.find(Counter::C).is_none() {
            return;
        }
        let texts = directory.path().join("texts");
        fs::create_dir(&texts).unwrap();
        fs::write(texts.join("a.txt"), "The cat, the été 42 end").unwrap();
        let many: String = (0..100_000).map(|n| format!("word{n}\n")).collect();
        fs::write(texts.join("b.txt"), format!("ENDless end\n{many}")).unwrap();
        let list = directory.path().join("list");
        Texts::below(&texts).unwrap().write_list(&list).unwrap();
        let mut command = Command::new(place.compiled().unwrap());
        command.arg(&list);
        let counted = Counted::said_by(command).unwrap();
        assert_eq!((counted.words, counted.distinct), (Some(100_008), Some(100_006)));
        assert!(counted.rss_kib.unwrap() > 1000);
    }
}
