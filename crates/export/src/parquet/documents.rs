//! Writes `documents.parquet`.

use ::parquet::{
    data_type::ByteArray,
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};

use corpus::meta::Meta;

use super::{
    DOCUMENTS,
    file::{ParquetFile, RowGroup, ascending, properties},
};
use crate::{
    bibliography::Bibliography,
    corpus::{Document, WordCounts, WordStats},
    directory::ExportDirectory,
    error::ExportError,
    report::UncommittedFile,
};

/// The maximum bytes of text in a row group. A longer text has a row group of its own.
const GROUP_BYTES: usize = 64 << 20;
/// The maximum number of documents in a row group. It bounds the memory of the columns other than the text.
const GROUP_ROWS: usize = 1 << 16;

const SCHEMA: &str = "message document {
    required binary text (STRING);
    required binary id (STRING);
    required binary url (STRING);
    optional binary date (STRING);
    optional binary language (STRING);
    optional double language_score;
    optional int64 token_count;
    optional int64 distinct_token_count;
    optional binary title (STRING);
    optional binary author (STRING);
    required binary final_url (STRING);
    required binary encoding (STRING);
    required int64 raw_bytes;
    required binary raw_blake3 (STRING);
    required int64 text_bytes;
    required binary text_blake3 (STRING);
    optional binary duplicate_of (STRING);
}";

/// The file, and the rows of the next row group.
pub(super) struct Documents {
    file: ParquetFile,
    rows: Vec<Row>,
    bytes: usize,
}

struct Row {
    text: ByteArray,
    meta: Meta,
    counts: Option<WordCounts>,
}

impl Documents {
    pub(super) fn create(directory: &ExportDirectory) -> Result<Self, ExportError> {
        let file = ParquetFile::create(directory, DOCUMENTS, SCHEMA, writer_properties())?;
        Ok(Self { file, rows: Vec::new(), bytes: 0 })
    }

    pub(super) fn add(
        &mut self,
        document: &Document<'_>,
        stats: Option<&WordStats>,
    ) -> Result<(), ExportError> {
        let mut text = Vec::new();
        document.read_text(|part| {
            text.extend_from_slice(part);
            Ok(())
        })?;
        // Before the text is added, so that only a text that is larger by itself exceeds the bound.
        if self.bytes + text.len() > GROUP_BYTES || self.rows.len() == GROUP_ROWS {
            self.write_row_group()?;
        }
        self.bytes += text.len();
        let counts = stats.map(|stats| stats.measures);
        self.rows.push(Row { text: text.into(), meta: document.meta.clone(), counts });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<UncommittedFile, ExportError> {
        self.write_row_group()?;
        self.file.finish()
    }

    fn write_row_group(&mut self) -> Result<(), ExportError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        // A corpus without documents has no row group.
        if rows.is_empty() {
            return Ok(());
        }
        self.file.write_row_group(rows.len(), |group| write_columns(&rows, group))
    }
}

/// Writes the columns, in the order of the schema.
fn write_columns(rows: &[Row], group: &mut RowGroup<'_>) -> Result<(), ParquetError> {
    let strings = |of: fn(&Row) -> &str| rows.iter().map(move |row| ByteArray::from(of(row)));
    let numbers = |of: fn(&Row) -> u64| rows.iter().map(|row| to_i64(of(row))).collect::<Vec<_>>();
    let counts = |of: fn(WordCounts) -> u64| {
        rows.iter().map(|row| row.counts.map(|counts| to_i64(of(counts)))).collect::<Vec<_>>()
    };
    let found =
        |of: fn(Bibliography<'_>) -> Option<String>| rows.iter().map(move |row| of(Bibliography(&row.meta)));
    group.long_strings(rows.iter().map(|row| row.text.clone()))?;
    group.long_strings(strings(|row| row.meta.document.as_str()))?;
    group.long_strings(strings(|row| &row.meta.url))?;
    group.optional_strings(found(|bibliography| bibliography.created()))?;
    group.optional_strings(found(|bibliography| bibliography.language()))?;
    group.null_doubles(rows.len())?;
    group.optional_numbers(&counts(|counts| counts.words))?;
    group.optional_numbers(&counts(|counts| counts.distinct_words))?;
    group.optional_strings(rows.iter().map(|row| row.meta.title.clone()))?;
    group.optional_strings(found(|bibliography| bibliography.author_name()))?;
    group.long_strings(strings(|row| &row.meta.final_url))?;
    group.long_strings(strings(|row| &row.meta.encoding.used))?;
    group.numbers(&numbers(|row| row.meta.raw.bytes))?;
    group.long_strings(strings(|row| &row.meta.raw.blake3))?;
    group.numbers(&numbers(|row| row.meta.text.bytes))?;
    group.long_strings(strings(|row| &row.meta.text.blake3))?;
    group.optional_strings(rows.iter().map(|row| row.meta.duplicate_of.as_ref().map(ToString::to_string)))
}

fn writer_properties() -> WriterPropertiesBuilder {
    let mut builder = properties().set_sorting_columns(Some(vec![ascending(1)]));
    for repeated in ["language", "author", "encoding"] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(repeated), true);
    }
    // The least and greatest text or hash would help no reader, and a text may be large.
    for unordered in ["text", "raw_blake3", "text_blake3"] {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(unordered), EnabledStatistics::None);
    }
    builder
}

/// Returns a number as Parquet's signed type. No length or count reaches its maximum.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
