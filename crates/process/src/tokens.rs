//! The tokens of one chunk, in order and counted.

use std::{mem, sync::Arc};

use crate::{
    filter::Filter,
    tally::{ShortToken, Tally, TokenHasher},
};

/// A short token, a line feed, and what is written over afterwards.
const LINE_BYTES: usize = 16;

/// So many short tokens are counted together.
const BATCH: usize = 64;

/// Takes the tokens of a chunk.
#[derive(Debug)]
pub struct Tokens {
    /// What `tokens/` gets: each token and LF; then whatever stood there before.
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

/// What is done with tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// They are counted, and written one a line.
    Lines,
    /// They are counted.
    Counts,
    /// They go through a filter first.
    Filtered,
}

/// Short tokens that are counted together.
pub(crate) type Batch = [ShortToken; BATCH];

/// Takes short tokens in a row, faster than [`Tokens::push`]: what changes with each is held in registers, and they are
/// counted in batches. Without lines they are only counted. For tokens without a filter.
pub(crate) struct Run<'t, const LINES: bool> {
    tokens: &'t mut Tokens,
    /// That of `tokens`, which is behind.
    len: usize,
    /// Its first `batched` are not counted yet.
    batch: &'t mut Batch,
    batched: usize,
}

impl<'t, const LINES: bool> Run<'t, LINES> {
    pub(crate) fn of(tokens: &'t mut Tokens, batch: &'t mut Batch) -> Self {
        debug_assert_eq!(tokens.takes(), if LINES { Takes::Lines } else { Takes::Counts });
        Self { len: tokens.len, tokens, batch, batched: 0 }
    }

    /// Takes the next token, of which the length is known.
    #[inline]
    pub(crate) fn push_short(&mut self, token: ShortToken, len: usize) {
        if LINES {
            let place = self.len..self.len + LINE_BYTES;
            if self.tokens.lines.get(place.clone()).is_none() {
                self.tokens.grow(LINE_BYTES);
            }
            let line = &mut self.tokens.lines[place];
            let [low, high] = token.halves();
            line[..8].copy_from_slice(&low.to_le_bytes());
            line[8..].copy_from_slice(&high.to_le_bytes());
            line[len] = b'\n';
            self.len += len + 1;
        }
        self.batch[self.batched] = token;
        self.batched += 1;
        if self.batched == BATCH {
            self.count();
        }
    }

    #[inline(never)]
    fn count(&mut self) {
        let batch = &self.batch[..mem::take(&mut self.batched)];
        self.tokens.n += batch.len() as u64;
        self.tokens.counts.add_each(batch);
    }

    /// Lets another way take tokens.
    pub(crate) fn pause(&mut self, other: impl FnOnce(&mut Tokens)) {
        self.tokens.len = self.len;
        other(self.tokens);
        self.len = self.tokens.len;
    }
}

impl<const LINES: bool> Drop for Run<'_, LINES> {
    fn drop(&mut self) {
        self.tokens.len = self.len;
        self.count();
    }
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

    /// What is done with tokens.
    pub(crate) const fn takes(&self) -> Takes {
        match (&self.filter, self.kept) {
            (Some(_), _) => Takes::Filtered,
            (None, Kept::Yes) => Takes::Lines,
            (None, Kept::No) => Takes::Counts,
        }
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
