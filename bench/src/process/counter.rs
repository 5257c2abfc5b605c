//! What counts words.

use std::fmt;

use super::count::Masks;

/// A tool that counts words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Ours, as fast as the machine can.
    Juggle,
    /// The same, with texts that were read before.
    JuggleHeld,
    /// Ours on a machine with AVX2 alone.
    JuggleAvx2,
    /// Ours on a machine without any.
    JugglePortable,
    /// It counts words, but not each.
    Wc,
    /// A pipeline.
    Coreutils,
    /// A program of a hundred lines.
    C,
    /// A Python script.
    Regex,
    /// Split and grouped by a data frame.
    Polars,
    /// Split and grouped by a database.
    DuckDb,
    /// As the Standardized Project Gutenberg Corpus does.
    Nltk,
    /// As an article on concurrency in Python does.
    PyJuggle,
}

/// Number of cores that a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threads {
    /// One.
    One,
    /// Two.
    Two,
}

impl Threads {
    /// Both.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one thread",
            Self::Two => "two threads",
        }
    }

    /// As a number.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

const PACKAGES: &str =
    "python3 -m venv target/bench/python && target/bench/python/bin/pip install polars duckdb nltk";

impl Counter {
    /// All of them, ours first.
    pub const ALL: [Self; 12] = [
        Self::Juggle,
        Self::JuggleHeld,
        Self::JuggleAvx2,
        Self::JugglePortable,
        Self::Wc,
        Self::Coreutils,
        Self::C,
        Self::Regex,
        Self::Polars,
        Self::DuckDb,
        Self::Nltk,
        Self::PyJuggle,
    ];

    /// The name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Juggle => "juggle",
            Self::JuggleHeld => "juggle, texts read before",
            Self::JuggleAvx2 => "juggle, AVX2",
            Self::JugglePortable => "juggle, portable",
            Self::Wc => "wc -w",
            Self::Coreutils => "tr | sort | uniq -c",
            Self::C => "C hash table",
            Self::Regex => "Python re",
            Self::Polars => "Polars",
            Self::DuckDb => "DuckDB",
            Self::Nltk => "NLTK as SPGC",
            Self::PyJuggle => "pyjuggle",
        }
    }

    /// Returns true if the counter uses exactly that number of cores.
    #[must_use]
    pub const fn runs_on(self, threads: Threads) -> bool {
        match self {
            Self::Juggle
            | Self::JuggleHeld
            | Self::JuggleAvx2
            | Self::JugglePortable
            | Self::Regex
            | Self::PyJuggle => true,
            Self::Wc | Self::C | Self::Nltk => matches!(threads, Threads::One),
            Self::Coreutils | Self::Polars | Self::DuckDb => matches!(threads, Threads::Two),
        }
    }

    /// Describes its definition of a word and its method.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Juggle => "words of UAX #29, lower-cased",
            Self::JuggleHeld => "the same, without the time of reading",
            Self::JuggleAvx2 => "as on a machine without AVX-512",
            Self::JugglePortable => "as on a machine without wide registers",
            Self::Wc => "the parts between whitespace; only their total number",
            Self::Coreutils => "runs of A to Z, case kept; three processes, LC_ALL=C",
            Self::C => "runs of letters, digits, _ and bytes beyond ASCII; ASCII lower-cased, -O3",
            Self::Regex => "\\w+, lower-cased, in a Counter; two threads are a Pool of 2",
            Self::Polars => "the parts between spaces, lower-cased; split and group by",
            Self::DuckDb => "the parts between spaces, lower-cased; split and group by",
            Self::Nltk => "sentences by Punkt, TreebankWordTokenizer, isalpha, lower-cased, in a Counter",
            Self::PyJuggle => {
                "ASCII words of each line, lower-cased, in a Counter; two threads are the article's \
                 ProcessPoolExecutor of 4, one task per line; rewritten from the article"
            }
        }
    }

    /// Largest sample in bytes, chosen so that a run takes seconds. The figure is that of the sample.
    #[must_use]
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::Nltk => 1_000_000,
            Self::PyJuggle => 1_000_000,
            Self::JuggleHeld => 1_000_000_000,
            Self::Juggle
            | Self::JuggleAvx2
            | Self::JugglePortable
            | Self::Wc
            | Self::Coreutils
            | Self::C
            | Self::Regex
            | Self::Polars
            | Self::DuckDb => u64::MAX,
        }
    }

    /// Method of finding words, for juggle's own counters.
    #[must_use]
    pub const fn masks(self) -> Option<Masks> {
        match self {
            Self::Juggle | Self::JuggleHeld => Some(Masks::Fastest),
            Self::JuggleAvx2 => Some(Masks::Avx2),
            Self::JugglePortable => Some(Masks::Portable),
            Self::Wc
            | Self::Coreutils
            | Self::C
            | Self::Regex
            | Self::Polars
            | Self::DuckDb
            | Self::Nltk
            | Self::PyJuggle => None,
        }
    }

    /// Returns true if texts are read before the clock starts.
    #[must_use]
    pub const fn holds_texts(self) -> bool {
        matches!(self, Self::JuggleHeld)
    }

    /// The module that its script needs and Python does not bring with it.
    #[must_use]
    pub fn module(self) -> Option<&'static str> {
        matches!(self, Self::Polars | Self::DuckDb | Self::Nltk).then(|| self.way())
    }

    /// Its name for the script; empty where it is none.
    #[must_use]
    pub const fn way(self) -> &'static str {
        match self {
            Self::Regex => "re",
            Self::Polars => "polars",
            Self::DuckDb => "duckdb",
            Self::Nltk => "nltk",
            Self::PyJuggle => "pyjuggle",
            Self::Juggle
            | Self::JuggleHeld
            | Self::JuggleAvx2
            | Self::JugglePortable
            | Self::Wc
            | Self::Coreutils
            | Self::C => "",
        }
    }

    /// The command that installs it.
    #[must_use]
    pub const fn install(self) -> &'static str {
        match self {
            Self::Juggle | Self::JuggleHeld | Self::JugglePortable => "built in",
            Self::JuggleAvx2 => "a processor with AVX2",
            Self::Wc | Self::Coreutils => "apt-get install coreutils findutils",
            Self::C => "apt-get install gcc libc6-dev",
            Self::Regex | Self::PyJuggle => "apt-get install python3",
            Self::Polars | Self::DuckDb | Self::Nltk => PACKAGES,
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Tool;

    #[test]
    fn ratios_are_to_the_counter_that_has_juggles_name() {
        assert_eq!(Counter::Juggle.name(), Tool::Juggle.name());
    }

    #[test]
    fn each_counter_runs_on_some_number_of_threads() {
        for counter in Counter::ALL {
            assert!(Threads::ALL.iter().any(|threads| counter.runs_on(*threads)), "{counter}");
        }
    }
}
