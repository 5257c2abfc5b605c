//! The distance of two words.
//!
//! A distance is a whole number of fractions of one (see [`Measure::parts`]), so sums of distances are exact
//! in any order.

use std::cmp::Ordering;

use serde::Serialize;

/// A measure of the distance of two words. A word is a sequence of Unicode code points, as in `tokens/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The difference of the letters: the sum, over all positions, of |code point in one - code point in the
    /// other|. A letter without a counterpart counts as its whole code point. `abc` and `abd`: 1; `a` and
    /// `ab`: 98, because b is U+0062. A metric, if words that differ only in a U+0000 at the end are equal.
    Letters,
    /// The mean difference of the letters: the sum divided by the length of the longer word. `abc` and `abd`:
    /// 0.333333.
    LettersPerPosition,
    /// The minimum number of insertions, deletions and replacements of letters that turn one word into the
    /// other (Levenshtein, 1965). A metric.
    Levenshtein,
    /// 1 minus the Jaro-Winkler similarity (*String Comparator Metrics and Enhanced Decision Rules*, 1990): 0
    /// for equal words, 1 for words without anything in common, and less for words with the same beginning.
    /// For a few words the similarity depends on their order; the lesser word is taken first.
    JaroWinkler,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 4] =
        [Self::Letters, Self::LettersPerPosition, Self::Levenshtein, Self::JaroWinkler];

    /// Returns the name in messages and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Letters => "letters",
            Self::LettersPerPosition => "letters-per-position",
            Self::Levenshtein => "levenshtein",
            Self::JaroWinkler => "jaro-winkler",
        }
    }

    /// Returns the number of parts that make a distance of one.
    #[must_use]
    pub const fn parts(self) -> u64 {
        match self {
            Self::Letters | Self::Levenshtein => 1,
            Self::LettersPerPosition => 1_000_000,
            Self::JaroWinkler => 1_000_000_000,
        }
    }

    /// Returns the distance of two words in [`parts`](Self::parts), rounded to the nearest. It is 0 for equal
    /// words and does not depend on their order.
    #[must_use]
    pub fn between(self, one: &[char], other: &[char]) -> u64 {
        match self {
            Self::Letters => letter_difference(one, other),
            Self::LettersPerPosition => {
                // Two empty words have a distance of 0, so they may not divide by 0.
                let positions = one.len().max(other.len()).max(1) as u64;
                (letter_difference(one, other) * self.parts() + positions / 2) / positions
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

fn letter_difference(one: &[char], other: &[char]) -> u64 {
    let (shorter, longer) = if one.len() < other.len() { (one, other) } else { (other, one) };
    // A position past the end of the shorter word counts as U+0000.
    let shorter = shorter.iter().chain(std::iter::repeat(&'\0'));
    longer.iter().zip(shorter).map(|(a, b)| u64::from(u32::from(*a).abs_diff(u32::from(*b)))).sum()
}

/// A word in the form that `strsim` needs.
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
    fn distances_of_letters_match_those_computed_by_hand() {
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
    fn distances_match_those_in_the_literature() {
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

    /// TokenSample of few letters, so that they often have some in common.
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
        fn metrics_satisfy_the_triangle_inequality(one in word(), two in word(), three in word()) {
            for measure in [Measure::Letters, Measure::Levenshtein] {
                let round = measure.between(&one, &two) + measure.between(&two, &three);
                prop_assert!(measure.between(&one, &three) <= round, "{:?}", measure);
            }
        }
    }
}
