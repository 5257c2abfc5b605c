//! What a header says of its text: `Title: …`, `Author: …` and so on.

use super::markers;

/// How much of the bytes is searched for a declared encoding. A header is at most 2,303 bytes long in real texts.
const DECLARED_BYTES_MAX: usize = 8 * 1024;
/// The longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 1000;

/// What stands in a header. Fields that are not there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) language: Option<String>,
    /// The release or posting date as written, without the e-book's number behind it.
    pub(crate) release_date: Option<String>,
}

impl Header {
    /// Reads the fields. The first of a name counts; a value goes on over the lines that are indented deeper.
    pub(crate) fn of(text: &str) -> Self {
        let date = field(text, "Release Date").or_else(|| field(text, "Posting Date"));
        Self {
            title: field(text, "Title"),
            author: field(text, "Author"),
            language: field(text, "Language"),
            release_date: date.as_deref().map(without_number).filter(|date| !date.is_empty()),
        }
    }
}

/// What the first lines of a text declare as its encoding.
pub(crate) fn declared_encoding(head: &str) -> Option<String> {
    field(&head[..head.floor_char_boundary(DECLARED_BYTES_MAX)], "Character set encoding")
}

fn field(text: &str, name: &str) -> Option<String> {
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
    let words = std::iter::once(first).chain(further).flat_map(str::split_whitespace);
    let mut value = words.collect::<Vec<_>>().join(" ");
    value.truncate(value.floor_char_boundary(VALUE_BYTES_MAX));
    (!value.is_empty()).then_some(value)
}

/// `May 12, 2009` of `May 12, 2009 [EBook #2875]`.
fn without_number(date: &str) -> String {
    date.split('[').next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_their_further_lines() {
        let header = Header::of(
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
        let header = Header::of("  Title: A\n         B\n  Author: C\n  Posting Date: May 1, 2001\n");
        assert_eq!(header.title.unwrap(), "A B");
        assert_eq!(header.author.unwrap(), "C");
        assert_eq!(header.release_date.unwrap(), "May 1, 2001");
    }

    #[test]
    fn what_is_no_field_is_none() {
        assert_eq!(Header::of("The Title: x\nTitle of x\nAuthor:\n\nLanguages: y\n"), Header::default());
        assert_eq!(
            Header::of("*** START OF THIS PROJECT GUTENBERG EBOOK X ***\nTitle: Y\n"),
            Header::default()
        );
    }

    #[test]
    fn the_declared_encoding_is_read_near_the_beginning_only() {
        let declared = "Character set encoding: ISO-8859-1\r\n";
        assert_eq!(declared_encoding(declared).unwrap(), "ISO-8859-1");
        assert_eq!(declared_encoding(&format!("{}{declared}", "é\n".repeat(DECLARED_BYTES_MAX))), None);
    }
}
