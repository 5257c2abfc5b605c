//! Decides whether lines have the form of a header of Project Gutenberg.
//!
//! A header begins with a paragraph of that form, and nearly all of its paragraphs have it: fields
//! (`Title: …`), lines that name the e-text as one of Project Gutenberg, its conditions of use, credits and
//! notes. A book that quotes a marker has prose before it, and keeps that prose.

use std::ops::Range;

use super::{
    credit,
    markers::{self, mentions_gutenberg},
    note,
    phrases::{begins_with, contains_any},
};
use crate::text::lines::Lines;

/// The maximum length in bytes of a header before a START marker. In 3,385 real texts the marker stands at
/// most 2,303 bytes in.
pub(crate) const HEADER_BYTES_MAX: usize = 8 * 1024;
/// The maximum number of bytes of a header in paragraphs of another form. A subtitle and a remark fit in, a
/// page of prose does not.
const OTHER_BYTES_MAX: usize = 1000;

/// The maximum number of lines of a title before a header.
const TITLE_LINES_MAX: usize = 4;

/// The names of the fields of a header, in lower case, separated by commas.
const FIELDS: &str = "title,author,authors,editor,translator,illustrator,release date,posting date,last updated,reposted,\
    last update,most recently updated,language,character set encoding,character set,credits,edition,subtitle,contributor,\
    commentator,annotator,compiler,composer,original publication,other,dedicatee,ebook number,produced by,first posted,\
    date first posted,date last updated,alternate title,series,volume,photographer,adapter,transcriber,artist,titel,auteur,\
    autor,título,titre,taal,sprache,langue,idioma";

/// The conditions of use that some headers begin with, in lower case.
const CONDITIONS: &[&str] = &["this ebook is for the use of anyone", "this etext is for the use of anyone"];

/// The beginnings of other lines of a header, in lower case.
const BEGINNINGS: &[&str] = &[
    "project gutenberg's ",
    "project gutenberg’s ",
    "the project gutenberg ebook",
    "the project gutenberg e-book",
    "the project gutenberg etext",
    "the project gutenberg e-text",
    "the project gutenberg edition of",
    "project gutenberg ebook",
    "project gutenberg etext",
    "this is a copyrighted project gutenberg",
    "copyright laws are changing all over the world",
    "this header should be the first thing seen",
    "please do not remove",
    "please take a look at the important information in this header",
    "welcome to the world of free plain vanilla",
    "ebooks readable by both humans",
    "etexts readable by both humans",
    "these ebooks were prepared by thousands",
    "these etexts prepared by hundreds",
    "this file was first posted",
    "yes, we are more than one year ahead",
    "the actual date this file first posted",
    "date last updated",
    "most recently updated",
    "last updated",
    "warning:root:",
    "dit eboek is voor",
    "dieses ebook ist für",
];

/// Returns whether the lines before the first START marker of a text are its header.
pub(crate) fn is_header(lines: &Lines<'_>, before: Range<usize>) -> bool {
    if lines.bytes(before.clone()).len() > HEADER_BYTES_MAX {
        return false;
    }
    let mut paragraphs = paragraphs(lines, before).peekable();
    // Nothing but blank lines stands before the marker: they go with it.
    let Some(first) = paragraphs.next() else { return true };
    let names_project = |paragraph: &Range<usize>| names_project(lines, paragraph);
    let has_conditions =
        |second: &Range<usize>| begins_with(lines.get(second.start).trim_start(), CONDITIONS);
    let begins = names_project(&first)
        || is_of_header(lines, &first)
        || (is_title(lines, &first) && paragraphs.peek().is_some_and(has_conditions));
    let other_bytes: usize = paragraphs
        .filter(|paragraph| !is_of_header(lines, paragraph) && !names_project(paragraph))
        .map(|paragraph| lines.bytes(paragraph).len())
        .sum();
    begins && other_bytes <= OTHER_BYTES_MAX
}

/// Returns whether a paragraph may be a title alone. Headers of about 2010 begin with one.
fn is_title(lines: &Lines<'_>, paragraph: &Range<usize>) -> bool {
    paragraph.len() <= TITLE_LINES_MAX
        && !lines.get(paragraph.end - 1).trim_end().ends_with(['.', '!', '?', '"'])
}

/// Returns whether these lines are blank, or nothing but a header that names Project Gutenberg.
pub(crate) fn is_only_header(lines: &Lines<'_>, range: Range<usize>) -> bool {
    let is_blank = range.clone().all(|line| lines.is_blank(line));
    is_blank
        || (lines.bytes(range.clone()).len() <= HEADER_BYTES_MAX
            && names_project(lines, &range)
            && paragraphs(lines, range).all(|paragraph| is_of_header(lines, &paragraph)))
}

/// Returns whether this line names an e-text as one of Project Gutenberg, so that a header may begin with it.
pub(crate) fn names_etext(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '*']);
    mentions_gutenberg(line) && has_beginning(line)
}

fn has_beginning(line: &str) -> bool {
    begins_with(line, CONDITIONS) || begins_with(line, BEGINNINGS)
}

/// Returns whether these lines are the header of an e-text from before about 2003. The first line names the
/// e-text, and small print follows the last. The lines must have the number of the e-text, or the form of any
/// header.
pub(crate) fn is_old_header(lines: &Lines<'_>, range: Range<usize>) -> bool {
    let has_number = |line: &str| contains_any(line, ["[etext #", "[ebook #"]);
    lines.bytes(range.clone()).len() <= HEADER_BYTES_MAX
        && (lines.of_range(range.clone()).any(has_number) || is_header(lines, range))
}

