//! Reads the entries of a source.

mod list;

use std::{iter::Flatten, path::Path, sync::Arc, vec};

use self::list::List;
use crate::{
    arguments::{Input, ListLocation},
    config::ReadContext,
    directory::Directory,
    entry::Entry,
    error::{ReadError, SourceError, shown},
    formats::{ListKind, row::SourceRow},
    resolve::{LocalFiles, UrlResolver, expand::Expansion},
};

/// Reads the entries of one input, one line at a time.
///
/// As an iterator it returns every entry in order. An invalid line is an error in its place, and the reading
/// continues after it. Nothing follows an error of the whole source.
pub struct EntryReader {
    input: Input,
    /// `None` after the end.
    content: Option<Content>,
}

enum Content {
    List(Box<List>),
    Directory(Box<Directory>),
    Texts(Flatten<vec::IntoIter<Expansion>>),
}

impl EntryReader {
    /// Opens an input and detects its format. Blocking.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the input cannot be opened, [`SourceError::NotAList`] if its format
    /// is not supported (a table without a column of URLs or without a header, an archive, a page, a JSON
    /// array, or anything but the catalogue if that is required), and [`SourceError::Argument`] for a text
    /// that is not a source.
    pub fn open(input: Input, context: &ReadContext) -> Result<Self, SourceError> {
        let content = match &input {
            Input::Texts(texts) => Content::Texts(expand(texts, context)?.into_iter().flatten()),
            Input::Directory(path) => Content::Directory(Box::new(Directory::open(path, context)?)),
            Input::List(location, kind) => {
                Content::List(Box::new(List::open(location, *kind, &input, context)?))
            }
        };
        Ok(Self { input, content: Some(content) })
    }

    /// Reads a list from memory or another place, as one from the web is read: it must not name local texts.
    pub(crate) fn of_bytes(
        bytes: impl std::io::Read + Send + 'static,
        context: &ReadContext,
    ) -> Result<Self, SourceError> {
        let input = Input::List(ListLocation::Stdin, ListKind::List);
        let list = List::of_bytes(bytes, LocalFiles::Refused, &input, context)?;
        Ok(Self { input, content: Some(Content::List(Box::new(list))) })
    }

    /// Returns the input.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Returns the detected kind of the list. It is known until the reader has reached its end.
    #[must_use]
    pub fn kind(&self) -> ListKind {
        match &self.content {
            Some(Content::List(list)) => list.kind(),
            // Only a list can be the catalogue.
            Some(Content::Directory(_) | Content::Texts(_)) | None => ListKind::List,
        }
    }
}

impl Iterator for EntryReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.content.as_mut()? {
            Content::Texts(entries) => entries.next().map(Ok),
            Content::Directory(directory) => directory.next().map(|item| item.map_err(ReadError::Source)),
            Content::List(list) => list.next_entry(&self.input),
        };
        if !matches!(item, Some(Ok(_) | Err(ReadError::Line(_)))) {
            self.content = None;
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
        let row = SourceRow::of_urls(std::iter::once(text.clone()));
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
