//! Finds the borders between the parts of a file, and its end: END markers with the licence after them, and
//! the header of the next part.
//!
//! A file may hold several e-texts, each between its own markers, and a book may quote markers. So an END
//! marker is judged by what follows it, wherever it stands:
//!
//! * The licence ([`licence`]): both are removed. Up to [`GAP_LINES_MAX`] lines may stand between them, and
//!   stay.
//! * The header and the START marker of another part: all of these are removed, but lines between them that
//!   are no header stay.
//! * Nothing more: the marker is removed.
//! * Anything else is text. The marker alone is removed if it names the title of the part that it stands in.
//!   Otherwise it is a quotation, and stays.
//!
//! E-texts from before about 2003 have no such markers. If one follows another, its header and small print
//! are removed as at the beginning of a text.
//!
//! The footer ("End of Project Gutenberg's …", one paragraph after a blank line) is removed with a marker
//! that follows shortly after it. The judgement always uses the same bytes: [`FOOTER_BYTES_MAX`] bytes before
//! a marker and a given number of bytes from it on. So the result does not depend on how a text arrives.

use std::ops::Range;

use corpus::boilerplate::Rule;

use super::{
    footer,
    header::{self, HeaderBoilerplate},
    licence, markers,
    planned_removal::PlannedRemoval,
    preamble::{self, HEADER_BYTES_MAX},
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

/// The removals at one border: around an END marker, or before an e-text from before about 2003.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartBorder {
    /// The removals, in order and without overlap; at least one.
    pub(crate) removals: Vec<PlannedRemoval>,
    /// The title of the START marker in the border.
    pub(crate) title: Option<String>,
}

impl PartBorder {
    /// Returns the range from the first byte that is removed to the last.
    pub(crate) fn bytes(&self) -> Range<usize> {
        let start = self.removals.first().map_or(0, |removal| removal.bytes.start);
        start..self.removals.last().map_or(start, |removal| removal.bytes.end)
    }
}

/// The text that is held in memory, and how much of it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldText<'a> {
    pub(crate) text: &'a str,
    /// The number of bytes from an END marker on that are judged.
    pub(crate) ahead: usize,
    /// The text ends with `text`.
    pub(crate) is_last: bool,
}

/// Finds the borders whose first line begins in `within`, which must begin at the beginning of a line.
/// `title` is the title of the part in which the text begins.
pub(crate) fn find(held: HeldText<'_>, within: Range<usize>, title: &str) -> Vec<PartBorder> {
    let mut borders: Vec<PartBorder> = Vec::new();
    let mut title = title.to_owned();
    let mut at = within.start;
    let bytes = held.text.as_bytes();
    for found in candidates(held, within.clone()) {
        let line = memchr::memrchr(b'\n', &bytes[within.start..found])
            .map_or(within.start, |end| within.start + end + 1);
        if line >= within.end {
            break;
        }
        // A line has several candidates, and a border contains the candidates of its own lines.
        if found < at || line < at || found - line > INDENTATION_MAX {
            continue;
        }
        let line_end = memchr::memchr(b'\n', &bytes[found..]).map_or(bytes.len(), |end| found + end + 1);
        let from = borders.last().map_or(within.start, |border| border.bytes().end);
        let border = match &held.text[line..line_end] {
            marker if markers::is_end(marker) => at_end_marker(held, from, line, &title),
            name if preamble::names_etext(name) => before_small_print(held, from, line),
            _ => None,
        };
        at = border.as_ref().map_or(line_end, |border| border.bytes().end.max(line_end));
        if let Some(border) = border {
            // The next markers are compared with the title of the part in which they stand.
            title = border.title.clone().unwrap_or(title);
            borders.push(border);
        }
    }
    borders
}

