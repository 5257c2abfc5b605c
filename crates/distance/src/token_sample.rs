//! The tokens of a document in memory, while it is compared.
//!
//! Each distinct token is held once, and each token as the number of a distinct one: 4 bytes a token, plus
//! the vocabulary. Of a document with more than [`SAMPLE_TOKENS_MAX`] tokens a random sample is held, in
//! which all tokens are equally likely (J. S. Vitter's algorithm R, *Random Sampling with a Reservoir*,
//! 1985). A token is cut after [`LETTERS_MAX`] letters, because the time of a comparison grows with the
//! product of the two lengths. Cut tokens are counted.

use std::io::{BufRead, BufReader};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use hashbrown::HashMap;
use serde::Serialize;

use crate::{error::DistanceError, random_numbers::RandomNumbers};

/// The maximum number of tokens of a document in memory.
pub const SAMPLE_TOKENS_MAX: usize = 1 << 22;
/// The number of letters after which a token is cut.
pub const LETTERS_MAX: usize = 256;

const BUFFER_BYTES: usize = 64 << 10;

/// The numbers of tokens of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenStats {
    /// The id of the document.
    pub id: DocumentId,
    /// The number of tokens in the document.
    pub tokens: u64,
    /// The number of tokens in the sample, from which pairs are drawn.
    pub held_tokens: u64,
    /// The number of distinct tokens in the sample.
    pub distinct_tokens: u64,
    /// The number of distinct tokens longer than [`LETTERS_MAX`] letters.
    pub cut_tokens: u64,
}

/// The tokens of a document, or a sample of them. There is at least one.
#[derive(Debug)]
pub struct TokenSample {
    stats: TokenStats,
    vocabulary: Vocabulary,
    /// The number in the vocabulary of each token.
    held: Vec<u32>,
}

/// Distinct words, numbered from 0.
#[derive(Debug, Default)]
struct Vocabulary {
    /// The letters of all words, one word after the other.
    letters: Vec<char>,
    /// The end of each word in `letters`. A word begins at the end of the one before.
    ends: Vec<usize>,
    cut: u64,
}

impl TokenSample {
    /// Reads the tokens of a document. Blocking.
    ///
    /// # Errors
    /// Returns [`DistanceError::NoTokens`] if the document has none, [`DistanceError::InvalidLine`] if a line
    /// is empty, not UTF-8 or without its line feed, and [`DistanceError::Blob`] if the file cannot be read.
    pub fn read(blobs: &dyn BlobStore, document: &DocumentId, seed: u64) -> Result<Self, DistanceError> {
        Self::read_at_most(blobs, document, seed, SAMPLE_TOKENS_MAX)
    }

    fn read_at_most(
        blobs: &dyn BlobStore,
        document: &DocumentId,
        seed: u64,
        held_max: usize,
    ) -> Result<Self, DistanceError> {
        let name = BlobName::new(BlobKind::Tokens, document.clone());
        let path = name.relative_path();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, blobs.open(&name)?);
        let random = RandomNumbers::new(seed, &["tokens", document.as_str()]);
        let mut reservoir = Reservoir::new(random, held_max);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line).map_err(|error| BlobError::at(&path, error))? > 0 {
            // A line without its end may be half a token, so it is as invalid as an empty one.
            let token = line.strip_suffix(b"\n").and_then(|token| std::str::from_utf8(token).ok());
            match token.filter(|token| !token.is_empty()) {
                Some(token) => reservoir.add(token),
                None => return Err(DistanceError::InvalidLine { path, line: reservoir.seen + 1 }),
            }
            line.clear();
        }
        if reservoir.held.is_empty() {
            return Err(DistanceError::NoTokens(document.clone()));
        }
        Ok(reservoir.into_sample(document))
    }

    /// Returns the numbers of tokens of the document.
    #[must_use]
    pub const fn stats(&self) -> &TokenStats {
        &self.stats
    }

    /// Draws a token, with replacement.
    pub(crate) fn draw(&self, random: &mut RandomNumbers) -> &[char] {
        let at = random.next_below(self.held.len() as u64);
        self.vocabulary.word(self.held[at as usize])
    }
}

impl Vocabulary {
    fn word(&self, number: u32) -> &[char] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.letters[start..self.ends[number]]
    }

    fn push(&mut self, word: &str) {
        let mut letters = word.chars();
        self.letters.extend(letters.by_ref().take(LETTERS_MAX));
        self.ends.push(self.letters.len());
        self.cut += u64::from(letters.next().is_some());
    }
}

/// A random sample of the tokens read so far.
struct Reservoir {
    random: RandomNumbers,
    held_max: usize,
    numbers: HashMap<Box<str>, u32>,
    vocabulary: Vocabulary,
    held: Vec<u32>,
    seen: u64,
}

impl Reservoir {
    fn new(random: RandomNumbers, held_max: usize) -> Self {
        Self {
            random,
            held_max,
            numbers: HashMap::new(),
            vocabulary: Vocabulary::default(),
            held: Vec::new(),
            seen: 0,
        }
    }

