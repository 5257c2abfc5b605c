//! Memory that one text after another is worked on in: to have new memory for each takes longer than much of the work.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    tally::{Tally, TokenHasher},
    tokens::Tokens,
};

/// Texts from this size on are worked on in memory that is kept; for a smaller one, new memory is cheaper than clean one.
const TEXT_BYTES_MIN: usize = 64 << 10;

/// The most bytes of lines, or of a table, that are kept.
const KEPT_BYTES_MAX: usize = 2 << 20;

/// The most of each that are kept: as many as are used at a time on any machine of today.
const KEPT_MAX: usize = 256;

/// Memory of texts that are done.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    lines: Mutex<Vec<Vec<u8>>>,
    tallies: Mutex<Vec<Tally>>,
}

impl Spare {
    /// Takes tokens for a text of this length.
    pub(crate) fn tokens(&self, hasher: &TokenHasher, text_bytes: usize) -> Tokens {
        if text_bytes < TEXT_BYTES_MIN {
            return Tokens::new(hasher.clone(), text_bytes);
        }
        let lines = locked(&self.lines).pop();
        let tally = locked(&self.tallies).pop();
        Tokens::within(
            lines.unwrap_or_else(|| vec![0; text_bytes + text_bytes / 8]),
            tally.unwrap_or_else(|| Tally::sized(hasher.clone(), text_bytes)),
        )
    }

    /// Keeps the memory of lines that are written.
    pub(crate) fn keep_lines(&self, lines: Vec<u8>) {
        let mut kept = locked(&self.lines);
        if (TEXT_BYTES_MIN..=KEPT_BYTES_MAX).contains(&lines.len()) && kept.len() < KEPT_MAX {
            kept.push(lines);
        }
    }

    /// Keeps the memory of counts that are merged or written.
    pub(crate) fn keep_tally(&self, tally: Tally) {
        if (TEXT_BYTES_MIN..=KEPT_BYTES_MAX).contains(&tally.table_bytes()) {
            let tally = tally.cleared();
            let mut kept = locked(&self.tallies);
            if kept.len() < KEPT_MAX {
                kept.push(tally);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
