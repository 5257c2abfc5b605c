//! Finds the boilerplate at the beginning of a text.
//!
//! A removal takes what is recognised as boilerplate and the blank lines after it, nothing else:
//!
//! * The START marker with its wrapped rest, and the header before it if it has the form of a header
//!   ([`preamble`]). `***` must close the rest before the next blank line and the next marker. If nothing
//!   closes it, the marker is one line long. A marker after an END marker belongs to another part of the
//!   file: [`parts`](super::parts) judges it.
//! * Of several START markers, a later one replaces the earlier if only a header stands between them. Any
//!   other START marker with the same title is removed alone, and the lines around it are kept. With another
//!   title it is a quotation, and stays.
//! * Without a START marker, a header that names Project Gutenberg and has fields.
//! * Small print counts only if there is no START marker, and only before any END marker or footer. The lines
//!   before it are its header if they mention Project Gutenberg and are short. Without an END line, small
//!   print reaches to the end of the last paragraph that calls itself "Small Print!".
//! * If a header says that its small print stands at the end of the file, the header reaches to that note,
//!   inclusive.
//! * Directly after any of these, title lines, credits ([`credit`]), notes ([`note`]) and one paragraph of
//!   each form in [`provenance`], in any order. The number of each is limited.

use std::ops::Range;

use corpus::boilerplate::Rule;

use super::{
    credit, markers, note,
    planned_removal::PlannedRemoval,
    preamble::{self, HEADER_BYTES_MAX},
    provenance,
};
use crate::text::lines::Lines;

/// The maximum length in bytes of a header with small print, and of the small print. Those seen end within
/// 20 KiB.
const SMALL_PRINT_BYTES_MAX: usize = 32 * 1024;
/// The maximum number of lines of a marker that wraps.
pub(crate) const MARKER_LINES_MAX: usize = 5;
/// The maximum number of lines of a paragraph of credits.
const CREDIT_LINES_MAX: usize = 20;

/// The maximum number of lines of the note that small print stands at the end. Those seen have four.
const NOTE_LINES_MAX: usize = 6;

/// The maximum number of paragraphs of credits.
const CREDITS_MAX: usize = 8;

/// The number of lines that are searched for fields if no header is found.
const PLAIN_HEADER_LINES: usize = 30;

/// The boilerplate at the beginning of a text.
#[derive(Debug, Default)]
pub(crate) struct HeaderBoilerplate {
    /// The removals, in order and without overlap.
    pub(crate) removals: Vec<PlannedRemoval>,
    /// The bytes in which the header's fields stand.
    pub(crate) fields: Range<usize>,
    /// The title in the START marker.
    pub(crate) title: Option<String>,
}

/// Finds the boilerplate in the first lines of a text. `text` must consist of whole lines.
pub(crate) fn find(text: &str) -> HeaderBoilerplate {
    let lines = Lines::of(text);
    let (mut found, title) = start_markers(&lines);
    if found.is_empty() {
        found.extend(header_with_note(&lines).or_else(|| small_print(&lines)));
    }
    let first_line = found.first().map_or(lines.count(), |(_, range)| range.start);
    // If no header stands before the first marker, the text may begin with a header that no marker ends.
    if (found.is_empty() || first_line > 0)
        && let Some(end) = preamble::unmarked_end(&lines, 0..first_line)
    {
        found.insert(0, (Rule::Header, 0..end));
    }
    let next_marker = found.get(1).map_or(lines.count(), |(_, range)| range.start);
    let Some((_, first)) = found.first_mut() else {
        let fields = lines.bytes(0..lines.count().min(PLAIN_HEADER_LINES));
        return HeaderBoilerplate { removals: Vec::new(), fields, title };
    };
    // Blank lines after a header belong to it, but never a marker.
    first.end = lines.skip_blank(first.end).min(next_marker);
    let end = first.end;
    found.extend(after_header(&lines, end..next_marker));
    found.sort_by_key(|(_, range)| range.start);
    let removals = found.into_iter().map(|found| PlannedRemoval::of_lines(&lines, found)).collect();
    HeaderBoilerplate { removals, fields: lines.bytes(0..end), title }
}

