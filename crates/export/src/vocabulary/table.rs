//! Adds the counts of tokens up in memory.

use hashbrown::HashMap;

use super::entry::{Order, VocabularyEntry, held_bytes};

/// The counts of tokens. Hashes have a random key, because texts of strangers could contain tokens whose
/// hashes collide.
pub(super) struct Table {
    sums: HashMap<Box<str>, Sums>,
    held_bytes: u64,
    bytes_max: u64,
}

#[derive(Default)]
struct Sums {
    n: u64,
    documents: u64,
}

impl Table {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { sums: HashMap::new(), held_bytes: 0, bytes_max }
    }

    /// Adds the count of a token in one document.
    pub(super) fn add(&mut self, token: &str, n: u64) {
        let sums = match self.sums.get_mut(token) {
            Some(sums) => sums,
            // Only a new token needs an allocation.
            None => {
                self.held_bytes += held_bytes(token);
                self.sums.entry(token.into()).or_default()
            }
        };
        sums.n += n;
        sums.documents += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.held_bytes >= self.bytes_max
    }

    /// Removes and returns all entries, sorted.
    pub(super) fn drain(&mut self, order: Order) -> Vec<VocabularyEntry> {
        self.held_bytes = 0;
        let sums = std::mem::take(&mut self.sums).into_iter();
        let mut entries: Vec<VocabularyEntry> =
            sums.map(|(token, Sums { n, documents })| VocabularyEntry { token, n, documents }).collect();
        entries.sort_unstable_by(|one, other| order.compare(one, other));
        entries
    }
}
