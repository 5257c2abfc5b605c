//! Removes the boilerplate from a text that streams through.
//!
//! The first [`Limits::head`] bytes are held until the header can be judged. From then on, at least the last
//! [`Limits::tail`] bytes are held until the end is known. The judged bytes are always the same: the whole
//! lines in the first `head` bytes; a given number of bytes around each END marker; and those lines in the
//! last `tail` bytes that the header did not take. So the result does not depend on how the text arrives.
//! Every byte that comes in either goes to the sink or is recorded in a [`RemovedSpan`].

use std::ops::Range;

use corpus::boilerplate::{RemovedSpan, Rule, Strip};

use super::{
    embedded_notice, footer, header,
    header_fields::HeaderFields,
    licence::LICENCE_BYTES_MAX,
    parts::{self, FOOTER_BYTES_MAX, HeldText, PartBorder},
    planned_removal::PlannedRemoval,
    preamble::HEADER_BYTES_MAX,
};
use crate::text::count::line_ends;

/// The numbers of bytes that are held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The bytes in which the header must end.
    pub(crate) head: usize,
    /// The bytes in which an end without a marker must begin. It exceeds `NOTICE_BYTES_MAX`, so that a notice
    /// is seen whole before it is released. It also exceeds the sum of `ahead` and `FOOTER_BYTES_MAX`, for
    /// the same reason with END markers.
    pub(crate) tail: usize,
    /// The bytes from an END marker on that are judged. In real texts it stands up to 20.9 KB before the end,
    /// and a header may follow.
    pub(crate) ahead: usize,
    /// The bytes beyond `tail` that gather before any go to the sink. It exceeds `NOTICE_BYTES_MAX`, and the
    /// sum of `ahead` and `FOOTER_BYTES_MAX`, so that each time some bytes go.
    pub(crate) slack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 * 1024,
            tail: 128 * 1024,
            ahead: LICENCE_BYTES_MAX + HEADER_BYTES_MAX,
            slack: 256 * 1024,
        }
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Limits {
    /// Limits so small that short texts stream.
    pub(crate) const SMALL: Self = {
        let ahead = 1500;
        let tail = ahead + FOOTER_BYTES_MAX + 1;
        Self { head: 300, tail, ahead, slack: tail }
    };
}

/// The facts that were found in a text while it streamed through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(crate) header: HeaderFields,
    /// The removed lines, in order.
    pub(crate) removed: Vec<RemovedSpan>,
}

/// Takes a text in pieces and passes what is left of it to a sink.
pub(crate) struct Trimmer<'a, S> {
    limits: Limits,
    strip: Strip,
    sink: S,
    /// The text that is neither released nor removed yet.
    held: &'a mut String,
    is_header_judged: bool,
    /// The title in the last START marker.
    title: String,
    /// The number of the line that `held` begins in, from 1.
    line: u64,
    /// `held` begins within a line, because a line longer than everything that is held has been released in
    /// part.
    begins_in_line: bool,
    found: Trimmed,
}

impl<'a, E, S: FnMut(&str) -> Result<(), E>> Trimmer<'a, S> {
    /// Creates a trimmer that holds text in `held`, which it clears first.
    pub(crate) fn new(limits: Limits, strip: Strip, held: &'a mut String, sink: S) -> Self {
        held.clear();
        Self {
            limits,
            strip,
            sink,
            held,
            is_header_judged: false,
            title: String::new(),
            line: 1,
            begins_in_line: false,
            found: Trimmed::default(),
        }
    }

    /// Takes the next piece: UTF-8 with LF line ends.
    pub(crate) fn push(&mut self, piece: &str) -> Result<(), E> {
        self.held.push_str(piece);
        if !self.is_header_judged && self.held.len() >= self.limits.head {
            let head = &self.held[..self.held.floor_char_boundary(self.limits.head)];
            self.judge_header(head.rfind('\n').map_or(0, |at| at + 1))?;
        }
        if self.is_header_judged && self.held.len() >= self.limits.tail + self.limits.slack {
            self.release_body()?;
        }
        Ok(())
    }

    /// Judges the end, passes the rest to the sink and returns what was found.
    pub(crate) fn finish(mut self) -> Result<Trimmed, E> {
        // The text is shorter than `head`, so all of it is judged.
        if !self.is_header_judged {
            self.judge_header(self.held.len())?;
        }
        let tail = self.tail_start();
        let borders = self.borders(self.held.len(), true);
        let rest = borders.last().map_or(tail, |last| last.bytes().end.max(tail));
        let mut removals: Vec<_> =
            footer::find(&self.held[rest..]).into_iter().map(|removal| removal.shifted(rest)).collect();
        removals.extend(borders.into_iter().flat_map(|border| border.removals));
        self.release(self.held.len(), removals)?;
        Ok(self.found)
    }

