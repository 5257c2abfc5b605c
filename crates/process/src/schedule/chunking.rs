//! Decides how large windows and chunks are, and splits a window into chunks.
//!
//! A chunk ends after a line feed, or with its window (see [`uax29::windows`]).

use crate::config::Chunk;

/// The minimum size of a window, in bytes.
const WINDOW_BYTES: u64 = 1 << 20;

/// The maximum size of a window with [`Chunk::Auto`], in bytes.
const AUTO_WINDOW_BYTES_MAX: u64 = 8 << 20;

/// The sizes of chunks with [`Chunk::Auto`], in bytes. Smaller ones cost more to hand over than they bring;
/// larger ones cost memory.
const AUTO_CHUNK_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;

/// The time that a thread works on a chunk with [`Chunk::Auto`], in nanoseconds.
const AUTO_CHUNK_NS: u64 = 2_500_000;

/// The number of chunks in a window for each thread with [`Chunk::Auto`]. With several, the threads do not
/// wait long for the last one.
const AUTO_CHUNKS: u64 = 4;

/// The sizes of windows and chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The minimum size of a window except the last, in bytes.
    pub(crate) window_bytes: u64,
    /// The minimum size of a chunk, in bytes.
    pub(crate) chunk_bytes: usize,
}

/// The speed of a thread so far. The default is the expected speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The number of bytes of text that were processed.
    pub bytes: u64,
    /// The time that threads were busy with them, in nanoseconds.
    pub busy_ns: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: 512 << 10, busy_ns: AUTO_CHUNK_NS }
    }
}

impl Pace {
    /// Returns the number of bytes that a thread processes in the time of a chunk: a power of two within
    /// bounds.
    fn chunk_bytes(self) -> u64 {
        let bytes = u128::from(self.bytes) * u128::from(AUTO_CHUNK_NS) / u128::from(self.busy_ns.max(1));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        // A power of two changes seldom while the pace varies a little.
        bytes.clamp(*AUTO_CHUNK_BYTES.start(), *AUTO_CHUNK_BYTES.end()).next_power_of_two()
    }
}

impl Sizes {
    /// Returns sizes with which every thread has a chunk of a window.
    pub(crate) fn new(chunk: Chunk, threads: usize, pace: Pace) -> Self {
        let threads = threads.max(1) as u64;
        // Saturating: the user may ask for any number of bytes.
        let (window_bytes, chunk_bytes) = match chunk {
            // The window bounds memory; the chunk is the whole window.
            Chunk::Whole | Chunk::Documents(_) => (WINDOW_BYTES, u64::MAX),
            Chunk::Bytes(n) => (n.get().saturating_mul(threads).max(WINDOW_BYTES), n.get()),
            Chunk::Auto => {
                let chunk = pace.chunk_bytes();
                let window = chunk.saturating_mul(threads).saturating_mul(AUTO_CHUNKS);
                (window.clamp(WINDOW_BYTES, AUTO_WINDOW_BYTES_MAX), chunk)
            }
        };
        Self { window_bytes, chunk_bytes: usize::try_from(chunk_bytes).unwrap_or(usize::MAX) }
    }
}

/// Splits a window into chunks, in order. Each has at least `bytes` bytes and extends to the next line feed.
pub(crate) fn chunks(mut window: &[u8], bytes: usize) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while !window.is_empty() {
        // The line feed may be the last of the bytes.
        let from = bytes.saturating_sub(1).min(window.len());
        let line_end = window[from..].iter().position(|byte| *byte == b'\n');
        let (chunk, rest) = window.split_at(line_end.map_or(window.len(), |at| from + at + 1));
        chunks.push(chunk);
        window = rest;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_their_size_and_end_with_a_line() {
        let window = b"ab\ncd\n\nefgh\ni";
        assert_eq!(chunks(window, 1), [&b"ab\n"[..], b"cd\n", b"\n", b"efgh\n", b"i"]);
        assert_eq!(chunks(window, 4), [&b"ab\ncd\n"[..], b"\nefgh\n", b"i"]);
        assert_eq!(chunks(window, 6), [&b"ab\ncd\n"[..], b"\nefgh\n", b"i"]);
        assert_eq!(chunks(window, usize::MAX), [&window[..]]);
        assert!(chunks(b"", 1).is_empty());
    }

    #[test]
    fn sizes_grow_with_threads_within_bounds() {
        let sizes = |chunk, threads| Sizes::new(chunk, threads, Pace::default());
        let bytes = |n| Chunk::Bytes(std::num::NonZeroU64::new(n).unwrap());
        assert_eq!(sizes(bytes(7), 8), Sizes { window_bytes: 1 << 20, chunk_bytes: 7 });
        assert_eq!(sizes(bytes(1 << 20), 8), Sizes { window_bytes: 8 << 20, chunk_bytes: 1 << 20 });
        assert_eq!(sizes(bytes(u64::MAX), 8).window_bytes, u64::MAX);
        assert_eq!(sizes(Chunk::Auto, 2), Sizes { window_bytes: 4 << 20, chunk_bytes: 512 << 10 });
        assert_eq!(sizes(Chunk::Auto, 64), Sizes { window_bytes: 8 << 20, chunk_bytes: 512 << 10 });
    }

    #[test]
    fn chunks_that_are_chosen_follow_the_pace_within_bounds() {
        let chunk = |bytes, busy_ns| Sizes::new(Chunk::Auto, 2, Pace { bytes, busy_ns }).chunk_bytes;
        let second = 1_000_000_000;
        assert_eq!(chunk(200 << 20, second), 512 << 10);
        assert_eq!(chunk(1 << 20, second), 64 << 10);
        assert_eq!(chunk(u64::MAX, second), 4 << 20);
        assert_eq!(chunk(1 << 30, 0), 4 << 20);
    }
}
