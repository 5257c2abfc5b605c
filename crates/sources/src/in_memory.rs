//! Reads lists in memory, without access to the file system: only the bytes decide the result.
//!
//! For callers that have a list and no file, and for fuzz targets.

use std::io::{Cursor, Read};

use crate::{
    config::{Config, ReadContext},
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    formats::catalog::HEADER,
    reader::EntryReader,
};

/// The maximum number of entries and invalid lines that are returned, because one line may stand for a
/// million books.
const ITEMS_MAX: usize = 100_000;

/// The content of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedList {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The invalid lines, in order.
    pub bad: Vec<BadLine>,
}

/// Parses a list of any format, the catalogue included, compressed or not. Local texts are refused, as in a
/// list from the web. Returns at most 100,000 entries and invalid lines.
///
/// # Errors
/// Returns [`SourceError::NotAList`] if the bytes are not a list, and [`SourceError::Read`] if they cannot be
/// decompressed to their end.
pub fn parse(bytes: &[u8], config: &Config) -> Result<ParsedList, SourceError> {
    read(Cursor::new(bytes.to_vec()), config)
}

/// Parses a list as [`parse`] does, from a reader.
///
/// # Errors
/// Returns the errors of [`parse`], and [`SourceError::Read`] if the reader fails.
pub fn read(input: impl Read + Send + 'static, config: &Config) -> Result<ParsedList, SourceError> {
    let reader = EntryReader::of_bytes(input, &ReadContext::new(config))?;
    let mut list = ParsedList::default();
    for item in reader.take(ITEMS_MAX) {
        match item {
            Ok(entry) => list.entries.push(entry),
            Err(ReadError::Line(line)) => list.bad.push(line),
            Err(ReadError::Source(error)) => return Err(error),
        }
    }
    Ok(list)
}

/// Parses the catalogue of Project Gutenberg. If its header is missing, it is added first.
///
/// # Errors
/// Returns the errors of [`parse`].
pub fn parse_catalog(bytes: &[u8], config: &Config) -> Result<ParsedList, SourceError> {
    // Fuzz targets mostly generate rows without a header.
    if bytes.starts_with(b"Text#,") {
        return parse(bytes, config);
    }
    parse(&[HEADER.as_bytes(), b"\n", bytes].concat(), config)
}

#[cfg(test)]
mod tests;
