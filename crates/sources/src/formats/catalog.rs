//! The catalogue of Project Gutenberg, `pg_catalog.csv`, as a source: one row a book, in the order of the file.
//!
//! It is known by its header, `Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves`. Only rows of the
//! type *Text* are books to read. Cells go over several lines where a title does. A value of several parts (languages,
//! subjects, shelves) separates them by `;`.

use std::{fmt, sync::Arc};

use flow::{document::DocumentId, payload::Listed};

use crate::{
    entry::Entry,
    formats::row::{self, SourceRow},
    resolve::{
        gutenberg,
        gutenberg_sites::{BookRequest, GutenbergSites},
    },
};
use flow::shell;

const NUMBER: &str = "Text#";
const TYPE: &str = "Type";
/// The columns that a text's entry carries, and their names there. The title is carried as the title.
const CARRIED: [(&str, &str); 6] = [
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
/// What is carried of one cell; more is cut off.
const CARRIED_BYTES_MAX: usize = 4096;

/// Which books of a catalogue are meant. A filter given several times lets through what any of its values fits;
/// different filters must all let a book through. Upper and lower case are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Language tags, such as `en`. A book of several languages has each of them.
    pub languages: Vec<String>,
    /// Every word of it occurs in the authors, in any order.
    pub authors: Vec<String>,
    /// Every word of it occurs in the title.
    pub titles: Vec<String>,
    /// Every word of it occurs in the subjects.
    pub subjects: Vec<String>,
    /// Every word of it occurs in the bookshelves.
    pub bookshelves: Vec<String>,
    /// So many books of each catalogue, from its beginning.
    pub limit: Option<u64>,
}

impl Filters {
    /// Whether every book is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn let_through(&self, listed: &Listed) -> bool {
        let cell = |name| cell(listed, name);
        let title = listed.title.as_deref().unwrap_or_default();
        let languages: Vec<&str> = cell(LANGUAGE).split(';').map(str::trim).collect();
        let speaks = |tag: &String| {
            languages.iter().any(|language| language.to_lowercase() == tag.trim().to_lowercase())
        };
        (self.languages.is_empty() || self.languages.iter().any(speaks))
            && says_any(&self.authors, cell(AUTHORS))
            && says_any(&self.titles, title)
            && says_any(&self.subjects, cell(SUBJECTS))
            && says_any(&self.bookshelves, cell(BOOKSHELVES))
    }
}

/// Formats the filters as they are typed.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("--language", &self.languages),
            ("--author", &self.authors),
            ("--title", &self.titles),
            ("--subject", &self.subjects),
            ("--bookshelf", &self.bookshelves),
        ];
        let typed = |(flag, values): (&str, &Vec<String>)| {
            values.iter().map(|value| format!("{flag} {}", shell::quoted(value))).collect::<Vec<_>>()
        };
        let mut flags: Vec<String> = all.into_iter().flat_map(typed).collect();
        flags.extend(self.limit.map(|limit| format!("--limit {limit}")));
        f.write_str(&flags.join(" "))
    }
}

fn says_any(wanted: &[String], cell: &str) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let cell = cell.to_lowercase();
    wanted.iter().any(|text| text.to_lowercase().split_whitespace().all(|word| cell.contains(word)))
}

/// Whether a list with these columns is the catalogue.
pub(crate) fn is_header(names: &[String]) -> bool {
    [NUMBER, TYPE, "Title", LANGUAGE].iter().all(|wanted| names.iter().any(|name| name == wanted))
}

/// Whether a file of this name is the catalogue, by the name it has on the site and on its mirrors.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    name == "pg_catalog.csv"
}

/// Picks the books out of the rows of one catalogue.
#[derive(Debug)]
pub(crate) struct Catalog {
    filters: Filters,
    library: Arc<GutenbergSites>,
    taken: u64,
}

impl Catalog {
    pub(crate) fn new(filters: Filters, library: Arc<GutenbergSites>) -> Self {
        Self { filters, library, taken: 0 }
    }

    /// Whether there are as many as were asked for.
    pub(crate) fn is_sated(&self) -> bool {
        self.filters.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// The entry of a row; `None` where it is not meant.
    pub(crate) fn entry(&mut self, row: SourceRow) -> Result<Option<Entry>, String> {
        let listed = row.into_listed();
        let is_text = cell(&listed, TYPE).eq_ignore_ascii_case("Text");
        if !is_text || !self.filters.let_through(&listed) {
            return Ok(None);
        }
        let number =
            gutenberg::number(cell(&listed, NUMBER)).ok_or("its column 'Text#' holds no book number")?;
        let carried = |(name, as_name): (&str, &str)| {
            let value = bounded(&collapsed(cell(&listed, name)));
            (!value.is_empty()).then(|| (as_name.to_owned(), value))
        };
        let entry = Entry {
            id: DocumentId::gutenberg(number),
            urls: self.library.book(number, BookRequest::Bulk),
            listed: Listed {
                title: listed.title.as_deref().map(bounded),
                columns: CARRIED.into_iter().filter_map(carried).collect(),
                ..Listed::default()
            },
        };
        let entry = row::bounded(entry)?;
        self.taken += 1;
        Ok(Some(entry))
    }
}

fn cell<'l>(listed: &'l Listed, name: &str) -> &'l str {
    listed.columns.get(name).map_or("", String::as_str)
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bounded(text: &str) -> String {
    match text.len() {
        0..=CARRIED_BYTES_MAX => text.to_owned(),
        _ => format!("{}…", &text[..text.floor_char_boundary(CARRIED_BYTES_MAX)]),
    }
}
