//! Distances added up, exactly: the order does not matter.

use crate::{
    measure::Measure,
    spread::{Bucket, Spread},
};

/// The most pairs that are added up: their squares stay below 2¹²⁸, whatever the words.
pub const PAIRS_MAX: u64 = 10_000_000;

/// Buckets of [`Measure::JaroWinkler`] are a twentieth wide.
const TWENTIETHS: u64 = 20;
/// From here on the buckets of [`Measure::Levenshtein`] are one.
const EDITS_MAX: u64 = 24;
/// Buckets that double reach to this power of two; no distance of letters does.
const DOUBLINGS: u32 = 33;

/// Distances of one measure so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    measure: Measure,
    count: u64,
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
    buckets: Vec<u64>,
}

impl Tally {
    /// None so far.
    #[must_use]
    pub fn new(measure: Measure) -> Self {
        let buckets = match measure {
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

    /// Adds what another has, which is of the same measure.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
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

    /// What is to be said of the distances; none where there are none.
    #[must_use]
    pub fn spread(&self) -> Option<Spread> {
        let (count, parts) = (u128::from(self.count), self.measure.parts() as f64);
        // Exact: the difference of two products that fit, and is never below 0 (Cauchy and Schwarz).
        let scatter = (count * self.squares).checked_sub(self.sum * self.sum)?;
        (count > 0).then(|| Spread {
            measure: self.measure,
            pairs: self.count,
            mean: self.sum as f64 / count as f64 / parts,
            standard_deviation: (scatter as f64).sqrt() / count as f64 / parts,
            min: self.min as f64 / parts,
            max: self.max as f64 / parts,
            histogram: self.histogram(),
        })
    }

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

    /// Where a bucket begins.
    fn start(&self, bucket: usize) -> f64 {
        match self.measure {
            Measure::Letters | Measure::LettersPerPosition if bucket == 0 => 0.0,
            Measure::Letters | Measure::LettersPerPosition => (1_u64 << (bucket - 1)) as f64,
            Measure::Levenshtein => bucket as f64,
            Measure::JaroWinkler => bucket as f64 / TWENTIETHS as f64,
        }
    }

    /// From the first bucket that has anything to the last.
    fn histogram(&self) -> Vec<Bucket> {
        let filled = |pairs: &u64| *pairs > 0;
        let first = self.buckets.iter().position(filled).unwrap_or(0);
        let last = self.buckets.iter().rposition(filled).unwrap_or(0);
        let bucket = |at: usize| Bucket {
            from: self.start(at),
            below: (at + 1 < self.buckets.len()).then(|| self.start(at + 1)),
            pairs: self.buckets[at],
        };
        (first..=last).map(bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(measure: Measure, pairs: &[(&str, &str)]) -> Tally {
        let mut tally = Tally::new(measure);
        for (one, other) in pairs {
            tally.add(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>());
        }
        tally
    }

    #[test]
    fn mean_and_deviation_are_those_counted_by_hand() {
        // 1, 3, 0 and 4 edits: the mean is 2, the squares of the differences are 1, 1, 4 and 4.
        let pairs = [("abc", "abd"), ("kitten", "sitting"), ("x", "x"), ("", "four")];
        let spread = tally(Measure::Levenshtein, &pairs).spread().unwrap();
        assert_eq!((spread.pairs, spread.mean, spread.min, spread.max), (4, 2.0, 0.0, 4.0));
        assert!((spread.standard_deviation - 2.5_f64.sqrt()).abs() < 1e-12, "{spread:?}");
        let counts: Vec<u64> = spread.histogram.iter().map(|bucket| bucket.pairs).collect();
        assert_eq!(counts, [1, 1, 0, 1, 1]);
        assert_eq!(tally(Measure::Letters, &[]).spread(), None);
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
                let spread = tally(measure, &[case]).spread().unwrap();
                let [bucket] = &spread.histogram[..] else { panic!("{spread:?}") };
                assert!(bucket.from <= spread.min, "{measure:?} {case:?} {spread:?}");
                assert!(
                    bucket.below.is_none_or(|below| spread.max < below),
                    "{measure:?} {case:?} {spread:?}"
                );
            }
        }
    }

    #[test]
    fn the_farthest_words_do_not_overflow() {
        let (far, near) = (vec!['\u{10ffff}'; crate::words::LETTERS_MAX], vec![]);
        for measure in Measure::ALL {
            let mut one = Tally::new(measure);
            one.add(&far, &near);
            let distance = one.sum;
            let pairs = u128::from(PAIRS_MAX);
            let most = distance.checked_mul(distance).and_then(|square| square.checked_mul(pairs * pairs));
            assert!(most.is_some(), "{measure:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole_in_any_order(
            words in proptest::collection::vec(("[a-e]{0,6}", "[a-e]{0,6}"), 1..40),
            cut in 0..40_usize,
        ) {
            let pairs: Vec<(&str, &str)> = words.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let (left, right) = pairs.split_at(cut.min(pairs.len()));
            for measure in Measure::ALL {
                let (left, right) = (tally(measure, left), tally(measure, right));
                let whole = tally(measure, &pairs);
                prop_assert_eq!(&left.clone().with(&right), &whole);
                prop_assert_eq!(&right.with(&left), &whole);
            }
        }
    }
}
