//! Lists in memory, read without a look at this machine: nothing but the bytes decides what comes out.
//!
//! For callers that have a list and no file, and for fuzz targets.

use std::io::{Cursor, Read};

use crate::{
    config::{Config, ReadContext},
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    reader::EntryReader,
};

/// At most so many entries and bad lines are given, since a line may stand for a million books.
const ITEMS_MAX: usize = 100_000;

/// What a list says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedList {
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// Its bad lines, in order.
    pub bad: Vec<BadLine>,
}

/// Reads a list of any form, the catalogue included, packed or not. Local texts are refused, as in a list of the web.
/// What comes behind the first 100,000 entries and bad lines is left out.
///
/// # Errors
/// Where the bytes are no list, or cannot be unpacked to their end.
pub fn parse(bytes: &[u8], rules: &Config) -> Result<ParsedList, SourceError> {
    read(Cursor::new(bytes.to_vec()), rules)
}

/// The same of bytes as they come.
///
/// # Errors
/// As [`parse`], and where the input fails.
pub fn read(input: impl Read + Send + 'static, rules: &Config) -> Result<ParsedList, SourceError> {
    let reader = EntryReader::of_bytes(input, &ReadContext::new(rules))?;
    let mut said = ParsedList::default();
    for item in reader.take(ITEMS_MAX) {
        match item {
            Ok(entry) => said.entries.push(entry),
            Err(ReadError::Line(line)) => said.bad.push(line),
            Err(ReadError::Source(error)) => return Err(error),
        }
    }
    Ok(said)
}

/// Reads the catalogue.
///
/// # Errors
/// As [`parse`]; bytes that begin otherwise are given its header first.
pub fn parse_catalog(bytes: &[u8], rules: &Config) -> Result<ParsedList, SourceError> {
    const HEADER: &[u8] = b"Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n";
    if bytes.starts_with(b"Text#,") {
        return parse(bytes, rules);
    }
    parse(&[HEADER, bytes].concat(), rules)
}

#[cfg(test)]
mod tests;
