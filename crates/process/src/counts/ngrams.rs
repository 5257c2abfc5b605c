//! Counts n-grams: several tokens in a row.

use std::collections::VecDeque;

use uax29::token_counts::{TokenCounts, TokenHasher};

/// The counts of the n-grams of a document. The tokens of an n-gram are joined by spaces.
#[derive(Debug)]
pub(crate) struct NgramCounts {
    /// The number of tokens in an n-gram.
    n: usize,
    /// The last tokens, each followed by a space.
    last: Vec<u8>,
    lengths: VecDeque<usize>,
    counts: TokenCounts,
}

impl NgramCounts {
    pub(crate) fn new(n: usize, hasher: TokenHasher) -> Self {
        Self { n, last: Vec::new(), lengths: VecDeque::new(), counts: TokenCounts::new(hasher) }
    }

    /// Takes the next token of the document.
    pub(crate) fn add(&mut self, token: &[u8]) {
        // The window moves by one token.
        if self.lengths.len() == self.n
            && let Some(first) = self.lengths.pop_front()
        {
            self.last.drain(..first);
        }
        self.last.extend_from_slice(token);
        self.last.push(b' ');
        self.lengths.push_back(token.len() + 1);
        if self.lengths.len() == self.n {
            self.counts.add(&self.last[..self.last.len() - 1], 1);
        }
    }

    pub(crate) const fn counts(&self) -> &TokenCounts {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ngram_is_counted() {
        let mut pairs = NgramCounts::new(2, TokenHasher::default());
        ["to", "be", "or", "not", "to", "be"].iter().for_each(|token| pairs.add(token.as_bytes()));
        let mut counts = Vec::new();
        pairs.counts().sorted().write(&mut counts).unwrap();
        assert_eq!(counts, b"to be\t2\nbe or\t1\nnot to\t1\nor not\t1\n");
        let mut longer = NgramCounts::new(3, TokenHasher::default());
        ["a", "b"].iter().for_each(|token| longer.add(token.as_bytes()));
        assert_eq!(longer.counts().distinct(), 0);
    }
}
