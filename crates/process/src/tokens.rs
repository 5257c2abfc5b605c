//! From text to tokens: the tokenizers, and the changes before and after them.
//!
//! [`Tokens`] takes the tokens of one chunk, in order, and counts them. In reading order:
//!
//! * [`tokenization`]: the options that decide which tokens a text has, with [`preprocess`] and
//!   [`tokenizer`];
//! * `sink`: the interface between tokenizers and what takes their tokens;
//! * [`filter`]: the tokens that are kept, with [`stop_words`] (from a `word_list`);
//! * `buffer_pool`: reuses the memory of tokens.

pub(crate) mod buffer_pool;
pub mod filter;
pub mod preprocess;
pub(crate) mod sink;
pub mod stop_words;
pub mod tokenization;
pub mod tokenizer;
mod word_list;

use std::sync::Arc;

use uax29::{
    WordSink, for_each_lowercase_word,
    token_counts::{ShortToken, TokenBatch, TokenCounts, TokenHasher},
};

use self::{
    filter::Filter,
    sink::{TokenSink, push_each_word},
};

/// The number of bytes that are written for a short token: the token, a line feed, and bytes that the next
/// token overwrites.
const LINE_BYTES: usize = 16;

/// Takes the tokens of a chunk.
#[derive(Debug)]
pub struct Tokens {
    /// The lines for `tokens/`: each token and a line feed. Bytes after `len` are left from earlier use.
    lines: Vec<u8>,
    len: usize,
    counts: TokenCounts,
    /// Applied to each token first.
    filter: Option<Arc<Filter>>,
}

/// Takes the words of UAX #29 without a filter: writes short ones with two stores, and counts them in
/// batches.
struct WordLines<'t> {
    tokens: &'t mut Tokens,
    batch: TokenBatch,
}

impl WordSink for WordLines<'_> {
    #[inline]
    fn push_short(&mut self, word: ShortToken, len: usize) {
        let Tokens { lines, len: written, counts, .. } = &mut *self.tokens;
        if lines.len() - *written < LINE_BYTES {
            grow(lines, LINE_BYTES);
        }
        // Two stores of a constant size are faster than a copy of the exact length.
        let line = &mut lines[*written..*written + LINE_BYTES];
        let [low, high] = word.halves();
        line[..8].copy_from_slice(&low.to_le_bytes());
        line[8..].copy_from_slice(&high.to_le_bytes());
        line[len] = b'\n';
        *written += len + 1;
        self.batch.push(word, counts);
    }

    fn push(&mut self, word: &str) {
        self.tokens.take(word);
    }
}

impl TokenSink for Tokens {
    fn push(&mut self, token: &str) {
        Self::push(self, token);
    }

    fn push_words(&mut self, text: &str) {
        // A filter looks at each word as a string.
        if self.filter.is_some() {
            push_each_word(text, self);
            return;
        }
        let mut words = WordLines { tokens: self, batch: TokenBatch::default() };
        for_each_lowercase_word(text, &mut words);
        words.batch.flush(&mut words.tokens.counts);
    }
}

#[cold]
fn grow(lines: &mut Vec<u8>, bytes: usize) {
    // Doubling keeps the copies linear in the length of the text.
    lines.resize(2 * lines.len() + bytes, 0);
}

impl Tokens {
    /// Returns room for the tokens of a text of this length.
    pub(crate) fn new(hasher: TokenHasher, text_bytes: usize) -> Self {
        Self::within(vec![0; text_bytes + text_bytes / 8], TokenCounts::for_text(hasher, text_bytes))
    }

    /// Reuses memory: the contents of `lines` do not matter, `counts` is empty.
    pub(crate) const fn within(lines: Vec<u8>, counts: TokenCounts) -> Self {
        Self { lines, len: 0, counts, filter: None }
    }

    /// Sets the filter.
    pub(crate) fn filtered(self, filter: Option<Arc<Filter>>) -> Self {
        Self { filter, ..self }
    }

    /// Takes the next token, in the order of the text.
    ///
    /// A token must not be empty or contain a line feed: otherwise the document fails.
    #[inline]
    pub fn push(&mut self, token: &str) {
        match self.filter.clone() {
            None => self.take(token),
            Some(filter) => filter.keep(token).into_iter().for_each(|token| self.take(token)),
        }
    }

    fn take(&mut self, token: &str) {
        let (start, end) = (self.len, self.len + token.len());
        if self.lines.len() <= end {
            grow(&mut self.lines, token.len() + 1);
        }
        self.lines[start..end].copy_from_slice(token.as_bytes());
        self.lines[end] = b'\n';
        self.len = end + 1;
        self.counts.add(token.as_bytes(), 1);
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.total()
    }

    /// Returns whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the lines for `tokens/`, one for each token.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines[..self.len]
    }

    /// Returns the tokens in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.lines().split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1])
    }

    /// Returns the memory of the lines, and the counts.
    pub(crate) fn into_parts(self) -> (Vec<u8>, TokenCounts) {
        (self.lines, self.counts)
    }

    /// Checks the conditions of [`push`](Self::push): a token file could not be read back otherwise.
    ///
    /// # Panics
    /// Panics if a token is empty or contains a line feed.
    pub(crate) fn check(&self) {
        let lines = self.lines();
        let line_ends = memchr::memchr_iter(b'\n', lines).count() as u64;
        assert_eq!(line_ends, self.len(), "a token contains a line feed");
        let empty = lines.starts_with(b"\n") || memchr::memmem::find(lines, b"\n\n").is_some();
        assert!(!empty, "a token is empty");
    }
}