/// Returns the positions at which END markers and the headers of e-texts from before about 2003 may stand, in
/// order.
fn candidates(held: HeldText<'_>, within: Range<usize>) -> Vec<usize> {
    let bytes = held.text.as_bytes();
    let limit = bytes.len().min(within.end + INDENTATION_MAX);
    let Some(bytes) = bytes.get(within.start..limit) else { return Vec::new() };
    let stars = memchr::memmem::find_iter(bytes, b"***");
    let names = memchr::memmem::find_iter(bytes, b"Project Gutenberg");
    let mut found: Vec<usize> = stars.chain(names).map(|at| at + within.start).collect();
    found.sort_unstable();
    found
}

/// The lines around an END marker or the first line of a header.
struct MarkerContext<'a> {
    lines: Lines<'a>,
    text: &'a str,
    /// The position in `HeldText::text` at which the lines begin.
    start: usize,
    /// The line of the marker.
    marker: usize,
    /// The text ends with these lines.
    is_last: bool,
}

impl<'a> MarkerContext<'a> {
    /// Takes the whole lines from `from`, or from shortly before the marker at `marker`, to `ahead` bytes
    /// after it.
    fn of(held: HeldText<'a>, from: usize, marker: usize, ahead: usize) -> Self {
        let near = marker.saturating_sub(FOOTER_BYTES_MAX);
        let start = if near <= from {
            from
        } else {
            memchr::memchr(b'\n', &held.text.as_bytes()[near - 1..marker]).map_or(marker, |end| near + end)
        };
        let limit = held.text.floor_char_boundary(held.text.len().min(marker + ahead));
        let is_last = held.is_last && limit == held.text.len();
        let end = if is_last { limit } else { held.text[..limit].rfind('\n').map_or(marker, |at| at + 1) };
        let text = &held.text[start..end.max(marker)];
        let before = memchr::memchr_iter(b'\n', &text.as_bytes()[..marker - start]).count();
        Self { lines: Lines::of(text), text, start, marker: before, is_last }
    }

    fn border(&self, removals: Vec<(Rule, Range<usize>)>) -> PartBorder {
        let planned = |found| PlannedRemoval::of_lines(&self.lines, found).shifted(self.start);
        PartBorder { removals: removals.into_iter().map(planned).collect(), title: None }
    }

    /// Returns the header of a part that begins at `line`, after blank lines.
    fn header(&self, line: usize) -> Option<HeaderBoilerplate> {
        if !preamble::begins(&self.lines, self.lines.skip_blank(line)) {
            return None;
        }
        let before = self.lines.bytes(0..line).end;
        let header = header::find(&self.text[before..]);
        if header.removals.first()?.bytes.start > 0 {
            return None;
        }
        let shifted = header.removals.into_iter().map(|removal| removal.shifted(self.start + before));
        Some(HeaderBoilerplate { removals: shifted.collect(), ..header })
    }

    /// Adds the header and title of the next part, which begins at the line `after` or later, to a border.
    fn with_next_header(&self, mut border: PartBorder, after: usize) -> PartBorder {
        if let Some(header) = next_header_line(&self.lines, after).and_then(|line| self.header(line)) {
            border.removals.extend(header.removals);
            border.title = header.title;
        }
        border
    }
}

/// Returns the border at the END marker at `marker`, or `None` if the marker is quoted.
fn at_end_marker(held: HeldText<'_>, from: usize, marker: usize, title: &str) -> Option<PartBorder> {
    let near = MarkerContext::of(held, from, marker, held.ahead.min(NEAR_BYTES));
    let lines = &near.lines;
    if near.marker >= lines.count() {
        return None;
    }
    let after = header::marker_end(lines, near.marker);
    if let Some(opening) = licence_after(lines, after) {
        // Only now are many lines indexed: few of the markers that a book quotes have a licence after them.
        let context = MarkerContext::of(held, from, marker, held.ahead);
        return Some(at_licence(&context, after, opening));
    }
    let mut removals = marker_removals(lines, near.marker, after);
    let border = near.with_next_header(near.border(removals.clone()), after);
    if border.removals.len() > removals.len() {
        return Some(border);
    }
    let is_over = near.is_last && lines.skip_blank(after) == lines.count();
    let own = markers::title(lines.of_range(near.marker..after));
    // Blank lines at the end of a file belong to the marker.
    if is_over && let Some((_, last)) = removals.last_mut() {
        last.end = lines.count();
    }
    (is_over || is_same_title(&own, title)).then(|| near.border(removals))
}

