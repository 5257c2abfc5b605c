//! The tokens of one chunk, in order and counted.

use std::sync::Arc;

use crate::{
    filter::Filter,
    tally::{SHORT_BYTES, Tally, TokenHasher},
};

/// Takes the tokens of a chunk.
#[derive(Debug)]
pub struct Tokens {
    /// What `tokens/` gets: each token and LF; then zeros.
    lines: Vec<u8>,
    /// How much of `lines` is written.
    len: usize,
    kept: Kept,
    n: u64,
    counts: Tally,
    /// What is done with each token first.
    filter: Option<Arc<Filter>>,
}

/// Whether the tokens are kept in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    /// They are only counted.
    No,
}

impl Tokens {
    pub(crate) fn new(hasher: TokenHasher, text_bytes: usize) -> Self {
        Self::within(vec![0; text_bytes + text_bytes / 8], Tally::sized(hasher, text_bytes))
    }

    /// In memory that was used before: what stands in `lines` does not matter, `counts` is empty.
    pub(crate) fn within(lines: Vec<u8>, counts: Tally) -> Self {
        Self { lines, len: 0, kept: Kept::Yes, n: 0, counts, filter: None }
    }

    /// Only counts, and goes on with these.
    pub(crate) fn counted(counts: Tally) -> Self {
        Self { lines: Vec::new(), len: 0, kept: Kept::No, n: 0, counts, filter: None }
    }

    /// With a filter.
    pub(crate) fn filtered(self, filter: Option<Arc<Filter>>) -> Self {
        Self { filter, ..self }
    }

    /// Takes the next token, in the order of the text.
    ///
    /// A token has no line feed and is not empty; a document whose processor breaks that fails.
    #[inline]
    pub fn push(&mut self, token: &str) {
        match self.filter.clone() {
            None => self.take(token),
            Some(filter) => filter.keep(token).into_iter().for_each(|token| self.take(token)),
        }
    }

    fn take(&mut self, token: &str) {
        if self.kept == Kept::Yes {
            self.make_room(token.len() + 1);
            let (start, end) = (self.len, self.len + token.len());
            self.lines[start..end].copy_from_slice(token.as_bytes());
            self.lines[end] = b'\n';
            self.len = end + 1;
        }
        self.n += 1;
        self.counts.add(token.as_bytes(), 1);
    }

    /// The same for a token of at most [`SHORT_BYTES`], padded with zeros.
    #[inline]
    pub(crate) fn push_short(&mut self, token: [u8; SHORT_BYTES], len: usize) {
        if self.filter.is_some() {
            return self.filter_short(token, len);
        }
        if self.kept == Kept::Yes {
            self.make_room(SHORT_BYTES + 1);
            let start = self.len;
            self.lines[start..start + SHORT_BYTES].copy_from_slice(&token);
            self.lines[start + len] = b'\n';
            self.len = start + len + 1;
        }
        self.n += 1;
        self.counts.add_short(token, len, 1);
    }

    #[cold]
    fn filter_short(&mut self, token: [u8; SHORT_BYTES], len: usize) {
        self.push(std::str::from_utf8(&token[..len]).expect("tokens are text"));
    }

    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.lines.len() - self.len < bytes {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        self.lines.resize(2 * self.lines.len() + bytes, 0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.n
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// One token a line.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines[..self.len]
    }

    /// The tokens in order.
    pub(crate) fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.lines().split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1])
    }

    /// The counts.
    pub(crate) fn into_counts(self) -> Tally {
        self.counts
    }

    /// The memory of the lines, and the counts.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Tally) {
        (self.lines, self.counts)
    }

    /// Checks what [`push`](Self::push) asks for: a token file could not be read back otherwise.
    pub(crate) fn check(&self) {
        let lines = self.lines();
        let line_ends = memchr::memchr_iter(b'\n', lines).count() as u64;
        assert_eq!(line_ends, self.n, "a token contains a line feed");
        let empty = lines.starts_with(b"\n") || memchr::memmem::find(lines, b"\n\n").is_some();
        assert!(!empty, "a token is empty");
    }
}
