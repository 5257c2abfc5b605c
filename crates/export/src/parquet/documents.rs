//! Writes `documents.parquet`.

use ::parquet::{
    data_type::ByteArray,
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};

use super::{
    DOCUMENTS,
    file::{ParquetFile, RowGroup, ascending, properties},
};
use crate::{
    corpus::{Document, WordStats},
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
    rows: Rows,
    bytes: usize,
}

/// Rows, by column.
#[derive(Default)]
struct Rows {
    texts: Vec<ByteArray>,
    ids: Vec<ByteArray>,
    urls: Vec<ByteArray>,
    dates: Vec<Option<String>>,
    languages: Vec<Option<String>>,
    token_counts: Vec<Option<i64>>,
    distinct_token_counts: Vec<Option<i64>>,
    titles: Vec<Option<String>>,
    authors: Vec<Option<String>>,
    final_urls: Vec<ByteArray>,
    encodings: Vec<ByteArray>,
    raw_bytes: Vec<i64>,
    raw_hashes: Vec<ByteArray>,
    text_bytes: Vec<i64>,
    text_hashes: Vec<ByteArray>,
    duplicates_of: Vec<Option<String>>,
}

impl Documents {
    pub(super) fn create(directory: &ExportDirectory) -> Result<Self, ExportError> {
        let file = ParquetFile::create(directory, DOCUMENTS, SCHEMA, writer_properties())?;
        Ok(Self { file, rows: Rows::default(), bytes: 0 })
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
        if self.bytes + text.len() > GROUP_BYTES || self.rows.texts.len() == GROUP_ROWS {
            self.write_row_group()?;
        }
        self.bytes += text.len();
        self.rows.add(text, document, stats);
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
        if rows.texts.is_empty() {
            return Ok(());
        }
        self.file.write_row_group(rows.texts.len(), |group| rows.write(group))
    }
}

impl Rows {
    fn add(&mut self, text: Vec<u8>, document: &Document<'_>, stats: Option<&WordStats>) {
        let (meta, bibliography) = (&document.meta, document.bibliography());
        self.texts.push(text.into());
        self.ids.push(document.id().as_str().into());
        self.urls.push(meta.url.as_str().into());
        self.dates.push(bibliography.created());
        self.languages.push(bibliography.language());
        self.token_counts.push(stats.map(|stats| to_i64(stats.measures.words)));
        self.distinct_token_counts.push(stats.map(|stats| to_i64(stats.measures.distinct_words)));
        self.titles.push(meta.title.clone());
        self.authors.push(bibliography.author_name());
        self.final_urls.push(meta.final_url.as_str().into());
        self.encodings.push(meta.encoding.used.as_str().into());
        self.raw_bytes.push(to_i64(meta.raw.bytes));
        self.raw_hashes.push(meta.raw.blake3.as_str().into());
        self.text_bytes.push(to_i64(meta.text.bytes));
        self.text_hashes.push(meta.text.blake3.as_str().into());
        self.duplicates_of.push(meta.duplicate_of.as_ref().map(ToString::to_string));
    }

    /// Writes the columns, in the order of the schema.
    fn write(&self, group: &mut RowGroup<'_>) -> Result<(), ParquetError> {
        group.long_strings(&self.texts)?;
        group.long_strings(&self.ids)?;
        group.long_strings(&self.urls)?;
        group.optional_strings(&self.dates)?;
        group.optional_strings(&self.languages)?;
        group.null_doubles(self.texts.len())?;
        group.optional_numbers(&self.token_counts)?;
        group.optional_numbers(&self.distinct_token_counts)?;
        group.optional_strings(&self.titles)?;
        group.optional_strings(&self.authors)?;
        group.long_strings(&self.final_urls)?;
        group.long_strings(&self.encodings)?;
        group.numbers(&self.raw_bytes)?;
        group.long_strings(&self.raw_hashes)?;
        group.numbers(&self.text_bytes)?;
        group.long_strings(&self.text_hashes)?;
        group.optional_strings(&self.duplicates_of)
    }
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
