//! The lines of a text that are not ASCII, thinned out evenly until they are few: what an encoding is told by.
//!
//! No line is cut, so no character is: LF and CR are part of no character in any encoding that is guessed. Only a text
//! that has nothing but very long lines gives the beginning of one, as the last thing there is.

/// The most bytes that are kept.
const EVIDENCE_BYTES_MAX: usize = 32 * 1024;
/// The longest line that is kept whole.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Gathers the lines of bytes that come in windows of any size.
#[derive(Debug)]
pub(super) struct Gatherer {
    lines: Vec<Vec<u8>>,
    bytes: usize,
    /// Lines that are not ASCII so far.
    seen: usize,
    /// One of so many of them is kept.
    every: usize,
    line: Vec<u8>,
    /// Whether `line` is longer than what is kept of it.
    is_long: bool,
    /// The beginning of the first long line.
    long: Vec<u8>,
    has_line_feeds: bool,
}

impl Default for Gatherer {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            bytes: 0,
            seen: 0,
            every: 1,
            line: Vec::new(),
            is_long: false,
            long: Vec::new(),
            has_line_feeds: false,
        }
    }
}

impl Gatherer {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (content, end) = match piece {
                [content @ .., b'\n' | b'\r'] => (content, piece.last()),
                content => (content, None),
            };
            self.has_line_feeds |= end == Some(&b'\n');
            let room = LINE_BYTES_MAX - self.line.len();
            self.is_long |= content.len() > room;
            // Control characters are part of no other character. A detector takes what has many for a binary file.
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
                true if self.long.is_empty() => self.long.clone_from(&self.line),
                true => {}
                false => self.keep(),
            }
        }
        self.line.clear();
        self.is_long = false;
    }

    fn keep(&mut self) {
        if self.seen.is_multiple_of(self.every) {
            self.bytes += self.line.len() + 1;
            self.lines.push(self.line.clone());
        }
        self.seen += 1;
        while self.bytes > EVIDENCE_BYTES_MAX && self.lines.len() > 1 {
            let mut is_odd = true;
            self.lines.retain(|_| {
                is_odd = !is_odd;
                !is_odd
            });
            self.bytes = self.lines.iter().map(|line| line.len() + 1).sum();
            self.every *= 2;
        }
    }

    /// Returns the lines, each with a line end before it: LF, or CR if the text has no LF.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_line();
        let line_end = if self.has_line_feeds || self.lines.len() < 2 { b'\n' } else { b'\r' };
        let mut evidence = Vec::with_capacity(self.bytes + 1 + self.long.len());
        for line in &self.lines {
            evidence.push(line_end);
            evidence.extend_from_slice(line);
        }
        evidence.push(line_end);
        if self.bytes < LINE_BYTES_MAX {
            evidence.extend_from_slice(&self.long);
        }
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(bytes: &[u8], window: usize) -> Vec<u8> {
        let mut gatherer = Gatherer::default();
        bytes.chunks(window).for_each(|window| gatherer.take(window));
        gatherer.finish()
    }

    #[test]
    fn lines_beyond_ascii_are_kept_whole_in_windows_of_any_size() {
        let bytes = b"plain\r\n\x82\xA0a\r\nplain\n\x82\xA2b\n\xA4";
        for window in 1..=bytes.len() {
            assert_eq!(evidence(bytes, window), b"\n\x82\xA0a\n\x82\xA2b\n\xA4\n");
        }
        assert_eq!(evidence(b"\xE9\r\xE8\rplain\r", 100), b"\r\xE9\r\xE8\r", "Macintosh line ends stay");
        assert_eq!(evidence(b"plain", 100), b"\n");
        assert_eq!(evidence(b"\x1B[1m\xE9\x00\t\n", 100), b"\n[1m\xE9\t\n", "controls are left out");
    }

    #[test]
    fn many_lines_are_thinned_out_evenly() {
        let lines: Vec<_> = (0..100_000).map(|number| format!("é{number}")).collect();
        let found = String::from_utf8(evidence(lines.join("\n").as_bytes(), 1000)).unwrap();
        assert!((EVIDENCE_BYTES_MAX / 3..=EVIDENCE_BYTES_MAX + 1).contains(&found.len()), "{}", found.len());
        let numbers: Vec<u32> = found.split_whitespace().map(|line| line[2..].parse().unwrap()).collect();
        let step = numbers[1] - numbers[0];
        assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == step), "one of every {step}");
        assert!(*numbers.last().unwrap() > 90_000);
    }

    #[test]
    fn of_very_long_lines_the_beginning_of_the_first_is_the_last_thing() {
        let long = "猫".repeat(10_000);
        let found = evidence(format!("é\n{long}\nà\n").as_bytes(), 777);
        assert_eq!(found, [b"\n\xC3\xA9\n\xC3\xA0\n", &long.as_bytes()[..LINE_BYTES_MAX]].concat());
    }
}
