//! The grammar of Project Gutenberg's boilerplate: the lines that are markers.
//!
//! Every rule looks at one line and ignores its indentation and the case of ASCII letters. It is anchored at
//! the beginning of the line, so that prose which mentions a marker does not match. The forms were counted
//! over 3,385 real texts, nearly all in English. The rarer ones and those in other languages are those that
//! the published strippers of Project Gutenberg's texts and the templates of its producers name:
//!
//! | line | forms |
//! |---|---|
//! | START, END | three or more stars (in a tag, after `_` or bare), then a space or none |
//! | | `START OF`, then nothing, `THE`, `THIS` or `THE COPYRIGHTED`; `START VAN DIT` |
//! | | `PROJECT GUTENBERG EBOOK` (`ETEXT`, `EBOEK`; on the next line in wrapped ones), then a title |
//! | | `***` on the same line, on a following one, or not at all |
//! | small print begins | `***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***` (`EBOOKS`) |
//! | | `***** SMALL PRINT! for COMPLETE SHAKESPEARE *****` |
//! | small print ends | `*END*THE SMALL PRINT! FOR …*Ver.04.29.93*END*`, `*END THE SMALL PRINT! FOR …*` |
//! | | `["Small Print" V.12.08.93]` |
//! | note on small print | `The "legal small print" and other information about this book`, about 2002 |
//! | footer | `End of` and nothing, `the` or `this`, then `Project Gutenberg`; the rest of [`FOOTERS`] |

use super::phrases::{after, begins_with, contains_any};

/// The byte that stands in START and END markers, in the lines of the licence, and in those that begin small
/// print.
pub(crate) const STAR: u8 = b'*';

/// The beginnings of the line between old small print and text, in lower case.
const TITLE_LINES: &[&str] = &[
    "project gutenberg's etext of ",
    "the project gutenberg's etext of ",
    "the project gutenberg etext of ",
    "project gutenberg etext of ",
    "project gutenberg etext: ",
];

/// The beginnings of an "End of Project Gutenberg's …" line, in lower case. All name Project Gutenberg or one
/// of its e-texts.
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

/// The words between "START OF" and "EBOOK", in lower case.
const OF_GUTENBERG: &[&str] = &[
    "the project gutenberg ",
    "this project gutenberg ",
    "project gutenberg ",
    "the copyrighted project gutenberg ",
    "dit project gutenberg ",
];

/// The names of Project Gutenberg, in the languages in which its headers and licences are written.
const GUTENBERG: &[&str] = &["project gutenberg", "projekt gutenberg", "projet gutenberg"];

/// The things that Project Gutenberg publishes, in lower case.
const ETEXTS: &[&str] = &["ebook", "etext", "e-book", "e-text", "eboek"];

/// The tags that may stand around a marker.
const TAGS: [(&str, &str); 5] =
    [("_", "_"), ("<i>", "</i>"), ("<b>", "</b>"), ("<em>", "</em>"), ("<p>", "</p>")];
/// The number of words of a line that are compared with the forms of a marker.
const FORM_WORDS_MAX: usize = 8;

/// Returns whether a line is like `*** START OF THIS PROJECT GUTENBERG EBOOK …`.
pub(crate) fn is_start(line: &str) -> bool {
    is_of_form(line, &["start of ", "start van "])
}

/// Returns whether a line is like `*** END OF THIS PROJECT GUTENBERG EBOOK …`.
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
    let lowered = text.to_ascii_lowercase();
    let at = ETEXTS.iter().filter_map(|noun| Some(lowered.find(noun)? + noun.len()));
    let title = text[at.min().unwrap_or(0)..].trim_start();
    let title = after(title, &["of "]).unwrap_or(title);
    title.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns whether a marker ends on this line.
pub(crate) fn is_closed(line: &str) -> bool {
    let line = line.trim_end();
    let line = TAGS.iter().find_map(|(_, closing)| line.strip_suffix(closing)).unwrap_or(line);
    line.ends_with("***")
}

/// Returns whether a line is like `*** START: FULL LICENSE ***`.
pub(crate) fn is_licence(line: &str) -> bool {
    starred(line).is_some_and(|rest| begins_with(rest, &["start: full licen"]))
}

/// Returns whether this is the first line of small print.
pub(crate) fn begins_small_print(line: &str) -> bool {
    let Some(rest) = starred(line) else { return false };
    let rest = after(rest, &["start*"]).map_or(rest, unstarred);
    let rest = after(rest, &["the "]).unwrap_or(rest);
    after(rest, &["small print!"]).is_some_and(|rest| begins_with(unstarred(rest), &["for "]))
}

/// Returns whether this is the last line of small print.
pub(crate) fn ends_small_print(line: &str) -> bool {
    let beginnings = ["*end*the small print!", "*end the small print!", "[\"small print\" v."];
    begins_with(line.trim_start(), &beginnings)
}

/// Returns whether a line in small print names it.
pub(crate) fn mentions_small_print(line: &str) -> bool {
    contains_any(line, ["small print!", "[\"small print\""])
}

/// Returns whether a line mentions Project Gutenberg.
pub(crate) fn mentions_gutenberg(line: &str) -> bool {
    contains_any(line, GUTENBERG)
}

/// Returns whether this is the first line of the note in a header that small print stands at the end.
pub(crate) fn begins_small_print_note(line: &str) -> bool {
    begins_with(line.trim_start(), &["the \"legal small print\" and other information about this book"])
}

/// Returns whether this is the last line of that note.
pub(crate) fn ends_small_print_note(line: &str) -> bool {
    contains_any(line, ["restrictions in how the file may be used."])
}

/// Returns whether a line is nothing but three or more stars.
pub(crate) fn is_stars(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && line.bytes().all(|byte| byte == STAR)
}

/// Returns whether this is the first line of "End of Project Gutenberg's …".
pub(crate) fn is_footer(line: &str) -> bool {
    let line = unstarred(untagged(line).trim_start_matches(['[', '(']));
    // In the middle of a sentence of prose, "end of" has no capital.
    line.starts_with(|first: char| first.is_ascii_uppercase()) && begins_with(line, FOOTERS)
}

/// Returns whether two lines are "End of" and "Project Gutenberg's …".
pub(crate) fn is_wrapped_footer(first: &str, second: &str) -> bool {
    let rest: &[&str] = match first.trim() {
        "End of" => &["project gutenberg's ", "project gutenberg’s "],
        "End of Project" => &["gutenberg's ", "gutenberg’s "],
        _ => return false,
    };
    begins_with(second.trim_start(), rest)
}

/// Returns whether this is the line between old small print and text that names the e-text.
pub(crate) fn is_title_line(line: &str) -> bool {
    begins_with(unstarred(line.trim_start()), TITLE_LINES)
}

/// Returns whether a line is a START or END marker with one of these verbs.
fn is_of_form(line: &str, verbs: &[&str]) -> bool {
    let Some(rest) = starred(line) else { return false };
    // Markers have one space between words or several, and the space at the end stands for a line end.
    let words = rest.split_whitespace().take(FORM_WORDS_MAX).collect::<Vec<_>>().join(" ") + " ";
    let rest = after(&words, verbs).and_then(|rest| after(rest, OF_GUTENBERG));
    // In a wrapped marker, the rest stands on the next line.
    rest.is_some_and(|rest| rest.is_empty() || begins_with(rest, ETEXTS))
}

/// Returns the text after three or more stars and spaces, which may follow a tag or `_`.
fn starred(line: &str) -> Option<&str> {
    // Few lines have a star, so most are told by this.
    memchr::memchr(STAR, line.as_bytes())?;
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

#[cfg(test)]
mod tests;
