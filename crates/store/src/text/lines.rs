//! An index over the lines of a text in memory.

use std::ops::Range;

/// The lines of a text, by number from 0. They end in LF; the last line may have no end.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// The position at which each line begins, and the one at which the last line ends.
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

    /// Returns the number of lines.
    pub(crate) fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Returns a line without its end.
    pub(crate) fn get(&self, line: usize) -> &'a str {
        let text = &self.text[self.bounds[line]..self.bounds[line + 1]];
        text.strip_suffix('\n').unwrap_or(text)
    }

    /// Returns an iterator over the lines in a range, in order.
    pub(crate) fn of_range(&self, lines: Range<usize>) -> impl DoubleEndedIterator<Item = &'a str> {
        lines.map(|line| self.get(line))
    }

    /// Returns the numbers of the lines that contain this byte, in order.
    pub(crate) fn with(&self, byte: u8) -> Vec<usize> {
        // A search for the byte is faster than a look at each line, because few lines contain it.
        let found = memchr::memchr_iter(byte, self.text.as_bytes());
        let mut lines: Vec<usize> = found.map(|at| self.at(at)).collect();
        lines.dedup();
        lines
    }

    /// Returns the first line in `within` that contains the phrase.
    pub(crate) fn find(&self, phrase: &str, within: Range<usize>) -> Option<usize> {
        let bytes = self.bytes(within);
        let at = memchr::memmem::find(&self.text.as_bytes()[bytes.clone()], phrase.as_bytes())?;
        Some(self.at(bytes.start + at))
    }

    /// Returns the line that contains the byte at this position.
    fn at(&self, position: usize) -> usize {
        self.bounds.partition_point(|bound| *bound <= position) - 1
    }

    /// Returns the range of bytes of whole lines, with their ends.
    pub(crate) fn bytes(&self, lines: Range<usize>) -> Range<usize> {
        self.bounds[lines.start]..self.bounds[lines.end]
    }

    pub(crate) fn is_blank(&self, line: usize) -> bool {
        self.get(line).trim().is_empty()
    }

    /// Returns whether a paragraph may begin at `line`: it is the first line, or a blank line stands before
    /// it.
    pub(crate) fn is_after_blank(&self, line: usize) -> bool {
        line == 0 || self.is_blank(line - 1)
    }

    /// Returns the first line from `line` on that is not blank, or the number of lines.
    pub(crate) fn skip_blank(&self, line: usize) -> usize {
        (line..self.count()).find(|line| !self.is_blank(*line)).unwrap_or(self.count())
    }

    /// Returns the first of the blank lines directly before `line`, or `line` if there are none.
    pub(crate) fn skip_blank_back(&self, line: usize) -> usize {
        (0..line).rev().find(|line| !self.is_blank(*line)).map_or(0, |line| line + 1)
    }

    /// Returns the number of lines if only blank lines stand from `end` on, else `end`.
    pub(crate) fn or_end_of_text(&self, end: usize) -> usize {
        if self.skip_blank(end) == self.count() { self.count() } else { end }
    }

    /// Returns the first blank line from `line` on, or the number of lines.
    pub(crate) fn paragraph_end(&self, line: usize) -> usize {
        (line..self.count()).find(|line| self.is_blank(*line)).unwrap_or(self.count())
    }

    /// Returns an iterator over the paragraphs that begin at `line` or later and before `limit`. The last one
    /// may end after `limit`.
    pub(crate) fn paragraphs(&self, mut line: usize, limit: usize) -> impl Iterator<Item = Range<usize>> {
        std::iter::from_fn(move || {
            let start = self.skip_blank(line);
            if start >= limit {
                return None;
            }
            line = self.paragraph_end(start);
            Some(start..line)
        })
    }

    /// Returns the end of the paragraphs from `line` on that belong together: all paragraphs for which
    /// `belongs` is true, up to the first for which it is false or which ends after `limit`.
    pub(crate) fn end_of_paragraphs(
        &self,
        line: usize,
        limit: usize,
        mut belongs: impl FnMut(Range<usize>) -> bool,
    ) -> usize {
        let mut paragraphs = self.paragraphs(line, limit);
        let end = |end, paragraph: Range<usize>| {
            if paragraph.end <= limit && belongs(paragraph.clone()) { Ok(paragraph.end) } else { Err(end) }
        };
        match paragraphs.try_fold(line, end) {
            Ok(end) | Err(end) => end,
        }
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
