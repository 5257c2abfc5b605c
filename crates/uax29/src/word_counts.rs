//! Counts the words of texts.

use std::io::{self, Read};

use crate::{
    token_counts::{ShortToken, TokenBatch, TokenCounts},
    windows::Windows,
    words::{TokenSink, for_each_lowercase_word},
};

/// The size of a window, in bytes: small enough to stay in the processor's cache, beside the counts, until it
/// is counted.
const WINDOW_BYTES: u64 = 128 << 10;

/// The number of occurrences of each word in any number of texts: the words of UAX #29 in lower case.
///
/// ```
/// use uax29::word_counts::WordCounts;
///
/// let mut counts = WordCounts::default();
/// counts.add("The cat, the dog\n");
/// counts.add("and the others");
/// assert_eq!(counts.sorted()[0], ("the".to_owned(), 3));
/// assert_eq!((counts.words(), counts.distinct()), (7, 5));
/// ```
#[derive(Debug, Default)]
pub struct WordCounts {
    counts: TokenCounts,
}

/// Counts words as they come.
struct Counter<'c> {
    counts: &'c mut TokenCounts,
    batch: TokenBatch,
}

impl TokenSink for Counter<'_> {
    #[inline]
    fn push_short(&mut self, word: ShortToken, _: usize) {
        self.batch.push(word, self.counts);
    }

    fn push(&mut self, word: &str) {
        self.counts.add(word.as_bytes(), 1);
    }
}

impl WordCounts {
    /// Counts the words of a text. The end of the text ends its last word.
    pub fn add(&mut self, text: &str) {
        let mut counter = Counter { counts: &mut self.counts, batch: TokenBatch::default() };
        for_each_lowercase_word(text, &mut counter);
        counter.batch.flush(counter.counts);
    }

    /// Counts the words of a text that is read in parts, each up to a line end. So memory does not grow with
    /// the length of the text but with its longest line, and lines of 8 MiB or more are cut (see
    /// [`cuts`](crate::cuts)).
    ///
    /// # Errors
    /// Returns the errors of the reader, and one of kind [`InvalidData`](io::ErrorKind::InvalidData) with the
    /// position if the text is not UTF-8. Words that were counted before the error stay counted.
    pub fn read(&mut self, text: impl Read) -> io::Result<()> {
        let (mut windows, mut at, mut window) = (Windows::new(text, WINDOW_BYTES), 0, Vec::new());
        while let Some(next) = windows.next_in(window)? {
            window = next;
            let words = simdutf8::compat::from_utf8(&window).map_err(|error| {
                let at = at + error.valid_up_to();
                io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8 at byte {at}"))
            })?;
            self.add(words);
            at += window.len();
        }
        Ok(())
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.counts.add_all(&other.counts);
    }

    /// Returns the number of words.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.counts.total()
    }

    /// Returns the number of distinct words.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.counts.distinct()
    }

    /// Returns the words with their counts: counts descending, then words ascending by bytes.
    #[must_use]
    pub fn sorted(&self) -> Vec<(String, u64)> {
        let mut words = Vec::with_capacity(self.distinct() as usize);
        self.counts.sorted().for_each(|word, n| {
            words.push((String::from_utf8(word.to_vec()).expect("words are parts of texts"), n));
        });
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_merged() {
        let (mut counts, mut others) = (WordCounts::default(), WordCounts::default());
        counts.add("a b floccinaucinihilipilification");
        others.add("b c floccinaucinihilipilification");
        counts.merge(&others);
        assert_eq!(counts.words(), 6);
        let expected = [("b", 2), ("floccinaucinihilipilification", 2), ("a", 1), ("c", 1)];
        assert_eq!(counts.sorted(), expected.map(|(word, n)| (word.to_owned(), n)));
    }

    #[test]
    fn a_text_that_is_read_has_the_same_counts() {
        let text =
            "one éclair, two éclairs: 3.14\n\n".repeat(20_000) + &"no line ends ".repeat(700_000) + "é";
        let (mut read, mut added) = (WordCounts::default(), WordCounts::default());
        read.read(text.as_bytes()).unwrap();
        added.add(&text);
        assert_eq!(read.words(), added.words());
        assert_eq!(read.sorted(), added.sorted());
        let bad = [text.as_bytes(), b"\nwell\xff"].concat();
        let error = WordCounts::default().read(&*bad).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), format!("not UTF-8 at byte {}", text.len() + 5));
    }
}
