//! Counts how often each token occurs.
//!
//! Nearly all tokens of a text are short: up to [`SHORT_BYTES`]. They are in a table of their own
//! (`short_table`), in which counting one reads 16 bytes of memory. All other tokens are in a second table
//! (`long_table`), and so is the part of a count that exceeds a slot of the first. The hash is keyed at
//! random for every run, because the texts come from strangers.

mod long_table;
mod short_table;
mod sorted;

use std::hash::{BuildHasher, RandomState};

use self::{
    long_table::LongTable,
    short_table::{COUNT_MAX, SLOTS_MIN, ShortTable},
};

pub use self::{
    short_table::{SHORT_BYTES, ShortToken},
    sorted::SortedCounts,
};

/// The maximum number of slots of a new table.
const NEW_SLOTS_MAX: usize = 1 << 15;

/// The number of short tokens that are counted together: a bit of a `u64` for each.
const BATCH: usize = 64;

/// Hashes tokens. Counts can be merged only if they share a hasher.
#[derive(Debug, Clone)]
pub struct TokenHasher {
    long: RandomState,
    short: [u64; 2],
}

impl Default for TokenHasher {
    /// Returns a hasher with random keys.
    fn default() -> Self {
        let long = RandomState::new();
        let short = [long.hash_one(0), long.hash_one(1)];
        Self { long, short }
    }
}

impl TokenHasher {
    #[inline]
    fn short(&self, token: ShortToken) -> u64 {
        self.folded(token.halves())
    }

    fn long(&self, token: &[u8]) -> u64 {
        let mut padded = [0; 16];
        match padded.get_mut(..token.len()) {
            Some(start) => {
                start.copy_from_slice(token);
                let (halves, _) = padded.as_chunks();
                self.folded([0, 1].map(|half| u64::from_le_bytes(halves[half])))
            }
            None => self.long.hash_one(token),
        }
    }

    /// Combines each half with a secret key, multiplies both, and folds the product (as wyhash does).
    #[inline]
    fn folded(&self, [low, high]: [u64; 2]) -> u64 {
        let product = u128::from(low ^ self.short[0]) * u128::from(high ^ self.short[1]);
        product as u64 ^ (product >> 64) as u64
    }
}

/// The counts of tokens.
#[derive(Debug, Default)]
pub struct TokenCounts {
    short: ShortTable,
    long: LongTable,
    hasher: TokenHasher,
    total: u64,
}

impl TokenCounts {
    /// Returns empty counts.
    #[must_use]
    pub fn new(hasher: TokenHasher) -> Self {
        Self { hasher, ..Self::default() }
    }

    /// Returns empty counts with room for the distinct tokens that a text of this length is likely to have.
    #[must_use]
    pub fn for_text(hasher: TokenHasher, text_bytes: usize) -> Self {
        let slots = (text_bytes / 32).next_power_of_two().clamp(SLOTS_MIN, NEW_SLOTS_MAX);
        Self { short: ShortTable::with_slots(slots), ..Self::new(hasher) }
    }

    /// Adds `n` to a token's count.
    pub fn add(&mut self, token: &[u8], n: u64) {
        self.total += n;
        self.add_to_table(token, n);
    }

    fn add_to_table(&mut self, token: &[u8], n: u64) {
        match ShortToken::of(token) {
            Some(short) => self.add_short(self.hasher.short(short), short, n),
            None => self.long.add(self.hasher.long(token), token, n),
        }
    }

    /// Adds one to the count of each of up to 64 short tokens.
    fn add_batch(&mut self, tokens: &[ShortToken]) {
        debug_assert!(tokens.len() <= BATCH, "there is a bit for each");
        self.total += tokens.len() as u64;
        // Most tokens are in their first slot. The others are counted afterwards: as long as no step depends
        // on the result of another, the processor reads many slots at the same time.
        let mut others = 0_u64;
        for (n, token) in tokens.iter().enumerate() {
            others |= self.short.add_one(self.hasher.short(*token), *token) << n;
        }
        while others != 0 {
            let token = tokens[others.trailing_zeros() as usize];
            others &= others - 1;
            self.add_short(self.hasher.short(token), token, 1);
        }
    }

    fn add_short(&mut self, hash: u64, token: ShortToken, n: u64) {
        let rest = self.short.add(hash, token, n, |token| self.hasher.short(token));
        if rest > 0 {
            token.with_bytes(|token| self.long.add(self.hasher.long(token), token, rest));
        }
    }

    /// Adds the counts of another that has the same hasher. What is left of `other` is only its memory: its
    /// counts are unspecified.
    pub fn merge(&mut self, other: &mut Self) {
        // Adding the smaller one to the larger one takes less time.
        if other.short.len() + other.long.len() > self.short.len() + self.long.len() {
            std::mem::swap(self, other);
        }
        self.add_all(other);
    }

    /// Adds the counts of another that has the same hasher.
    pub fn add_all(&mut self, other: &Self) {
        self.total += other.total;
        other.short.iter().for_each(|(token, n)| self.add_short(self.hasher.short(token), token, n));
        other.long.iter().for_each(|(token, n)| self.add_to_table(token, n));
    }

    /// Removes all tokens and keeps the memory.
    #[must_use]
    pub fn cleared(mut self) -> Self {
        self.short.clear();
        self.long.clear();
        self.total = 0;
        self
    }

