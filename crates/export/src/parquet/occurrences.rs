//! Writes `counts.parquet` and `tokens.parquet`: a document, a token, and its count or its position.

use ::parquet::{
    basic::Encoding, data_type::ByteArray, file::properties::WriterPropertiesBuilder,
    schema::types::ColumnPath,
};
use bytes::Bytes;
use flow::document::DocumentId;

use super::{
    COUNTS, TOKENS,
    file::{ParquetFile, RowGroup, ascending, properties},
};
use crate::{directory::ExportDirectory, error::ExportError, report::UncommittedFile};

/// The maximum number of rows in a row group.
const GROUP_ROWS: usize = 1 << 20;
/// The bytes of tokens that end a row group with fewer rows.
const GROUP_BYTES: usize = 64 << 20;
/// The maximum size of the dictionary of tokens. Beyond it, a row group continues without a dictionary.
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

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OccurrenceKind {
    Counts,
    Tokens,
}

/// The file, and the rows of the next row group.
pub(super) struct Occurrences {
    kind: OccurrenceKind,
    file: ParquetFile,
    /// The current document.
    document: ByteArray,
    rows: Rows,
}

/// Rows, by column.
#[derive(Default)]
struct Rows {
    /// Each document and the number of its rows.
    documents: Vec<(ByteArray, usize)>,
    /// The bytes of all tokens, one token after the other.
    tokens: Vec<u8>,
    /// The end of each token in `tokens`.
    ends: Vec<usize>,
    /// Counts or positions.
    numbers: Vec<i64>,
}

impl Occurrences {
    pub(super) fn create(directory: &ExportDirectory, kind: OccurrenceKind) -> Result<Self, ExportError> {
        let (name, schema) = match kind {
            OccurrenceKind::Counts => (COUNTS, COUNTS_SCHEMA),
            OccurrenceKind::Tokens => (TOKENS, TOKENS_SCHEMA),
        };
        let file = ParquetFile::create(directory, name, schema, writer_properties(kind))?;
        Ok(Self { kind, file, document: ByteArray::from(""), rows: Rows::default() })
    }

    /// Sets the document of all rows that are added next.
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
            self.write_row_group()?;
            // The document continues in the next row group.
            self.rows.documents.push((self.document.clone(), 0));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<UncommittedFile, ExportError> {
        self.write_row_group()?;
        self.file.finish()
    }

    fn write_row_group(&mut self) -> Result<(), ExportError> {
        let Rows { documents, tokens, ends, numbers } = std::mem::take(&mut self.rows);
        if ends.is_empty() {
            return Ok(());
        }
        // All tokens share one allocation; a slice of it is no copy.
        let tokens = Bytes::from(tokens);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let tokens = starts.zip(&ends).map(|(start, end)| ByteArray::from(tokens.slice(start..*end)));
        let documents =
            documents.into_iter().flat_map(|(document, count)| std::iter::repeat_n(document, count));
        let kind = self.kind;
        self.file.write_row_group(ends.len(), |group: &mut RowGroup<'_>| {
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

fn writer_properties(kind: OccurrenceKind) -> WriterPropertiesBuilder {
    let dictionary = |builder: WriterPropertiesBuilder, name| {
        builder.set_column_dictionary_enabled(ColumnPath::from(name), true)
    };
    let builder = dictionary(dictionary(properties(), "document"), "token")
        .set_column_dictionary_page_size_limit(ColumnPath::from("token"), DICTIONARY_BYTES);
    match kind {
        OccurrenceKind::Counts => dictionary(builder, "n").set_sorting_columns(Some(vec![ascending(0)])),
        // Positions rise by one, so their differences take almost no space.
        OccurrenceKind::Tokens => builder
            .set_column_encoding(ColumnPath::from("position"), Encoding::DELTA_BINARY_PACKED)
            .set_sorting_columns(Some(vec![ascending(0), ascending(1)])),
    }
}
