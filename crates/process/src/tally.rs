//! How often each token occurs.
//!
//! Nearly all tokens of a text are short: up to [`SHORT_BYTES`]. They stand in a table of their own (`short`), where counting
//! one looks at 16 bytes of memory. All others stand in another (`long`), and so does what of a count is too much for a
//! slot of the first. The hash is keyed at random for every run, as the texts come from strangers.

mod long;
mod short;
mod sorted;

use std::hash::{BuildHasher, RandomState};

use self::{
    long::LongTable,
    short::{COUNT_MAX, SLOTS_MIN, ShortTable},
};

pub(crate) use self::{
    short::{SHORT_BYTES, ShortToken},
    sorted::Sorted,
};

/// The most slots of a table in which nothing stands yet.
const SLOTS_SIZED_MAX: usize = 1 << 15;

/// Hashes tokens. Tallies that shall be merged must share it.
#[derive(Debug, Clone)]
pub(crate) struct TokenHasher {
    long: RandomState,
    short: [u64; 2],
}

impl Default for TokenHasher {
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

    /// Each half is made unknown before both are multiplied, and the product is folded (as in wyhash).
    #[inline]
    fn folded(&self, [low, high]: [u64; 2]) -> u64 {
        let product = u128::from(low ^ self.short[0]) * u128::from(high ^ self.short[1]);
        product as u64 ^ (product >> 64) as u64
    }
}

/// Counts of tokens.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    short: ShortTable,
    long: LongTable,
    hasher: TokenHasher,
}

impl Tally {
    pub(crate) fn new(hasher: TokenHasher) -> Self {
        Self { hasher, ..Self::default() }
    }

    /// With room for the distinct tokens that a text of this length is likely to have.
    pub(crate) fn sized(hasher: TokenHasher, text_bytes: usize) -> Self {
        let slots = (text_bytes / 32).next_power_of_two().clamp(SLOTS_MIN, SLOTS_SIZED_MAX);
        Self { short: ShortTable::of(slots), ..Self::new(hasher) }
    }

    /// Adds `n` to a token's count.
    pub(crate) fn add(&mut self, token: &[u8], n: u64) {
        match ShortToken::of(token) {
            Some(short) => self.add_wherever(self.hasher.short(short), short, n),
            None => self.long.add(self.hasher.long(token), token, n),
        }
    }

    /// Adds one to the count of each of up to 64 short tokens.
    pub(crate) fn add_each(&mut self, tokens: &[ShortToken]) {
        // Most stand where they are looked for first. The others are for later: while none of this depends on what has been
        // found, the processor looks for many at a time.
        debug_assert!(tokens.len() <= 64, "there is a bit for each");
        let mut others = 0_u64;
        for (n, token) in tokens.iter().enumerate() {
            others |= self.short.add_one(self.hasher.short(*token), *token) << n;
        }
        while others != 0 {
            let token = tokens[others.trailing_zeros() as usize];
            others &= others - 1;
            self.add_wherever(self.hasher.short(token), token, 1);
        }
    }

    fn add_wherever(&mut self, hash: u64, token: ShortToken, n: u64) {
        let rest = self.short.add(hash, token, n, |token| self.hasher.short(token));
        if rest > 0 {
            token.with_bytes(|token| self.long.add(self.hasher.long(token), token, rest));
        }
    }

    /// Takes over the counts of another, which has the same hasher and is of no use afterwards but for its memory.
    pub(crate) fn merge(&mut self, other: &mut Self) {
        if other.short.len() + other.long.len() > self.short.len() + self.long.len() {
            std::mem::swap(self, other);
        }
        self.add_all(other);
    }

    /// Adds the counts of another, which has the same hasher.
    pub(crate) fn add_all(&mut self, other: &Self) {
        other.short.in_leaps().for_each(|(token, n)| self.add_wherever(self.hasher.short(token), token, n));
        other.long.each().for_each(|(token, n)| self.add(token, n));
    }

    /// Without tokens, but with its memory.
    pub(crate) fn cleared(mut self) -> Self {
        self.short.clear();
        self.long.clear();
        self
    }

