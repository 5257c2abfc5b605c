//! Finds the borders between the parts of a file, and its end: END markers with the licence after them, and
//! the header of the next part.
//!
//! A file may hold several e-texts, each between its own markers, and a book may quote markers. So an END
//! marker is judged by what follows it, wherever it stands:
//!
//! * The licence ([`licence`]): both are cut. Up to [`GAP_LINES_MAX`] lines may stand between them, and stay.
//! * The header and the START marker of another part: all of these are cut, but lines between them that are
//!   no header stay.
//! * Nothing more: the marker is cut.
//! * Anything else is text. The marker alone is cut if it names the title of the part that it stands in.
//!   Otherwise it is a quotation, and stays.
//!
//! E-texts from before about 2003 have no such markers. If one follows another, its header and small print
//! are cut as at the head of a text.
//!
//! The footer ("End of Project Gutenberg's …", one paragraph after a blank line) is cut with a marker that
//! follows shortly after it. The judgement always uses the same bytes: [`FOOTER_BYTES_MAX`] bytes before a
//! marker and a given number of bytes from it on. So the result does not depend on how a text arrives.

use std::ops::Range;

use super::{
    footer::footer,
    header::{self, HeaderBoilerplate},
    licence, markers,
    preamble::{self, HEADER_BYTES_MAX},
    removed_span::{PlannedRemoval, Rule},
};
use crate::text::lines::Lines;

/// The number of bytes before an END marker that are searched for a footer.
pub(crate) const FOOTER_BYTES_MAX: usize = 1024;
/// The maximum number of lines from a footer to its END marker.
const FOOTER_LINES_MAX: usize = 16;
/// The maximum number of lines between an END marker and the licence.
const GAP_LINES_MAX: usize = 40;
/// The maximum number of lines from an END marker or licence to the START marker of the next part, including
/// its header.
const NEXT_HEADER_LINES_MAX: usize = 150;
/// The maximum offset of a marker in its line, in bytes.
const INDENTATION_MAX: usize = 256;
/// The number of bytes from an END marker on that decide whether it is one. It exceeds the longest header.
const NEAR_BYTES: usize = 12 * 1024;

/// The cuts at one border: around an END marker, or before an e-text from before about 2003.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartBorder {
    /// In order, not overlapping; at least one.
    pub(crate) cuts: Vec<PlannedRemoval>,
    /// The title of the START marker in the border.
    pub(crate) title: Option<String>,
}

impl PartBorder {
    /// Returns the range from the first byte that is cut to the last.
    pub(crate) fn bytes(&self) -> Range<usize> {
        let start = self.cuts.first().map_or(0, |cut| cut.bytes.start);
        start..self.cuts.last().map_or(start, |cut| cut.bytes.end)
    }
}

/// The text that is held, and how much of it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldText<'a> {
    pub(crate) text: &'a str,
    /// The number of bytes from an END marker on that are judged.
    pub(crate) ahead: usize,
    /// Whether the text ends where `text` does.
    pub(crate) is_last: bool,
}

/// Finds the borders whose first line begins in `within`, which must begin at the beginning of a line.
/// `title` is the title of the part in which the text begins.
pub(crate) fn find(hand: HeldText<'_>, within: Range<usize>, title: &str) -> Vec<PartBorder> {
    let mut borders: Vec<PartBorder> = Vec::new();
    let mut title = title.to_owned();
    let mut at = within.start;
    let bytes = hand.text.as_bytes();
    for found in candidates(hand, within.clone()) {
        let line = memchr::memrchr(b'\n', &bytes[within.start..found])
            .map_or(within.start, |end| within.start + end + 1);
        if line >= within.end {
            break;
        }
        if found < at || line < at || found - line > INDENTATION_MAX {
            continue;
        }
        let line_end = memchr::memchr(b'\n', &bytes[found..]).map_or(bytes.len(), |end| found + end + 1);
        let from = borders.last().map_or(within.start, |border| border.bytes().end);
        let border = match &hand.text[line..line_end] {
            marker if markers::is_end(marker) => judge(hand, from, line, &title),
            name if preamble::names_etext(name) => before_small_print(hand, from, line),
            _ => None,
        };
        at = border.as_ref().map_or(line_end, |border| border.bytes().end.max(line_end));
        if let Some(border) = border {
            title = border.title.clone().unwrap_or(title);
            borders.push(border);
        }
    }
    borders
}

