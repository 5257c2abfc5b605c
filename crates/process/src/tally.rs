//! How often each token occurs.
//!
//! An open table of slots of 32 bytes. A token of up to 16 bytes stands in its slot, so that counting it looks at one
//! place in memory; a longer one stands in an arena that all share. What is short is padded with zeros and known by its
//! length, since a token may end in NUL. The hash is keyed at random for every run, as the texts come from strangers.

use std::hash::{BuildHasher, RandomState};

/// The most bytes of a token that stands in its slot.
pub(crate) const SHORT_BYTES: usize = 16;

/// Slots of a table in which something stands, at first.
const SLOTS_MIN: usize = 1 << 10;

/// The most slots of a table in which nothing stands yet.
const SLOTS_SIZED_MAX: usize = 1 << 15;

/// A token is frequent, when its table grows, from this count on.
const FREQUENT: u64 = 8;

/// How far apart two slots are that are taken one after the other: odd, so that all are taken, and far from any simple
/// part of a table.
const LEAP: usize = 0x9E37_79B1;

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
    /// Each half is made unknown before both are multiplied, and the product is folded (as in wyhash).
    #[inline]
    fn short(&self, token: u128) -> u64 {
        let [low, high] = [token as u64 ^ self.short[0], (token >> 64) as u64 ^ self.short[1]];
        let product = u128::from(low) * u128::from(high);
        product as u64 ^ (product >> 64) as u64
    }
}

/// One distinct token and its count; free while `len` is 0. Aligned, so that none lies in two lines of the cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Slot {
    /// The token where it is short; else its hash, then where it begins in the arena.
    key: [u8; SHORT_BYTES],
    n: u64,
    len: usize,
}

impl Slot {
    const fn is_long(&self) -> bool {
        self.len > SHORT_BYTES
    }
}

/// Counts of tokens.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
    distinct: usize,
    arena: Vec<u8>,
    hasher: TokenHasher,
}

impl Tally {
    pub(crate) fn new(hasher: TokenHasher) -> Self {
        Self { slots: Vec::new(), distinct: 0, arena: Vec::new(), hasher }
    }

    /// With room for the distinct tokens that a text of this length is likely to have.
    pub(crate) fn sized(hasher: TokenHasher, text_bytes: usize) -> Self {
        let slots = (text_bytes / 32).next_power_of_two().clamp(SLOTS_MIN, SLOTS_SIZED_MAX);
        Self { slots: vec![Slot::default(); slots], ..Self::new(hasher) }
    }

    /// Adds `n` to a token's count.
    pub(crate) fn add(&mut self, token: &[u8], n: u64) {
        if token.len() <= SHORT_BYTES {
            let mut padded = [0; SHORT_BYTES];
            padded[..token.len()].copy_from_slice(token);
            self.add_short(padded, token.len(), n);
        } else {
            self.add_long(token, n);
        }
    }

    /// The same for a token of at most [`SHORT_BYTES`], padded with zeros.
    #[inline]
    pub(crate) fn add_short(&mut self, token: [u8; SHORT_BYTES], len: usize, n: u64) {
        let hash = self.hasher.short(u128::from_le_bytes(token));
        let mask = self.slots.len().wrapping_sub(1);
        // Most tokens are where they are looked for first.
        if let Some(slot) = self.slots.get_mut(hash as usize & mask)
            && slot.key == token
            && slot.len == len
        {
            slot.n += n;
        } else {
            self.add_elsewhere(hash, Slot { key: token, n, len });
        }
    }

    #[inline(never)]
    fn add_elsewhere(&mut self, hash: u64, new: Slot) {
        self.add_slot(hash, new, |_, slot| slot.key == new.key && slot.len == new.len);
    }

    fn add_long(&mut self, token: &[u8], n: u64) {
        let hash = self.hasher.long.hash_one(token);
        let key = (u128::from(hash) | (self.arena.len() as u128) << 64).to_le_bytes();
        let slot = Slot { key, n, len: token.len() };
        if self.add_slot(hash, slot, |tally, slot| slot.is_long() && tally.token(slot) == token) {
            self.arena.extend_from_slice(token);
        }
    }