/// Returns the line after the last of a marker, which begins at `first` and may wrap.
pub(crate) fn marker_end(lines: &Lines<'_>, first: usize) -> usize {
    let limit = lines.count().min(first + MARKER_LINES_MAX);
    // A marker that is not closed must not take the next one.
    let is_rest = |line: usize| line == first || !markers::is_marker(lines.get(line));
    // `***` alone on the first line opens nothing and closes nothing.
    let is_bare = |line: usize| line == first && lines.get(line).trim() == "***";
    (first..limit)
        .take_while(|line| !lines.is_blank(*line) && is_rest(*line))
        .find(|line| markers::is_closed(lines.get(*line)) && !is_bare(*line))
        .map_or(first + 1, |last| last + 1)
}

/// Returns the START markers before any END marker, and the title of the first.
fn start_markers(lines: &Lines<'_>) -> (Vec<(Rule, Range<usize>)>, Option<String>) {
    let mut found: Vec<(Rule, Range<usize>)> = Vec::new();
    let mut title = None;
    let starred = lines.with(markers::STAR).into_iter().take_while(|line| !markers::is_end(lines.get(*line)));
    for start in starred.filter(|line| markers::is_start(lines.get(*line))) {
        let end = marker_end(lines, start);
        let before = found.last().map_or(0, |(_, range)| range.end);
        let is_in_header = found.iter().all(|(_, range)| range.start == 0);
        let own = markers::title(lines.of_range(start..end));
        match found.last_mut() {
            Some((_, header)) if is_in_header && preamble::is_only_header(lines, before..start) => {
                header.end = end;
                title = Some(own);
            }
            None => {
                // A book that quotes a marker has prose before it.
                let begin = if preamble::is_header(lines, 0..start) { 0 } else { start };
                found.push((Rule::StartMarker, begin..end));
                title = Some(own);
            }
            Some(_) if title.as_ref() == Some(&own) => found.push((Rule::StartMarker, start..end)),
            // A marker with another title is quoted.
            Some(_) => {}
        }
    }
    (found, title)
}

/// Returns the first line that begins or ends small print.
pub(crate) fn small_print_line(lines: &Lines<'_>) -> Option<usize> {
    lines.with(markers::STAR).into_iter().find(|line| {
        markers::begins_small_print(lines.get(*line)) || markers::ends_small_print(lines.get(*line))
    })
}

/// Returns the small print, with the header before it.
fn small_print(lines: &Lines<'_>) -> Option<(Rule, Range<usize>)> {
    let ends_text = |line: &usize| markers::is_end(lines.get(*line)) || markers::is_footer(lines.get(*line));
    let limit = (0..lines.count()).find(ends_text).unwrap_or(lines.count());
    let mut starred = lines.with(markers::STAR).into_iter().take_while(|line| *line < limit);
    let begin = starred.find(|line| markers::begins_small_print(lines.get(*line)));
    let end = (begin.unwrap_or(0)..limit).find(|line| markers::ends_small_print(lines.get(*line)));
    let fits = |range: Range<usize>| lines.bytes(range).len() <= SMALL_PRINT_BYTES_MAX;
    match (begin, end) {
        (Some(begin), Some(end)) if fits(begin..end + 1) => {
            Some((Rule::SmallPrint, header_start(lines, begin)..end + 1))
        }
        (Some(begin), _) => {
            let last = (begin..limit)
                .take_while(|line| fits(begin..line + 1))
                .filter(|line| markers::mentions_small_print(lines.get(*line)))
                .last()?;
            Some((Rule::SmallPrintUnended, header_start(lines, begin)..lines.paragraph_end(last).min(limit)))
        }
        // Without a beginning, only what stands before it shows that it is not a quotation.
        (None, Some(end)) if header_start(lines, end) == 0 => Some((Rule::SmallPrint, 0..end + 1)),
        (None, _) => None,
    }
}

