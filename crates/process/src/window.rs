//! Reads a text in windows, and splits a window into chunks, cutting only at word boundaries.
//!
//! A window ends after a line feed, which is a boundary whatever stands around (UAX #29 WB3a, WB3b). Where there is
//! none, the window grows to 8 MiB and is then cut between a space and an ASCII letter or digit, which is a boundary
//! too (see [`uax29`](crate::uax29)). Where there is no such place either, it grows until one comes or the text ends:
//! memory is bounded by the window size, by 8 MiB, or by the longest stretch without any of these places,
//! whichever is the largest; reading ahead at most doubles it. A cut never falls into a UTF-8 sequence.
//!
//! A chunk ends after a line feed or with its window.
//!
//! Where a line is cut follows from the line alone, counted from its beginning: at the last such place in 8 MiB, else at
//! the first after them, as long as 8 MiB are left. So `pieces` cuts a line that came in a larger window where a smaller
//! window ends, and what is done piece by piece is the same for all sizes.

use std::io::{self, Read};

use crate::config::Chunk;

/// The size of a window on one thread.
const WINDOW_BYTES: u64 = 1 << 20;

/// The largest window that is chosen by itself.
const AUTO_WINDOW_BYTES_MAX: u64 = 8 << 20;

/// The chunks that are chosen by themselves: below, handing one over costs more than it brings; above, memory does.
const AUTO_CHUNK_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;

/// How long a thread shall work on a chunk that is chosen by itself.
const AUTO_CHUNK_NS: u64 = 2_500_000;

/// Chunks of a window for each thread, where they are chosen by themselves: while the last are worked on nobody waits long.
const AUTO_CHUNKS: u64 = 4;

/// A line is cut from here on.
const LINE_BYTES_MAX: usize = 8 << 20;

/// How large windows and chunks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// A window has at least that many bytes, the last one excepted.
    pub(crate) window_bytes: u64,
    /// So has a chunk.
    pub(crate) chunk_bytes: usize,
}

/// How fast a thread has been so far; by default as fast as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of text that were worked on.
    pub bytes: u64,
    /// How long threads were busy with them.
    pub busy_ns: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: 512 << 10, busy_ns: AUTO_CHUNK_NS }
    }
}

impl Pace {
    /// Bytes that a thread works on in the time of a chunk, as a power of two, within bounds.
    fn chunk_bytes(self) -> u64 {
        let bytes = u128::from(self.bytes) * u128::from(AUTO_CHUNK_NS) / u128::from(self.busy_ns.max(1));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        bytes.clamp(*AUTO_CHUNK_BYTES.start(), *AUTO_CHUNK_BYTES.end()).next_power_of_two()
    }
}

