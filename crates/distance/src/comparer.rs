//! Two documents, or many, over all cores.
//!
//! Pair `i` is made of the draws `2i` and `2i + 1`, so any thread can do any stretch of the pairs, and sums are exact: threads and
//! chunks never show. The draws of two documents belong to their ids, the lesser first, so the result is the same
//! whichever is named first, and in whatever company they are compared. Pairs are drawn with replacement: any number
//! of them can be had of any two documents.

use std::ops::Range;

use flow::{blobs::BlobStore, document::DocumentId};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    draws::Draws,
    error::DistanceError,
    measure::Measure,
    spread::Spread,
    tally::{PAIRS_MAX, Tally},
    words::{Facts, Words},
};

/// Pairs that a thread takes at a time.
const CHUNK_PAIRS: u64 = 4_096;

/// What is measured, and of how many pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What.
    pub measures: Vec<Measure>,
    /// Pairs of tokens of two documents, from 1; no more than [`PAIRS_MAX`] are drawn.
    pub pairs: u64,
    /// Decides what is drawn.
    pub seed: u64,
}

/// Two documents, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The one named first.
    pub first: Facts,
    /// The other.
    pub second: Facts,
    /// The distances, in the order of the plan's measures.
    pub distances: Vec<Spread>,
}

/// Compares documents.
#[derive(Debug)]
pub struct Comparer {
    plan: Plan,
    threads: rayon::ThreadPool,
}

impl Comparer {
    /// One with so many threads; 0 for as many as there are cores.
    ///
    /// # Errors
    /// Where they cannot be started.
    pub fn new(plan: Plan, threads: usize) -> Result<Self, DistanceError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("distance-{n}"))
            .build()
            .map_err(|source| DistanceError::Threads { threads, source })?;
        Ok(Self { plan, threads: pool })
    }

    /// Compares two documents; all threads share their pairs. Holds both. Blocking.
    ///
    /// # Errors
    /// Where one of them has no tokens, or cannot be read.
    pub fn two(
        &self,
        blobs: &dyn BlobStore,
        first: &DocumentId,
        second: &DocumentId,
    ) -> Result<Compared, DistanceError> {
        let read = |document| Words::read(blobs, document, self.plan.seed);
        let (first, second) = self.threads.join(|| read(first), || read(second));
        let (first, second) = (first?, second?);
        let drawing = Drawing::of(&first, &second, self.plan.seed);
        let pairs = self.plan.pairs();
        let chunk = |number| {
            let start = number * CHUNK_PAIRS;
            drawing.tallies(&self.plan.measures, start..(start + CHUNK_PAIRS).min(pairs))
        };
        let chunks = (0..pairs.div_ceil(CHUNK_PAIRS)).into_par_iter().map(chunk);
        let tallies = self.threads.install(|| chunks.reduce(|| nothing(&self.plan.measures), added));
        Ok(compared(&first, &second, &tallies))
    }

    /// Compares many pairs of documents, each on one thread. A thread holds two documents. Blocking.
    ///
    /// # Errors
    /// As [`two`](Self::two), for the first pair that fails.
    pub fn many(
        &self,
        blobs: &dyn BlobStore,
        pairs: &[(DocumentId, DocumentId)],
    ) -> Result<Vec<Compared>, DistanceError> {
        let compare = |(first, second): &(DocumentId, DocumentId)| {
            let read = |document| Words::read(blobs, document, self.plan.seed);
            let (first, second) = (read(first)?, read(second)?);
            let drawing = Drawing::of(&first, &second, self.plan.seed);
            let tallies = drawing.tallies(&self.plan.measures, 0..self.plan.pairs());
            Ok(compared(&first, &second, &tallies))
        };
        self.threads.install(|| pairs.par_iter().with_max_len(1).map(compare).collect())
    }
}

impl Plan {
    fn pairs(&self) -> u64 {
        self.pairs.clamp(1, PAIRS_MAX)
    }
}

/// The pairs of tokens of two documents.
struct Drawing<'a> {
    lesser: &'a Words,
    greater: &'a Words,
    draws: Draws,
}

impl<'a> Drawing<'a> {
    fn of(first: &'a Words, second: &'a Words, seed: u64) -> Self {
        let swapped = first.facts().id > second.facts().id;
        let (lesser, greater) = if swapped { (second, first) } else { (first, second) };
        let names = ["pairs of tokens", lesser.facts().id.as_str(), greater.facts().id.as_str()];
        Self { lesser, greater, draws: Draws::new(seed, &names) }
    }

