//! Reuses the memory of tokens and counts from text to text: new memory would take longer than much of the
//! work.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};

use uax29::token_counts::{TokenCounts, TokenHasher};

use crate::tokens::Tokens;

/// The minimum size of a text that gets reused memory, in bytes. For a smaller one, new memory is cheaper
/// than clearing.
const TEXT_BYTES_MIN: usize = 64 << 10;

/// The maximum size of the lines that are kept, in bytes.
const LINES_BYTES_MAX: usize = 2 << 20;

/// The sizes of the counts that are kept, in bytes: at least those with which texts of the minimum size
/// begin.
const COUNTS_BYTES: RangeInclusive<usize> = TEXT_BYTES_MIN / 2..=1 << 20;

/// The memory of texts that are done.
#[derive(Debug)]
pub(crate) struct BufferPool {
    /// The maximum number of each that are kept: the number of texts that are processed at the same time.
    /// More would only accumulate, because texts that took no memory from here return theirs, too.
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
    /// Returns room for the tokens of a text of this length.
    pub(crate) fn tokens(&self, hasher: &TokenHasher, text_bytes: usize) -> Tokens {
        if text_bytes < TEXT_BYTES_MIN {
            return Tokens::new(hasher.clone(), text_bytes);
        }
        let lines = locked(&self.lines).pop();
        let counts = locked(&self.counts).pop();
        Tokens::within(
            lines.unwrap_or_else(|| vec![0; text_bytes + text_bytes / 8]),
            // Cleared now and not earlier, so that it is in the processor's cache when it is used.
            counts.map_or_else(|| TokenCounts::for_text(hasher.clone(), text_bytes), TokenCounts::cleared),
        )
    }

    /// Takes back the memory of lines that are written.
    pub(crate) fn keep_lines(&self, lines: Vec<u8>) {
        let mut kept = locked(&self.lines);
        if (TEXT_BYTES_MIN..=LINES_BYTES_MAX).contains(&lines.len()) && kept.len() < self.kept_max {
            kept.push(lines);
        }
    }

    /// Takes back the memory of counts that are merged or written.
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
    fn memory_of_texts_that_took_none_does_not_accumulate() {
        let (pool, hasher) = (BufferPool::default(), TokenHasher::default());
        for _ in 0..10 * pool.kept_max {
            pool.keep_lines(vec![0; TEXT_BYTES_MIN]);
            pool.keep_counts(TokenCounts::for_text(hasher.clone(), TEXT_BYTES_MIN));
        }
        assert_eq!(locked(&pool.lines).len(), pool.kept_max);
        assert_eq!(locked(&pool.counts).len(), pool.kept_max);
        pool.keep_lines(vec![0; LINES_BYTES_MAX + 1]);
        assert_eq!(pool.tokens(&hasher, TEXT_BYTES_MIN).into_parts().0.len(), TEXT_BYTES_MIN);
    }

    #[test]
    fn earlier_counts_are_gone() {
        let (pool, hasher) = (BufferPool::default(), TokenHasher::default());
        let mut counts = TokenCounts::for_text(hasher.clone(), TEXT_BYTES_MIN);
        counts.add(b"a", 1);
        counts.add(b"a token of more than sixteen bytes", 1);
        pool.keep_counts(counts);
        let (_, kept) = pool.tokens(&hasher, TEXT_BYTES_MIN).into_parts();
        assert_eq!((kept.distinct(), kept.sorted().len()), (0, 0));
    }
}
