//! Cuts the boilerplate from a text that streams through.
//!
//! The first [`Limits::head`] bytes are held until the head can be judged; from then on at least the last
//! [`Limits::tail`] bytes are, until the end is known. What is judged is always the same bytes: the whole lines in the
//! first `head` bytes; a given number of bytes around each END marker; and those lines in the last `tail`
//! bytes that the head did not take. So the result does not depend on how the text arrives. Every byte that
//! comes in either goes to the sink or is recorded in a [`RemovedSpan`].

use std::ops::Range;

use super::{
    embedded_notice::notices,
    footer, header,
    header_fields::HeaderFields,
    licence::LICENCE_BYTES_MAX,
    parts::{self, FOOTER_BYTES_MAX, HeldText, PartBorder},
    preamble::HEADER_BYTES_MAX,
    removed_span::{PlannedRemoval, RemovedSpan, Rule, Strip},
};
use crate::text::count::line_ends;

/// How much is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes in which the header must end.
    pub(crate) head: usize,
    /// Bytes in which an end without a marker must begin. It exceeds `NOTICE_BYTES_MAX`, so that a notice is
    /// seen whole before it is released. It also exceeds the sum of `ahead` and `FOOTER_BYTES_MAX`, for the
    /// same reason with END markers.
    pub(crate) tail: usize,
    /// Bytes from an END marker on that are judged. In real texts it stands up to 20.9 KB before the end, and
    /// a header may follow.
    pub(crate) ahead: usize,
    /// Bytes beyond `tail` that gather before any go to the sink. It exceeds `NOTICE_BYTES_MAX`, and the sum
    /// of `ahead` and `FOOTER_BYTES_MAX`, so that each time some bytes go.
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
    pub(crate) const LITTLE: Self = {
        let ahead = 1500;
        let tail = ahead + FOOTER_BYTES_MAX + 1;
        Self { head: 300, tail, ahead, slack: tail }
    };
}

/// What was found on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(crate) header: HeaderFields,
    /// In order of their lines.
    pub(crate) cuts: Vec<RemovedSpan>,
}

/// Takes a text in pieces and gives what is left of it to a sink.
pub(crate) struct Trimmer<'a, S> {
    limits: Limits,
    strip: Strip,
    sink: S,
    /// What is neither released nor cut yet.
    held: &'a mut String,
    place: Place,
    /// The title in the last START marker.
    title: String,
    /// The number of the line that `held` begins in, from 1.
    line: u64,
    begins: HeldStart,
    found: Trimmed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The head has not been judged.
    HeaderBoilerplate,
    /// It has.
    Body,
}

/// Where in its line `held` begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldStart {
    AtLineStart,
    /// A line longer than everything that is held is being let through.
    InLine,
}

impl<'a, E, S: FnMut(&str) -> Result<(), E>> Trimmer<'a, S> {
    /// Holds in `held`, whatever is in there, what it holds back.
    pub(crate) fn new(limits: Limits, strip: Strip, held: &'a mut String, sink: S) -> Self {
        held.clear();
        Self {
            limits,
            strip,
            sink,
            held,
            place: Place::HeaderBoilerplate,
            title: String::new(),
            line: 1,
            begins: HeldStart::AtLineStart,
            found: Trimmed::default(),
        }
    }

    /// Takes the next piece: UTF-8 with LF line ends.
    pub(crate) fn push(&mut self, piece: &str) -> Result<(), E> {
        self.held.push_str(piece);
        if self.place == Place::HeaderBoilerplate && self.held.len() >= self.limits.head {
            let head = &self.held[..self.held.floor_char_boundary(self.limits.head)];
            self.judge_head(head.rfind('\n').map_or(0, |at| at + 1))?;
        }
        if self.place == Place::Body && self.held.len() >= self.limits.tail + self.limits.slack {
            self.flow()?;
        }
        Ok(())
    }

    /// Judges the end, gives the rest to the sink and says what was found.
    pub(crate) fn finish(mut self) -> Result<Trimmed, E> {
        if self.place == Place::HeaderBoilerplate {
            let head = self.held.floor_char_boundary(self.limits.head.min(self.held.len()));
            let whole = head == self.held.len();
            let lines = if whole { head } else { self.held[..head].rfind('\n').map_or(0, |at| at + 1) };
            self.judge_head(lines)?;
        }
        let tail = self.tail_start();
        let borders = self.borders(self.held.len(), true);
        let rest = borders.last().map_or(tail, |last| last.bytes().end.max(tail));
        let mut cuts = footer::find(&self.held[rest..]);
        for cut in &mut cuts {
            cut.bytes = cut.bytes.start + rest..cut.bytes.end + rest;
        }
        cuts.extend(borders.into_iter().flat_map(|border| border.cuts));
        self.release(self.held.len(), cuts)?;
        Ok(self.found)
    }

