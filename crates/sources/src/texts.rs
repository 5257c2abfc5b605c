//! The texts that one line, or one argument, stands for: one, or the books of a range, made as they are asked for.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use flow::{document::DocumentId, payload::Listed};

use super::{
    entry::Entry,
    library::{Amount, Library},
};

/// An iterator over them. Whatever the range, it holds one number.
#[derive(Debug)]
pub(crate) enum Texts {
    One(Option<Box<Entry>>),
    Books(Books),
}

/// Books of a range that are left.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) numbers: RangeInclusive<u32>,
    pub(crate) library: Arc<Library>,
    /// What the line says of all of them.
    pub(crate) encoding: Option<String>,
    pub(crate) columns: BTreeMap<String, String>,
}

impl Books {
    /// The entry of one of them.
    pub(crate) fn entry(&self, number: u32) -> Entry {
        Entry {
            id: DocumentId::gutenberg(number),
            urls: self.library.book(number, Amount::Bulk),
            listed: Listed {
                encoding: self.encoding.clone(),
                columns: self.columns.clone(),
                ..Listed::default()
            },
        }
    }
}

impl From<Entry> for Texts {
    fn from(entry: Entry) -> Self {
        Self::One(Some(Box::new(entry)))
    }
}

impl Iterator for Texts {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self {
            Self::One(entry) => entry.take().map(|entry| *entry),
            Self::Books(books) => books.numbers.next().map(|number| books.entry(number)),
        }
    }
}
