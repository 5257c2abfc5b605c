//! From text to tokens: the tokenizers, and the changes before and after them.
//!
//! A tokenizer passes its tokens to a [`TokenSink`] and knows nothing of filters and counts. [`Tokens`] is
//! the sink for the tokens of one chunk, which it filters, writes in lines and counts. In reading order:
//!
//! * [`tokenization`]: the options that decide which tokens a text has, with [`preprocess`] and
//!   [`tokenizer`];
//! * [`filter`]: the tokens that are kept, with [`stop_words`] (from a `word_list`);
//! * `buffer_pool`: reuses the memory of tokens.

pub(crate) mod buffer_pool;
pub mod filter;
pub mod preprocess;
pub mod stop_words;
pub mod tokenization;
pub mod tokenizer;
mod word_list;

use std::sync::Arc;

use uax29::{
    TokenSink,
    token_counts::{ShortToken, TokenBatch, TokenCounts, TokenHasher},
};

use self::filter::Filter;

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
    /// Short tokens that are not in `counts` yet.
    batch: TokenBatch,
    /// Applied to each token first.
    filter: Option<Arc<Filter>>,
}

impl TokenSink for Tokens {
    #[inline]
    fn push_short(&mut self, token: ShortToken, len: usize) {
        // A filter looks at each token as a string.
        if self.filter.is_some() {
            return token.with_str(|token| self.push(token));
        }
        if self.lines.len() - self.len < LINE_BYTES {
            self.grow(LINE_BYTES);
        }
        // Two stores of a constant size are faster than a copy of the exact length.
        let line = &mut self.lines[self.len..self.len + LINE_BYTES];
        let [low, high] = token.halves();
        line[..8].copy_from_slice(&low.to_le_bytes());
        line[8..].copy_from_slice(&high.to_le_bytes());
        line[len] = b'\n';
        self.len += len + 1;
        self.batch.push(token, &mut self.counts);
    }

    fn push(&mut self, token: &str) {
        Self::push(self, token);
    }
}

impl Tokens {
    /// Returns room for the tokens of a text of this length.
    pub(crate) fn new(hasher: TokenHasher, text_bytes: usize) -> Self {
        Self::within(vec![0; text_bytes + text_bytes / 8], TokenCounts::for_text(hasher, text_bytes))
    }

    /// Reuses memory: the contents of `lines` do not matter, `counts` is empty.
    pub(crate) fn within(lines: Vec<u8>, counts: TokenCounts) -> Self {
        Self { lines, len: 0, counts, batch: TokenBatch::default(), filter: None }
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
            self.grow(token.len() + 1);
        }
        self.lines[start..end].copy_from_slice(token.as_bytes());
        self.lines[end] = b'\n';
        self.len = end + 1;
        self.counts.add(token.as_bytes(), 1);
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        // Doubling keeps the copies linear in the length of the text.
        self.lines.resize(2 * self.lines.len() + bytes, 0);
    }

    /// Returns the number of tokens.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.total() + self.batch.pending()
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
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, TokenCounts) {
        self.batch.flush(&mut self.counts);
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
