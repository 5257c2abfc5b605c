//! The counts of words alone, for users who want no files.

use std::io::{self, Read};

use crate::{
    tally::{Tally, TokenHasher},
    tokens::Tokens,
    uax29,
    window::Windows,
};

/// A text is read so much at a time: what is read stays in the processor's cache until it is counted, beside the counts.
const WINDOW_BYTES: u64 = 128 << 10;

/// How often each word of any number of texts occurs: the words of UAX #29, lower-cased.
///
/// ```
/// use process::word_counts::WordCounts;
///
/// let mut counts = WordCounts::default();
/// counts.add("The cat, the dog\n");
/// counts.add("and the others");
/// assert_eq!(counts.sorted()[0], ("the".to_owned(), 3));
/// assert_eq!((counts.words(), counts.distinct()), (7, 5));
/// ```
#[derive(Debug)]
pub struct WordCounts {
    words: u64,
    tally: Tally,
}

impl Default for WordCounts {
    fn default() -> Self {
        Self { words: 0, tally: Tally::new(TokenHasher::default()) }
    }
}

impl WordCounts {
    /// Counts the words of a text. Texts do not flow into each other: each ends its last word.
    pub fn add(&mut self, text: &str) {
        let mut tokens = Tokens::counted(std::mem::take(&mut self.tally));
        uax29::words(text, &mut tokens);
        self.words += tokens.len();
        self.tally = tokens.into_counts();
    }

    /// Counts the words of a text that is read bit by bit, up to line ends: memory does not grow with its length, but with its
    /// longest line, which is cut from 8 MiB on where a space and an ASCII letter or digit stand. What was counted before an
    /// error stays.
    ///
    /// # Errors
    /// Those of `text`; of kind [`InvalidData`](io::ErrorKind::InvalidData), with the place, where it is not UTF-8.
    pub fn read(&mut self, text: impl Read) -> io::Result<()> {
        let (mut windows, mut at, mut window) = (Windows::new(text, WINDOW_BYTES), 0, Vec::new());
        while let Some(next) = windows.next_in(window)? {
            window = next;
            let words = simdutf8::compat::from_utf8(&window).map_err(|error| {
                let at = at + error.valid_up_to();
                io::Error::new(io::ErrorKind::InvalidData, format!("no UTF-8 at byte {at}"))
            })?;
            self.add(words);
            at += window.len();
        }
        Ok(())
    }

    /// Takes over the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.words += other.words;
        self.tally.add_all(&other.tally);
    }

    /// Words.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.words
    }

    /// Different words.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.tally.distinct()
    }

    /// The words with their counts: count falling, then word rising by bytes.
    #[must_use]
    pub fn sorted(&self) -> Vec<(String, u64)> {
        let mut words = Vec::with_capacity(self.distinct() as usize);
        self.tally.sorted().each(|word, n| {
            words.push((String::from_utf8(word.to_vec()).expect("words are of texts"), n));
        });
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_others_are_taken_over() {
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
        assert_eq!(error.to_string(), format!("no UTF-8 at byte {}", text.len() + 5));
    }
}