    /// Adds to the slot that is for the same token, or to a free one. Whether it was free.
    fn add_slot(&mut self, hash: u64, new: Slot, is_same: impl Fn(&Self, &Slot) -> bool) -> bool {
        if self.distinct * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = &self.slots[at];
            if slot.len == 0 {
                self.slots[at] = new;
                self.distinct += 1;
                return true;
            }
            if is_same(self, slot) {
                self.slots[at].n += new.n;
                return false;
            }
            at = (at + 1) & mask;
        }
    }

    /// Makes room for twice as many. What is frequent is placed first, so that it is where it is looked for first.
    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        let before = std::mem::replace(&mut self.slots, vec![Slot::default(); slots]);
        let is_frequent = |slot: &&Slot| slot.n >= FREQUENT;
        let is_rare = |slot: &&Slot| slot.len > 0 && slot.n < FREQUENT;
        for slot in before.iter().filter(is_frequent).chain(before.iter().filter(is_rare)) {
            let mut at = self.hash(slot) as usize & (slots - 1);
            while self.slots[at].len > 0 {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = *slot;
        }
    }

    fn hash(&self, slot: &Slot) -> u64 {
        let key = u128::from_le_bytes(slot.key);
        if slot.is_long() { key as u64 } else { self.hasher.short(key) }
    }

    fn token<'t>(&'t self, slot: &'t Slot) -> &'t [u8] {
        if slot.is_long() {
            let at = (u128::from_le_bytes(slot.key) >> 64) as usize;
            &self.arena[at..at + slot.len]
        } else {
            &slot.key[..slot.len]
        }
    }

    /// Takes over the counts of another, which has the same hasher and is of no use afterwards but for its memory.
    pub(crate) fn merge(&mut self, other: &mut Self) {
        if other.distinct > self.distinct {
            std::mem::swap(self, other);
        }
        self.add_all(other);
    }

    /// Without tokens, but with its memory.
    pub(crate) fn cleared(mut self) -> Self {
        self.slots.fill(Slot::default());
        self.distinct = 0;
        self.arena.clear();
        self
    }

    /// The bytes of its table.
    pub(crate) fn table_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    /// Adds the counts of another. Takes its slots in leaps over its table: in their order, which is that of the hashes
    /// here too, they would fill a smaller table from one end, and each would be looked for past all before it.
    pub(crate) fn add_all(&mut self, other: &Self) {
        let mask = other.slots.len().wrapping_sub(1);
        let leaps = (0..other.slots.len()).map(|n| n.wrapping_mul(LEAP) & mask);
        for slot in leaps.map(|at| &other.slots[at]).filter(|slot| slot.len > 0) {
            if slot.is_long() {
                self.add_long(other.token(slot), slot.n);
            } else {
                self.add_short(slot.key, slot.len, slot.n);
            }
        }
    }

    /// Distinct tokens.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct as u64
    }

    /// The tokens with their counts: count falling, then token rising by bytes.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], u64)> {
        // A number a slot sorts faster than slots do: its rank, the last bits of which give way to where the slot is.
        let places = self.slots.len().saturating_sub(1) as u128;
        let mut ranks = vec![0; self.distinct + 1];
        let mut found = 0;
        for (at, slot) in self.slots.iter().enumerate() {
            ranks[found] = self.rank(slot) & !places | at as u128;
            found += usize::from(slot.len > 0);
        }
        ranks.truncate(found);
        ranks.sort_unstable();
        let slot = |rank: u128| &self.slots[(rank & places) as usize];
        for equal in ranks.chunk_by_mut(|a, b| a & !places == b & !places).filter(|equal| equal.len() > 1) {
            equal.sort_unstable_by(|a, b| {
                let (a, b) = (slot(*a), slot(*b));
                b.n.cmp(&a.n).then_with(|| self.token(a).cmp(self.token(b)))
            });
        }
        ranks.into_iter().map(slot).map(|slot| (self.token(slot), slot.n)).collect()
    }

    /// A number that sorts as count and token do, as far as they fit: the count, then twelve bytes of the token.
    fn rank(&self, slot: &Slot) -> u128 {
        let first = self.token(slot).first_chunk().unwrap_or(&slot.key);
        let count = u32::try_from(slot.n).unwrap_or(u32::MAX);
        u128::from(!count) << 96 | u128::from_be_bytes(*first) >> 32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_fall_then_tokens_rise_by_bytes() {
        let mut tally = Tally::default();
        for token in ["b", "é", "a", "Z", "b", "a", "c", "c", "c"] {
            tally.add(token.as_bytes(), 1);
        }
        let sorted: Vec<(&[u8], u64)> = vec![(b"c", 3), (b"a", 2), (b"b", 2), (b"Z", 1), ("é".as_bytes(), 1)];
        assert_eq!(tally.sorted(), sorted);
        assert_eq!(tally.distinct(), 5);
    }

    #[test]
    fn tokens_that_differ_only_in_nul_bytes_are_different() {
        let mut tally = Tally::default();
        for token in ["\u{345}", "\0\u{345}", "a", "a\0", "sixteen bytes ab", "sixteen bytes ab\0"] {
            tally.add(token.as_bytes(), 1);
        }
        assert_eq!(tally.distinct(), 6);
    }

    /// Few letters, so that tokens meet again; lengths on both sides of what fits into a slot.
    fn tokens() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let token = prop_oneof![
            prop::collection::vec(prop::sample::select(vec![0, b'a', b'b']), 1..4),
            prop::collection::vec(prop::sample::select(vec![0, b'a']), 15..19),
        ];
        prop::collection::vec(token, 0..3000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn counts_are_those_of_a_map_however_they_are_merged(parts in prop::collection::vec(tokens(), 0..4)) {
            let (mut expected, hasher) = (BTreeMap::new(), TokenHasher::default());
            let mut whole = Tally::new(hasher.clone());
            for part in &parts {
                let mut tally = Tally::new(hasher.clone());
                for token in part {
                    tally.add(token, 1);
                    *expected.entry(token.as_slice()).or_insert(0) += 1;
                }
                whole.merge(&mut tally);
            }
            let mut sorted: Vec<(&[u8], u64)> = expected.into_iter().collect();
            sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            prop_assert_eq!(whole.distinct(), sorted.len() as u64);
            prop_assert_eq!(whole.sorted(), sorted);
        }
    }
}
