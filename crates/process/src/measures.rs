//! The measures of a text, which are written to `stats/`.

pub(crate) mod language;
pub(crate) mod lexical_diversity;
pub(crate) mod sentences;
pub(crate) mod text_length;

use std::{cmp::Reverse, collections::BinaryHeap};

use serde::Serialize;
use uax29::token_counts::{SHORT_BYTES, SortedCounts};

use self::{
    language::{Language, LanguageSample},
    lexical_diversity::{LexicalDiversity, WINDOW},
    text_length::TextLength,
};

/// The number of longest words that are listed.
const LONGEST_WORDS: usize = 10;

/// The length from which on a word is long by LIX, in characters.
const LONG_WORD: usize = 7;

/// The measures of a text.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TextMeasures {
    /// The length in bytes.
    pub bytes: u64,
    /// The number of line feeds, plus one if text follows the last.
    pub lines: u64,
    /// The number of Unicode scalar values.
    pub characters: u64,
    /// The number of tokens.
    pub words: u64,
    /// The number of distinct tokens.
    pub distinct_words: u64,
    /// The number of tokens that occur once.
    pub hapaxes: u64,
    /// `distinct_words` over `words`, rounded to six decimals; 0 without words.
    pub type_token_ratio: f64,
    /// The ten longest words: by characters descending, then by bytes ascending.
    pub longest_words: Vec<String>,
    /// The number of distinct n-grams, if n-grams are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct_ngrams: Option<u64>,
    /// The number of sentences of UAX #29 with a letter or number, if sentences are counted. Line ends within
    /// a paragraph count as spaces. A paragraph ends at a blank line, after 64 characters without a letter or
    /// number, or after 16 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentences: Option<u64>,
    /// The readability, if sentences are counted and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readability: Option<Readability>,
    /// The distribution and growth of the vocabulary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<Lexical>,
    /// The language that the text seems to be in, if it has words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// The readability of a text, by measures that need no syllables. Rounded to six decimals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Readability {
    /// The automated readability index (Smith and Senter 1967): 4.71 · characters / words + 0.5 · words /
    /// sentences − 21.43.
    pub automated_readability_index: f64,
    /// The index of Coleman and Liau (1975): 0.0588 · characters in 100 words − 0.296 · sentences in 100
    /// words − 15.8.
    pub coleman_liau_index: f64,
    /// LIX (Björnsson 1968): words / sentences + 100 · words of seven characters and more / words.
    pub lix: f64,
}

/// The distribution and growth of a vocabulary. Rounded to six decimals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lexical {
    /// The mean type-token ratio of all windows of 500 tokens (MATTR), or `None` for a shorter text.
    pub moving_average_type_token_ratio: Option<f64>,
    /// The constants of Heaps' law, distinct = k · tokens^beta: least squares over logarithms at 64, 128,
    /// 256, … tokens and the end. `None` with fewer than three such points.
    pub heaps: Option<Heaps>,
    /// The exponent of Zipf's law, count ~ rank^-exponent: least squares over logarithms of all ranks. `None`
    /// with fewer than three ranks.
    pub zipf_exponent: Option<f64>,
}

/// The constants of Heaps' law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heaps {
    /// The factor.
    pub k: f64,
    /// The exponent.
    pub beta: f64,
}

/// Computes all measures except `distinct_ngrams`. Measures whose input is `None` are `None`.
pub(crate) fn measure(
    words: u64,
    sorted: &SortedCounts<'_>,
    length: &TextLength,
    sentences: Option<u64>,
    diversity: Option<LexicalDiversity>,
    sample: Option<LanguageSample>,
) -> TextMeasures {
    TextMeasures {
        bytes: length.bytes,
        lines: length.lines(),
        characters: length.characters,
        words,
        distinct_words: sorted.len() as u64,
        hapaxes: sorted.hapaxes() as u64,
        type_token_ratio: if words == 0 { 0.0 } else { rounded(sorted.len() as f64 / words as f64) },
        longest_words: longest(sorted),
        distinct_ngrams: None,
        sentences,
        readability: sentences.and_then(|sentences| readability(sorted, words, sentences)),
        lexical: diversity.map(|diversity| lexical(&diversity, sorted)),
        language: sample.and_then(|sample| Language::detect(&sample)),
    }
}

