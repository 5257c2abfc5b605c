//! Reads the facts that a header gives about its text: `Title: …`, `Author: …` and so on. Before about 2003,
//! these are `The Project Gutenberg Etext of The House, by A. Person`, `#2 in our series by A. Person` and
//! `May, 1999  [Etext #1750]`.

use std::{iter, ops::Range};

use super::{
    markers,
    phrases::{after, begins_with, join_words},
};

/// The number of bytes that are searched for a declared encoding. A header is at most 2,303 bytes long in
/// real texts.
const DECLARED_BYTES_MAX: usize = 8 * 1024;
/// The maximum length in bytes of a value that is kept.
const VALUE_BYTES_MAX: usize = 1000;

/// The number of lines in which a header from before about 2003 names its text.
const OLD_LINES_MAX: usize = 24;
/// The maximum number of lines of such a name.
const NAME_LINES_MAX: usize = 5;
/// The maximum number of words of an author's name, so that a sentence is not taken for a name.
const AUTHOR_WORDS_MAX: usize = 8;

/// The beginnings of the line that names the text in such a header, in lower case.
const OLD_NAMES: &[&str] = &[
    "the project gutenberg etext of ",
    "the project gutenberg e-text of ",
    "the project gutenberg ebook of ",
    "the project gutenberg etext, ",
    "the project gutenberg etext: ",
    "the project gutenberg edition of ",
    "the project gutenberg's etext of ",
    "project gutenberg's etext of ",
    "project gutenberg etext of ",
    "project gutenberg etext: ",
    "project gutenberg ebook of ",
    "this is the project gutenberg etext of ",
    "project gutenberg's ",
    "project gutenberg’s ",
];

/// The names of months in release dates.
const MONTHS: &str = "January February March April May June July August September October November December \
    Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec";

/// The facts in a header. Those that it does not give are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeaderFields {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) language: Option<String>,
    /// The release or posting date as written, without the e-book's number behind it.
    pub(crate) release_date: Option<String>,
}

impl HeaderFields {
    /// Reads the fields. The first one of a name counts. A value continues on lines that are indented deeper.
    pub(crate) fn of(text: &str) -> Self {
        let fields = before_start(text);
        let dates = ["Release Date", "Official Release Date", "Posting Date"];
        // `May 12, 2009 [EBook #2875]`
        let date = dates.iter().find_map(|name| field(fields, name)).map(|date| before(&date, &['[']));
        let (title, author) = match (field(fields, "Title"), field(fields, "Author")) {
            // A header with one of the fields has the newer form, so the other is not searched for in a name.
            (None, None) => old_name(text),
            fields => fields,
        };
        Self {
            title,
            author,
            language: field(fields, "Language"),
            release_date: date.filter(|date| !date.is_empty()).or_else(|| old_date(text)),
        }
    }
}

/// Returns the encoding that the first lines of a text declare.
pub(crate) fn declared_encoding(head: &str) -> Option<String> {
    let names = ["Character set encoding", "Character encoding", "Character set", "Charset"];
    let fields = declaring(head);
    names.into_iter().find_map(|name| field(fields, name))
}

/// Returns the language that the first lines of a text declare.
pub(crate) fn declared_language(head: &str) -> Option<String> {
    field(declaring(head), "Language")
}

/// Returns the part of the first lines of a text that may declare something.
fn declaring(head: &str) -> &str {
    before_start(&head[..head.floor_char_boundary(DECLARED_BYTES_MAX)])
}

/// Returns the lines before the first START marker.
fn before_start(text: &str) -> &str {
    let start = lines_with(markers::STAR, text).find(|(line, _)| markers::is_start(&text[line.clone()]));
    &text[..start.map_or(text.len(), |(line, _)| line.start)]
}

/// Returns the lines that contain this byte, without their ends, each with the position of the first such
/// byte. A search for the byte is faster than a look at each line, because few lines contain it.
fn lines_with(byte: u8, text: &str) -> impl Iterator<Item = (Range<usize>, usize)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    iter::from_fn(move || {
        let at = from + memchr::memchr(byte, &bytes[from..])?;
        let start = memchr::memrchr(b'\n', &bytes[from..at]).map_or(from, |end| from + end + 1);
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
        from = end;
        Some((start..end, at))
    })
}

/// Returns the value of the first field with this name.
fn field(text: &str, name: &str) -> Option<String> {
    let (indentation, value) = lines_with(b':', text).find_map(|(line, colon)| {
        let found = text[line.start..colon].trim_start();
        let indentation = colon - line.start - found.len();
        found.eq_ignore_ascii_case(name).then_some((indentation, colon + 1))
    })?;
    let mut lines = text[value..].lines();
    let first = lines.next().unwrap_or_default();
    let further = lines.take_while(|line| {
        let text = line.trim_start();
        !text.is_empty() && line.len() - text.len() > indentation
    });
    let mut value = join_words(iter::once(first).chain(further));
    value.truncate(value.floor_char_boundary(VALUE_BYTES_MAX));
    (!value.is_empty()).then_some(value)
}

