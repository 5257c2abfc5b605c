//! Reads the entries of a source.

mod list;

use std::{iter, path::Path, sync::Arc};

use self::list::List;
use crate::{
    arguments::{Input, ListLocation},
    config::ReadContext,
    directory::Directory,
    entry::Entry,
    error::{ReadError, SourceError, shown},
    formats::{
        ListKind,
        row::{Expansion, SourceRow},
    },
    resolve::{LocalFiles, UrlResolver},
};

/// Reads the entries of one input, one line at a time.
///
/// As an iterator it returns every entry in order. An invalid line is an error in its place, and the reading
/// continues after it. Nothing follows an error of the whole source.
pub struct EntryReader {
    input: Input,
    kind: ListKind,
    /// `None` after the end.
    items: Option<Box<Items>>,
}

type Items = dyn Iterator<Item = Result<Entry, ReadError>> + Send;

impl EntryReader {
    /// Opens an input and detects its format. Blocking.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the input cannot be opened, [`SourceError::NotAList`] if its format
    /// is not supported (a table without a column of URLs or without a header, an archive, a page, a JSON
    /// array, or anything but the catalogue if that is required), and [`SourceError::Argument`] for a text
    /// that is not a source.
    pub fn open(input: Input, context: &ReadContext) -> Result<Self, SourceError> {
        let mut kind = ListKind::List;
        let items: Box<Items> = match &input {
            Input::Texts(texts) => Box::new(expand(texts, context)?.into_iter().flatten().map(Ok)),
            Input::Directory(path) => {
                Box::new(Directory::open(path, context)?.map(|item| item.map_err(ReadError::Source)))
            }
            Input::List(location, required) => {
                let list = List::open(location, *required, &input, context)?;
                kind = list.kind();
                Box::new(list)
            }
        };
        Ok(Self { input, kind, items: Some(items) })
    }

    /// Reads a list from memory or another place, as one from the web is read: it must not name local texts.
    pub(crate) fn of_bytes(
        bytes: impl std::io::Read + Send + 'static,
        context: &ReadContext,
    ) -> Result<Self, SourceError> {
        let input = Input::List(ListLocation::Stdin, ListKind::List);
        let list = List::of_bytes(bytes, LocalFiles::Refused, &input, context)?;
        Ok(Self { input, kind: list.kind(), items: Some(Box::new(list)) })
    }

    /// Returns the input.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Returns the detected kind of the list.
    #[must_use]
    pub fn kind(&self) -> ListKind {
        self.kind
    }
}

impl Iterator for EntryReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.items.as_mut()?.next();
        if !matches!(item, Some(Ok(_) | Err(ReadError::Line(_)))) {
            self.items = None;
        }
        item
    }
}

/// Returns the texts that arguments stand for.
fn expand(arguments: &[String], context: &ReadContext) -> Result<Vec<Expansion>, SourceError> {
    let local = LocalFiles::relative_to(Path::new("."))
        .map_err(|source| SourceError::Read { path: ".".into(), source })?;
    let resolver = UrlResolver { local, gutenberg: Arc::clone(&context.gutenberg) };
    let expand = |text: &String| {
        let row = SourceRow::of_urls(iter::once(text.clone()));
        row.expand(&resolver)
            .map_err(|message| SourceError::Argument { argument: without_user(text), message })
    };
    arguments.iter().map(expand).collect()
}

/// Returns an argument as it may be shown: without a password, which must not get into a log.
fn without_user(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            shown(&format!("{scheme}://{host}{path}"))
        }
        None => shown(text),
    }
}

#[cfg(test)]
mod tests;
