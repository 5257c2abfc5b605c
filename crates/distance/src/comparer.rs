//! Compares two or many documents on all cores.
//!
//! Pair `i` consists of the random numbers `2i` and `2i + 1`, so any thread can take any range of pairs. Sums
//! are exact, so threads and chunks do not change the result. The random numbers depend on the two ids, the
//! lesser first, so the result depends neither on the order of the two documents nor on other pairs that are
//! compared. Tokens are drawn with replacement, so two documents of any length have any number of pairs.

use std::ops::Range;

use flow::{blobs::BlobStore, document::DocumentId};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    accumulator::{Accumulator, PAIRS_MAX},
    error::DistanceError,
    measure::Measure,
    random_numbers::RandomNumbers,
    summary::DistanceSummary,
    token_sample::{TokenSample, TokenStats},
};

/// The number of pairs that a thread takes at a time.
const CHUNK_PAIRS: u64 = 4_096;

/// The measures, and the number of pairs of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonPlan {
    /// The measures to compute.
    pub measures: Vec<Measure>,
    /// The number of token pairs for each pair of documents, from 1 to [`PAIRS_MAX`]. Other numbers are
    /// clamped.
    pub pairs: u64,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// The result of comparing two documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentComparison {
    /// The first document.
    pub first: TokenStats,
    /// The second document.
    pub second: TokenStats,
    /// The distances, in the order of the plan's measures.
    pub distances: Vec<DistanceSummary>,
}

/// Compares documents on its own threads.
#[derive(Debug)]
pub struct Comparer {
    plan: ComparisonPlan,
    threads: rayon::ThreadPool,
}

impl Comparer {
    /// Creates a comparer with this number of threads, or one a core if it is 0.
    ///
    /// # Errors
    /// Returns [`DistanceError::Threads`] if the threads cannot be started.
    pub fn new(plan: ComparisonPlan, threads: usize) -> Result<Self, DistanceError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("distance-{n}"))
            .build()
            .map_err(|source| DistanceError::Threads { threads, source })?;
        Ok(Self { plan, threads: pool })
    }

    /// Compares two documents. All threads share their pairs of tokens. Holds both documents. Blocking.
    ///
    /// # Errors
    /// Returns [`DistanceError::NoTokens`] if one of them has no tokens, and [`DistanceError::Blob`] or
    /// [`DistanceError::InvalidLine`] if one cannot be read.
    pub fn compare(
        &self,
        blobs: &dyn BlobStore,
        first: &DocumentId,
        second: &DocumentId,
    ) -> Result<DocumentComparison, DistanceError> {
        let read = |document| TokenSample::read(blobs, document, self.plan.seed);
        let (first, second) = self.threads.join(|| read(first), || read(second));
        let (first, second) = (first?, second?);
        let token_pairs = TokenPairs::new(&first, &second, self.plan.seed);
        let pairs = self.plan.pairs();
        let chunk = |number| {
            let start = number * CHUNK_PAIRS;
            token_pairs.accumulate(&self.plan.measures, start..(start + CHUNK_PAIRS).min(pairs))
        };
        let chunks = (0..pairs.div_ceil(CHUNK_PAIRS)).into_par_iter().map(chunk);
        let sums = self.threads.install(|| chunks.reduce(|| empty(&self.plan.measures), merge));
        Ok(comparison(&first, &second, &sums))
    }

    /// Compares many pairs of documents, each on one thread. A thread holds two documents. Blocking.
    ///
    /// # Errors
    /// Returns the error of [`compare`](Self::compare) for a pair that fails.
    pub fn compare_many(
        &self,
        blobs: &dyn BlobStore,
        pairs: &[(DocumentId, DocumentId)],
    ) -> Result<Vec<DocumentComparison>, DistanceError> {
        let compare = |(first, second): &(DocumentId, DocumentId)| {
            let read = |document| TokenSample::read(blobs, document, self.plan.seed);
            let (first, second) = (read(first)?, read(second)?);
            let token_pairs = TokenPairs::new(&first, &second, self.plan.seed);
            let sums = token_pairs.accumulate(&self.plan.measures, 0..self.plan.pairs());
            Ok(comparison(&first, &second, &sums))
        };
        // Documents differ in size by orders of magnitude, so a thread takes one pair at a time.
        self.threads.install(|| pairs.par_iter().with_max_len(1).map(compare).collect())
    }
}

impl ComparisonPlan {
    fn pairs(&self) -> u64 {
        self.pairs.clamp(1, PAIRS_MAX)
    }
}

/// The random pairs of tokens of two documents.
struct TokenPairs<'a> {
    lesser: &'a TokenSample,
    greater: &'a TokenSample,
    random: RandomNumbers,
}

impl<'a> TokenPairs<'a> {
    fn new(first: &'a TokenSample, second: &'a TokenSample, seed: u64) -> Self {
        // The order of the ids, not that of the arguments, decides which numbers belong to which document.
        let is_swapped = first.stats().id > second.stats().id;
        let (lesser, greater) = if is_swapped { (second, first) } else { (first, second) };
        let names = ["pairs of tokens", lesser.stats().id.as_str(), greater.stats().id.as_str()];
        Self { lesser, greater, random: RandomNumbers::new(seed, &names) }
    }

    /// Adds up the distances of a range of the pairs.
    fn accumulate(&self, measures: &[Measure], pairs: Range<u64>) -> Vec<Accumulator> {
        // A pair takes two numbers of the sequence.
        let mut random = self.random.skip(2 * pairs.start);
        let mut sums = empty(measures);
        for _ in pairs {
            let (one, other) = (self.lesser.draw(&mut random), self.greater.draw(&mut random));
            sums.iter_mut().for_each(|sum| sum.add(one, other));
        }
        sums
    }
}

