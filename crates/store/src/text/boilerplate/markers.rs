//! The grammar of Project Gutenberg's boilerplate: which lines are markers.
//!
//! Every rule looks at one line, ignores its indentation and the case of ASCII letters, and is anchored at the
//! beginning, so that prose which mentions a marker is none. The forms were counted over 3,385 real texts, nearly all
//! in English; the rarer ones and those in other languages are what the published strippers of Project Gutenberg's texts
//! and the templates of its producers name:
//!
//! | line | forms |
//! |---|---|
//! | START, END | three or more stars (in a tag, after `_` or bare), a space or none, `START OF` and nothing, `THE`, `THIS` or `THE COPYRIGHTED`, `PROJECT GUTENBERG EBOOK` (`ETEXT`; on the next line in wrapped ones), a title; closed by `***` on the same line, on a following one, or not at all; `START VAN DIT PROJECT GUTENBERG EBOEK` |
//! | small print begins | `***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***`, the same with `EBOOKS`, `***** SMALL PRINT! for COMPLETE SHAKESPEARE *****` |
//! | small print ends | `*END*THE SMALL PRINT! FOR …*Ver.04.29.93*END*`, `*END THE SMALL PRINT! FOR …*`, `["Small Print" V.12.08.93]` |
//! | note on small print | `The "legal small print" and other information about this book`, in headers of about 2002 |
//! | footer | `End of` and nothing, `the` or `this`, then `Project Gutenberg`; `End Project Gutenberg`; `End of this Etext of`; the rest of [`FOOTERS`] |

/// Stands in the lines of START and END markers and in those of the licence and of small print that begins.
pub(crate) const STAR: u8 = b'*';

/// How the line begins that stands between old small print and text.
const TITLE_LINES: &[&str] = &[
    "project gutenberg's etext of ",
    "the project gutenberg's etext of ",
    "the project gutenberg etext of ",
    "project gutenberg etext of ",
    "project gutenberg etext: ",
];

/// How an "End of Project Gutenberg's …" line begins. All name Project Gutenberg or one of its e-texts.
const FOOTERS: &[&str] = &[
    "end of project gutenberg",
    "end of the project gutenberg",
    "end of this project gutenberg",
    "end of this is copyrighted project gutenberg",
    "end of the project gutenburg etext",
    "end project gutenberg",
    "end of this etext of ",
    "the end of project gutenberg etext of ",
    "the end of the project gutenberg e-text of ",
    "here ends the project gutenberg",
    "this is a copyrighted project gutenberg etext, details above",
    "more information about this book is at the top of this file",
    "ende dieses project gutenber",
    "ende dieses projekt gutenber",
    "ende diese project gutenberg",
    "ende dieses etextes ",
    "fin de project gutenberg",
    "fin de la versión de project gutenberg",
    "einde van het project gutenberg ",
];

/// What stands between "START OF" and "EBOOK".
const OF_GUTENBERG: &[&str] = &[
    "the project gutenberg ",
    "this project gutenberg ",
    "project gutenberg ",
    "the copyrighted project gutenberg ",
    "dit project gutenberg ",
];

/// The names of Project Gutenberg, in the languages in which its headers and licences are written.
const GUTENBERG: &[&str] = &["project gutenberg", "projekt gutenberg", "projet gutenberg"];

/// The tags that may stand around a marker.
const TAGS: [(&str, &str); 5] =
    [("_", "_"), ("<i>", "</i>"), ("<b>", "</b>"), ("<em>", "</em>"), ("<p>", "</p>")];
/// The number of words of a line that are compared with the forms of a marker.
const FORM_WORDS_MAX: usize = 8;

/// `*** START OF THIS PROJECT GUTENBERG EBOOK …`
pub(crate) fn is_start(line: &str) -> bool {
    is_of_form(line, &["start of ", "start van "])
}

/// `*** END OF THIS PROJECT GUTENBERG EBOOK …`
pub(crate) fn is_end(line: &str) -> bool {
    is_of_form(line, &["end of ", "einde van "])
}

/// Returns whether a line is a START or END marker.
pub(crate) fn is_marker(line: &str) -> bool {
    is_start(line) || is_end(line)
}