/// Returns the positions where END markers and the headers of e-texts from before about 2003 may stand, in
/// order.
fn candidates(hand: HeldText<'_>, within: Range<usize>) -> Vec<usize> {
    let bytes = hand.text.as_bytes();
    let limit = bytes.len().min(within.end + INDENTATION_MAX);
    let Some(bytes) = bytes.get(within.start..limit) else { return Vec::new() };
    let stars = memchr::memmem::find_iter(bytes, b"***");
    let names = memchr::memmem::find_iter(bytes, b"Project Gutenberg");
    let mut found: Vec<usize> = stars.chain(names).map(|at| at + within.start).collect();
    found.sort_unstable();
    found
}

/// The lines around an END marker.
struct MarkerContext<'a> {
    lines: Lines<'a>,
    text: &'a str,
    /// The position in `HeldText::text` at which the lines begin.
    start: usize,
    /// The line of the marker.
    end: usize,
    /// Whether the text ends with these lines.
    is_last: bool,
}

impl<'a> MarkerContext<'a> {
    /// Takes the whole lines from `from`, or from shortly before the marker at `marker`, to `ahead` bytes
    /// after it.
    fn of(hand: HeldText<'a>, from: usize, marker: usize, ahead: usize) -> Self {
        let near = marker.saturating_sub(FOOTER_BYTES_MAX);
        let start = if near <= from {
            from
        } else {
            memchr::memchr(b'\n', &hand.text.as_bytes()[near - 1..marker]).map_or(marker, |end| near + end)
        };
        let limit = hand.text.floor_char_boundary(hand.text.len().min(marker + ahead));
        let is_last = hand.is_last && limit == hand.text.len();
        let end = if is_last { limit } else { hand.text[..limit].rfind('\n').map_or(marker, |at| at + 1) };
        let text = &hand.text[start..end.max(marker)];
        let before = memchr::memchr_iter(b'\n', &text.as_bytes()[..marker - start]).count();
        Self { lines: Lines::of(text), text, start, end: before, is_last }
    }

    fn border(&self, cuts: Vec<(Rule, Range<usize>)>, title: Option<String>) -> PartBorder {
        let planned = |(rule, lines): (Rule, Range<usize>)| {
            let bytes = self.lines.bytes(lines);
            PlannedRemoval { rule, bytes: bytes.start + self.start..bytes.end + self.start }
        };
        PartBorder { cuts: cuts.into_iter().map(planned).collect(), title }
    }

    /// Returns the header of a part that begins at `line`, after blank lines.
    fn header(&self, line: usize) -> Option<HeaderBoilerplate> {
        let first = self.lines.skip_blank(line);
        if !preamble::begins(&self.lines, first) {
            return None;
        }
        let mut head = header::find(&self.text[self.lines.bytes(0..line).end..]);
        let starts_there = head.cuts.first().is_some_and(|cut| cut.bytes.start == 0);
        let offset = self.start + self.lines.bytes(0..line).end;
        for cut in &mut head.cuts {
            cut.bytes = cut.bytes.start + offset..cut.bytes.end + offset;
        }
        starts_there.then_some(head)
    }
}

fn judge(hand: HeldText<'_>, from: usize, marker: usize, title: &str) -> Option<PartBorder> {
    let near = MarkerContext::of(hand, from, marker, hand.ahead.min(NEAR_BYTES));
    if near.end >= near.lines.count() {
        return None;
    }
    let after = header::marker_end(&near.lines, near.end);
    if let Some(opening) = licence_after(&near.lines, after) {
        return Some(with_licence(&MarkerContext::of(hand, from, marker, hand.ahead), after, opening));
    }
    let mut cuts = marker_cuts(&near.lines, near.end, after);
    if let Some(border) = before_next_part(&near, &cuts, after) {
        return Some(border);
    }
    let is_over = near.is_last && near.lines.skip_blank(after) == near.lines.count();
    let own = markers::title(near.lines.of_range(near.end..after));
    if is_over && let Some((_, last)) = cuts.last_mut() {
        last.end = near.lines.count();
    }
    (is_over || is_same_title(&own, title)).then(|| near.border(cuts, None))
}

