//! Exact sums of distances, in any order.

use crate::{
    measure::Measure,
    summary::{Bucket, DistanceSummary},
};

/// The maximum number of pairs in an accumulator. With it, the squares of all sums fit into 128 bits.
pub const PAIRS_MAX: u64 = 10_000_000;

/// The number of buckets of [`Measure::JaroWinkler`]. Each is a twentieth wide.
const TWENTIETHS: u64 = 20;
/// The number of edits from which on all distances of [`Measure::Levenshtein`] share a bucket.
const EDITS_MAX: u64 = 24;
/// The power of two at which the doubling buckets of letters end. No distance of letters reaches it.
const DOUBLINGS: u32 = 33;

/// The sums and the histogram of the distances of one measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulator {
    measure: Measure,
    count: u64,
    /// Sums in [`Measure::parts`], and the squares of those.
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
    buckets: Vec<u64>,
}

impl Accumulator {
    /// Creates an empty accumulator.
    #[must_use]
    pub fn new(measure: Measure) -> Self {
        let buckets = match measure {
            // One bucket for 0 comes before the powers of two.
            Measure::Letters | Measure::LettersPerPosition => DOUBLINGS as usize + 1,
            Measure::Levenshtein => EDITS_MAX as usize + 1,
            Measure::JaroWinkler => TWENTIETHS as usize,
        };
        Self { measure, count: 0, sum: 0, squares: 0, min: u64::MAX, max: 0, buckets: vec![0; buckets] }
    }

    /// Adds the distance of two words.
    pub fn add(&mut self, one: &[char], other: &[char]) {
        let distance = self.measure.between(one, other);
        self.count += 1;
        self.sum += u128::from(distance);
        self.squares += u128::from(distance) * u128::from(distance);
        self.min = self.min.min(distance);
        self.max = self.max.max(distance);
        let bucket = self.bucket(distance);
        self.buckets[bucket] += 1;
    }

    /// Adds all distances of another accumulator of the same measure.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self
    }

    /// Returns the statistics, or `None` if there are no distances.
    #[must_use]
    pub fn summarize(&self) -> Option<DistanceSummary> {
        let (count, parts) = (u128::from(self.count), self.measure.parts() as f64);
        // The difference is exact: both products fit, and it is never negative (Cauchy-Schwarz inequality).
        let scatter = (count * self.squares).checked_sub(self.sum * self.sum)?;
        (count > 0).then(|| DistanceSummary {
            measure: self.measure,
            pairs: self.count,
            mean: self.sum as f64 / count as f64 / parts,
            standard_deviation: (scatter as f64).sqrt() / count as f64 / parts,
            min: self.min as f64 / parts,
            max: self.max as f64 / parts,
            histogram: self.histogram(),
        })
    }

    /// Returns the index of the bucket of a distance. The last bucket takes all distances beyond.
    fn bucket(&self, distance: u64) -> usize {
        let bucket = match self.measure {
            Measure::Letters | Measure::LettersPerPosition => {
                (distance / self.measure.parts()).checked_ilog2().map_or(0, |power| u64::from(power) + 1)
            }
            Measure::Levenshtein => distance,
            Measure::JaroWinkler => distance * TWENTIETHS / self.measure.parts(),
        };
        usize::try_from(bucket).unwrap_or(usize::MAX).min(self.buckets.len() - 1)
    }

    /// Returns the smallest distance in a bucket.
    fn bucket_start(&self, bucket: usize) -> f64 {
        match self.measure {
            Measure::Letters | Measure::LettersPerPosition if bucket == 0 => 0.0,
            Measure::Letters | Measure::LettersPerPosition => (1_u64 << (bucket - 1)) as f64,
            Measure::Levenshtein => bucket as f64,
            Measure::JaroWinkler => bucket as f64 / TWENTIETHS as f64,
        }
    }

    /// Returns the buckets from the first to the last that is not empty.
    fn histogram(&self) -> Vec<Bucket> {
        let is_filled = |pairs: &u64| *pairs > 0;
        let first = self.buckets.iter().position(is_filled).unwrap_or(0);
        let last = self.buckets.iter().rposition(is_filled).unwrap_or(0);
        let bucket = |at: usize| Bucket {
            from: self.bucket_start(at),
            below: (at + 1 < self.buckets.len()).then(|| self.bucket_start(at + 1)),
            pairs: self.buckets[at],
        };
        (first..=last).map(bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accumulate(measure: Measure, pairs: &[(&str, &str)]) -> Accumulator {
        let mut sums = Accumulator::new(measure);
        for (one, other) in pairs {
            sums.add(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>());
        }
        sums
    }

    #[test]
    fn mean_and_deviation_match_those_computed_by_hand() {
        // 1, 3, 0 and 4 edits: the mean is 2, the squares of the differences are 1, 1, 4 and 4.
        let pairs = [("abc", "abd"), ("kitten", "sitting"), ("x", "x"), ("", "four")];
        let summary = accumulate(Measure::Levenshtein, &pairs).summarize().unwrap();
        assert_eq!((summary.pairs, summary.mean, summary.min, summary.max), (4, 2.0, 0.0, 4.0));
        assert!((summary.standard_deviation - 2.5_f64.sqrt()).abs() < 1e-12, "{summary:?}");
        let counts: Vec<u64> = summary.histogram.iter().map(|bucket| bucket.pairs).collect();
        assert_eq!(counts, [1, 1, 0, 1, 1]);
        assert_eq!(accumulate(Measure::Letters, &[]).summarize(), None);
    }

    #[test]
    fn every_distance_lies_in_its_bucket() {
        let cases = [
            ("a", "a"),
            ("a", "b"),
            ("a", "c"),
            ("abcd", ""),
            ("a", "\u{10ffff}"),
            ("abc", "abx"),
            ("é", "語"),
        ];
        for measure in Measure::ALL {
            for case in cases {
                let summary = accumulate(measure, &[case]).summarize().unwrap();
                let [bucket] = &summary.histogram[..] else { panic!("{summary:?}") };
                assert!(bucket.from <= summary.min, "{measure:?} {case:?} {summary:?}");
                assert!(
                    bucket.below.is_none_or(|below| summary.max < below),
                    "{measure:?} {case:?} {summary:?}"
                );
            }
        }
    }

    #[test]
    fn the_farthest_words_do_not_overflow() {
        let (far, near) = (vec!['\u{10ffff}'; crate::token_sample::LETTERS_MAX], vec![]);
        for measure in Measure::ALL {
            let mut one = Accumulator::new(measure);
            one.add(&far, &near);
            let distance = one.sum;
            let pairs = u128::from(PAIRS_MAX);
            let most = distance.checked_mul(distance).and_then(|square| square.checked_mul(pairs * pairs));
            assert!(most.is_some(), "{measure:?}");
        }
    }

    proptest! {
        #[test]
        fn merged_parts_equal_the_whole_in_any_order(
            words in proptest::collection::vec(("[a-e]{0,6}", "[a-e]{0,6}"), 1..40),
            cut in 0..40_usize,
        ) {
            let pairs: Vec<(&str, &str)> = words.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let (left, right) = pairs.split_at(cut.min(pairs.len()));
            for measure in Measure::ALL {
                let (left, right) = (accumulate(measure, left), accumulate(measure, right));
                let whole = accumulate(measure, &pairs);
                prop_assert_eq!(&left.clone().merge(&right), &whole);
                prop_assert_eq!(&right.merge(&left), &whole);
            }
        }
    }
}