fn empty(measures: &[Measure]) -> Vec<Accumulator> {
    measures.iter().copied().map(Accumulator::new).collect()
}

fn merge(some: Vec<Accumulator>, more: Vec<Accumulator>) -> Vec<Accumulator> {
    some.into_iter().zip(&more).map(|(some, more)| some.merge(more)).collect()
}

fn comparison(first: &TokenSample, second: &TokenSample, sums: &[Accumulator]) -> DocumentComparison {
    let distances = sums.iter().filter_map(Accumulator::summarize).collect();
    DocumentComparison { first: first.stats().clone(), second: second.stats().clone(), distances }
}

#[cfg(test)]
mod tests {
    use flow::{
        blobs::{BlobKind, BlobName},
        testing::memory_blobs::MemoryBlobs,
    };

    use super::*;

    fn store(texts: &[&str]) -> (MemoryBlobs, Vec<DocumentId>) {
        let blobs = MemoryBlobs::default();
        let documents: Vec<DocumentId> = (0..).map(DocumentId::gutenberg).take(texts.len()).collect();
        for (document, text) in documents.iter().zip(texts) {
            let tokens: String = text.split(' ').map(|token| format!("{token}\n")).collect();
            blobs.put(BlobName::new(BlobKind::Tokens, document.clone()), tokens.as_bytes());
        }
        (blobs, documents)
    }

    fn comparer(pairs: u64, seed: u64, threads: usize) -> Comparer {
        Comparer::new(ComparisonPlan { measures: Measure::ALL.to_vec(), pairs, seed }, threads).unwrap()
    }

    const TEXTS: [&str; 3] = [
        "the sea was calm and the boats came home from the long fishing",
        "der Fluss war still und die Boote kamen heim été naïve œuvre",
        "дом стоял у реки а над ней мост",
    ];

    #[test]
    fn documents_of_one_word_have_the_distance_of_these_words() {
        let (blobs, ids) = store(&["kitten kitten", "sitting"]);
        let compared = comparer(10_000, 0, 2).compare(&blobs, &ids[0], &ids[1]).unwrap();
        let means: Vec<f64> = compared.distances.iter().map(|summary| summary.mean).collect();
        assert_eq!(means[..3], [115.0, 16.428_571, 3.0]);
        assert!((means[3] - 0.253_968_254).abs() < 1e-9, "{means:?}");
        assert!(
            compared
                .distances
                .iter()
                .all(|summary| summary.standard_deviation == 0.0 && summary.pairs == 10_000)
        );
    }

    #[test]
    fn the_mean_of_a_sample_is_close_to_that_of_all_pairs() {
        let (blobs, ids) = store(&TEXTS);
        let (mut sum, mut count) = (0, 0);
        for one in TEXTS[0].split(' ') {
            for other in TEXTS[1].split(' ') {
                sum += strsim::levenshtein(one, other);
                count += 1;
            }
        }
        let compared = comparer(200_000, 0, 2).compare(&blobs, &ids[0], &ids[1]).unwrap();
        let (exact, drawn) = (sum as f64 / f64::from(count), compared.distances[2].mean);
        assert!((exact - drawn).abs() < 0.02, "{exact} {drawn}");
    }

    #[test]
    fn threads_order_and_other_pairs_do_not_change_the_result() {
        let (blobs, ids) = store(&TEXTS);
        let one = comparer(50_000, 3, 1).compare(&blobs, &ids[0], &ids[1]).unwrap();
        for threads in [2, 3, 7] {
            assert_eq!(comparer(50_000, 3, threads).compare(&blobs, &ids[0], &ids[1]).unwrap(), one);
        }
        let turned = comparer(50_000, 3, 2).compare(&blobs, &ids[1], &ids[0]).unwrap();
        assert_eq!((turned.distances, turned.first), (one.distances.clone(), one.second.clone()));
        let pairs = crate::pair_sampling::sample_all(&ids, 100, 3).pairs;
        for threads in [1, 4] {
            let many = comparer(50_000, 3, threads).compare_many(&blobs, &pairs).unwrap();
            assert_eq!((many.len(), &many[0]), (3, &one));
        }
        assert_ne!(comparer(50_000, 4, 1).compare(&blobs, &ids[0], &ids[1]).unwrap(), one);
    }

    #[test]
    fn the_figures_of_a_seed_never_change() {
        let (blobs, ids) = store(&TEXTS);
        let compared = comparer(10_000, 0, 2).compare(&blobs, &ids[0], &ids[1]).unwrap();
        let figures: Vec<(f64, f64)> =
            compared.distances.iter().map(|summary| (summary.mean, summary.standard_deviation)).collect();
        let expected = [
            (205.808_7, 139.065_079_384_833_35),
            (42.905_355_739_4, 26.943_363_289_460_702),
            (4.086_9, 1.120_691_032_354_591_6),
            (0.790_816_904_779_4, 0.268_586_995_755_978_9),
        ];
        assert_eq!(figures, expected);
    }

    #[test]
    fn a_document_without_tokens_fails_the_comparison() {
        let (blobs, mut ids) = store(&["word"]);
        ids.push(DocumentId::gutenberg(9));
        blobs.put(BlobName::new(BlobKind::Tokens, ids[1].clone()), b"");
        let error = comparer(10, 0, 1).compare(&blobs, &ids[0], &ids[1]).unwrap_err().to_string();
        assert_eq!(error, "'PG9' has no tokens");
    }
}
