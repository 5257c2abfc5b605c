//! The rows of counts and of tokens: a document, a token, and a number that says how often, or where.

use ::parquet::{
    basic::Encoding, data_type::ByteArray, file::properties::WriterPropertiesBuilder,
    schema::types::ColumnPath,
};
use bytes::Bytes;
use flow::document::DocumentId;

use super::{
    COUNTS, TOKENS,
    file::{ParquetFile, RowGroup, properties, rising},
};
use crate::{directory::ExportDirectory, error::ExportError, report::UncommittedFile};

const GROUP_ROWS: usize = 1 << 20;
/// How much of tokens is held before a row group is written, where they are long.
const GROUP_BYTES: usize = 64 << 20;
/// Above this, a column of tokens goes on without a dictionary.
const DICTIONARY_BYTES: usize = 4 << 20;

const COUNTS_SCHEMA: &str = "message count {
    required binary document (STRING);
    required binary token (STRING);
    required int64 n;
}";

const TOKENS_SCHEMA: &str = "message token {
    required binary document (STRING);
    required int64 position;
    required binary token (STRING);
}";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OccurrenceKind {
    Counts,
    Tokens,
}

/// The file, and the rows that wait to be written.
pub(super) struct Occurrences {
    kind: OccurrenceKind,
    file: ParquetFile,
    /// The document at hand.
    document: ByteArray,
    rows: Rows,
}

#[derive(Default)]
struct Rows {
    /// Each document, with the number of its rows.
    documents: Vec<(ByteArray, usize)>,
    /// All tokens, one after the other.
    tokens: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    numbers: Vec<i64>,
}

impl Occurrences {
    pub(super) fn begin(directory: &ExportDirectory, kind: OccurrenceKind) -> Result<Self, ExportError> {
        let (name, schema) = match kind {
            OccurrenceKind::Counts => (COUNTS, COUNTS_SCHEMA),
            OccurrenceKind::Tokens => (TOKENS, TOKENS_SCHEMA),
        };
        let file = ParquetFile::begin(directory, name, schema, how(kind))?;
        Ok(Self { kind, file, document: ByteArray::from(""), rows: Rows::default() })
    }

    /// What is added from now on is of this document.
    pub(super) fn begin_document(&mut self, document: &DocumentId) {
        self.document = document.as_str().into();
        self.rows.documents.push((self.document.clone(), 0));
    }

    pub(super) fn add(&mut self, token: &str, number: u64) -> Result<(), ExportError> {
        let rows = &mut self.rows;
        rows.tokens.extend_from_slice(token.as_bytes());
        rows.ends.push(rows.tokens.len());
        rows.numbers.push(i64::try_from(number).unwrap_or(i64::MAX));
        if let Some((_, count)) = rows.documents.last_mut() {
            *count += 1;
        }
        if rows.ends.len() == GROUP_ROWS || rows.tokens.len() >= GROUP_BYTES {
            self.write()?;
            self.rows.documents.push((self.document.clone(), 0));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<UncommittedFile, ExportError> {
        self.write()?;
        self.file.finish()
    }

    fn write(&mut self) -> Result<(), ExportError> {
        let Rows { documents, tokens, ends, numbers } = std::mem::take(&mut self.rows);
        if ends.is_empty() {
            return Ok(());
        }
        let tokens = Bytes::from(tokens);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let tokens = starts.zip(&ends).map(|(start, end)| ByteArray::from(tokens.slice(start..*end)));
        let documents =
            documents.into_iter().flat_map(|(document, count)| std::iter::repeat_n(document, count));
        let kind = self.kind;
        self.file.group(ends.len(), |group: &mut RowGroup<'_>| {
            group.strings(documents)?;
            match kind {
                OccurrenceKind::Counts => {
                    group.strings(tokens)?;
                    group.numbers(&numbers)
                }
                OccurrenceKind::Tokens => {
                    group.numbers(&numbers)?;
                    group.strings(tokens)
                }
            }
        })
    }
}

fn how(kind: OccurrenceKind) -> WriterPropertiesBuilder {
    let dictionary =
        |how: WriterPropertiesBuilder, name| how.set_column_dictionary_enabled(ColumnPath::from(name), true);
    let how = dictionary(dictionary(properties(), "document"), "token")
        .set_column_dictionary_page_size_limit(ColumnPath::from("token"), DICTIONARY_BYTES);
    match kind {
        OccurrenceKind::Counts => dictionary(how, "n").set_sorting_columns(Some(vec![rising(0)])),
        // Positions rise by one: their differences take next to nothing.
        OccurrenceKind::Tokens => how
            .set_column_encoding(ColumnPath::from("position"), Encoding::DELTA_BINARY_PACKED)
            .set_sorting_columns(Some(vec![rising(0), rising(1)])),
    }
}