    /// Judges the header in the first `length` bytes, and releases what it takes.
    fn judge_header(&mut self, length: usize) -> Result<(), E> {
        let header = header::find(&self.held[..length]);
        self.found.header = HeaderFields::of(&self.held[header.fields]);
        self.title = header.title.unwrap_or_default();
        self.is_header_judged = true;
        let until = header.removals.last().map_or(0, |last| last.bytes.end);
        self.release(until, header.removals)
    }

    /// Returns the position of the first whole line in the last `tail` bytes.
    fn tail_start(&self) -> usize {
        let start = self.held.ceil_char_boundary(self.held.len().saturating_sub(self.limits.tail));
        let is_at_line_start = match start {
            0 => !self.begins_in_line,
            _ => self.held.as_bytes()[start - 1] == b'\n',
        };
        if is_at_line_start { start } else { self.next_line(start) }
    }

    /// Returns the position of the first line that is held from its beginning on.
    fn first_line(&self) -> usize {
        if self.begins_in_line { self.next_line(0) } else { 0 }
    }

    /// Returns the position after the first line end from `from` on.
    fn next_line(&self, from: usize) -> usize {
        self.held[from..].find('\n').map_or(self.held.len(), |at| from + at + 1)
    }

    /// Releases what can no longer belong to the tail: whole lines if there are any, and no part of a
    /// removal.
    fn release_body(&mut self) -> Result<(), E> {
        let limit = self.held.floor_char_boundary(self.held.len() - self.limits.tail);
        let mut until = self.held[..limit].rfind('\n').map_or(limit, |at| at + 1);
        // The footer of a marker that begins here may begin before `until`.
        let mut borders = self.borders(until + FOOTER_BYTES_MAX, false);
        borders.retain(|border| border.bytes().start < until);
        if let Some(across) = borders.pop_if(|border| border.bytes().end > until) {
            until = across.bytes().start;
        }
        let is_apart =
            |notice: &PlannedRemoval| borders.iter().all(|border| is_apart(&border.bytes(), &notice.bytes));
        let across =
            self.notices(until).into_iter().rfind(|notice| notice.bytes.end > until && is_apart(notice));
        if let Some(notice) = across {
            until = notice.bytes.start;
        }
        if let Some(title) = borders.iter().rev().find_map(|border| border.title.clone()) {
            self.title = title;
        }
        self.release(until, borders.into_iter().flat_map(|border| border.removals).collect())
    }

    /// Returns the removals around the END markers in the first `until` bytes.
    fn borders(&self, until: usize, is_last: bool) -> Vec<PartBorder> {
        let held = HeldText { text: self.held, ahead: self.limits.ahead, is_last };
        let start = self.first_line();
        parts::find(held, start..until.max(start), &self.title)
    }

    /// Returns the notices that begin in the first `until` bytes.
    fn notices(&self, until: usize) -> Vec<PlannedRemoval> {
        let start = self.first_line().min(until);
        let found = embedded_notice::find(&self.held[start..], until - start);
        found.into_iter().map(|notice| notice.shifted(start)).collect()
    }

    /// Removes what is planned, and notices outside of it, from the first `until` bytes; passes the rest of
    /// them to the sink.
    fn release(&mut self, until: usize, planned: Vec<PlannedRemoval>) -> Result<(), E> {
        let mut removals = self.notices(until);
        removals.retain(|notice| {
            notice.bytes.end <= until && planned.iter().all(|other| is_apart(&other.bytes, &notice.bytes))
        });
        removals.extend(planned);
        removals.retain(|removal| self.strip.removes(removal.rule));
        removals.sort_by_key(|removal| removal.bytes.start);
        let held = std::mem::take(self.held);
        let mut at = 0;
        for PlannedRemoval { rule, bytes } in removals {
            self.keep(&held[at..bytes.start])?;
            at = bytes.end;
            self.remove(rule, &held[bytes]);
        }
        self.keep(&held[at..until])?;
        // The allocation of `held` is used for the next piece, too.
        *self.held = held;
        self.held.drain(..until);
        Ok(())
    }

    fn keep(&mut self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        self.count_lines(text);
        (self.sink)(text)
    }

    fn remove(&mut self, rule: Rule, text: &str) {
        if text.is_empty() {
            return;
        }
        let first_line = self.line;
        self.count_lines(text);
        let last_line = if self.begins_in_line { self.line } else { self.line - 1 };
        self.found.removed.push(RemovedSpan { rule, first_line, last_line, bytes: text.len() as u64 });
    }

    /// Moves the position in the lines past this text.
    fn count_lines(&mut self, text: &str) {
        self.line += line_ends(text);
        self.begins_in_line = !text.ends_with('\n');
    }
}

fn is_apart(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.end <= other.start || other.end <= one.start
}

#[cfg(test)]
mod tests;
