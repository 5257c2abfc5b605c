//! `all.txt`: all texts in one file, each ended by a line feed.

use std::{convert::Infallible, io::Write, str::FromStr};

use crate::{
    corpus::{Corpus, Document},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file name.
pub const FILE: &str = "all.txt";

const ID: &str = "{id}";
const TITLE: &str = "{title}";

/// The names of special characters after a backslash.
const ESCAPES: [(char, char); 5] = [('n', '\n'), ('t', '\t'), ('f', '\u{c}'), ('0', '\0'), ('\\', '\\')];

/// A separator between two texts. If it has the `{id}` or `{title}` of the next text, it also precedes the
/// first one.
///
/// When it is parsed, `\n`, `\t`, `\f`, `\0` and `\\` become the characters of those names. Nothing else
/// changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Separator(String);

impl FromStr for Separator {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut separator = String::with_capacity(text.len());
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            let escape = ESCAPES.iter().find(|(name, _)| character == '\\' && rest.peek() == Some(name));
            separator.push(escape.map_or(character, |(_, special)| *special));
            if escape.is_some() {
                rest.next();
            }
        }
        Ok(Self(separator))
    }
}

impl Separator {
    fn names_a_text(&self) -> bool {
        self.0.contains(ID) || self.0.contains(TITLE)
    }

    /// Returns the separator before a document.
    fn before(&self, document: &Document<'_>) -> String {
        let title = document.meta.title.as_deref().unwrap_or_default();
        // The id is replaced first, because a title may contain `{id}`, but an id has no braces.
        self.0.replace(ID, document.id().as_str()).replace(TITLE, title)
    }
}

/// Writes all texts to the file.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a text or its meta cannot be read, and
/// [`ExportError::Write`] if the file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    separator: &Separator,
) -> Result<ExportReport, ExportError> {
    let mut file = directory.create_file(FILE)?;
    let failed = ExportError::writing(file.path());
    let mut needs_separator = separator.names_a_text();
    let totals = corpus.for_each(|document| {
        if needs_separator {
            file.write_all(separator.before(document).as_bytes()).map_err(&failed)?;
        }
        needs_separator = true;
        let mut last = None;
        document.read_text(|part| {
            last = part.last().copied();
            file.write_all(part).map_err(&failed)
        })?;
        // Without a line feed, the last line would be joined with the first one of the next text.
        if last == Some(b'\n') { Ok(()) } else { file.write_all(b"\n").map_err(&failed) }
    })?;
    let files = commit_all(vec![UncommittedFile::sync(file, totals.documents)?])?;
    Ok(ExportReport { files, totals })
}