/// Returns the border before the header that begins with the line at `header`, if small print ends that
/// header.
fn before_small_print(held: HeldText<'_>, from: usize, header: usize) -> Option<PartBorder> {
    let ahead = held.text.as_bytes().get(header..)?;
    // A fast search excludes nearly all lines that name an e-text.
    memchr::memmem::find(&ahead[..ahead.len().min(HEADER_BYTES_MAX)], b"SMALL PRINT!")?;
    let near = held.text.get(header..held.text.floor_char_boundary(header + held.ahead.min(NEAR_BYTES)))?;
    let near = Lines::of(near);
    if !preamble::is_old_header(&near, 0..header::small_print_line(&near)?) {
        return None;
    }
    let context = MarkerContext::of(held, from, header, held.ahead);
    let found = context.header(context.marker)?;
    let has_small_print =
        found.removals.iter().any(|found| matches!(found.rule, Rule::SmallPrint | Rule::SmallPrintUnended));
    let footer = footer_before(&context.lines, context.marker).map(|footer| (Rule::Footer, footer));
    let mut border = context.border(footer.into_iter().collect());
    border.removals.extend(found.removals);
    has_small_print.then_some(border)
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
    // Another marker shows that the licence is not that of this one.
    near.take_while(|line| !markers::is_marker(lines.get(*line)))
        .find(|line| licence::opens(lines.get(*line)))
}

/// Returns the removals of the footer, if there is one, and of the marker in the lines from `marker` to
/// before `after`, with the blank lines before them.
fn marker_removals(lines: &Lines<'_>, marker: usize, after: usize) -> Vec<(Rule, Range<usize>)> {
    let start = lines.skip_blank_back(marker);
    match footer_before(lines, marker) {
        // No line stands between them, so that the blank lines belong to the footer.
        Some(footer) if footer.end >= start => {
            vec![(Rule::Footer, footer.start..marker), (Rule::EndMarker, marker..after)]
        }
        Some(footer) => vec![(Rule::Footer, footer), (Rule::EndMarker, start..after)],
        None => vec![(Rule::EndMarker, start..after)],
    }
}

/// Returns the footer shortly before the line `end`. The first line of the context cannot begin a footer,
/// because it is not known whether a blank line stands before it.
fn footer_before(lines: &Lines<'_>, end: usize) -> Option<Range<usize>> {
    let near = end.saturating_sub(FOOTER_LINES_MAX).max(1)..end;
    near.rev().find_map(|line| footer::paragraph(lines, line, end))
}

/// Returns the border at a marker that ends before the line `after`, with the licence that opens at `opening`
/// and the header of the next part.
fn at_licence(context: &MarkerContext<'_>, after: usize, opening: usize) -> PartBorder {
    let lines = &context.lines;
    let mut removals = marker_removals(lines, context.marker, after);
    let end = lines.or_end_of_text(licence::end(lines, opening));
    match removals.last_mut() {
        Some((_, marker)) if lines.skip_blank(after) == opening => marker.end = end,
        Some(_) | None => removals.push((Rule::Licence, lines.skip_blank_back(opening)..end)),
    }
    context.with_next_header(context.border(removals), end)
}

/// Returns the line at which the header of the next part begins: `after`, or a later line if a START marker
/// ends the header.
fn next_header_line(lines: &Lines<'_>, after: usize) -> Option<usize> {
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

#[cfg(test)]
mod tests;
