//! `all.txt`: all texts in one file, each ended by a line feed.

use std::{convert::Infallible, io::Write, str::FromStr};

use crate::{
    corpus::{Corpus, Document},
    directory::ExportDirectory,
    error::ExportError,
    written::{Ready, Written, commit_all},
};

/// The file.
pub const FILE: &str = "all.txt";

/// What stands between two texts. Where it names the text that follows, by `{id}` or `{title}`, it stands before the first
/// one too.
///
/// Read from text, `\n`, `\t`, `\f`, `\0` and `\\` are the characters of those names; nothing else is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Separator(String);

impl FromStr for Separator {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut meant = String::with_capacity(text.len());
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let escaped = rest.as_str().chars().next().filter(|_| character == '\\');
            let escaped = escaped.and_then(|letter| {
                ['\n', '\t', '\u{c}', '\0', '\\']
                    .into_iter()
                    .zip("ntf0\\".chars())
                    .find(|(_, name)| *name == letter)
            });
            meant.push(escaped.map_or(character, |(character, _)| character));
            if escaped.is_some() {
                rest.next();
            }
        }
        Ok(Self(meant))
    }
}

impl Separator {
    fn names_a_text(&self) -> bool {
        self.0.contains(ID) || self.0.contains(TITLE)
    }

    fn before(&self, document: &Document<'_>) -> String {
        let title = document.meta.title.as_deref().unwrap_or_default();
        // The id is replaced first: an id has no braces in it, a title may have.
        self.0.replace(ID, document.id().as_str()).replace(TITLE, title)
    }
}

const ID: &str = "{id}";
const TITLE: &str = "{title}";

/// Writes it.
///
/// # Errors
/// Where a text cannot be read or the file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    separator: &Separator,
) -> Result<Written, ExportError> {
    let mut file = directory.begin(FILE)?;
    let failed = ExportError::writing(file.path());
    let mut is_first = !separator.names_a_text();
    let seen = corpus.each(|document| {
        let between = if is_first { String::new() } else { separator.before(document) };
        is_first = false;
        file.write_all(between.as_bytes()).map_err(&failed)?;
        let mut last = None;
        document.text(|part| {
            last = part.last().copied();
            file.write_all(part).map_err(&failed)
        })?;
        if last == Some(b'\n') { Ok(()) } else { file.write_all(b"\n").map_err(&failed) }
    })?;
    Ok(Written { files: commit_all(vec![Ready::sync(file, seen.documents)?])?, seen })
}
