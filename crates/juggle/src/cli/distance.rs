//! The arguments of `juggle distance`.

use clap::{Args, ValueEnum};
use distance::{accumulator::PAIRS_MAX, measure::Measure};

use settings::args;

/// `juggle distance`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("help/distance.txt"))]
pub struct DistanceArgs {
    /// Document IDs: two, one to compare with all others, or none with --all
    #[arg(value_name = "ID", num_args = 0..=2, conflicts_with = "all")]
    pub ids: Vec<String>,
    /// Compare all documents, in pairs
    #[arg(long)]
    pub all: bool,
    /// Measure to compute; can be repeated
    #[arg(long, value_enum, value_name = "MEASURE", default_value = "all")]
    pub measure: Vec<Measured>,
    /// Number of token pairs to draw from two documents
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=PAIRS_MAX))]
    pub pairs: u64,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Maximum number of document pairs; if there are more, a random sample is used
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub max_pairs: u64,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// A measure, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measured {
    /// Difference of the letters, in sum and per position
    Letters,
    /// Insertions, deletions and replacements
    Levenshtein,
    /// 1 minus the Jaro-Winkler similarity
    JaroWinkler,
    /// All measures
    All,
}

impl DistanceArgs {
    /// Returns the measures, each once, in a fixed order.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        let is_asked = |measure: &Measure| {
            self.measure.iter().any(|asked| match asked {
                Measured::Letters => matches!(measure, Measure::Letters | Measure::LettersPerPosition),
                Measured::Levenshtein => *measure == Measure::Levenshtein,
                Measured::JaroWinkler => *measure == Measure::JaroWinkler,
                Measured::All => true,
            })
        };
        Measure::ALL.into_iter().filter(is_asked).collect()
    }
}