/// Rounds a number to six decimals, so that it is written with no more.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// Returns the number of characters of a word in UTF-8.
fn characters(word: &[u8]) -> usize {
    // All bytes except continuation bytes (10xxxxxx) begin a character.
    word.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// Returns the longest words.
fn longest(sorted: &SortedCounts<'_>) -> Vec<String> {
    let mut longest = Longest::default();
    sorted.long().for_each(|token| longest.take(token));
    // Short words are examined only if the long ones are too few.
    if longest.bytes_min() <= SHORT_BYTES {
        sorted.for_each_short(|token| longest.take(token));
    }
    let words = longest.0.into_sorted_vec();
    words.into_iter().map(|(_, word)| String::from_utf8_lossy(&word).into_owned()).collect()
}

/// The longest words so far. The maximum of the heap is replaced first: the fewest characters, then the last
/// by bytes.
#[derive(Default)]
struct Longest(BinaryHeap<(Reverse<usize>, Vec<u8>)>);

impl Longest {
    /// Returns the minimum length in bytes of a word that can be one of them: a character has at least one
    /// byte.
    fn bytes_min(&self) -> usize {
        self.0.peek().filter(|_| self.0.len() == LONGEST_WORDS).map_or(0, |(characters, _)| characters.0)
    }

    fn take(&mut self, word: &[u8]) {
        // Most words are rejected here, without counting characters.
        if word.len() < self.bytes_min() {
            return;
        }
        self.0.push((Reverse(characters(word)), word.to_vec()));
        if self.0.len() > LONGEST_WORDS {
            self.0.pop();
        }
    }
}

fn readability(sorted: &SortedCounts<'_>, words: u64, sentences: u64) -> Option<Readability> {
    // The formulas divide by both.
    if words == 0 || sentences == 0 {
        return None;
    }
    let (mut letters, mut long) = (0, 0);
    sorted.for_each(|word, n| {
        let length = characters(word);
        letters += length as u64 * n;
        long += if length >= LONG_WORD { n } else { 0 };
    });
    let (words, sentences) = (words as f64, sentences as f64);
    let a_word = letters as f64 / words;
    Some(Readability {
        automated_readability_index: rounded(4.71 * a_word + 0.5 * words / sentences - 21.43),
        coleman_liau_index: rounded(0.0588 * 100.0 * a_word - 0.296 * 100.0 * sentences / words - 15.8),
        lix: rounded(words / sentences + 100.0 * long as f64 / words),
    })
}

fn lexical(diversity: &LexicalDiversity, sorted: &SortedCounts<'_>) -> Lexical {
    debug_assert_eq!(WINDOW, 500, "the name of the measure says so");
    let growth = diversity.growth().into_iter().filter(|(tokens, _)| *tokens >= 64);
    let mut ranks = Vec::with_capacity(sorted.len());
    sorted.for_each(|_, n| ranks.push((ranks.len() as u64 + 1, n)));
    Lexical {
        moving_average_type_token_ratio: diversity.moving_ratio().map(rounded),
        heaps: fitted(growth).map(|(k, beta)| Heaps { k: rounded(k), beta: rounded(beta) }),
        zipf_exponent: fitted(ranks.into_iter()).map(|(_, slope)| rounded(-slope)),
    }
}

/// Returns the factor and exponent of the power law that fits best, by least squares over logarithms, or
/// `None` with fewer than three points.
fn fitted(points: impl Iterator<Item = (u64, u64)>) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> = points.map(|(x, y)| ((x as f64).ln(), (y as f64).ln())).collect();
    // A line fits any two points.
    if points.len() < 3 {
        return None;
    }
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let slope = covariance / variance;
    Some(((y_mean - slope * x_mean).exp(), slope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uax29::token_counts::TokenCounts;

    #[test]
    fn a_power_law_is_found_again() {
        let (k, exponent) = fitted((1..=100).map(|x| (x, 3 * x * x))).unwrap();
        assert!((k - 3.0).abs() < 1e-9 && (exponent - 2.0).abs() < 1e-9, "{k} {exponent}");
        assert_eq!(fitted([(1, 1), (2, 2)].into_iter()), None);
    }

    #[test]
    fn readability_is_that_of_the_formulas() {
        // Ten words of five characters in two sentences, one of them long.
        let mut counts = TokenCounts::default();
        counts.add(b"abcd", 8);
        counts.add(b"abcdefghi", 2);
        let found = readability(&counts.sorted(), 10, 2).unwrap();
        assert_eq!(found.automated_readability_index, rounded(4.71 * 5.0 + 2.5 - 21.43));
        assert_eq!(found.coleman_liau_index, rounded(0.0588 * 500.0 - 0.296 * 20.0 - 15.8));
        assert_eq!(found.lix, 25.0);
        assert_eq!(readability(&TokenCounts::default().sorted(), 0, 0), None);
    }
}
