//! Reads a text in windows, without changing its words.
//!
//! A window ends after a line feed. If there is none, the window grows to 8 MiB and is then cut between a
//! space and an ASCII letter or digit (see [`cuts`](crate::cuts)). If there is no such place either, it grows
//! until one comes or the text ends. So memory is bounded by the window size, by 8 MiB, or by the longest
//! part of the text without any of these places, whichever is the largest. A cut never falls into a UTF-8
//! sequence.

use std::io::{self, Read};

use crate::cuts::last_cut;

/// The largest amount of memory that is reserved before a read, in bytes.
const RESERVED_BYTES_MAX: usize = 1 << 20;

/// Reads a text window by window.
#[derive(Debug)]
pub struct Windows<R> {
    text: R,
    window_bytes: u64,
    /// The bytes that were read after the last cut.
    rest: Vec<u8>,
    is_at_end: bool,
}

impl<R: Read> Windows<R> {
    /// Reads `text` in windows of about `window_bytes`.
    pub fn new(text: R, window_bytes: u64) -> Self {
        Self { text, window_bytes, rest: Vec::new(), is_at_end: false }
    }

    /// Returns the next window, in the memory of `window`, or `None` at the end of the text. No window is
    /// empty.
    ///
    /// # Errors
    /// Returns the errors of the reader.
    pub fn next_in(&mut self, mut window: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        window.clear();
        window.append(&mut self.rest);
        let mut want = self.window_bytes;
        let mut searched = 0;
        while !self.is_at_end {
            let missing = want.saturating_sub(window.len() as u64).max(1);
            self.is_at_end = self.read(&mut window, missing)? < missing;
            if !self.is_at_end
                && let Some(cut) = last_cut(&window, searched)
            {
                self.rest.extend_from_slice(&window[cut..]);
                window.truncate(cut);
                return Ok(Some(window));
            }
            searched = window.len();
            // Doubling keeps the time linear in the length of the line.
            want = (searched as u64).saturating_mul(2);
        }
        Ok((!window.is_empty()).then_some(window))
    }

    fn read(&mut self, window: &mut Vec<u8>, bytes: u64) -> io::Result<u64> {
        window.reserve(usize::try_from(bytes).unwrap_or(usize::MAX).min(RESERVED_BYTES_MAX));
        Ok(self.text.by_ref().take(bytes).read_to_end(window)? as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuts::pieces;

    const LINE_BYTES_MAX: usize = 8 << 20;

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
}
