//! Expands a line or an argument to its texts: one text, or the books of a range, which are created one by
//! one.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use flow::{document::DocumentId, payload::Listed};

use crate::{
    entry::Entry,
    resolve::gutenberg_sites::{BookRequest, GutenbergSites},
};

/// An iterator over the texts of a line. Its memory does not depend on the length of a range.
#[derive(Debug)]
pub(crate) enum Expansion {
    One(Option<Box<Entry>>),
    Books(BookRange),
}

/// BookRange of a range that are left.
#[derive(Debug)]
pub(crate) struct BookRange {
    pub(crate) numbers: RangeInclusive<u32>,
    pub(crate) gutenberg: Arc<GutenbergSites>,
    /// The encoding and columns that the line gives for all of them.
    pub(crate) encoding: Option<String>,
    pub(crate) columns: BTreeMap<String, String>,
}

impl BookRange {
    /// Returns the entry of a book of the range.
    pub(crate) fn entry(&self, number: u32) -> Entry {
        Entry {
            id: DocumentId::gutenberg(number),
            urls: self.gutenberg.book_urls(number, BookRequest::Bulk),
            listed: Listed {
                encoding: self.encoding.clone(),
                columns: self.columns.clone(),
                ..Listed::default()
            },
        }
    }
}

impl From<Entry> for Expansion {
    fn from(entry: Entry) -> Self {
        Self::One(Some(Box::new(entry)))
    }
}

impl Iterator for Expansion {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self {
            Self::One(entry) => entry.take().map(|entry| *entry),
            Self::Books(books) => books.numbers.next().map(|number| books.entry(number)),
        }
    }
}
