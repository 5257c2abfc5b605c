//! The tokens of a document as they are held while it is compared.
//!
//! Each different token once, and for every token the number of the one it is: 4 bytes a token, and the vocabulary. Of a
//! document with more than [`HELD_MAX`] tokens so many are drawn, each as likely as any other (J. S. Vitter's algorithm R,
//! *Random Sampling with a Reservoir*, 1985), by the seed. A token has at most [`LETTERS_MAX`] letters here: what a longer one has
//! beyond is left away, and counted, for the time that two words take grows with the product of their lengths.

use std::io::{BufRead, BufReader};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use hashbrown::HashMap;
use serde::Serialize;

use crate::{draws::Draws, error::DistanceError};

/// How many tokens of a document are held.
pub const HELD_MAX: usize = 1 << 22;
/// How many letters of a token are looked at.
pub const LETTERS_MAX: usize = 256;

const BUFFER_BYTES: usize = 64 << 10;

/// What is known of a document that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Its id.
    pub id: DocumentId,
    /// How many tokens it has.
    pub tokens: u64,
    /// How many of them are held, which pairs are drawn from.
    pub held_tokens: u64,
    /// How many different ones are among these.
    pub distinct_tokens: u64,
    /// How many of these are longer than [`LETTERS_MAX`] letters.
    pub cut_tokens: u64,
}

/// The tokens of a document; at least one.
#[derive(Debug)]
pub struct Words {
    facts: Facts,
    vocabulary: Vocabulary,
    held: Vec<u32>,
}

/// Different words, by number.
#[derive(Debug, Default)]
struct Vocabulary {
    letters: Vec<char>,
    /// Where each word ends in `letters`; it begins where the one before ends.
    ends: Vec<usize>,
    cut: u64,
}

impl Words {
    /// Reads the tokens of a document. Blocking.
    ///
    /// # Errors
    /// [`DistanceError::NoTokens`] where it has none; where they cannot be read.
    pub fn read(blobs: &dyn BlobStore, document: &DocumentId, seed: u64) -> Result<Self, DistanceError> {
        Self::read_at_most(blobs, document, seed, HELD_MAX)
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
        let mut reservoir = Reservoir::new(Draws::new(seed, &["tokens", document.as_str()]), held_max);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line).map_err(|error| BlobError::at(&path, error))? > 0 {
            let token = line.strip_suffix(b"\n").and_then(|token| std::str::from_utf8(token).ok());
            match token.filter(|token| !token.is_empty()) {
                Some(token) => reservoir.take(token),
                None => return Err(DistanceError::NoToken { path, line: reservoir.seen + 1 }),
            }
            line.clear();
        }
        if reservoir.held.is_empty() {
            return Err(DistanceError::NoTokens(document.clone()));
        }
        Ok(reservoir.close(document))
    }

    /// What is known of the document.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A token, drawn.
    pub(crate) fn draw(&self, draws: &mut Draws) -> &[char] {
        let at = draws.below(self.held.len() as u64);
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

/// Tokens being read.
struct Reservoir {
    draws: Draws,
    held_max: usize,
    numbers: HashMap<Box<str>, u32>,
    vocabulary: Vocabulary,
    held: Vec<u32>,
    seen: u64,
}

impl Reservoir {
    fn new(draws: Draws, held_max: usize) -> Self {
        Self {
            draws,
            held_max,
            numbers: HashMap::new(),
            vocabulary: Vocabulary::default(),
            held: Vec::new(),
            seen: 0,
        }
    }

    fn take(&mut self, token: &str) {
        self.seen += 1;
        if self.held.len() < self.held_max {
            let number = self.number(token);
            self.held.push(number);
            return;
        }
        let place = self.draws.below(self.seen);
        if place < self.held.len() as u64 {
            self.held[place as usize] = self.number(token);
        }
    }

    /// The number of a word. There are fewer words than tokens that are or were held, and those are fewer than 2³².
    fn number(&mut self, token: &str) -> u32 {
        if let Some(number) = self.numbers.get(token) {
            return *number;
        }
        let number = u32::try_from(self.vocabulary.ends.len()).unwrap_or(u32::MAX);
        self.vocabulary.push(token);
        self.numbers.insert(token.into(), number);
        number
    }

    fn close(self, document: &DocumentId) -> Words {
        let Self { vocabulary, held, seen, .. } = self;
        let mut used = vec![false; vocabulary.ends.len()];
        held.iter().for_each(|number| used[*number as usize] = true);
        let facts = Facts {
            id: document.clone(),
            tokens: seen,
            held_tokens: held.len() as u64,
            distinct_tokens: used.iter().filter(|used| **used).count() as u64,
            cut_tokens: vocabulary.cut,
        };
        Words { facts, vocabulary, held }
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

    fn held(words: &Words) -> Vec<String> {
        words.held.iter().map(|number| words.vocabulary.word(*number).iter().collect()).collect()
    }

    #[test]
    fn tokens_are_held_in_order_and_words_once() {
        let (blobs, document) = store("the\nsea\nthe\nétés\n");
        let words = Words::read(&blobs, &document, 0).unwrap();
        assert_eq!(held(&words), ["the", "sea", "the", "étés"]);
        let facts = words.facts();
        assert_eq!((facts.tokens, facts.held_tokens, facts.distinct_tokens, facts.cut_tokens), (4, 4, 3, 0));
    }

    #[test]
    fn of_a_huge_document_so_many_tokens_are_held_as_may_be_each_as_likely() {
        let tokens: String = (0..100).map(|n| format!("w{n}\n")).collect();
        let (blobs, document) = store(&tokens);
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for seed in 0..1_000 {
            let words = Words::read_at_most(&blobs, &document, seed, 10).unwrap();
            assert_eq!(
                (words.facts.tokens, words.facts.held_tokens, words.facts.distinct_tokens),
                (100, 10, 10)
            );
            held(&words).into_iter().for_each(|word| *times.entry(word).or_default() += 1);
        }
        // 100 in the mean, with a standard deviation of 9.5.
        assert_eq!(times.len(), 100);
        assert!(times.values().all(|times| (60..140).contains(times)), "{times:?}");
        let again = |seed| held(&Words::read_at_most(&blobs, &document, seed, 10).unwrap());
        assert_eq!(again(5), again(5));
        assert_ne!(again(5), again(6));
    }

    #[test]
    fn a_word_without_end_is_cut_and_counted() {
        let (blobs, document) = store(&format!("{}\nshort\n", "é".repeat(100_000)));
        let words = Words::read(&blobs, &document, 0).unwrap();
        assert_eq!(words.facts().cut_tokens, 1);
        assert_eq!(held(&words)[0].chars().count(), LETTERS_MAX);
    }

    #[test]
    fn what_is_no_file_of_tokens_is_told_with_its_line() {
        for (tokens, line) in [("a\n\nb\n", 2), ("a\nb", 2), ("\n", 1)] {
            let (blobs, document) = store(tokens);
            let error = Words::read(&blobs, &document, 0).unwrap_err().to_string();
            assert_eq!(error, format!("line {line} of 'tokens/PG1_tokens.txt' is no token"), "{tokens:?}");
        }
        let (blobs, document) = store("");
        let error = Words::read(&blobs, &document, 0).unwrap_err();
        assert!(matches!(error, DistanceError::NoTokens(empty) if empty == document));
        let missing = Words::read(&blobs, &DocumentId::gutenberg(2), 0).unwrap_err();
        assert!(matches!(missing, DistanceError::Blob(BlobError::NotFound(_))));
    }
}
