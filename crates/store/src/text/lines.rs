//! The lines of a text in hand, by number.

use std::ops::Range;

/// An index over lines that end in LF; the last may end without.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// Where each line starts, and where the last one ends.
    bounds: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut bounds = vec![0];
        bounds.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        if bounds.last() != Some(&text.len()) {
            bounds.push(text.len());
        }
        Self { text, bounds }
    }

    pub(crate) fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The line without its end.
    pub(crate) fn get(&self, line: usize) -> &'a str {
        let text = &self.text[self.bounds[line]..self.bounds[line + 1]];
        text.strip_suffix('\n').unwrap_or(text)
    }

    /// Lines of a range, in order.
    pub(crate) fn of_range(&self, lines: Range<usize>) -> impl DoubleEndedIterator<Item = &'a str> {
        lines.map(|line| self.get(line))
    }

    /// The lines in which this byte stands, in order: faster than a look at each, where they are few.
    pub(crate) fn with(&self, byte: u8) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(next) = memchr::memchr(byte, &self.text.as_bytes()[at..]) {
            let line = self.bounds.partition_point(|bound| *bound <= at + next) - 1;
            found.push(line);
            at = self.bounds[line + 1];
        }
        found
    }

    /// Returns the first of the lines `within` that contains the phrase.
    pub(crate) fn find(&self, phrase: &str, within: Range<usize>) -> Option<usize> {
        if within.is_empty() {
            return None;
        }
        let bytes = self.bytes(within);
        let at = bytes.start + memchr::memmem::find(&self.text.as_bytes()[bytes], phrase.as_bytes())?;
        Some(self.bounds.partition_point(|bound| *bound <= at) - 1)
    }

    /// The bytes that whole lines take.
    pub(crate) fn bytes(&self, lines: Range<usize>) -> Range<usize> {
        self.bounds[lines.start]..self.bounds[lines.end]
    }

    pub(crate) fn is_blank(&self, line: usize) -> bool {
        self.get(line).trim().is_empty()
    }

    /// The first line from `line` on that is not blank, or the count.
    pub(crate) fn skip_blank(&self, line: usize) -> usize {
        (line..self.count()).find(|line| !self.is_blank(*line)).unwrap_or(self.count())
    }

    /// The first line of the blank ones directly before `line`.
    pub(crate) fn skip_blank_back(&self, line: usize) -> usize {
        (0..line).rev().find(|line| !self.is_blank(*line)).map_or(0, |line| line + 1)
    }

    /// The first blank line from `line` on, or the count.
    pub(crate) fn paragraph_end(&self, line: usize) -> usize {
        (line..self.count()).find(|line| self.is_blank(*line)).unwrap_or(self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_with_and_without_a_last_end() {
        for (text, expected) in [("", 0), ("\n", 1), ("a", 1), ("a\n", 1), ("a\n\nb", 3), ("a\nb\n", 2)] {
            let lines = Lines::of(text);
            assert_eq!(lines.count(), expected, "{text:?}");
            assert_eq!(lines.bytes(0..lines.count()), 0..text.len());
            assert_eq!(lines.of_range(0..expected).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        }
    }

    #[test]
    fn lines_with_a_byte_are_found_once_each() {
        let lines = Lines::of("*a\n\n b\n c**\n*\n\nd*");
        assert_eq!(lines.with(b'*'), [0, 3, 4, 6]);
        assert_eq!(lines.with(b'\n'), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Lines::of("").with(b'*'), [0; 0]);
    }

    #[test]
    fn blank_lines_are_skipped_both_ways() {
        let lines = Lines::of("\n \na\nb\n\t\n\nc");
        assert_eq!((lines.skip_blank(0), lines.skip_blank(4), lines.skip_blank(7)), (2, 6, 7));
        assert_eq!((lines.skip_blank_back(6), lines.skip_blank_back(2), lines.skip_blank_back(3)), (4, 0, 3));
        assert_eq!((lines.paragraph_end(2), lines.paragraph_end(6)), (4, 7));
    }
}