    fn judge_head(&mut self, length: usize) -> Result<(), E> {
        let head = header::find(&self.held[..length]);
        self.found.header = HeaderFields::of(&self.held[head.header]);
        self.title = head.title.unwrap_or_default();
        self.place = Place::Body;
        let until = head.cuts.last().map_or(0, |last| last.bytes.end);
        self.release(until, head.cuts)
    }

    /// Where the lines begin of which the tail is judged.
    fn tail_start(&self) -> usize {
        let start = self.held.ceil_char_boundary(self.held.len().saturating_sub(self.limits.tail));
        let at_line_start = match start {
            0 => self.begins == HeldStart::AtLineStart,
            _ => self.held.as_bytes()[start - 1] == b'\n',
        };
        match self.held[start..].find('\n') {
            _ if at_line_start => start,
            Some(end) => start + end + 1,
            None => self.held.len(),
        }
    }

    /// Releases what can no longer belong to the tail: whole lines if there are any, and no part of a cut.
    fn flow(&mut self) -> Result<(), E> {
        let limit = self.held.floor_char_boundary(self.held.len() - self.limits.tail);
        let mut until = self.held[..limit].rfind('\n').map_or(limit, |at| at + 1);
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
        self.release(until, borders.into_iter().flat_map(|border| border.cuts).collect())
    }

    /// Returns the cuts around the END markers in the first `until` bytes.
    fn borders(&self, until: usize, is_last: bool) -> Vec<PartBorder> {
        let hand = HeldText { text: self.held, ahead: self.limits.ahead, is_last };
        let start = self.first_line();
        parts::find(hand, start..until.max(start), &self.title)
    }

    /// Returns the position of the first line that is held from its beginning on.
    fn first_line(&self) -> usize {
        match self.begins {
            HeldStart::AtLineStart => 0,
            HeldStart::InLine => self.held.find('\n').map_or(self.held.len(), |at| at + 1),
        }
    }

    fn notices(&self, until: usize) -> Vec<PlannedRemoval> {
        let start = self.first_line().min(until);
        let mut found = notices(&self.held[start..], until - start);
        for notice in &mut found {
            notice.bytes = notice.bytes.start + start..notice.bytes.end + start;
        }
        found
    }

    /// Cuts what is planned, and notices outside of it, from the first `until` bytes; gives the rest of them to the
    /// sink.
    fn release(&mut self, until: usize, planned: Vec<PlannedRemoval>) -> Result<(), E> {
        let mut cuts = self.notices(until);
        cuts.retain(|notice| {
            notice.bytes.end <= until && planned.iter().all(|cut| is_apart(&cut.bytes, &notice.bytes))
        });
        cuts.extend(planned);
        cuts.retain(|cut| self.strip.removes(cut.rule));
        cuts.sort_by_key(|cut| cut.bytes.start);
        let held = std::mem::take(self.held);
        let mut at = 0;
        for cut in cuts {
            self.keep(&held[at..cut.bytes.start])?;
            at = cut.bytes.end;
            self.cut(cut.rule, &held[cut.bytes]);
        }
        self.keep(&held[at..until])?;
        *self.held = held;
        self.held.drain(..until);
        Ok(())
    }

    fn keep(&mut self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        self.pass(text);
        (self.sink)(text)
    }

    fn cut(&mut self, rule: Rule, text: &str) {
        if text.is_empty() {
            return;
        }
        let first_line = self.line;
        self.pass(text);
        let last_line = match self.begins {
            HeldStart::AtLineStart => self.line - 1,
            HeldStart::InLine => self.line,
        };
        self.found.cuts.push(RemovedSpan { rule, first_line, last_line, bytes: text.len() as u64 });
    }

    fn pass(&mut self, text: &str) {
        self.line += line_ends(text);
        self.begins = if text.ends_with('\n') { HeldStart::AtLineStart } else { HeldStart::InLine };
    }
}

fn is_apart(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.end <= other.start || other.end <= one.start
}

#[cfg(test)]
mod tests;
