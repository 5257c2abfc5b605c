//! The table of tokens that do not fit in a slot of the short table. Their bytes are in one arena.

use hashbrown::{HashTable, hash_table::Entry};

/// A token and its count.
#[derive(Debug)]
struct Counted {
    hash: u64,
    /// The start of the token in the arena.
    at: usize,
    len: usize,
    n: u64,
}

impl Counted {
    fn token<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.at..self.at + self.len]
    }
}

/// The counts of tokens of any length.
#[derive(Debug, Default)]
pub(super) struct LongTable {
    table: HashTable<Counted>,
    arena: Vec<u8>,
}

impl LongTable {
    /// Adds `n` to a token's count.
    pub(super) fn add(&mut self, hash: u64, token: &[u8], n: u64) {
        let Self { table, arena } = self;
        let is_it = |counted: &Counted| counted.hash == hash && counted.token(arena) == token;
        match table.entry(hash, is_it, |counted| counted.hash) {
            Entry::Occupied(mut counted) => counted.get_mut().n += n,
            Entry::Vacant(free) => {
                free.insert(Counted { hash, at: arena.len(), len: token.len(), n });
                arena.extend_from_slice(token);
            }
        }
    }

    /// Returns whether the table has this token.
    pub(super) fn contains(&self, hash: u64, token: &[u8]) -> bool {
        self.table.find(hash, |counted| counted.token(&self.arena) == token).is_some()
    }

    /// Returns the tokens and counts in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.table.iter().map(|counted| (counted.token(&self.arena), counted.n))
    }

    /// Returns the number of tokens.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.arena.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.table.allocation_size() + self.arena.capacity()
    }
}
