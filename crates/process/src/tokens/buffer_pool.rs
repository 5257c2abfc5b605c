//! Memory that one text after another is worked on in: to have new memory for each takes longer than much of
//! the work.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};

use uax29::token_counts::{TokenCounts, TokenHasher};

use crate::tokens::Tokens;

/// Texts from this size on are worked on in memory that is kept; for a smaller one, new memory is cheaper
/// than clean one.
const TEXT_BYTES_MIN: usize = 64 << 10;

/// The most bytes of lines that are kept.
const LINES_BYTES_MAX: usize = 2 << 20;

/// The bytes of counts that are kept: from those that texts of such a size begin with.
const COUNTS_BYTES: RangeInclusive<usize> = TEXT_BYTES_MIN / 2..=1 << 20;

/// Memory of texts that are done.
#[derive(Debug)]
pub(crate) struct BufferPool {
    /// The most of each that are kept: as many as are worked on at a time. What more is given back comes of
    /// texts that took none from here, and would gather.
    kept_max: usize,
    lines: Mutex<Vec<Vec<u8>>>,
    counts: Mutex<Vec<TokenCounts>>,
}

impl Default for BufferPool {
    fn default() -> Self {
        let kept_max = available_parallelism().map_or(1, usize::from) + 1;
        Self { kept_max, lines: Mutex::default(), counts: Mutex::default() }
    }
}

impl BufferPool {
    /// Takes tokens for a text of this length.
    pub(crate) fn tokens(&self, hasher: &TokenHasher, text_bytes: usize) -> Tokens {
        if text_bytes < TEXT_BYTES_MIN {
            return Tokens::new(hasher.clone(), text_bytes);
        }
        let lines = locked(&self.lines).pop();
        let counts = locked(&self.counts).pop();
        Tokens::within(
            lines.unwrap_or_else(|| vec![0; text_bytes + text_bytes / 8]),
            // Made clean now, so that it is in the processor's cache when it is used.
            counts.map_or_else(|| TokenCounts::for_text(hasher.clone(), text_bytes), TokenCounts::cleared),
        )
    }

    /// Keeps the memory of lines that are written.
    pub(crate) fn keep_lines(&self, lines: Vec<u8>) {
        let mut kept = locked(&self.lines);
        if (TEXT_BYTES_MIN..=LINES_BYTES_MAX).contains(&lines.len()) && kept.len() < self.kept_max {
            kept.push(lines);
        }
    }

    /// Keeps the memory of counts that are merged or written.
    pub(crate) fn keep_counts(&self, counts: TokenCounts) {
        if COUNTS_BYTES.contains(&counts.memory_bytes()) {
            let mut kept = locked(&self.counts);
            if kept.len() < self.kept_max {
                kept.push(counts);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_texts_give_back_that_took_nothing_does_not_gather() {
        let (spare, hasher) = (BufferPool::default(), TokenHasher::default());
        for _ in 0..10 * spare.kept_max {
            spare.keep_lines(vec![0; TEXT_BYTES_MIN]);
            spare.keep_counts(TokenCounts::for_text(hasher.clone(), TEXT_BYTES_MIN));
        }
        assert_eq!(locked(&spare.lines).len(), spare.kept_max);
        assert_eq!(locked(&spare.counts).len(), spare.kept_max);
        spare.keep_lines(vec![0; LINES_BYTES_MAX + 1]);
        assert_eq!(spare.tokens(&hasher, TEXT_BYTES_MIN).into_parts().0.len(), TEXT_BYTES_MIN);
    }

    #[test]
    fn what_was_counted_before_is_gone() {
        let (spare, hasher) = (BufferPool::default(), TokenHasher::default());
        let mut counts = TokenCounts::for_text(hasher.clone(), TEXT_BYTES_MIN);
        counts.add(b"a", 1);
        counts.add(b"a token of more than sixteen bytes", 1);
        spare.keep_counts(counts);
        let (_, kept) = spare.tokens(&hasher, TEXT_BYTES_MIN).into_parts();
        assert_eq!((kept.distinct(), kept.sorted().len()), (0, 0));
    }
}
