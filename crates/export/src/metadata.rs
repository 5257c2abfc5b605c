//! `metadata.csv`: a row for each document, with the columns of the Standardized Project Gutenberg Corpus.
//!
//! What its readers expect is kept: languages are a list as Python writes it (`['en', 'fr']`), subjects a set
//! (`{'Ghosts', 'Children''s stories'}`, here in the order of the catalogue; none are `set()`), years are numbers. What juggle does not know is
//! empty: downloads always, years and subjects where the text came from no catalogue. RFC 4180, with a header.

use csv::{Terminator, WriterBuilder};

use crate::{
    corpus::{Corpus, Document},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file.
pub const FILE: &str = "metadata.csv";

const COLUMNS: [&str; 9] = [
    "id",
    "title",
    "author",
    "authoryearofbirth",
    "authoryearofdeath",
    "language",
    "downloads",
    "subjects",
    "type",
];

/// Writes it.
///
/// # Errors
/// Where a meta cannot be read or the file cannot be written.
pub fn write(corpus: &Corpus<'_>, directory: &ExportDirectory) -> Result<ExportReport, ExportError> {
    let file = directory.create_file(FILE)?;
    let path = file.path().to_owned();
    let failed = |error: csv::Error| ExportError::writing(&path)(error.into());
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file);
    table.write_record(COLUMNS).map_err(failed)?;
    let totals = corpus.for_each(|document| table.write_record(row(document)).map_err(failed))?;
    let file = table.into_inner().map_err(|error| ExportError::writing(&path)(error.into_error()))?;
    Ok(ExportReport { files: commit_all(vec![UncommittedFile::sync(file, totals.documents)?])?, totals })
}

fn row(document: &Document<'_>) -> [String; COLUMNS.len()] {
    let meta = &document.meta;
    let bibliography = document.bibliography();
    let author = bibliography.author();
    let year = |year: Option<i32>| year.map(|year| year.to_string()).unwrap_or_default();
    let languages: Vec<String> = bibliography.languages().iter().map(|code| quoted(code)).collect();
    let subjects: Vec<String> = bibliography.subjects().into_iter().map(quoted).collect();
    [
        document.id().to_string(),
        meta.title.clone().unwrap_or_default(),
        author.name,
        year(author.born),
        year(author.died),
        if languages.is_empty() { String::new() } else { format!("[{}]", languages.join(", ")) },
        String::new(),
        if subjects.is_empty() { "set()".to_owned() } else { format!("{{{}}}", subjects.join(", ")) },
        "Text".to_owned(),
    ]
}

/// A string as Python writes it.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for character in text.chars() {
        if character == quote || character == '\\' {
            written.push('\\');
        }
        written.push(character);
    }
    written.push(quote);
    written
}