/// Returns the title and the author of a header without fields. Returns none rather than wrong ones, because
/// "by" may be part of a title.
fn old_name(text: &str) -> (Option<String>, Option<String>) {
    let lines: Vec<_> = text.lines().take(OLD_LINES_MAX).collect();
    let named = lines.iter().enumerate().find_map(|(number, line)| {
        let rest = after(line.trim_start_matches(['*', ' ', '\t']), OLD_NAMES)?;
        Some((number, rest))
    });
    let Some((number, first)) = named else { return (None, None) };
    let series = lines
        .iter()
        .find_map(|line| line.split_once("in our series by ").map(|(_, author)| without_marks(author)));
    let further = lines[number + 1..].iter().map(|line| line.trim()).take(NAME_LINES_MAX - 1);
    let further = further.take_while(|line| {
        let unstarred = line.trim_start_matches('*').trim_start();
        !unstarred.is_empty() && !unstarred.starts_with(['#', '(', '[']) && !begins_with(unstarred, OLD_NAMES)
    });
    let mut name = String::new();
    for line in iter::once(first).chain(further).map(without_marks) {
        // "by" at the beginning of a line is not part of the title.
        name.push_str(if line.starts_with("by ") && !name.ends_with(',') { ", " } else { " " });
        name.push_str(line);
    }
    title_and_author(&join_words(iter::once(&*before(&name, &['[', '#']))), series)
}

/// Splits `The House, by A. Person`. `series` is the author of the series to which the text belongs.
fn title_and_author(name: &str, series: Option<&str>) -> (Option<String>, Option<String>) {
    let split = name.rsplit_once(", by ").or_else(|| {
        // Of several "by", it is not known which one stands before the author.
        let (title, author) = name.split_once(" by ").filter(|(_, rest)| !rest.contains(" by "))?;
        (series == Some(author) || author.contains(' ') && is_author(author)).then_some((title, author))
    });
    let some = |text: &str| Some(without_marks(text).to_owned()).filter(|text| !text.is_empty());
    match split {
        Some((title, author)) => {
            (some(title), Some(author).filter(|author| is_author(author)).and_then(some))
        }
        None if name.contains(" by ") => (None, series.and_then(some)),
        None => (some(name), series.and_then(some)),
    }
}

/// Returns whether these words may be names: each begins in upper case, except for a few small ones.
fn is_author(text: &str) -> bool {
    let small = ["and", "de", "von", "van", "der", "du", "la", "le", "of", "the", "et", "di", "da", "&"];
    let is_name = |word: &str| small.contains(&word) || word.starts_with(|first: char| !first.is_lowercase());
    (1..=AUTHOR_WORDS_MAX).contains(&text.split_whitespace().count())
        && text.starts_with(char::is_uppercase)
        && text.split_whitespace().all(is_name)
        && !text.contains(|character: char| character.is_ascii_digit())
}

/// Returns a text without stars and punctuation around it.
fn without_marks(text: &str) -> &str {
    text.trim_matches(['*', ' ', '\t', ',', ';', '_'])
}

/// Returns `May, 1999` from `May, 1999  [Etext #1750]`.
fn old_date(text: &str) -> Option<String> {
    text.lines().take(OLD_LINES_MAX).find_map(|line| {
        let (date, number) = line.trim().trim_start_matches('*').split_once('[')?;
        let date = date.trim();
        let (month, year) = date.rsplit_once(' ')?;
        let month = month.split([',', ' ', '.']).next()?;
        let is_date = MONTHS.split(' ').any(|name| name == month)
            && year.len() == 4
            && (year.starts_with("19") || year.starts_with("20"));
        let numbers = ["etext #", "ebook #", "e-text #", "e-book #", "etext#", "ebook#"];
        (is_date && begins_with(number, &numbers)).then(|| date.to_owned())
    })
}

