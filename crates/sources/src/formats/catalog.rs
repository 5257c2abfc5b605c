//! Reads the catalogue of Project Gutenberg, `pg_catalog.csv`: one row per book, in the order of the file.
//!
//! The catalogue is recognised by its first line. Only rows of the type *Text* are books to read. A title may
//! span several lines. Several languages, subjects or bookshelves in a cell are separated by `;`.

use std::sync::Arc;

use flow::{document::DocumentId, payload::Listed};

use crate::{
    entry::Entry,
    filters::Filters,
    formats::row::{self, SourceRow},
    input::compression::unpacked_name,
    resolve::{
        gutenberg,
        gutenberg_sites::{BookRequest, GutenbergSites},
    },
};

/// The first line of the catalogue.
pub(crate) const HEADER: &str = "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves";
const NUMBER: &str = "Text#";
const TYPE: &str = "Type";
/// The columns that an entry keeps, and their names in the entry. The title is kept as the title.
const KEPT: [(&str, &str); 6] = [
    ("Issued", "issued"),
    (LANGUAGE, "language"),
    (AUTHORS, "authors"),
    (SUBJECTS, "subjects"),
    ("LoCC", "locc"),
    (BOOKSHELVES, "bookshelves"),
];
const LANGUAGE: &str = "Language";
const AUTHORS: &str = "Authors";
const SUBJECTS: &str = "Subjects";
const BOOKSHELVES: &str = "Bookshelves";
/// The maximum number of bytes of a cell that are kept; the rest is cut off.
const KEPT_BYTES_MAX: usize = 4096;

/// Returns whether a book matches the filters.
fn matches(filters: &Filters, listed: &Listed) -> bool {
    let cell = |name| cell(listed, name);
    let title = listed.title.as_deref().unwrap_or_default();
    let languages: Vec<&str> = cell(LANGUAGE).split(';').map(str::trim).collect();
    let speaks =
        |tag: &String| languages.iter().any(|language| language.to_lowercase() == tag.trim().to_lowercase());
    (filters.languages.is_empty() || filters.languages.iter().any(speaks))
        && matches_any(&filters.authors, cell(AUTHORS))
        && matches_any(&filters.titles, title)
        && matches_any(&filters.subjects, cell(SUBJECTS))
        && matches_any(&filters.bookshelves, cell(BOOKSHELVES))
}

fn matches_any(wanted: &[String], cell: &str) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let cell = cell.to_lowercase();
    wanted.iter().any(|text| text.to_lowercase().split_whitespace().all(|word| cell.contains(word)))
}

/// Returns whether a list with these columns is the catalogue.
pub(crate) fn is_header(names: &[String]) -> bool {
    [NUMBER, TYPE, "Title", LANGUAGE].iter().all(|wanted| names.iter().any(|name| name == wanted))
}

/// Returns whether a file is the catalogue, by the name that it has on the site and on its mirrors.
pub(crate) fn is_name(name: &str) -> bool {
    unpacked_name(name) == "pg_catalog.csv"
}

/// Selects the books of one catalogue.
#[derive(Debug)]
pub(crate) struct Catalog {
    filters: Filters,
    gutenberg: Arc<GutenbergSites>,
    taken: u64,
}

impl Catalog {
    pub(crate) fn new(filters: Filters, gutenberg: Arc<GutenbergSites>) -> Self {
        Self { filters, gutenberg, taken: 0 }
    }

    /// Returns whether the limit of the filters is reached.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.filters.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Returns the entry of a row, or `None` if the book is not selected.
    pub(crate) fn entry(&mut self, row: SourceRow) -> Result<Option<Entry>, String> {
        let listed = row.into_listed();
        // Sound recordings and data sets are in the catalogue as well.
        let is_text = cell(&listed, TYPE).eq_ignore_ascii_case("Text");
        if !is_text || !matches(&self.filters, &listed) {
            return Ok(None);
        }
        let number =
            gutenberg::number(cell(&listed, NUMBER)).ok_or("its column 'Text#' has no book number")?;
        let kept = |(name, as_name): (&str, &str)| {
            let words: Vec<&str> = cell(&listed, name).split_whitespace().collect();
            let value = bounded(&words.join(" "));
            (!value.is_empty()).then(|| (as_name.to_owned(), value))
        };
        let entry = Entry {
            id: DocumentId::gutenberg(number),
            urls: self.gutenberg.book_urls(number, BookRequest::Bulk),
            listed: Listed {
                title: listed.title.as_deref().map(bounded),
                columns: KEPT.into_iter().filter_map(kept).collect(),
                ..Listed::default()
            },
        };
        let entry = row::bounded(entry)?;
        // Books that are refused do not count towards the limit.
        self.taken += 1;
        Ok(Some(entry))
    }
}

fn cell<'l>(listed: &'l Listed, name: &str) -> &'l str {
    listed.columns.get(name).map_or("", String::as_str)
}

fn bounded(text: &str) -> String {
    match text.len() {
        0..=KEPT_BYTES_MAX => text.to_owned(),
        _ => format!("{}…", &text[..text.floor_char_boundary(KEPT_BYTES_MAX)]),
    }
}