/// Returns the title in the lines of a marker, as its letters and digits in lower case, without an "of"
/// before it.
pub(crate) fn title<'a>(marker: impl Iterator<Item = &'a str>) -> String {
    let text: String = marker.flat_map(|line| [line, " "]).collect();
    let at = ["ebook", "etext", "e-book", "e-text", "eboek"].iter().filter_map(|noun| {
        let at = text.to_ascii_lowercase().find(noun)?;
        Some(at + noun.len())
    });
    let title = text[at.min().unwrap_or(0)..].trim_start();
    let title = after(title, &["of "]).unwrap_or(title);
    title.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a marker ends on this line.
pub(crate) fn is_closed(line: &str) -> bool {
    let line = line.trim_end();
    let line = TAGS.iter().find_map(|(_, closing)| line.strip_suffix(closing)).unwrap_or(line);
    line.ends_with("***")
}

/// `*** START: FULL LICENSE ***`
pub(crate) fn is_licence(line: &str) -> bool {
    starred(line).is_some_and(|rest| after(rest, &["start: full licen"]).is_some())
}

/// The first line of small print.
pub(crate) fn begins_small_print(line: &str) -> bool {
    let Some(rest) = starred(line) else { return false };
    let rest = after(rest, &["start*"]).map_or(rest, unstarred);
    let rest = after(rest, &["the "]).unwrap_or(rest);
    after(rest, &["small print!"]).is_some_and(|rest| after(unstarred(rest), &["for "]).is_some())
}

/// The last line of small print.
pub(crate) fn ends_small_print(line: &str) -> bool {
    let line = line.trim_start();
    after(line, &["*end*the small print!", "*end the small print!", "[\"small print\" v."]).is_some()
}

/// A line in small print that names it.
pub(crate) fn mentions_small_print(line: &str) -> bool {
    contains(line, "small print!") || contains(line, "[\"small print\"")
}

/// A line that speaks of Project Gutenberg.
pub(crate) fn mentions_gutenberg(line: &str) -> bool {
    GUTENBERG.iter().any(|name| contains(line, name))
}

/// The first line of the note in a header that small print stands at the end.
pub(crate) fn begins_small_print_note(line: &str) -> bool {
    after(line.trim_start(), &["the \"legal small print\" and other information about this book"]).is_some()
}

/// The last line of that note.
pub(crate) fn ends_small_print_note(line: &str) -> bool {
    contains(line, "restrictions in how the file may be used.")
}

/// A line of nothing but three or more stars.
pub(crate) fn is_stars(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && line.bytes().all(|byte| byte == b'*')
}

/// The first line of "End of Project Gutenberg's …". A sentence of prose does not begin a line in upper case there.
pub(crate) fn is_footer(line: &str) -> bool {
    let line = unstarred(untagged(line).trim_start_matches(['[', '(']));
    line.starts_with(|first: char| first.is_ascii_uppercase()) && after(line, FOOTERS).is_some()
}

/// "End of" and "Project Gutenberg's …", on two lines.
pub(crate) fn is_wrapped_footer(first: &str, second: &str) -> bool {
    let (first, second) = (first.trim(), second.trim_start());
    (first == "End of" && after(second, &["project gutenberg's ", "project gutenberg’s "]).is_some())
        || (first == "End of Project" && after(second, &["gutenberg's ", "gutenberg’s "]).is_some())
}

/// The line between old small print and text that names the e-text.
pub(crate) fn is_title_line(line: &str) -> bool {
    after(unstarred(line.trim_start()), TITLE_LINES).is_some()
}

fn is_of_form(line: &str, verbs: &[&str]) -> bool {
    let Some(rest) = starred(line) else { return false };
    let words = rest.split_whitespace().take(FORM_WORDS_MAX).collect::<Vec<_>>().join(" ") + " ";
    let rest = after(&words, verbs).and_then(|rest| after(rest, OF_GUTENBERG));
    rest.is_some_and(|rest| {
        rest.is_empty() || after(rest, &["ebook", "etext", "e-book", "e-text", "eboek"]).is_some()
    })
}

/// Returns the text after three or more stars and spaces, which may follow a tag or `_`.
fn starred(line: &str) -> Option<&str> {
    untagged(line).strip_prefix("***").map(unstarred)
}

/// Returns a line without its indentation and the tag after it.
fn untagged(line: &str) -> &str {
    let line = line.trim_start();
    TAGS.iter().find_map(|(opening, _)| line.strip_prefix(opening)).unwrap_or(line)
}

fn unstarred(text: &str) -> &str {
    text.trim_start_matches(['*', ' ', '\u{a0}'])
}

/// What follows one of the beginnings, which are in lower case.
pub(super) fn after<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let found = text.as_bytes().get(..beginning.len())?;
        found.eq_ignore_ascii_case(beginning.as_bytes()).then(|| &text[beginning.len()..])
    })
}

pub(super) fn contains(line: &str, phrase: &str) -> bool {
    line.as_bytes().windows(phrase.len()).any(|part| part.eq_ignore_ascii_case(phrase.as_bytes()))
}

#[cfg(test)]
mod tests;
