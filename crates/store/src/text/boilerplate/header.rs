//! Where the boilerplate at the head of a text ends.
//!
//! A cut takes what is shown to be boilerplate and the blank lines after it, nothing else:
//!
//! * The START marker with its wrapped rest, and the header before it if it has the form of a header
//!   ([`preamble`]). `***` must close the rest before the next blank line and the next marker. If nothing
//!   closes it, the marker is one line long. A marker after an END marker is not part of the head:
//!   [`parts`](super::parts) judges it.
//! * Of several START markers, a later one replaces the earlier if only a header stands between them. Any
//!   other START marker with the same title is cut alone, and the lines around it are kept. With another
//!   title it is a quotation, and stays.
//! * Without a START marker, a header that names Project Gutenberg and has fields.
//! * Small print counts only if there is no START marker, and only before any END marker or footer. What
//!   stands
//!   before it is its header if it speaks of Project Gutenberg and is short. Without an END line, small print reaches
//!   to the end of the last paragraph that calls itself "Small Print!".
//! * If a header says that its small print stands at the end of the file, the header reaches to that note,
//!   inclusive.
//! * Directly after any of these, title lines, credits ([`credit`]), notes ([`note`]) and one paragraph of
//!   each form in [`provenance`], in any order. The number of each is limited.

use std::ops::Range;

use super::{
    credit, markers, note,
    preamble::{self, HEADER_BYTES_MAX},
    provenance,
    removed_span::{PlannedRemoval, Rule},
};
use crate::text::lines::Lines;

/// The longest header with small print; and the longest small print. Those seen end within 20 KiB.
const SMALL_PRINT_BYTES_MAX: usize = 32 * 1024;
/// The most lines over which a marker wraps.
pub(crate) const MARKER_LINES_MAX: usize = 5;
/// The longest paragraph of credits.
const CREDIT_LINES_MAX: usize = 20;

/// The longest note that small print stands at the end. Those seen have four lines.
const NOTE_LINES_MAX: usize = 6;

/// The maximum number of paragraphs of credits.
const CREDITS_MAX: usize = 8;

/// How many lines may hold fields where no header is found.
const PLAIN_HEADER_LINES: usize = 30;

/// What was found at the head of a text.
#[derive(Debug, Default)]
pub(crate) struct HeaderBoilerplate {
    /// In order, not overlapping.
    pub(crate) cuts: Vec<PlannedRemoval>,
    /// The bytes in which the header's fields stand.
    pub(crate) header: Range<usize>,
    /// The title in the START marker.
    pub(crate) title: Option<String>,
}

/// Finds it in the first lines of a text, which are whole lines.
pub(crate) fn find(text: &str) -> HeaderBoilerplate {
    let lines = Lines::of(text);
    let (mut cuts, title) = start_markers(&lines);
    if cuts.is_empty() {
        cuts.extend(header_with_note(&lines).or_else(|| small_print(&lines)));
    }
    if cuts.first().is_none_or(|(_, range)| range.start > 0)
        && let Some(header) =
            unmarked_header(&lines, cuts.first().map_or(lines.count(), |(_, range)| range.start))
    {
        cuts.insert(0, header);
    }
    let next_marker = cuts.get(1).map_or(lines.count(), |(_, range)| range.start);
    let Some((_, first)) = cuts.first_mut() else {
        let header = lines.bytes(0..lines.count().min(PLAIN_HEADER_LINES));
        return HeaderBoilerplate { cuts: Vec::new(), header, title };
    };
    first.end = lines.skip_blank(first.end).min(next_marker);
    let header = lines.bytes(0..first.end);
    let after = first.end;
    cuts.extend(after_header(&lines, after..next_marker));
    cuts.sort_by_key(|(_, range)| range.start);
    let planned = |(rule, range)| PlannedRemoval { rule, bytes: lines.bytes(range) };
    HeaderBoilerplate { cuts: cuts.into_iter().map(planned).collect(), header, title }
}

/// Returns a header that no marker ends.
fn unmarked_header(lines: &Lines<'_>, limit: usize) -> Option<(Rule, Range<usize>)> {
    Some((Rule::Header, 0..preamble::unmarked_end(lines, 0..limit)?))
}

/// The lines after a marker's first that belong to it, as the line after the last.
pub(crate) fn marker_end(lines: &Lines<'_>, first: usize) -> usize {
    let limit = lines.count().min(first + MARKER_LINES_MAX);
    let is_rest = |line: usize| line == first || !markers::is_marker(lines.get(line));
    (first..limit)
        .take_while(|line| !lines.is_blank(*line) && is_rest(*line))
        .find(|line| markers::is_closed(lines.get(*line)) && !is_bare_opening(lines, *line, first))
        .map_or(first + 1, |last| last + 1)
}

/// `***` alone on the first line opens nothing and closes nothing.
fn is_bare_opening(lines: &Lines<'_>, line: usize, first: usize) -> bool {
    line == first && lines.get(line).trim() == "***"
}