/// Returns the first line of the header before small print, or the small print's own if the lines before it
/// are no header.
fn header_start(lines: &Lines<'_>, small_print: usize) -> usize {
    let is_header = is_short_header(lines, small_print, SMALL_PRINT_BYTES_MAX);
    if is_header { 0 } else { small_print }
}

/// Returns whether the lines before `end` mention Project Gutenberg and have at most `bytes_max` bytes.
fn is_short_header(lines: &Lines<'_>, end: usize, bytes_max: usize) -> bool {
    lines.bytes(0..end).len() <= bytes_max && lines.of_range(0..end).any(markers::mentions_gutenberg)
}

/// Returns the header of an e-text whose small print stands at its end, with the note that says so and the
/// stars after it.
fn header_with_note(lines: &Lines<'_>) -> Option<(Rule, Range<usize>)> {
    let note = (0..lines.count()).find(|line| markers::begins_small_print_note(lines.get(*line)))?;
    let end = lines.paragraph_end(note);
    let is_note = end - note <= NOTE_LINES_MAX && markers::ends_small_print_note(lines.get(end - 1));
    let stars = lines.skip_blank(end);
    let is_closed = stars < lines.count() && markers::is_stars(lines.get(stars));
    let end = if is_closed { stars + 1 } else { end };
    (is_note && is_short_header(lines, note, HEADER_BYTES_MAX)).then_some((Rule::Header, 0..end))
}

/// A kind of paragraph that may follow the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paragraph {
    Credits,
    TitleLine,
    Note(Rule),
    /// A paragraph of the form with this number.
    Provenance(usize),
}

impl Paragraph {
    /// Returns the paragraph that begins at `line`, and the line after its last, which is at most `limit`.
    fn at(lines: &Lines<'_>, line: usize, limit: usize) -> Option<(Self, usize)> {
        let end = lines.paragraph_end(line);
        if end > limit {
            return None;
        }
        let paragraph = || lines.of_range(line..end);
        let first = lines.get(line);
        // Notes go first: they may be longer than credits, and consist of several paragraphs.
        if let Some((rule, end)) = note::at(lines, line, limit) {
            return Some((Self::Note(rule), end));
        }
        let kind = if end - line > CREDIT_LINES_MAX {
            None
        } else if let Some(form) = provenance::form(first, paragraph()) {
            Some(Self::Provenance(form))
        } else if credit::is_credit(paragraph()) {
            Some(Self::Credits)
        } else {
            markers::is_title_line(first).then_some(Self::TitleLine)
        };
        kind.map(|kind| (kind, end))
    }

    const fn rule(self) -> Rule {
        match self {
            Self::Credits | Self::Provenance(_) => Rule::Credits,
            Self::TitleLine => Rule::TitleLine,
            Self::Note(rule) => rule,
        }
    }

    /// Returns the maximum number of paragraphs of this kind.
    const fn count_max(self) -> usize {
        match self {
            Self::Credits | Self::Note(_) => CREDITS_MAX,
            Self::TitleLine | Self::Provenance(_) => 1,
        }
    }
}

/// Returns the paragraphs at the beginning of the lines `within` that are not yet the text, in any order.
fn after_header(lines: &Lines<'_>, within: Range<usize>) -> Vec<(Rule, Range<usize>)> {
    let mut line = within.start;
    let mut found = Vec::new();
    let mut seen = Vec::new();
    while line < within.end {
        let Some((paragraph, end)) = Paragraph::at(lines, line, within.end) else { break };
        // A book that consists of such paragraphs, such as a list of credits, keeps the rest of them.
        if seen.iter().filter(|other| **other == paragraph).count() == paragraph.count_max() {
            break;
        }
        seen.push(paragraph);
        let next = lines.skip_blank(end).min(within.end);
        found.push((paragraph.rule(), line..next));
        line = next;
    }
    found
}

#[cfg(test)]
mod tests;