/// Returns whether a header or a START marker begins at `line`, the first line of a paragraph.
pub(crate) fn begins(lines: &Lines<'_>, line: usize) -> bool {
    line < lines.count()
        && (markers::is_start(lines.get(line)) || is_of_header(lines, &(line..lines.paragraph_end(line))))
}

/// Returns the end of a header at the beginning of `within` that no marker ends. It must have a field (two
/// after a sentence) and name Project Gutenberg.
pub(crate) fn unmarked_end(lines: &Lines<'_>, within: Range<usize>) -> Option<usize> {
    let paragraphs: Vec<_> =
        paragraphs(lines, within).take_while(|paragraph| is_of_header(lines, paragraph)).collect();
    let range = paragraphs.first()?.start..paragraphs.last()?.end;
    let fields = lines.of_range(range.clone()).filter(|line| is_field(line)).count();
    // A text may begin with a sentence about the project, with a line after it that looks like a field.
    let is_sentence = lines.get(paragraphs.first()?.end - 1).trim_end().ends_with(['.', '!', '?']);
    let is_header = fields > usize::from(is_sentence)
        && names_project(lines, &range)
        && lines.bytes(range.clone()).len() <= HEADER_BYTES_MAX;
    is_header.then_some(range.end)
}

/// Returns the first line, at `from` or later, of the header that ends before `end`, or `end` if there is
/// none.
pub(crate) fn start_before(lines: &Lines<'_>, from: usize, end: usize) -> usize {
    let mut start = end;
    loop {
        let last = lines.skip_blank_back(start);
        if last <= from {
            return from;
        }
        let first = (from..last).rev().find(|line| lines.is_blank(*line)).map_or(from, |line| line + 1);
        if lines.bytes(first..end).len() > HEADER_BYTES_MAX || !is_of_header(lines, &(first..last)) {
            return start;
        }
        start = first;
    }
}

/// Returns an iterator over the paragraphs in these lines. The last one is cut off at the end of the lines.
fn paragraphs(lines: &Lines<'_>, within: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let paragraphs = lines.paragraphs(within.start, within.end);
    paragraphs.map(move |paragraph| paragraph.start..paragraph.end.min(within.end))
}

fn names_project(lines: &Lines<'_>, paragraph: &Range<usize>) -> bool {
    lines.of_range(paragraph.clone()).any(mentions_gutenberg)
}

/// Returns whether a paragraph has the form of one in a header.
fn is_of_header(lines: &Lines<'_>, paragraph: &Range<usize>) -> bool {
    let first = lines.get(paragraph.start);
    let all = || lines.of_range(paragraph.clone());
    is_field(first)
        || has_beginning(first.trim_start_matches([' ', '\t', '*', '[', '#']))
        || (paragraph.len() <= 4 && all().any(has_number))
        || all().all(markers::is_stars)
        || credit::is_credit(all())
        || note::at(lines, paragraph.start, paragraph.end).is_some()
}

fn is_field(line: &str) -> bool {
    let field = line.trim_start_matches([' ', '\t', '[']).split_once(':');
    field.is_some_and(|(name, _)| FIELDS.split(',').any(|field| field.eq_ignore_ascii_case(name)))
}

/// Returns whether a line is like `#12 in our series by X` or `May, 1999  [Etext #1234]`.
fn has_number(line: &str) -> bool {
    contains_any(line, ["in our series", "[etext #", "[ebook #", "[e-book #", "[e-text #"])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDITIONS: &str = "This eBook is for the use of anyone anywhere at no cost.\n\n";

    fn header(text: &str) -> bool {
        let lines = Lines::of(text);
        is_header(&lines, 0..lines.count())
    }

    #[test]
    fn a_header_begins_like_one_and_has_little_else() {
        assert!(header(&format!(
            "The Project Gutenberg EBook of X\n\n{CONDITIONS}Title: X\n\n(unabridged)\n\n"
        )));
        assert!(header(&format!("A Long\nTitle\n\n{CONDITIONS}Title: X\n")), "the title may stand first");
        assert!(header("\n\n"));
        let prose = "The old house stood at the end of the lane.\n\n";
        assert!(!header(&format!("{prose}Title: X\n\nProject Gutenberg began thus.\n")));
        assert!(!header(&format!("{prose}{CONDITIONS}")));
        assert!(!header(&format!("Title: X\n\n{}", prose.repeat(30))));
        assert!(!header(&format!("Title: X\n\n{}", "Author: Y\n\n".repeat(1000))), "it is too long");
    }

    #[test]
    fn a_header_without_a_marker_has_a_field_and_names_the_project() {
        let end = |text: &str| {
            let lines = Lines::of(text);
            unmarked_end(&lines, 0..lines.count())
        };
        assert_eq!(end("The Project Gutenberg EBook of X\n\nTitle: X\n\nOnce\n"), Some(3));
        for text in [
            "Title: X\n\nAuthor: Y\n\nOnce\n",
            "The Project Gutenberg EBook of X\n\nOnce\n",
            "Project Gutenberg's books are fine things.\n\nTitle: what is in it?\n",
            "Once\n\nTitle: X\n",
            "",
        ] {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