/// Returns the START markers before any END marker, and the title of the first.
fn start_markers(lines: &Lines<'_>) -> (Vec<(Rule, Range<usize>)>, Option<String>) {
    let mut cuts: Vec<(Rule, Range<usize>)> = Vec::new();
    let mut title = None;
    let starred = lines.with(markers::STAR).into_iter().take_while(|line| !markers::is_end(lines.get(*line)));
    for start in starred.filter(|line| markers::is_start(lines.get(*line))) {
        let end = marker_end(lines, start);
        let before = cuts.last().map_or(0, |(_, range)| range.end);
        let takes_over = cuts.iter().all(|(_, range)| range.start == 0);
        let own = markers::title(lines.of_range(start..end));
        match cuts.last_mut() {
            Some((_, header)) if takes_over && preamble::is_only_header(lines, before..start) => {
                header.end = end;
                title = Some(own);
            }
            None => {
                cuts.push((
                    Rule::StartMarker,
                    if preamble::is_header(lines, 0..start) { 0 } else { start }..end,
                ));
                title = Some(own);
            }
            Some(_) if title.as_ref() == Some(&own) => cuts.push((Rule::StartMarker, start..end)),
            Some(_) => {}
        }
    }
    (cuts, title)
}

/// Returns the first line that begins or ends small print.
pub(crate) fn small_print_line(lines: &Lines<'_>) -> Option<usize> {
    lines.with(markers::STAR).into_iter().find(|line| {
        markers::begins_small_print(lines.get(*line)) || markers::ends_small_print(lines.get(*line))
    })
}

fn small_print(lines: &Lines<'_>) -> Option<(Rule, Range<usize>)> {
    let ended = |line: &&str| markers::is_end(line) || markers::is_footer(line);
    let limit = lines.of_range(0..lines.count()).position(|line| ended(&line)).unwrap_or(lines.count());
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
        (None, Some(end)) if header_start(lines, end) == 0 => Some((Rule::SmallPrint, 0..end + 1)),
        (None, _) => None,
    }
}

/// Where the header before small print starts; at the small print itself where that is no header.
fn header_start(lines: &Lines<'_>, small_print: usize) -> usize {
    let header = 0..small_print;
    let short = lines.bytes(header.clone()).len() <= SMALL_PRINT_BYTES_MAX;
    if short && lines.of_range(header).any(markers::mentions_gutenberg) { 0 } else { small_print }
}

/// The header of an e-text whose small print stands at its end, with the note that says so and the stars after it.
fn header_with_note(lines: &Lines<'_>) -> Option<(Rule, Range<usize>)> {
    let note = (0..lines.count()).find(|line| markers::begins_small_print_note(lines.get(*line)))?;
    let end = lines.paragraph_end(note);
    let is_note = end - note <= NOTE_LINES_MAX && markers::ends_small_print_note(lines.get(end - 1));
    let is_header = lines.bytes(0..note).len() <= HEADER_BYTES_MAX
        && lines.of_range(0..note).any(markers::mentions_gutenberg);
    let stars = lines.skip_blank(end);
    let closed = stars < lines.count() && markers::is_stars(lines.get(stars));
    (is_note && is_header).then(|| (Rule::Header, 0..if closed { stars + 1 } else { end }))
}

/// What a paragraph after the header may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paragraph {
    Credits,
    TitleLine,
    Note(Rule),
    /// By the number of its form.
    Origin(usize),
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
        if let Some((rule, end)) = note::at(lines, line, limit) {
            return Some((Self::Note(rule), end));
        }
        let kind = if end - line > CREDIT_LINES_MAX {
            None
        } else if let Some(form) = provenance::form(first, paragraph()) {
            Some(Self::Origin(form))
        } else if credit::is_credit(paragraph()) {
            Some(Self::Credits)
        } else {
            markers::is_title_line(first).then_some(Self::TitleLine)
        };
        kind.map(|kind| (kind, end))
    }

    const fn rule(self) -> Rule {
        match self {
            Self::Credits | Self::Origin(_) => Rule::Credits,
            Self::TitleLine => Rule::TitleLine,
            Self::Note(rule) => rule,
        }
    }

    /// Returns the maximum number of paragraphs of this kind.
    const fn most(self) -> usize {
        match self {
            Self::Credits | Self::Note(_) => CREDITS_MAX,
            Self::TitleLine | Self::Origin(_) => 1,
        }
    }
}

/// Returns the paragraphs at the beginning of the lines `within` that are not yet the text, in any order.
fn after_header(lines: &Lines<'_>, within: Range<usize>) -> Vec<(Rule, Range<usize>)> {
    let mut line = within.start;
    let mut cuts = Vec::new();
    let mut seen = Vec::new();
    while line < within.end {
        let Some((paragraph, end)) = Paragraph::at(lines, line, within.end) else { break };
        if seen.iter().filter(|other| **other == paragraph).count() == paragraph.most() {
            break;
        }
        seen.push(paragraph);
        let next = lines.skip_blank(end).min(within.end);
        cuts.push((paragraph.rule(), line..next));
        line = next;
    }
    cuts
}

#[cfg(test)]
mod tests;