    /// The distances of a stretch of the pairs.
    fn tallies(&self, measures: &[Measure], pairs: Range<u64>) -> Vec<Tally> {
        let mut draws = self.draws.after(2 * pairs.start);
        let mut tallies = nothing(measures);
        for _ in pairs {
            let (one, other) = (self.lesser.draw(&mut draws), self.greater.draw(&mut draws));
            tallies.iter_mut().for_each(|tally| tally.add(one, other));
        }
        tallies
    }
}

fn nothing(measures: &[Measure]) -> Vec<Tally> {
    measures.iter().copied().map(Tally::new).collect()
}

fn added(some: Vec<Tally>, more: Vec<Tally>) -> Vec<Tally> {
    some.into_iter().zip(&more).map(|(some, more)| some.with(more)).collect()
}

fn compared(first: &Words, second: &Words, tallies: &[Tally]) -> Compared {
    let distances = tallies.iter().filter_map(Tally::spread).collect();
    Compared { first: first.facts().clone(), second: second.facts().clone(), distances }
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
        Comparer::new(Plan { measures: Measure::ALL.to_vec(), pairs, seed }, threads).unwrap()
    }

    const TEXTS: [&str; 3] = [
        "the sea was calm and the boats came home from the long fishing",
        "der Fluss war still und die Boote kamen heim été naïve œuvre",
        "дом стоял у реки а над ней мост",
    ];

    #[test]
    fn documents_of_one_word_have_the_distance_of_these_words() {
        let (blobs, ids) = store(&["kitten kitten", "sitting"]);
        let compared = comparer(10_000, 0, 2).two(&blobs, &ids[0], &ids[1]).unwrap();
        let means: Vec<f64> = compared.distances.iter().map(|spread| spread.mean).collect();
        assert_eq!(means[..3], [115.0, 16.428_571, 3.0]);
        assert!((means[3] - 0.253_968_254).abs() < 1e-9, "{means:?}");
        assert!(
            compared
                .distances
                .iter()
                .all(|spread| spread.standard_deviation == 0.0 && spread.pairs == 10_000)
        );
    }

    #[test]
    fn the_mean_of_the_draws_comes_close_to_that_of_all_pairs() {
        let (blobs, ids) = store(&TEXTS);
        let (mut sum, mut count) = (0, 0);
        for one in TEXTS[0].split(' ') {
            for other in TEXTS[1].split(' ') {
                sum += strsim::levenshtein(one, other);
                count += 1;
            }
        }
        let compared = comparer(200_000, 0, 2).two(&blobs, &ids[0], &ids[1]).unwrap();
        let (exact, drawn) = (sum as f64 / f64::from(count), compared.distances[2].mean);
        assert!((exact - drawn).abs() < 0.02, "{exact} {drawn}");
    }

    #[test]
    fn threads_order_and_company_do_not_show() {
        let (blobs, ids) = store(&TEXTS);
        let one = comparer(50_000, 3, 1).two(&blobs, &ids[0], &ids[1]).unwrap();
        for threads in [2, 3, 7] {
            assert_eq!(comparer(50_000, 3, threads).two(&blobs, &ids[0], &ids[1]).unwrap(), one);
        }
        let turned = comparer(50_000, 3, 2).two(&blobs, &ids[1], &ids[0]).unwrap();
        assert_eq!((turned.distances, turned.first), (one.distances.clone(), one.second.clone()));
        let pairs = crate::choice::among(&ids, 100, 3).pairs;
        for threads in [1, 4] {
            let many = comparer(50_000, 3, threads).many(&blobs, &pairs).unwrap();
            assert_eq!((many.len(), &many[0]), (3, &one));
        }
        assert_ne!(comparer(50_000, 4, 1).two(&blobs, &ids[0], &ids[1]).unwrap(), one);
    }

    #[test]
    fn the_figures_of_a_seed_never_change() {
        let (blobs, ids) = store(&TEXTS);
        let compared = comparer(10_000, 0, 2).two(&blobs, &ids[0], &ids[1]).unwrap();
        let figures: Vec<(f64, f64)> =
            compared.distances.iter().map(|spread| (spread.mean, spread.standard_deviation)).collect();
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
        let error = comparer(10, 0, 1).two(&blobs, &ids[0], &ids[1]).unwrap_err().to_string();
        assert_eq!(error, "'PG9' has no tokens");
    }
}