/// Returns the text before the first of these characters.
fn before(text: &str, ends: &[char]) -> String {
    text.split(ends).next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Does the same as [`field`] up to the START marker, line by line.
    fn field_by_lines(text: &str, name: &str) -> Option<String> {
        let mut lines = text.lines().take_while(|line| !markers::is_start(line));
        let (indentation, first) = lines.find_map(|line| {
            let field = line.trim_start();
            let value = field.get(..name.len()).filter(|found| found.eq_ignore_ascii_case(name));
            let value = value.and_then(|_| field[name.len()..].strip_prefix(':'))?;
            Some((line.len() - field.len(), value))
        })?;
        let further = lines.take_while(|line| {
            let text = line.trim_start();
            !text.is_empty() && line.len() - text.len() > indentation
        });
        Some(join_words(iter::once(first).chain(further))).filter(|value| !value.is_empty())
    }

    proptest! {
        #[test]
        fn a_search_for_colons_finds_the_same_fields_as_a_look_at_each_line(
            text in "(\\*\\*\\* ?START OF THE PROJECT GUTENBERG EBOOK|title|TITLE ?:|é|: *|\n|\r\n| {0,2}|Title: |\\*){0,30}",
        ) {
            prop_assert_eq!(field(before_start(&text), "Title"), field_by_lines(&text, "Title"));
        }
    }

    #[test]
    fn fields_are_read_with_their_further_lines() {
        let header = HeaderFields::of(
            "Title: Personal Recollections of Joan of Arc\n       Volume 2 (of 2)\n\nAuthor: Mark Twain\n\n\
             Release Date: May 12, 2009 [EBook #2875]\nLast Updated: February 24, 2018\n\n\
             Language: English\n",
        );
        assert_eq!(header.title.unwrap(), "Personal Recollections of Joan of Arc Volume 2 (of 2)");
        assert_eq!(header.author.unwrap(), "Mark Twain");
        assert_eq!(header.release_date.unwrap(), "May 12, 2009");
        assert_eq!(header.language.unwrap(), "English");
    }

    #[test]
    fn an_indented_header_reads_the_same() {
        let header = HeaderFields::of("  Title: A\n         B\n  Author: C\n  Posting Date: May 1, 2001\n");
        assert_eq!(header.title.unwrap(), "A B");
        assert_eq!(header.author.unwrap(), "C");
        assert_eq!(header.release_date.unwrap(), "May 1, 2001");
    }

    fn old(header: &str) -> [Option<String>; 3] {
        let header = HeaderFields::of(header);
        [header.title, header.author, header.release_date]
    }

    #[test]
    fn headers_of_the_nineties_name_title_author_and_month() {
        for (header, expected) in [
            (
                "The Project Gutenberg Etext of The House, by A. Person\n\nMay, 1999  [Etext #1750]\n",
                ["The House", "A. Person", "May, 1999"],
            ),
            (
                "***The Project Gutenberg Etext of A Long\nTitle, by Jean de la Fontaine***\n#12 in our series by X\n\n\
                 October 1997 [Etext #1234]\n",
                ["A Long Title", "Jean de la Fontaine", "October 1997"],
            ),
            (
                "Project Gutenberg Etext of Scenes by the Way\nby A. Person\n\nMay 1999 [EBook #1]\n",
                ["Scenes by the Way", "A. Person", "May 1999"],
            ),
            (
                "**The Project Gutenberg Etext of Candide by Voltaire**\n#2 in our series by Voltaire\n\nMay 1999 [Etext #2]\n",
                ["Candide", "Voltaire", "May 1999"],
            ),
            (
                "The Project Gutenberg EBook of Emma by Jane Austen\n\nRelease Date: May, 1997 [EBook #9]\n",
                ["Emma", "Jane Austen", "May, 1997"],
            ),
        ] {
            assert_eq!(old(header), expected.map(|text| Some(text.to_owned())), "{header}");
        }
    }

    #[test]
    fn rather_no_name_than_a_wrong_one() {
        for header in [
            "The Project Gutenberg Etext of Death by Water\n",
            "The Project Gutenberg Etext of Scenes by the Way by the Author\n",
            "He read The Project Gutenberg Etext of X, by Y\n",
            "The House, by A. Person\n\nMay, 1999\n",
            "May, 1850  [Etext #1750]\n",
        ] {
            assert_eq!(old(header), [None, None, None], "{header}");
        }
    }

    #[test]
    fn what_is_no_field_is_none() {
        assert_eq!(
            HeaderFields::of("The Title: x\nTitle of x\nAuthor:\n\nLanguages: y\n"),
            HeaderFields::default()
        );
        assert_eq!(
            HeaderFields::of("*** START OF THIS PROJECT GUTENBERG EBOOK X ***\nTitle: Y\n"),
            HeaderFields::default()
        );
    }

    #[test]
    fn the_declared_encoding_has_several_names() {
        for name in ["Character set encoding", "character set", "Charset"] {
            assert_eq!(declared_encoding(&format!("Title: x\n{name}: CP437\n")).unwrap(), "CP437");
        }
        assert_eq!(declared_language("Title: x\nLanguage: Hungarian\n").unwrap(), "Hungarian");
    }

    #[test]
    fn the_declared_encoding_is_read_near_the_beginning_only() {
        let declared = "Character set encoding: ISO-8859-1\r\n";
        assert_eq!(declared_encoding(declared).unwrap(), "ISO-8859-1");
        assert_eq!(declared_encoding(&format!("{}{declared}", "é\n".repeat(DECLARED_BYTES_MAX))), None);
    }
}
