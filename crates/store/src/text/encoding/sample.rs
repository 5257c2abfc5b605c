//! Gathers the lines of a text that are not ASCII, thinned out evenly, as a sample that shows its encoding.
//!
//! A line is kept or dropped by a scattered form of its number. So a regular text, such as one in verses of
//! four lines, does not keep the same line of each verse.
//!
//! No kept line is cut, so no character is: LF and CR are part of no character in any encoding that is
//! guessed. The only exception is the beginning of the first very long line, which is added at the end if the
//! other lines are few.

/// The maximum number of bytes that are kept.
const SAMPLE_BYTES_MAX: usize = 32 * 1024;
/// The maximum length in bytes of a line that is kept whole.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Gathers the sample from bytes that arrive in windows of any size.
#[derive(Debug, Default)]
pub(super) struct NonAsciiSampler {
    lines: Vec<SampledLine>,
    bytes: usize,
    /// The number of lines so far that are not ASCII.
    seen: u64,
    /// The minimum number of leading zero bits in the rank of a kept line. One line in 2 to that power is
    /// kept.
    zeros: u32,
    line: Vec<u8>,
    /// The current line is longer than `line` holds.
    is_long: bool,
    /// The beginning of the first long line.
    long: Vec<u8>,
    has_line_feeds: bool,
}

/// A line that is kept.
#[derive(Debug)]
struct SampledLine {
    rank: u64,
    bytes: Vec<u8>,
}

/// Scatters numbers: 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
const SCATTER: u64 = 0x9E37_79B9_7F4A_7C15;

impl NonAsciiSampler {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (content, end) = match piece {
                [content @ .., b'\n' | b'\r'] => (content, piece.last()),
                content => (content, None),
            };
            self.has_line_feeds |= end == Some(&b'\n');
            // A file without line ends must not fill the memory.
            let room = LINE_BYTES_MAX - self.line.len();
            self.is_long |= content.len() > room;
            // Control characters are part of no other character. A detector takes bytes with many of them for
            // a binary file.
            let kept = content.iter().take(room).filter(|byte| **byte >= b' ' || **byte == b'\t');
            self.line.extend(kept);
            if end.is_some() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if !self.line.is_ascii() {
            match self.is_long {
                // A cut line may end in half a character, so it is kept apart, and only one.
                true if self.long.is_empty() => self.long.clone_from(&self.line),
                true => {}
                false => self.keep(),
            }
        }
        self.line.clear();
        self.is_long = false;
    }

    fn keep(&mut self) {
        let rank = self.seen.wrapping_mul(SCATTER);
        self.seen += 1;
        // The ranks are spread evenly, so each further zero bit halves the number of lines, all over the
        // text.
        if rank.leading_zeros() >= self.zeros {
            self.bytes += self.line.len() + 1;
            self.lines.push(SampledLine { rank, bytes: self.line.clone() });
        }
        while self.bytes > SAMPLE_BYTES_MAX && self.lines.len() > 1 {
            self.zeros += 1;
            self.lines.retain(|line| line.rank.leading_zeros() >= self.zeros);
            self.bytes = self.lines.iter().map(|line| line.bytes.len() + 1).sum();
        }
    }

    /// Returns the lines, each with a line end before it: LF, or CR if the text has no LF.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_line();
        // The line ends are a sign of the system that the text comes from. A text of one line has none.
        let line_end = if self.has_line_feeds || self.lines.len() < 2 { b'\n' } else { b'\r' };
        let mut sample = Vec::with_capacity(self.bytes + 1 + self.long.len());
        for line in &self.lines {
            sample.push(line_end);
            sample.extend_from_slice(&line.bytes);
        }
        sample.push(line_end);
        // Whole lines prove more. The cut line counts only if they are few.
        if self.bytes < LINE_BYTES_MAX {
            sample.extend_from_slice(&self.long);
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sample(bytes: &[u8], window: usize) -> Vec<u8> {
        let mut sampler = NonAsciiSampler::default();
        bytes.chunks(window).for_each(|window| sampler.take(window));
        sampler.finish()
    }

    #[test]
    fn lines_beyond_ascii_are_kept_whole_in_windows_of_any_size() {
        let bytes = b"plain\r\n\x82\xA0a\r\nplain\n\x82\xA2b\n\xA4";
        for window in 1..=bytes.len() {
            assert_eq!(sample(bytes, window), b"\n\x82\xA0a\n\x82\xA2b\n\xA4\n");
        }
        assert_eq!(sample(b"\xE9\r\xE8\rplain\r", 100), b"\r\xE9\r\xE8\r", "Macintosh line ends stay");
        assert_eq!(sample(b"plain", 100), b"\n");
        assert_eq!(sample(b"\x1B[1m\xE9\x00\t\n", 100), b"\n[1m\xE9\t\n", "controls are left out");
    }

    #[test]
    fn many_lines_are_thinned_out_evenly() {
        let lines: Vec<_> = (0..100_000).map(|number| format!("é{number}")).collect();
        let found = String::from_utf8(sample(lines.join("\n").as_bytes(), 1000)).unwrap();
        assert!((SAMPLE_BYTES_MAX / 3..=SAMPLE_BYTES_MAX + 1).contains(&found.len()), "{}", found.len());
        let numbers: Vec<usize> = found.split_whitespace().map(|line| line[2..].parse().unwrap()).collect();
        let mean = lines.len() / numbers.len();
        let gaps = numbers.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().all(|gap| gap < 3 * mean), "one of every {mean}: {:?}", gaps.max());
        assert!(numbers[0] < 3 * mean && numbers[numbers.len() - 1] > lines.len() - 3 * mean);
    }

    #[test]
    fn no_period_of_a_text_hides_its_other_lines() {
        for period in [2, 3, 4, 8, 21, 34, 64] {
            let verse: String = (0..period).map(|number| format!("é{number}\n")).collect();
            let found = String::from_utf8(sample(verse.repeat(200_000 / period).as_bytes(), 1000)).unwrap();
            let kinds: BTreeSet<&str> = found.split_whitespace().collect();
            assert_eq!(kinds.len(), period, "{kinds:?}");
        }
    }

    #[test]
    fn of_very_long_lines_the_beginning_of_the_first_is_the_last_thing() {
        let long = "猫".repeat(10_000);
        let found = sample(format!("é\n{long}\nà\n").as_bytes(), 777);
        assert_eq!(found, [b"\n\xC3\xA9\n\xC3\xA0\n", &long.as_bytes()[..LINE_BYTES_MAX]].concat());
    }
}
