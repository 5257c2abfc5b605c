//! `metadata.csv`: a row for each document, with the columns of the Standardized Project Gutenberg Corpus.
//!
//! The values have the form that readers of that corpus expect. Languages are a Python list (`['en', 'fr']`).
//! Subjects are a Python set (`{'Ghosts', "Children's stories"}`), in the order of the catalogue, and `set()`
//! if there are none. Years are numbers, negative before Christ. Unknown values are empty: always
//! `downloads`, and the years of texts that no catalogue lists. The file has a header and is CSV by RFC 4180.

use csv::{Terminator, WriterBuilder};

use crate::{
    corpus::{Corpus, Document},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file name.
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

/// Writes a row for each document.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a meta cannot be read, and
/// [`ExportError::Write`] if the file cannot be written.
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
    let languages: Vec<String> = bibliography.languages().iter().map(|code| python_literal(code)).collect();
    let subjects: Vec<String> = bibliography.subjects().into_iter().map(python_literal).collect();
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

/// Returns a string literal in the form of Python's `repr`: in single quotes, unless it has some and no
/// double ones.
fn python_literal(text: &str) -> String {
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