impl Sizes {
    /// Enough for every thread to have a chunk.
    pub(crate) fn new(chunk: Chunk, threads: usize, pace: Pace) -> Self {
        let threads = threads.max(1) as u64;
        let (window_bytes, chunk_bytes) = match chunk {
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

/// Reads a text window by window.
pub(crate) struct Windows<R> {
    text: R,
    window_bytes: u64,
    /// What was read after the last cut.
    rest: Vec<u8>,
    is_at_end: bool,
}

impl<R: Read> Windows<R> {
    pub(crate) fn new(text: R, window_bytes: u64) -> Self {
        Self { text, window_bytes, rest: Vec::new(), is_at_end: false }
    }

    /// The next window, in memory that was used before; none at the end. Windows are never empty.
    pub(crate) fn next_in(&mut self, mut window: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        window.clear();
        window.append(&mut self.rest);
        let mut want = self.window_bytes;
        let mut searched = 0;
        while !self.is_at_end {
            let missing = want.saturating_sub(window.len() as u64).max(1);
            self.is_at_end = self.read(&mut window, missing)? < missing;
            if !self.is_at_end
                && let Some(cut) = cut(&window, searched)
            {
                self.rest.extend_from_slice(&window[cut..]);
                window.truncate(cut);
                return Ok(Some(window));
            }
            searched = window.len();
            want = (searched as u64).saturating_mul(2);
        }
        Ok((!window.is_empty()).then_some(window))
    }

    fn read(&mut self, window: &mut Vec<u8>, bytes: u64) -> io::Result<u64> {
        window.reserve(usize::try_from(bytes).unwrap_or(usize::MAX).min(WINDOW_BYTES as usize));
        Ok(self.text.by_ref().take(bytes).read_to_end(window)? as u64)
    }
}

/// Where a window may end, the later the better. Before `searched` there is no line feed.
fn cut(window: &[u8], searched: usize) -> Option<usize> {
    if let Some(at) = window[searched..].iter().rposition(|byte| *byte == b'\n') {
        return Some(searched + at + 1);
    }
    let mut cut = 0;
    while let Some(piece) = line_cut(&window[cut..]) {
        cut += piece;
    }
    (cut > 0).then_some(cut)
}

/// Where a line, or what of it is left, is cut first.
fn line_cut(line: &[u8]) -> Option<usize> {
    let first = line.get(..LINE_BYTES_MAX)?;
    let is_cut = |pair: &[u8]| pair[0] == b' ' && pair[1].is_ascii_alphanumeric();
    let after = || Some(first.len() - 1 + line[first.len() - 1..].windows(2).position(is_cut)?);
    first.windows(2).rposition(is_cut).or_else(after).map(|at| at + 1)
}

/// A chunk, cut where its lines are cut; whole where none is so long.
pub(crate) fn pieces(chunk: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
    if chunk.len() >= LINE_BYTES_MAX {
        for line in chunk.split_inclusive('\n') {
            let mut rest = line.strip_suffix('\n').unwrap_or(line);
            let end = at + line.len();
            while let Some(cut) = line_cut(rest.as_bytes()) {
                at += cut;
                pieces.push(&chunk[from..at]);
                (from, rest) = (at, &rest[cut..]);
            }
            at = end;
        }
    }
    pieces.push(&chunk[from..]);
    pieces
}

/// The chunks of a window, in order: each of at least `bytes`, up to the next line feed.
pub(crate) fn chunks(mut window: &[u8], bytes: usize) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while !window.is_empty() {
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

    fn windows(text: &[u8], window_bytes: u64) -> Vec<Vec<u8>> {
        let mut windows = Windows::new(text, window_bytes);
        let all: Vec<_> = std::iter::from_fn(|| windows.next_in(Vec::new()).unwrap()).collect();
        assert_eq!(all.concat(), text);
        all
    }

    #[test]
    fn windows_end_after_line_feeds() {
        assert_eq!(windows(b"", 4), Vec::<Vec<u8>>::new());
        assert_eq!(windows(b"ab\ncd\nef", 4), [&b"ab\n"[..], b"cd\n", b"ef"]);
        assert_eq!(windows(b"\n\n\n", 1), [b"\n"; 3]);
        assert_eq!(windows(b"a long line\nand another", 2), [&b"a long line\n"[..], b"and another"]);
    }

    #[test]
    fn a_window_without_line_feed_is_cut_between_space_and_letter_from_8_mib_on() {
        let line = "wörd ".repeat(20 << 17);
        let cuts = windows(line.as_bytes(), 1 << 20);
        assert!(cuts.len() > 1);
        for window in &cuts[..cuts.len() - 1] {
            assert!(window.len() <= LINE_BYTES_MAX && window.ends_with(b" "), "{}", window.len());
        }
        assert!(cuts[1..].iter().all(|window| window.starts_with(b"w")));
    }

    #[test]
    fn a_line_is_cut_at_the_same_places_whatever_the_window() {
        let long = "wörd ".repeat(20 << 17) + &"é".repeat(5 << 20) + " and" + &" no".repeat(4 << 20);
        let limit = "ab cd e ".repeat(LINE_BYTES_MAX / 8);
        let text = format!("short\n{long}\n\n{limit}\nlast {long}");
        // Cuts within lines, by windows first and then within them.
        let cuts = |window_bytes| {
            let mut cuts = Vec::new();
            let mut at = 0;
            for window in windows(text.as_bytes(), window_bytes) {
                let window = std::str::from_utf8(&window).unwrap();
                for piece in pieces(window) {
                    at += piece.len();
                    if at < text.len() && !text[..at].ends_with('\n') {
                        cuts.push(at);
                    }
                }
            }
            cuts
        };
        let first = cuts(1 << 20);
        assert_eq!(first.len(), 9);
        for window_bytes in [1, 3 << 20, 8 << 20, 20 << 20, 1 << 40] {
            assert!(cuts(window_bytes) == first, "{window_bytes}");
        }
        assert_eq!(pieces("").len(), 1);
    }

    #[test]
    fn a_text_without_any_place_to_cut_is_one_window() {
        for text in ["x".repeat(9 << 20), " ".repeat(9 << 20), "é ".repeat(4 << 20)] {
            assert_eq!(windows(text.as_bytes(), 1 << 20).len(), 1);
        }
    }

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