    /// Returns the size of the tables in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.short.memory_bytes() + self.long.memory_bytes()
    }

    /// Returns the sum of all counts.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Returns the number of distinct tokens.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        let is_only_long = |(token, _): &(&[u8], u64)| ShortToken::of(token).is_none();
        (self.short.len() + self.long.iter().filter(is_only_long).count()) as u64
    }

    /// Returns the tokens with their counts: counts descending, then tokens ascending by bytes.
    #[must_use]
    pub fn sorted(&self) -> SortedCounts<'_> {
        let is_long_too = |token: &[u8]| self.long.contains(self.hasher.long(token), token);
        let ranks = self.short.ranks(|token| token.with_bytes(is_long_too));
        // A short token is in the long table only if its slot is full.
        let long = self.long.iter().map(|(token, n)| {
            let in_slot = ShortToken::of(token).map_or(0, |_| u64::from(COUNT_MAX));
            (token, in_slot + n)
        });
        SortedCounts::new(ranks, long)
    }
}

/// Short tokens that will be counted together.
#[derive(Debug)]
pub struct TokenBatch {
    tokens: [ShortToken; BATCH],
    len: usize,
}

impl Default for TokenBatch {
    fn default() -> Self {
        Self { tokens: [ShortToken::default(); BATCH], len: 0 }
    }
}

impl TokenBatch {
    /// Takes a token. It is added to `counts` when the batch is full, or by [`flush`](Self::flush).
    #[inline]
    pub fn push(&mut self, token: ShortToken, counts: &mut TokenCounts) {
        self.tokens[self.len] = token;
        self.len += 1;
        if self.len == BATCH {
            self.flush(counts);
        }
    }

    /// Returns the number of tokens that are not added yet.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.len as u64
    }

    /// Adds the tokens of the batch to `counts`.
    #[inline(never)]
    pub fn flush(&mut self, counts: &mut TokenCounts) {
        counts.add_batch(&self.tokens[..std::mem::take(&mut self.len)]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Returns the tokens with their counts, and checks that they are written in the same order.
    fn listed(counts: &TokenCounts) -> Vec<(Vec<u8>, u64)> {
        let (sorted, mut written) = (counts.sorted(), Vec::new());
        sorted.write(&mut written).unwrap();
        let (mut listed, mut lines) = (Vec::new(), Vec::new());
        sorted.for_each(|token, n| {
            listed.push((token.to_vec(), n));
            lines.extend([token, format!("\t{n}\n").as_bytes()].concat());
        });
        assert_eq!(written, lines);
        assert_eq!(listed.len(), sorted.len());
        assert_eq!(counts.distinct(), sorted.len() as u64);
        assert_eq!(sorted.hapaxes(), listed.iter().filter(|(_, n)| *n == 1).count());
        listed
    }

    #[test]
    fn counts_descend_then_tokens_ascend_by_bytes() {
        let mut counts = TokenCounts::default();
        for token in ["b", "é", "a", "Z", "b", "a", "c", "c", "c"] {
            counts.add(token.as_bytes(), 1);
        }
        let expected = [("c", 3), ("a", 2), ("b", 2), ("Z", 1), ("é", 1)];
        assert_eq!(listed(&counts), expected.map(|(token, n)| (token.as_bytes().to_vec(), n)));
    }

    #[test]
    fn tokens_that_differ_only_in_nul_bytes_are_different() {
        let mut counts = TokenCounts::default();
        for token in ["\u{345}", "\0\u{345}", "a", "a\0", "twelve bytes", "twelve bytes\0"] {
            counts.add(token.as_bytes(), 1);
        }
        assert_eq!(listed(&counts).len(), 6);
    }

    #[test]
    fn a_count_that_exceeds_a_slot_is_whole() {
        let (full, hasher) = (u64::from(COUNT_MAX), TokenHasher::default());
        let mut counts = TokenCounts::new(hasher.clone());
        for (token, n) in [("a", full - 1), ("b", full), ("c", full), ("d", 3 * full), ("e", 1)] {
            counts.add(token.as_bytes(), n);
        }
        let mut other = TokenCounts::new(hasher);
        for (token, n) in [("a", 1), ("c", 1), ("d", 2 * full), ("f", full + 7)] {
            counts.add(token.as_bytes(), n);
            other.add(token.as_bytes(), n);
        }
        counts.add_all(&other);
        let expected =
            [("d", 7 * full), ("f", 2 * full + 14), ("c", full + 2), ("a", full + 1), ("b", full), ("e", 1)];
        assert_eq!(listed(&counts), expected.map(|(token, n)| (token.as_bytes().to_vec(), n)));
    }

    /// Few letters, so that tokens repeat. Lengths and counts on both sides of what fits into a slot.
    fn tokens() -> impl Strategy<Value = Vec<(Vec<u8>, u64)>> {
        let token = prop_oneof![
            prop::collection::vec(prop::sample::select(vec![0, b'a', b'b']), 1..4),
            prop::collection::vec(prop::sample::select(vec![0, b'a']), SHORT_BYTES - 1..SHORT_BYTES + 3),
            prop::collection::vec(prop::sample::select(vec![0, b'a']), 15..19),
        ];
        let n = prop_oneof![20 => Just(1), 1 => Just(u64::from(COUNT_MAX)), 1 => Just(1 << 40)];
        prop::collection::vec((token, n), 0..3000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn counts_are_those_of_a_map_however_they_are_merged(parts in prop::collection::vec(tokens(), 0..4)) {
            let (mut expected, hasher) = (BTreeMap::new(), TokenHasher::default());
            let mut whole = TokenCounts::new(hasher.clone());
            for part in &parts {
                let mut counts = TokenCounts::new(hasher.clone());
                for (token, n) in part {
                    counts.add(token, *n);
                    *expected.entry(token.clone()).or_insert(0) += n;
                }
                whole.merge(&mut counts);
            }
            let mut sorted: Vec<(Vec<u8>, u64)> = expected.into_iter().collect();
            sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            prop_assert_eq!(listed(&whole), sorted);
        }
    }
}
