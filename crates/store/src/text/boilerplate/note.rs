//! Finds the notes that Project Gutenberg puts between the header of an e-text and the text itself.
//!
//! | rule | note |
//! |---|---|
//! | [`Rule::OtherVersionNote`] | `Note: Project Gutenberg also has an HTML version of this file …` |
//! | | `Note: Images of the original pages are available through …`, both with addresses |
//! | [`Rule::DirectorsNotes`] | `Executive Director's Notes:` and the known paragraphs that follow |
//! | [`Rule::EarlyFileNotice`] | `THIS EBOOK WAS ONE OF PROJECT GUTENBERG'S EARLY FILES …` |
//! | [`Rule::HeaderLicence`] | `[Portions of this header are copyright (C) …]` |
//! | | `[Project Gutenberg is a TradeMark …]` |
//!
//! Each is recognised by its beginning and by words that it must contain. So a book that begins with the same
//! words keeps them.

use std::ops::Range;

use corpus::boilerplate::Rule;

use super::{
    markers,
    phrases::{after, begins_with, contains_any, join_words},
};
use crate::text::lines::Lines;

/// The maximum number of lines of a paragraph in a note.
const PARAGRAPH_LINES_MAX: usize = 24;
/// The maximum number of lines of the director's notes. Those seen have 57.
const DIRECTORS_LINES_MAX: usize = 100;
/// The maximum number of lines of addresses after a note, including the blank lines among them.
const ADDRESS_LINES_MAX: usize = 16;

/// The parts of addresses of other versions.
const ADDRESS_PARTS: &[&str] = &["http://", "https://", "www.", "-h."];

/// Words in the paragraphs of the director's notes, separated by commas.
const DIRECTORS_WORDS: &str = "project gutenberg,errors,etext,printers,cliche,who's there,vnfold,liue,first lines,\
    first few lines";

/// Returns the rule of the note that begins at `first`, and the line after its last.
pub(crate) fn at(lines: &Lines<'_>, first: usize, limit: usize) -> Option<(Rule, usize)> {
    let end = lines.paragraph_end(first).min(limit);
    if end - first > PARAGRAPH_LINES_MAX {
        return None;
    }
    let line = lines.get(first).trim_start_matches([' ', '\t', '[', '*', '|', '_']);
    let text = join_words(lines.of_range(first..end));
    if is_other_version(line, &text) {
        return Some((Rule::OtherVersionNote, after_addresses(lines, end, limit)));
    }
    if is_directors_heading(line) {
        let end = after_directors(lines, first, limit);
        return (end > first + 1).then_some((Rule::DirectorsNotes, end));
    }
    if is_early_file(&text) {
        return Some((Rule::EarlyFileNotice, after_early_file(lines, end, limit)));
    }
    is_header_licence(line, &text).then_some((Rule::HeaderLicence, end))
}

/// Returns whether a line is `Executive Director's Notes:` alone. A sentence may begin with the same words.
fn is_directors_heading(line: &str) -> bool {
    let names = [
        "executive director's notes",
        "executive director’s notes",
        "executive director's note",
        "executive director’s note",
    ];
    after(line, &names).is_some_and(|rest| !rest.chars().any(char::is_alphanumeric))
}

fn is_other_version(first: &str, text: &str) -> bool {
    let first = after(first, &["note: ", "note:", "notes: "]).unwrap_or(first).trim_start();
    let begins = |beginnings: &[&str]| begins_with(first, beginnings);
    let has = |phrases: &[&str]| contains_any(text, phrases);
    let project = begins(&["project gutenberg also has ", "project gutenberg has "]);
    let html = begins(&["an html version of this ", "the html version of this ", "html version of this "]);
    let improved = begins(&["there is an improved edition of this ", "there is an improved illustrated "]);
    let images =
        begins(&["images of the original pages are available ", "the original page images are available "]);
    (project && has(&["version of this", "version of the", "versions of this"]))
        || (project && has(&["volume"]) && has(&["gutenberg.org"]))
        || (html && has(ADDRESS_PARTS))
        || (improved && has(&["ebook #", "ebook (#", "etext #", "etext (#", "gutenberg.org"]))
        || (images && (has(&["internet archive"]) || has(ADDRESS_PARTS)))
}

fn is_early_file(text: &str) -> bool {
    let text = text.trim_start_matches(['*', '[', ' ', '|']);
    let file = ["this ebook ", "this etext ", "this e-book ", "this e-text ", "this file ", "this "];
    let of_project = ["was one of project gutenberg", "is one of project gutenberg"];
    let rest = after(text, &file).and_then(|rest| after(rest, &of_project));
    rest.is_some_and(|rest| contains_any(rest, ["early files"]))
}

fn is_header_licence(first: &str, text: &str) -> bool {
    let portions = [
        "portions of this header",
        "portions of this ebook's header",
        "portions of this etext's header",
        "portions of this ebook’s header",
        "portions of this e-text's header",
        "portions of this file's header",
    ];
    let has = |phrase| contains_any(text, [phrase]);
    (begins_with(first, &portions) && (has("copyright") || has("reprinted")))
        || (begins_with(first, &["project gutenberg is a trademark"]) && has("may not be used"))
        || (begins_with(first, &["this header "]) && has("copyright") && has("reprinted"))
}

/// Returns the end of the paragraphs of addresses, and of "or" between them, that follow the line `end`.
fn after_addresses(lines: &Lines<'_>, end: usize, limit: usize) -> usize {
    let limit = limit.min(end + ADDRESS_LINES_MAX);
    lines.end_of_paragraphs(end, limit, |paragraph| lines.of_range(paragraph).all(is_address))
}

