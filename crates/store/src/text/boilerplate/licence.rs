//! Finds the licence of Project Gutenberg by its own words: where it begins and where it ends.
//!
//! That a text mentions Project Gutenberg proves nothing, because books mention it, too. A licence begins
//! with one of the lines in [`OPENINGS`]. It may also begin directly after an END marker or footer, with a
//! paragraph that names the project and, in another language, the licence, or in which at least three lines
//! and half of all lines name the project. It ends with the paragraph that contains one of [`ENDINGS`]. A
//! licence without one ends with the last paragraph that has one of [`WORDS`], if few others stand between. A
//! marker ends it, too.

use std::ops::Range;

use super::markers::{self, after, contains};
use crate::text::lines::Lines;

/// The maximum length in bytes of a licence with the header that follows it. Those seen have at most 21 KB.
pub(crate) const LICENCE_BYTES_MAX: usize = 48 * 1024;
/// The maximum number of consecutive paragraphs without a word of a licence, in a licence without a
/// recognised end.
const STRANGE_PARAGRAPHS_MAX: usize = 8;

/// The beginnings of lines that open a licence, in lower case, after stars and brackets.
const OPENINGS: &[&str] = &[
    "this file should be named ",
    "this and all associated files of various formats ",
    "updated editions will replace the previous one",
    "creating the works from ",
    "corrected editions of our e",
    "start: full licen",
    "the full project gutenberg licen",
    "please read this before you distribute or use this work",
    "to protect the project gutenberg",
    "section 1. general terms of use",
    "project gutenberg ebooks are often created from ",
    "project gutenberg etexts are usually created from ",
    "project gutenberg-tm etexts are often created from ",
    "we are now trying to release all our ",
    "most people start at our ",
    "information about the project gutenberg literary archive foundation",
    "the legal small print",
    "a word from project gutenberg",
    "project gutenberg™ is synonymous with ",
    "project gutenberg-tm is synonymous with ",
];

/// Phrases in the last paragraph of a licence, in the original case.
const ENDINGS: &[&str] = &[
    "newsletter to hear about new eBooks",
    "END: FULL LICEN",
    "*END*THE SMALL PRINT",
    "*END THE SMALL PRINT",
    "[\"Small Print\" V.",
];

/// Phrases in the paragraphs after the ending of some licences of 2003 to 2005, which say where e-books of
/// other years are.
const POSTSCRIPTS: &[&str] =
    &["eBooks posted ", "EBooks posted ", "gutenberg.net/", "GUTINDEX", "ftp.ibiblio.org"];
/// The maximum number of paragraphs after one of the licence that are searched for another.
const POSTSCRIPT_PARAGRAPHS_MAX: usize = 3;

/// Words in the paragraphs of a licence.
const WORDS: &[&str] = &[
    "gutenberg",
    "pglaf",
    "foundation",
    "electronic work",
    "etext",
    "e-text",
    "ebook",
    "small print",
    "licen",
    "lizenz",
    "warrant",
    "donat",
    "indemni",
    "trademark",
    "copyright",
    "public domain",
    "royalt",
    "newsletter",
];

/// The word for a licence in other languages in which Project Gutenberg has a licence.
const FOREIGN_NAMES: &[&str] =
    &["licentie", "lizenz", "licencia", "licença", "licenza", "licence", "lisens", "lisenssi", "лиценз"];

/// Returns whether a line opens a licence, wherever it stands.
pub(crate) fn opens(line: &str) -> bool {
    let line = line.trim_start_matches(['*', ' ', '\t', '[', '<', '=', '-']);
    after(line, OPENINGS).is_some() || markers::is_licence(line)
}

/// Returns whether a licence opens at `line`, the first line that is not blank after an END marker or footer.
pub(crate) fn follows(lines: &Lines<'_>, line: usize) -> bool {
    if line >= lines.count() {
        return false;
    }
    let first = lines.get(line);
    if opens(first)
        || markers::begins_small_print(first)
        || after(first.trim_start(), &["licence", "license"]).is_some()
    {
        return true;
    }
    let paragraph = line..lines.paragraph_end(line);
    let naming = lines.of_range(paragraph.clone()).filter(|line| markers::mentions_gutenberg(line)).count();
    let in_translation = || {
        lines
            .of_range(paragraph.clone())
            .any(|line| FOREIGN_NAMES.iter().any(|name| contains_lowered(line, name)))
    };
    (naming >= 3 && naming * 2 >= paragraph.len()) || (naming > 0 && in_translation())
}

/// Returns the end of the licence that opens at `opening`, as the line after its last.
pub(crate) fn end(lines: &Lines<'_>, opening: usize) -> usize {
    let limit = lines
        .with(markers::STAR)
        .into_iter()
        .find(|line| *line > opening && markers::is_marker(lines.get(*line)));
    let limit = limit.unwrap_or(lines.count());
    match last_paragraph(lines, opening..limit) {
        Some(line) => after_postscripts(lines, lines.paragraph_end(line).min(limit), limit),
        None => shown_end(lines, opening, limit),
    }
}

/// Returns the first line that contains one of `ENDINGS`.
fn last_paragraph(lines: &Lines<'_>, within: Range<usize>) -> Option<usize> {
    ENDINGS.iter().filter_map(|ending| lines.find(ending, within.clone())).min()
}

/// Returns the end of the paragraphs that belong to a licence after its ending, which ends before the line
/// `end`.
fn after_postscripts(lines: &Lines<'_>, mut end: usize, limit: usize) -> usize {
    let (mut line, mut strange) = (end, 0);
    while strange < POSTSCRIPT_PARAGRAPHS_MAX {
        let next = lines.skip_blank(line);
        if next >= limit {
            break;
        }
        line = lines.paragraph_end(next).min(limit);
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| lines.find(phrase, next..line).is_some());
        if has(ENDINGS) || has(POSTSCRIPTS) || opens(lines.get(next)) {
            end = line;
            strange = 0;
        } else {
            strange += 1;
        }
    }
    end
}

/// Returns the end of the paragraphs that have words of a licence.
fn shown_end(lines: &Lines<'_>, opening: usize, limit: usize) -> usize {
    let mut shown = opening + 1;
    let mut strange = 0;
    let mut line = opening;
    while line < limit && strange <= STRANGE_PARAGRAPHS_MAX {
        let end = lines.paragraph_end(line).min(limit);
        if lines.of_range(line..end).any(|line| WORDS.iter().any(|word| contains(line, word))) {
            shown = end;
            strange = 0;
        } else {
            strange += 1;
        }
        line = lines.skip_blank(end);
    }
    shown
}

fn contains_lowered(line: &str, word: &str) -> bool {
    line.to_lowercase().contains(word)
}