    fn add(&mut self, token: &str) {
        self.seen += 1;
        if self.held.len() < self.held_max {
            let number = self.number(token);
            self.held.push(number);
            return;
        }
        // Algorithm R: token n replaces a random one with the probability of held / n.
        let place = self.random.next_below(self.seen);
        if place < self.held.len() as u64 {
            self.held[place as usize] = self.number(token);
        }
    }

    /// Returns the number of a word, and adds the word to the vocabulary if it is new.
    fn number(&mut self, token: &str) -> u32 {
        if let Some(number) = self.numbers.get(token) {
            return *number;
        }
        // Only held tokens become words, and a file with 2³² of those would be far larger than any text.
        let number = u32::try_from(self.vocabulary.ends.len()).unwrap_or(u32::MAX);
        self.vocabulary.push(token);
        self.numbers.insert(token.into(), number);
        number
    }

    fn into_sample(self, document: &DocumentId) -> TokenSample {
        let Self { vocabulary, held, seen, .. } = self;
        // Words whose tokens were all replaced stay in the vocabulary; they are not counted as distinct.
        let mut used = vec![false; vocabulary.ends.len()];
        held.iter().for_each(|number| used[*number as usize] = true);
        let stats = TokenStats {
            id: document.clone(),
            tokens: seen,
            held_tokens: held.len() as u64,
            distinct_tokens: used.iter().filter(|used| **used).count() as u64,
            cut_tokens: vocabulary.cut,
        };
        TokenSample { stats, vocabulary, held }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flow::testing::memory_blobs::MemoryBlobs;

    use super::*;

    fn store(tokens: &str) -> (MemoryBlobs, DocumentId) {
        let (blobs, document) = (MemoryBlobs::default(), DocumentId::gutenberg(1));
        blobs.put(BlobName::new(BlobKind::Tokens, document.clone()), tokens.as_bytes());
        (blobs, document)
    }

    fn held(sample: &TokenSample) -> Vec<String> {
        sample.held.iter().map(|number| sample.vocabulary.word(*number).iter().collect()).collect()
    }

    #[test]
    fn tokens_are_held_in_order_and_each_word_once() {
        let (blobs, document) = store("the\nsea\nthe\nétés\n");
        let sample = TokenSample::read(&blobs, &document, 0).unwrap();
        assert_eq!(held(&sample), ["the", "sea", "the", "étés"]);
        let stats = sample.stats();
        assert_eq!((stats.tokens, stats.held_tokens, stats.distinct_tokens, stats.cut_tokens), (4, 4, 3, 0));
    }

    #[test]
    fn a_huge_document_is_sampled_evenly() {
        let tokens: String = (0..100).map(|n| format!("w{n}\n")).collect();
        let (blobs, document) = store(&tokens);
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for seed in 0..1_000 {
            let sample = TokenSample::read_at_most(&blobs, &document, seed, 10).unwrap();
            assert_eq!(
                (sample.stats.tokens, sample.stats.held_tokens, sample.stats.distinct_tokens),
                (100, 10, 10)
            );
            held(&sample).into_iter().for_each(|word| *times.entry(word).or_default() += 1);
        }
        // 100 in the mean, with a standard deviation of 9.5.
        assert_eq!(times.len(), 100);
        assert!(times.values().all(|times| (60..140).contains(times)), "{times:?}");
        let again = |seed| held(&TokenSample::read_at_most(&blobs, &document, seed, 10).unwrap());
        assert_eq!(again(5), again(5));
        assert_ne!(again(5), again(6));
    }

    #[test]
    fn a_long_token_is_cut_and_counted() {
        let (blobs, document) = store(&format!("{}\nshort\n", "é".repeat(100_000)));
        let sample = TokenSample::read(&blobs, &document, 0).unwrap();
        assert_eq!(sample.stats().cut_tokens, 1);
        assert_eq!(held(&sample)[0].chars().count(), LETTERS_MAX);
    }

    #[test]
    fn an_invalid_line_is_reported_with_its_number() {
        for (tokens, line) in [("a\n\nb\n", 2), ("a\nb", 2), ("\n", 1)] {
            let (blobs, document) = store(tokens);
            let error = TokenSample::read(&blobs, &document, 0).unwrap_err().to_string();
            assert_eq!(error, format!("line {line} of 'tokens/PG1_tokens.txt' is not a token"), "{tokens:?}");
        }
        let (blobs, document) = store("");
        let error = TokenSample::read(&blobs, &document, 0).unwrap_err();
        assert!(matches!(error, DistanceError::NoTokens(empty) if empty == document));
        let missing = TokenSample::read(&blobs, &DocumentId::gutenberg(2), 0).unwrap_err();
        assert!(matches!(missing, DistanceError::Blob(BlobError::NotFound(_))));
    }
}