fn is_address(line: &str) -> bool {
    let line = line.trim().trim_matches(['(', ')', '<', '>', '|', ' ', '.', ';', ',']);
    let one_word = !line.contains(' ');
    line.eq_ignore_ascii_case("or")
        || (one_word && begins_with(line, &["http://", "https://", "www.", "ftp://"]))
        || (begins_with(line, &["see "]) && (line.contains("http") || line.contains("-h.")))
}

/// Returns the end of the director's notes: after the signature; without one, after the last paragraph in a
/// row with one of their words.
fn after_directors(lines: &Lines<'_>, first: usize, limit: usize) -> usize {
    let limit = limit.min(first + DIRECTORS_LINES_MAX);
    let signed = (first + 1..limit).find(|line| lines.get(*line).trim() == "Executive Director");
    let end = signed.map_or(lines.paragraph_end(first), |line| line + 1).min(limit);
    lines.end_of_paragraphs(end, limit, |paragraph| {
        let is_rule = paragraph.len() == 1 && markers::is_stars(lines.get(paragraph.start));
        let is_known = |line: &str| contains_any(line, DIRECTORS_WORDS.split(','));
        is_rule || (signed.is_none() && lines.of_range(paragraph).any(is_known))
    })
}

/// Returns the end of the paragraphs that say where the improved edition is, or that are addresses.
fn after_early_file(lines: &Lines<'_>, end: usize, limit: usize) -> usize {
    let names_edition = |paragraph: Range<usize>| {
        let text = join_words(lines.of_range(paragraph));
        contains_any(&text, ["improved edition", "ebook (#", "etext (#"])
            || contains_any(&text, ["ebook #"]) && markers::mentions_gutenberg(&text)
    };
    lines.end_of_paragraphs(end, limit, |paragraph| {
        paragraph.len() <= PARAGRAPH_LINES_MAX
            && (names_edition(paragraph.clone()) || lines.of_range(paragraph).all(is_address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rule of the note that `text` begins with, and the text after the note.
    fn after_note(text: &str) -> Option<(Rule, String)> {
        let lines = Lines::of(text);
        let (rule, end) = at(&lines, 0, lines.count())?;
        Some((rule, text[lines.bytes(0..end).end..].to_owned()))
    }

    fn all(rule: Rule, notes: &[&str]) {
        for note in notes {
            let found = after_note(&format!("{note}\n\nOnce\n"));
            assert_eq!(found, Some((rule, "\nOnce\n".to_owned())), "{note}");
        }
    }

    #[test]
    fn notes_on_other_versions_go_with_their_addresses() {
        all(
            Rule::OtherVersionNote,
            &[
                "Note: Project Gutenberg also has an HTML version of this\n      file which includes the original illustrations.\n      \
                 See 1-h.htm or 1-h.zip:\n      (http://www.gutenberg.org/1-h.htm)\n      or\n      (http://www.gutenberg.org/1.zip)",
                "Note: Project Gutenberg also has an HTML version of this file.\n\nSee 1-h.htm or 1-h.zip:\n\
                 (http://www.gutenberg.org/1-h.htm)\n\nor\n\n(http://www.gutenberg.org/1.zip)",
                "Note: Images of the original pages are available through\n      Internet Archive. See\n      https://example.org/x",
                "Note: An HTML version of this file is available at\nhttps://www.gutenberg.org/files/1/1-h.htm",
                "Note: There is an improved illustrated edition of this title\nwhich may be viewed as eBook #98",
            ],
        );
    }

    #[test]
    fn the_directors_notes_go_with_the_signature_or_as_far_as_they_are_known() {
        all(
            Rule::DirectorsNotes,
            &[
                "Executive Director's Notes:\n\nIn addition to the notes below, errors\n\nAs I said. . .\n\nMichael S. Hart\n\
                 Project Gutenberg\nExecutive Director\n\n***",
                "EXECUTIVE DIRECTOR'S NOTE\n\nThe spelling errors were made by the printers.",
                "Executive Director's Notes:\n\nhere are the first lines, as in the Project Gutenberg Etext of it.",
            ],
        );
    }

    #[test]
    fn notices_of_early_files_and_conditions_in_brackets_go() {
        all(
            Rule::EarlyFileNotice,
            &[
                "THIS EBOOK WAS ONE OF PROJECT GUTENBERG'S EARLY FILES PRODUCED AT A\nTIME WHEN TOOLS WERE NOT WELL DEVELOPED.",
                "[This e-text is one of Project Gutenberg's early files.]",
                "This eBook was one of Project Gutenberg's early files.\n\nThere is an improved edition: eBook (#9)",
            ],
        );
        all(
            Rule::HeaderLicence,
            &[
                "[Portions of this header are copyright (C) 2001 by X\nand may be reprinted only when free of all fees.]",
                "[Portions of this eBook's header and trailer may be reprinted only\nwhen distributed free of all fees.]",
                "[Project Gutenberg is a TradeMark and may not be used in any sales]",
            ],
        );
    }

    #[test]
    fn prose_that_resembles_a_note_is_none() {
        for text in [
            "Note: this story is true.\n",
            "Note: Project Gutenberg began in 1971.\n",
            "The Executive Director's Notes were lost.\n",
            "Executive Director's notes lay on the table, and nobody read them.\n\nThe printers made errors.\n",
            "Executive Director's Notes:\n\nThe board met on Monday.\n",
            "Project Gutenberg also has its critics, and this version of events is theirs.\n",
            "Images of the original pages are available in my mind.\n",
            "An HTML version of this story is what they want.\n",
            "There is an improved edition of this title, he said.\n",
            "This ebook was one of many.\n",
            "Portions of this header were lost.\n",
            "Project Gutenberg is a trademark, he said.\n",
        ] {
            assert_eq!(after_note(text), None, "{text}");
        }
    }
}
