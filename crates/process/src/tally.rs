//! How often each token occurs.
//!
//! An open table of slots that point into one string, so that a token is stored once and counting allocates nothing.
//! The string is the caller's: for a chunk it is the token file itself, for a document an arena of distinct tokens.
//! The hash is keyed at random for every run, as the texts come from strangers.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

/// Hashes tokens. Tallies that shall be merged must share it.
pub(crate) type TokenHasher = DefaultHashBuilder;

/// One distinct token: where it stands, and its count.
#[derive(Debug)]
pub(crate) struct Slot {
    hash: u64,
    start: usize,
    len: usize,
    n: u64,
}

impl Slot {
    fn bytes<'t>(&self, text: &'t str) -> &'t [u8] {
        &text.as_bytes()[self.start..self.start + self.len]
    }
}

/// Counts of tokens that stand in a string elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    table: HashTable<Slot>,
    hasher: TokenHasher,
}

impl Slots {
    pub(crate) fn new(hasher: TokenHasher) -> Self {
        Self { table: HashTable::new(), hasher }
    }

    /// Counts once the token that stands in `text` from `start` to its end.
    pub(crate) fn count_last(&mut self, text: &str, start: usize) {
        let token = &text.as_bytes()[start..];
        let hash = self.hasher.hash_one(token);
        match self.table.entry(hash, |slot| slot.bytes(text) == token, |slot| slot.hash) {
            Entry::Occupied(mut slot) => slot.get_mut().n += 1,
            Entry::Vacant(slot) => {
                slot.insert(Slot { hash, start, len: token.len(), n: 1 });
            }
        }
    }
}

/// Counts of tokens, with the tokens.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    slots: Slots,
    arena: String,
}

impl Tally {
    pub(crate) fn new(hasher: TokenHasher) -> Self {
        Self { slots: Slots::new(hasher), arena: String::new() }
    }

    /// Adds `n` to a token's count.
    pub(crate) fn add(&mut self, token: &str, n: u64) {
        let hash = self.slots.hasher.hash_one(token.as_bytes());
        self.add_hashed(hash, token, n);
    }

    /// Adds the counts of tokens that stand in `text`. Both must have the same hasher.
    pub(crate) fn add_all(&mut self, slots: &Slots, text: &str) {
        for slot in &slots.table {
            self.add_hashed(slot.hash, &text[slot.start..slot.start + slot.len], slot.n);
        }
    }

    fn add_hashed(&mut self, hash: u64, token: &str, n: u64) {
        let arena = &self.arena;
        let same = |slot: &Slot| slot.bytes(arena) == token.as_bytes();
        match self.slots.table.entry(hash, same, |slot| slot.hash) {
            Entry::Occupied(mut slot) => slot.get_mut().n += n,
            Entry::Vacant(slot) => {
                slot.insert(Slot { hash, start: self.arena.len(), len: token.len(), n });
                self.arena.push_str(token);
            }
        }
    }

    /// Distinct tokens.
    pub(crate) fn distinct(&self) -> u64 {
        self.slots.table.len() as u64
    }

    /// The tokens with their counts: count falling, then token rising by bytes.
    pub(crate) fn sorted(&self) -> Vec<(&str, u64)> {
        let of = |slot: &Slot| (&self.arena[slot.start..slot.start + slot.len], slot.n);
        let mut counts: Vec<_> = self.slots.table.iter().map(of).collect();
        counts.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fall_then_tokens_rise_by_bytes() {
        let mut tally = Tally::default();
        for token in ["b", "é", "a", "Z", "b", "a", "c", "c", "c"] {
            tally.add(token, 1);
        }
        assert_eq!(tally.sorted(), [("c", 3), ("a", 2), ("b", 2), ("Z", 1), ("é", 1)]);
        assert_eq!(tally.distinct(), 5);
    }

    #[test]
    fn tokens_that_differ_only_in_nul_bytes_are_different() {
        let mut tally = Tally::default();
        for token in ["\u{345}", "\0\u{345}", "a", "a\0"] {
            tally.add(token, 1);
        }
        assert_eq!(tally.distinct(), 4);
    }
}