/// Returns the border before the header that begins with the line at `header`, if small print ends that
/// header.
fn before_small_print(hand: HeldText<'_>, from: usize, header: usize) -> Option<PartBorder> {
    let ahead = hand.text.as_bytes().get(header..)?;
    memchr::memmem::find(&ahead[..ahead.len().min(HEADER_BYTES_MAX)], b"SMALL PRINT!")?;
    let near = hand.text.get(header..hand.text.floor_char_boundary(header + hand.ahead.min(NEAR_BYTES)))?;
    let near = Lines::of(near);
    if !preamble::is_old_header(&near, 0..header::small_print_line(&near)?) {
        return None;
    }
    let view = MarkerContext::of(hand, from, header, hand.ahead);
    let head = view.header(view.end)?;
    let ends = head.cuts.iter().any(|cut| matches!(cut.rule, Rule::SmallPrint | Rule::SmallPrintUnended));
    let footer = footer_before(&view.lines, view.end).map(|footer| (Rule::Footer, footer));
    let mut border = view.border(footer.into_iter().collect(), None);
    border.cuts.extend(head.cuts);
    ends.then_some(border)
}

/// Returns whether two markers name the same e-text. One of the titles may be cut short.
fn is_same_title(one: &str, other: &str) -> bool {
    !one.is_empty() && !other.is_empty() && (one.starts_with(other) || other.starts_with(one))
}

/// Returns the line that opens the licence of a marker which ends before the line `after`.
fn licence_after(lines: &Lines<'_>, after: usize) -> Option<usize> {
    let next = lines.skip_blank(after);
    if licence::follows(lines, next) {
        return Some(next);
    }
    let near = next..lines.count().min(next + GAP_LINES_MAX);
    near.take_while(|line| !markers::is_marker(lines.get(*line)))
        .find(|line| licence::opens(lines.get(*line)))
}

/// Returns the cuts of the footer, if there is one, and of the marker in the lines from `end` to before
/// `after`, with the blank lines before them.
fn marker_cuts(lines: &Lines<'_>, end: usize, after: usize) -> Vec<(Rule, Range<usize>)> {
    let marker = lines.skip_blank_back(end)..after;
    match footer_before(lines, end) {
        Some(footer) if footer.end >= marker.start => {
            vec![(Rule::Footer, footer.start..end), (Rule::EndMarker, end..after)]
        }
        Some(footer) => vec![(Rule::Footer, footer), (Rule::EndMarker, marker)],
        None => vec![(Rule::EndMarker, marker)],
    }
}

/// Returns the footer shortly before the line `end`. The first line of the view cannot begin a footer,
/// because it is not known whether a blank line stands before it.
fn footer_before(lines: &Lines<'_>, end: usize) -> Option<Range<usize>> {
    let near = end.saturating_sub(FOOTER_LINES_MAX).max(1)..end;
    near.rev().find_map(|line| footer(lines, line, end))
}

fn with_licence(view: &MarkerContext<'_>, after: usize, opening: usize) -> PartBorder {
    let lines = &view.lines;
    let mut cuts = marker_cuts(lines, view.end, after);
    let end = licence::end(lines, opening);
    let is_rest_blank = lines.skip_blank(end) == lines.count();
    let end = if is_rest_blank { lines.count() } else { end };
    match cuts.last_mut() {
        Some((_, marker)) if lines.skip_blank(after) == opening => marker.end = end,
        Some(_) | None => cuts.push((Rule::Licence, lines.skip_blank_back(opening)..end)),
    }
    with_header(view, view.border(cuts, None), end)
}

/// Adds the header and title of the next part, which begins at the line `after` or later, to the border.
fn with_header(view: &MarkerContext<'_>, mut border: PartBorder, after: usize) -> PartBorder {
    if let Some(head) = header_line(&view.lines, after).and_then(|line| view.header(line)) {
        border.cuts.extend(head.cuts);
        border.title = head.title;
    }
    border
}

/// Returns the line at which the header of the next part begins: `after`, or a later line if a START marker
/// ends the header.
fn header_line(lines: &Lines<'_>, after: usize) -> Option<usize> {
    let next = lines.skip_blank(after);
    if preamble::begins(lines, next) {
        return Some(after);
    }
    let near = next..lines.count().min(next + NEXT_HEADER_LINES_MAX);
    let mut ahead = near.take_while(|line| !markers::is_end(lines.get(*line)));
    let start = ahead.find(|line| markers::is_start(lines.get(*line)))?;
    let header = preamble::start_before(lines, after, start);
    (lines.skip_blank(header) < start).then_some(header)
}

/// Returns the border of a marker that ends before the line `after`, if the header of another part follows.
/// `cuts` are the cuts of the marker.
fn before_next_part(
    view: &MarkerContext<'_>,
    cuts: &[(Rule, Range<usize>)],
    after: usize,
) -> Option<PartBorder> {
    let border = with_header(view, view.border(cuts.to_vec(), None), after);
    (border.cuts.len() > cuts.len()).then_some(border)
}

#[cfg(test)]
mod tests;
