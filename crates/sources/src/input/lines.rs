//! Reads the lines of a list through a bounded window.
//!
//! A line ends with LF or CRLF. If the first line of a list ends with a CR alone, as old Macintosh programs
//! write it, every CR ends a line as well. Otherwise a CR is part of its line.
//!
//! Invariant: at most [`LINE_BYTES_MAX`] bytes of a line are held, however long it is.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

/// The maximum length of a line, in bytes without its end.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceLine {
    /// The line number, from 1.
    pub number: u64,
    /// The text without its line end, or the fault of the line.
    pub text: Result<String, &'static str>,
}

const TOO_LONG: &str = "the line is longer than 64 KiB. Write one text per line";
const NOT_UTF_8: &str = "the line is not UTF-8. Save the list as UTF-8";
const HAS_NUL: &str = "the line contains a NUL byte, and a source list is plain text";

/// The bytes that end a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnds {
    /// LF, with or without a CR before it.
    Lf,
    /// LF, CRLF or CR.
    Any,
}

impl LineEnds {
    /// Returns the line ends of a list that begins with `head`.
    pub(crate) fn of(head: &[u8]) -> Self {
        let first = head.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        match first.map(|at| &head[at..]) {
            // A CR at the end of the head may be half of a CRLF.
            Some([b'\r', next, ..]) if *next != b'\n' => Self::Any,
            Some([b'\r']) if head.len() < crate::input::head::HEAD_BYTES => Self::Any,
            Some(_) | None => Self::Lf,
        }
    }

    const fn is_end(self, byte: u8) -> bool {
        byte == b'\n' || (byte == b'\r' && matches!(self, Self::Any))
    }
}

/// Reads lines; takes back lines that were read too far.
pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
    ends: LineEnds,
    number: u64,
    /// Set after a CR that ended a line: an LF that follows belongs to the same line end.
    is_after_cr: bool,
    returned: VecDeque<SourceLine>,
}

impl Lines {
    pub(crate) fn new(input: Box<dyn BufRead + Send>, ends: LineEnds) -> Self {
        Self { input, ends, number: 0, is_after_cr: false, returned: VecDeque::new() }
    }

    /// Returns the next line, or `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<SourceLine>> {
        if let Some(line) = self.returned.pop_front() {
            return Ok(Some(line));
        }
        let Some(bytes) = self.read_bounded()? else { return Ok(None) };
        self.number += 1;
        let text = bytes.and_then(|bytes| decode(bytes, self.number == 1));
        Ok(Some(SourceLine { number: self.number, text }))
    }

    /// Takes back lines, which are then read again in this order before all others.
    pub(crate) fn take_back(&mut self, lines: Vec<SourceLine>) {
        for line in lines.into_iter().rev() {
            self.returned.push_front(line);
        }
    }

    fn read_bounded(&mut self) -> io::Result<Option<Result<Vec<u8>, &'static str>>> {
        let (mut line, mut fault, mut any) = (Vec::new(), None, false);
        loop {
            let window = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                window => window?,
            };
            if window.is_empty() {
                return Ok(any.then(|| fault.map_or(Ok(line), Err)));
            }
            // CRLF is one line end, even if its LF comes with the next window.
            if std::mem::take(&mut self.is_after_cr) && window[0] == b'\n' {
                self.input.consume(1);
                continue;
            }
            any = true;
            let end = window.iter().position(|byte| self.ends.is_end(*byte));
            self.is_after_cr = end.is_some_and(|end| window[end] == b'\r');
            let part = &window[..end.unwrap_or(window.len())];
            // One byte more, because a CR before the LF is not part of the line.
            if fault.is_none() && line.len() + part.len() > LINE_BYTES_MAX + 1 {
                fault = Some(TOO_LONG);
                line = Vec::new();
            }
            if fault.is_none() {
                line.extend_from_slice(part);
            }
            let used = end.map_or(window.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(fault.map_or(Ok(line), Err)));
            }
        }
    }
}

fn decode(mut bytes: Vec<u8>, first: bool) -> Result<String, &'static str> {
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.len() > LINE_BYTES_MAX {
        return Err(TOO_LONG);
    }
    if bytes.contains(&0) {
        return Err(HAS_NUL);
    }
    let text = String::from_utf8(bytes).map_err(|_| NOT_UTF_8)?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) if first => rest.to_owned(),
        Some(_) | None => text,
    })
}

/// Returns whether a line is blank or a comment.
pub(crate) fn is_blank_or_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<SourceLine> {
        let mut lines = Lines::new(Box::new(Cursor::new(bytes.to_vec())), LineEnds::of(bytes));
        std::iter::from_fn(|| lines.next_line().expect("memory reads")).collect()
    }

    fn texts(bytes: &[u8]) -> Vec<Result<String, &'static str>> {
        lines(bytes).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_are_taken_off() {
        let read = texts(b"\xef\xbb\xbfone\r\ntwo\n\nfour");
        assert_eq!(read, ["one", "two", "", "four"].map(|text| Ok(text.to_owned())));
    }

    #[test]
    fn a_cr_ends_lines_if_it_ends_the_first() {
        for (bytes, expected) in [
            (&b"one\rtwo\r"[..], &["one", "two"][..]),
            (b"one\r", &["one"]),
            (b"\r\rthree", &["", "", "three"]),
            (b"one\rtwo\nthree\r\nfour\r", &["one", "two", "three", "four"]),
            (b"one\r\ntwo\rtoo\n", &["one", "two\rtoo"]),
            (b"one\ntwo\rtoo\r", &["one", "two\rtoo"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|text| Ok((*text).to_owned())).collect();
            assert_eq!(texts(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_bad_line_costs_only_itself() {
        let read = lines(b"a\nb\xff\nc\0\nd\n");
        let faults: Vec<_> = read.iter().map(|line| (line.number, line.text.clone().err())).collect();
        assert_eq!(faults, [(1, None), (2, Some(NOT_UTF_8)), (3, Some(HAS_NUL)), (4, None)]);
    }

    #[test]
    fn the_limit_is_exact_and_counts_no_line_end() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        for end in ["\n", "\r\n", ""] {
            assert_eq!(texts(format!("{longest}{end}").as_bytes()), [Ok(longest.clone())], "{end:?}");
            let over = format!("{longest}y{end}");
            assert_eq!(texts(over.as_bytes()), [Err(TOO_LONG)], "{end:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_held_in_memory() {
        let input = io::BufReader::new(io::Read::take(io::repeat(b'x'), 32 << 20));
        let mut lines = Lines::new(Box::new(input), LineEnds::Lf);
        assert_eq!(lines.next_line().expect("reads"), Some(SourceLine { number: 1, text: Err(TOO_LONG) }));
        assert_eq!(lines.next_line().expect("reads"), None);
    }

    #[test]
    fn lines_taken_back_come_again_in_order() {
        let mut lines = Lines::new(Box::new(Cursor::new(b"1\n2\n3\n".to_vec())), LineEnds::Lf);
        let mut next = || lines.next_line().expect("reads").expect("is there");
        let read = vec![next(), next()];
        lines.take_back(read);
        let numbers: Vec<_> =
            std::iter::from_fn(|| lines.next_line().expect("reads")).map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
