//! The tokens of one chunk, in order and counted.

use crate::tally::{Slots, Tally, TokenHasher};

/// Takes the tokens of a chunk.
#[derive(Debug)]
pub struct Tokens {
    /// What `tokens/` gets: each token and LF.
    lines: String,
    n: u64,
    counts: Slots,
}

impl Tokens {
    pub(crate) fn new(hasher: TokenHasher, text_bytes: usize) -> Self {
        Self { lines: String::with_capacity(text_bytes), n: 0, counts: Slots::new(hasher) }
    }

    /// Takes the next token, in the order of the text.
    ///
    /// A token has no line feed and is not empty; a document whose processor breaks that fails.
    #[inline]
    pub fn push(&mut self, token: &str) {
        let start = self.lines.len();
        self.lines.push_str(token);
        self.counts.count_last(&self.lines, start);
        self.lines.push('\n');
        self.n += 1;
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
    pub(crate) fn lines(&self) -> &str {
        &self.lines
    }

    pub(crate) fn add_to(&self, tally: &mut Tally) {
        tally.add_all(&self.counts, &self.lines);
    }

    /// Checks what [`push`](Self::push) asks for: a token file could not be read back otherwise.
    pub(crate) fn check(&self) {
        let line_ends = self.lines.bytes().filter(|byte| *byte == b'\n').count() as u64;
        assert_eq!(line_ends, self.n, "a token contains a line feed");
        let empty = self.lines.starts_with('\n') || self.lines.contains("\n\n");
        assert!(!empty, "a token is empty");
    }
}
