//! How far two words are from each other.
//!
//! A distance is a whole number of parts of one (see [`Measure::parts`]), so that sums of distances are exact in any order.

use std::cmp::Ordering;

use serde::Serialize;

/// What is measured of two words. Words are sequences of code points of Unicode, as they stand in `tokens/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The difference of their letters: the sum, over all positions, of |code point in one - code point in the other|.
    /// What the longer word has beyond the shorter counts against 0. `abc` and `abd`: 1; `a` and `ab`: 98, for b is U+0062.
    /// A metric (words that differ only in U+0000 at their ends are one).
    Letters,
    /// The same for a position, in the mean: the sum over the length of the longer word. `abc` and `abd`: 0.333333.
    LettersPerPosition,
    /// How many letters must be put in, taken out or replaced, at least, to make one of the other (Levenshtein, 1965).
    /// A metric.
    Levenshtein,
    /// 1 less the similarity of Jaro and Winkler (*String Comparator Metrics and Enhanced Decision Rules*, 1990): 0 for equal
    /// words, 1 for words that have nothing in common; words that begin alike are closer. That similarity
    /// depends on which word comes first, rarely; the lesser one does here.
    JaroWinkler,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 4] =
        [Self::Letters, Self::LettersPerPosition, Self::Levenshtein, Self::JaroWinkler];

    /// The name that people and JSON use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Letters => "letters",
            Self::LettersPerPosition => "letters-per-position",
            Self::Levenshtein => "levenshtein",
            Self::JaroWinkler => "jaro-winkler",
        }
    }

    /// How many parts one is counted in.
    #[must_use]
    pub const fn parts(self) -> u64 {
        match self {
            Self::Letters | Self::Levenshtein => 1,
            Self::LettersPerPosition => 1_000_000,
            Self::JaroWinkler => 1_000_000_000,
        }
    }

    /// The distance of two words, in [`parts`](Self::parts) of one, rounded to the nearest. The same whichever comes first, 0 for equal
    /// words.
    #[must_use]
    pub fn between(self, one: &[char], other: &[char]) -> u64 {
        match self {
            Self::Letters => letters(one, other),
            Self::LettersPerPosition => {
                let positions = one.len().max(other.len()).max(1) as u64;
                (letters(one, other) * self.parts() + positions / 2) / positions
            }
            Self::Levenshtein => strsim::generic_levenshtein(&Letters(one), &Letters(other)) as u64,
            Self::JaroWinkler => {
                let (lesser, greater) =
                    if one.cmp(other) == Ordering::Greater { (other, one) } else { (one, other) };
                let similarity = strsim::generic_jaro_winkler(&Letters(lesser), &Letters(greater));
                ((1.0 - similarity) * self.parts() as f64).round() as u64
            }
        }
    }
}

fn letters(one: &[char], other: &[char]) -> u64 {
    let (shorter, longer) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let (beside, beyond) = longer.split_at(shorter.len());
    let differences =
        beside.iter().zip(shorter).map(|(a, b)| u64::from(u32::from(*a).abs_diff(u32::from(*b))));
    let rest = beyond.iter().map(|letter| u64::from(u32::from(*letter)));
    differences.sum::<u64>() + rest.sum::<u64>()
}

/// A word as `strsim` takes it.
struct Letters<'a>(&'a [char]);

impl<'a> IntoIterator for &Letters<'a> {
    type Item = &'a char;
    type IntoIter = std::slice::Iter<'a, char>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between(measure: Measure, one: &str, other: &str) -> f64 {
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        measure.between(&letters(one), &letters(other)) as f64 / measure.parts() as f64
    }

    #[test]
    fn distances_of_letters_are_those_counted_by_hand() {
        for (one, other, sum, per_position) in [
            ("abc", "abd", 1.0, 0.333_333),
            ("a", "ab", 98.0, 49.0),
            ("", "ab", 195.0, 97.5),
            // k and s, e and i; beyond them g, U+0067.
            ("kitten", "sitting", 8.0 + 4.0 + 103.0, 16.428_571),
            ("é", "e", 132.0, 132.0),
            ("дом", "дым", 1099.0 - 1086.0, 4.333_333),
            ("same", "same", 0.0, 0.0),
        ] {
            assert_eq!(between(Measure::Letters, one, other), sum, "{one} {other}");
            assert_eq!(between(Measure::LettersPerPosition, one, other), per_position, "{one} {other}");
        }
    }

    #[test]
    fn distances_from_the_literature_come_out() {
        for (one, other, edits) in
            [("kitten", "sitting", 3.0), ("flaw", "lawn", 2.0), ("", "abc", 3.0), ("日本", "日本語", 1.0)]
        {
            assert_eq!(between(Measure::Levenshtein, one, other), edits, "{one} {other}");
        }
        // Winkler's own examples, whose similarities are 0.9611, 0.8133 and 0.84.
        for (one, other, distance) in [
            ("martha", "marhta", 0.038_888_889),
            ("dixon", "dicksonx", 0.186_666_667),
            ("dwayne", "duane", 0.16),
        ] {
            assert_eq!(between(Measure::JaroWinkler, one, other), distance, "{one} {other}");
        }
        assert_eq!(between(Measure::JaroWinkler, "abc", "xyz"), 1.0);
    }

    /// Words of few letters, so that they often have some in common.
    fn word() -> impl Strategy<Value = Vec<char>> {
        let letter =
            prop_oneof![Just('a'), Just('b'), Just('e'), Just('é'), Just('ж'), Just('語'), Just('𝔸')];
        proptest::collection::vec(letter, 0..12)
    }

    proptest! {
        #[test]
        fn a_distance_is_the_same_from_both_sides_and_zero_from_a_word_to_itself(one in word(), other in word()) {
            for measure in Measure::ALL {
                prop_assert_eq!(measure.between(&one, &other), measure.between(&other, &one), "{:?}", measure);
                prop_assert_eq!(measure.between(&one, &one), 0, "{:?}", measure);
                prop_assert_eq!(measure.between(&one, &other) == 0, one == other, "{:?}", measure);
            }
            prop_assert!(Measure::JaroWinkler.between(&one, &other) <= Measure::JaroWinkler.parts());
        }

        #[test]
        fn no_way_round_is_shorter(one in word(), two in word(), three in word()) {
            for measure in [Measure::Letters, Measure::Levenshtein] {
                let round = measure.between(&one, &two) + measure.between(&two, &three);
                prop_assert!(measure.between(&one, &three) <= round, "{:?}", measure);
            }
        }
    }
}
