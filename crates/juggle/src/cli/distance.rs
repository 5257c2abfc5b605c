//! What can be typed after `juggle distance`.

use clap::{Args, ValueEnum};
use distance::{measure::Measure, tally::PAIRS_MAX};

use crate::settings::args;

/// `juggle distance`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle distance PG84 PG345 -o corpus             how far the words of two documents are apart
  juggle distance PG84 PG345 --measure levenshtein --pairs 1000000
  juggle distance PG84 -o corpus                   one document with each of the others
  juggle distance --all --max-pairs 50 -o corpus   all documents, in pairs; nearest first
  juggle distance PG84 PG345 --json | jq '.distances[] | {measure, mean}'

A token of one document and a token of the other make a pair; --pairs are drawn at random, each token as likely as any \
other and as often as it comes. The same seed draws the same pairs, on every machine, with any --threads, whichever id is \
named first. Words are compared as they stand in tokens/.

letters: the sum, over all positions, of the difference of the code points; what the longer word has beyond the \
shorter counts against 0. With it comes letters-per-position: that sum over the length of the longer word. levenshtein: letters \
put in, taken out or replaced. jaro-winkler: 1 less that similarity, from 0 (equal) to 1.

Of a document with more than 4,194,304 tokens so many are drawn first; of a token, 256 letters are looked at. In memory: each different \
word once and 4 bytes a token, of two documents; with --all or one id, of two for each thread.

--json: first, second {id, tokens, held_tokens, distinct_tokens, cut_tokens}, pairs, seed, distances [{measure, pairs, mean, \
standard_deviation, min, max, histogram [{from, below, pairs}]}]; with --all or one id: documents, without_tokens, not_processed, \
possible_pairs, pairs, seed, compared [{first, second, distances}].")]
pub struct DistanceArgs {
    /// Document ids, as in `meta/`: two of them; one, to be compared with all others; or none, for --all.
    #[arg(value_name = "ID", num_args = 0..=2, conflicts_with = "all")]
    pub ids: Vec<String>,
    /// Compare all documents, in pairs.
    #[arg(long)]
    pub all: bool,
    /// What is measured (repeatable).
    #[arg(long, value_enum, value_name = "MEASURE", default_value = "all")]
    pub measure: Vec<Measured>,
    /// Pairs of tokens drawn of two documents.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=PAIRS_MAX))]
    pub pairs: u64,
    /// Decides which pairs are drawn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Pairs of documents compared at most; of more so many are drawn.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub max_pairs: u64,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measured {
    /// The difference of the letters, in sum and for a position.
    Letters,
    /// Letters put in, taken out or replaced.
    Levenshtein,
    /// 1 less the similarity of Jaro and Winkler.
    JaroWinkler,
    /// All of them.
    All,
}

impl DistanceArgs {
    /// What is measured, each once, in a fixed order.
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