    /// The bytes of its memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.short.memory_bytes() + self.long.memory_bytes()
    }

    /// Distinct tokens.
    pub(crate) fn distinct(&self) -> u64 {
        let is_only_there = |(token, _): &(&[u8], u64)| ShortToken::of(token).is_none();
        (self.short.len() + self.long.each().filter(is_only_there).count()) as u64
    }

    /// The tokens with their counts: count falling, then token rising by bytes.
    pub(crate) fn sorted(&self) -> Sorted<'_> {
        let is_long_too = |token: &[u8]| self.long.has(self.hasher.long(token), token);
        let ranks = self.short.ranks(|token| token.with_bytes(is_long_too));
        // What is short stands there because its slot is full.
        let long = self.long.each().map(|(token, n)| {
            let in_slot = ShortToken::of(token).map_or(0, |_| u64::from(COUNT_MAX));
            (token, in_slot + n)
        });
        Sorted::of(ranks, long)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The tokens with their counts, which are written so too.
    fn listed(tally: &Tally) -> Vec<(Vec<u8>, u64)> {
        let (sorted, mut written) = (tally.sorted(), Vec::new());
        sorted.write(&mut written).unwrap();
        let (mut listed, mut lines) = (Vec::new(), Vec::new());
        sorted.each(|token, n| {
            listed.push((token.to_vec(), n));
            lines.extend([token, format!("\t{n}\n").as_bytes()].concat());
        });
        assert_eq!(written, lines);
        assert_eq!(listed.len(), sorted.len());
        assert_eq!(tally.distinct(), sorted.len() as u64);
        assert_eq!(sorted.hapaxes(), listed.iter().filter(|(_, n)| *n == 1).count());
        listed
    }

    #[test]
    fn counts_fall_then_tokens_rise_by_bytes() {
        let mut tally = Tally::default();
        for token in ["b", "é", "a", "Z", "b", "a", "c", "c", "c"] {
            tally.add(token.as_bytes(), 1);
        }
        let expected = [("c", 3), ("a", 2), ("b", 2), ("Z", 1), ("é", 1)];
        assert_eq!(listed(&tally), expected.map(|(token, n)| (token.as_bytes().to_vec(), n)));
    }

    #[test]
    fn tokens_that_differ_only_in_nul_bytes_are_different() {
        let mut tally = Tally::default();
        for token in ["\u{345}", "\0\u{345}", "a", "a\0", "twelve bytes", "twelve bytes\0"] {
            tally.add(token.as_bytes(), 1);
        }
        assert_eq!(listed(&tally).len(), 6);
    }

    #[test]
    fn what_is_too_much_for_a_slot_is_counted_too() {
        let (full, hasher) = (u64::from(COUNT_MAX), TokenHasher::default());
        let mut tally = Tally::new(hasher.clone());
        for (token, n) in [("a", full - 1), ("b", full), ("c", full), ("d", 3 * full), ("e", 1)] {
            tally.add(token.as_bytes(), n);
        }
        let mut other = Tally::new(hasher);
        for (token, n) in [("a", 1), ("c", 1), ("d", 2 * full), ("f", full + 7)] {
            tally.add(token.as_bytes(), n);
            other.add(token.as_bytes(), n);
        }
        tally.add_all(&other);
        let expected =
            [("d", 7 * full), ("f", 2 * full + 14), ("c", full + 2), ("a", full + 1), ("b", full), ("e", 1)];
        assert_eq!(listed(&tally), expected.map(|(token, n)| (token.as_bytes().to_vec(), n)));
    }

    /// Few letters, so that tokens meet again; lengths on both sides of what fits into a slot. Counts as well.
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
            let mut whole = Tally::new(hasher.clone());
            for part in &parts {
                let mut tally = Tally::new(hasher.clone());
                for (token, n) in part {
                    tally.add(token, *n);
                    *expected.entry(token.clone()).or_insert(0) += n;
                }
                whole.merge(&mut tally);
            }
            let mut sorted: Vec<(Vec<u8>, u64)> = expected.into_iter().collect();
            sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            prop_assert_eq!(listed(&whole), sorted);
        }
    }
}
