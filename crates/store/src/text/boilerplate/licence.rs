//! Finds the licence of Project Gutenberg by its own words: its beginning and its end.
//!
//! That a text mentions Project Gutenberg proves nothing, because books mention it, too. A licence begins
//! with one of the lines in [`OPENINGS`]. It may also begin directly after an END marker or footer, with a
//! paragraph that names the project and, in another language, the licence, or in which at least three lines
//! and half of all lines name the project. It ends with the paragraph that contains one of [`ENDINGS`]. A
//! licence without one ends with the last paragraph that has one of [`WORDS`], if few others stand between. A
//! marker ends it, too.

use std::ops::Range;

use super::{
    markers,
    phrases::{begins_with, contains_any},
};
use crate::text::lines::Lines;

/// The maximum length in bytes of a licence with the header that follows it. Those seen have at most 21 KB.
pub(crate) const LICENCE_BYTES_MAX: usize = 48 * 1024;
/// The maximum number of consecutive paragraphs without a word of a licence, in a licence without a
/// recognised end.
const OTHER_PARAGRAPHS_MAX: usize = 8;

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

/// Words in the paragraphs of a licence, separated by commas.
const WORDS: &str = "gutenberg,pglaf,foundation,electronic work,etext,e-text,ebook,small print,licen,lizenz,warrant,\
    donat,indemni,trademark,copyright,public domain,royalt,newsletter";

/// The word for a licence in other languages in which Project Gutenberg has a licence.
const FOREIGN_NAMES: [&str; 9] =
    ["licentie", "lizenz", "licencia", "licença", "licenza", "licence", "lisens", "lisenssi", "лиценз"];

/// Returns whether a line opens a licence, wherever it stands.
pub(crate) fn opens(line: &str) -> bool {
    let line = line.trim_start_matches(['*', ' ', '\t', '[', '<', '=', '-']);
    begins_with(line, OPENINGS) || markers::is_licence(line)
}

/// Returns whether a licence opens at `line`, the first line that is not blank after an END marker or footer.
pub(crate) fn follows(lines: &Lines<'_>, line: usize) -> bool {
    if line >= lines.count() {
        return false;
    }
    let first = lines.get(line);
    if opens(first)
        || markers::begins_small_print(first)
        || begins_with(first.trim_start(), &["licence", "license"])
    {
        return true;
    }
    let paragraph = line..lines.paragraph_end(line);
    let naming = lines.of_range(paragraph.clone()).filter(|line| markers::mentions_gutenberg(line)).count();
    let is_foreign = |line: &str| {
        let line = line.to_lowercase();
        FOREIGN_NAMES.iter().any(|name| line.contains(name))
    };
    // One line of an appendix may name the project. A licence names it over and over, or calls itself one.
    (naming >= 3 && naming * 2 >= paragraph.len())
        || (naming > 0 && lines.of_range(paragraph).any(is_foreign))
}

/// Returns the end of the licence that opens at `opening`, as the line after its last.
pub(crate) fn end(lines: &Lines<'_>, opening: usize) -> usize {
    let is_next_marker = |line: &usize| *line > opening && markers::is_marker(lines.get(*line));
    let limit = lines.with(markers::STAR).into_iter().find(is_next_marker).unwrap_or(lines.count());
    let last = ENDINGS.iter().filter_map(|ending| lines.find(ending, opening..limit)).min();
    match last {
        Some(line) => after_postscripts(lines, lines.paragraph_end(line).min(limit), limit),
        None => recognised_end(lines, opening, limit),
    }
}

/// Returns the end of the paragraphs that belong to a licence after its ending, which ends before the line
/// `end`.
fn after_postscripts(lines: &Lines<'_>, end: usize, limit: usize) -> usize {
    let belongs = |paragraph: &Range<usize>| {
        let has = |phrase: &&str| lines.find(phrase, paragraph.clone()).is_some();
        ENDINGS.iter().chain(POSTSCRIPTS).any(has) || opens(lines.get(paragraph.start))
    };
    last_belonging(lines, end..limit, POSTSCRIPT_PARAGRAPHS_MAX, belongs).unwrap_or(end)
}

/// Returns the end of the paragraphs that have words of a licence.
fn recognised_end(lines: &Lines<'_>, opening: usize, limit: usize) -> usize {
    let belongs = |paragraph: &Range<usize>| {
        lines.of_range(paragraph.clone()).any(|line| contains_any(line, WORDS.split(',')))
    };
    last_belonging(lines, opening..limit, OTHER_PARAGRAPHS_MAX + 1, belongs).unwrap_or(opening + 1)
}

/// Returns the end of the last paragraph that belongs to the licence, before `others_max` paragraphs in a row
/// that do not.
fn last_belonging(
    lines: &Lines<'_>,
    within: Range<usize>,
    others_max: usize,
    belongs: impl Fn(&Range<usize>) -> bool,
) -> Option<usize> {
    let (mut last, mut others) = (None, 0);
    for paragraph in lines.paragraphs(within.start, within.end) {
        let paragraph = paragraph.start..paragraph.end.min(within.end);
        if belongs(&paragraph) {
            (last, others) = (Some(paragraph.end), 0);
        } else {
            others += 1;
            // Text after a licence mentions its words by chance, too: the search must end.
            if others == others_max {
                break;
            }
        }
    }
    last
}
