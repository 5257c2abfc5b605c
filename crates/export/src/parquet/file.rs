//! Writes a Parquet file, one row group after the other, and in it one column after the other.

use std::{io, sync::Arc};

use ::parquet::{
    basic::{Compression, ZstdLevel},
    column::writer::ColumnWriterImpl,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::SortingColumn,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use flow::atomic_file::AtomicFile;

use crate::{directory::ExportDirectory, error::ExportError, report::UncommittedFile};

const ZSTD_LEVEL: i32 = 1;
/// The number of generated values in one call of the column writer.
const BATCH: usize = 8192;

/// A Parquet file being written.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<AtomicFile>,
    rows: u64,
}

/// Returns the properties that all files have: zstd compression, statistics of every page, and no
/// dictionaries.
pub(super) fn properties() -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("it is a level of zstd");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(false)
}

/// Returns a column by which rows are sorted in ascending order.
pub(super) const fn ascending(column_idx: i32) -> SortingColumn {
    SortingColumn { column_idx, descending: false, nulls_first: false }
}

impl ParquetFile {
    pub(super) fn create(
        directory: &ExportDirectory,
        name: &str,
        schema: &str,
        properties: WriterPropertiesBuilder,
    ) -> Result<Self, ExportError> {
        let file = directory.create_file(name)?;
        let path = file.path().to_owned();
        let schema = parse_message_type(schema).expect("the schemas are constants");
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()));
        let writer = writer.map_err(|error| ExportError::writing(&path)(as_io(error)))?;
        Ok(Self { writer, rows: 0 })
    }

    /// Writes a row group. `write` writes its columns in the order of the schema.
    pub(super) fn write_row_group(
        &mut self,
        rows: usize,
        write: impl FnOnce(&mut RowGroup<'_>) -> Result<(), ParquetError>,
    ) -> Result<(), ExportError> {
        self.rows += rows as u64;
        let written = self.writer.next_row_group().and_then(|writer| {
            let mut group = RowGroup { writer };
            write(&mut group)?;
            group.writer.close().map(drop)
        });
        written.map_err(|error| ExportError::writing(self.writer.inner().path())(as_io(error)))
    }

    pub(super) fn finish(self) -> Result<UncommittedFile, ExportError> {
        let failed = ExportError::writing(self.writer.inner().path());
        let file = self.writer.into_inner().map_err(|error| failed(as_io(error)))?;
        UncommittedFile::sync(file, self.rows)
    }
}

/// A row group being written.
pub(super) struct RowGroup<'f> {
    writer: SerializedRowGroupWriter<'f, AtomicFile>,
}

impl RowGroup<'_> {
    /// Writes the next column, of long strings. Each is a batch, because the writer ends a page only between
    /// batches.
    pub(super) fn long_strings(
        &mut self,
        values: impl Iterator<Item = ByteArray>,
    ) -> Result<(), ParquetError> {
        self.column::<ByteArrayType>(|column| {
            values
                .map(|value| column.write_batch(&[value], None, None))
                .try_for_each(|written| written.map(drop))
        })
    }

    /// Writes the next column, of short strings that are generated in batches.
    pub(super) fn strings(&mut self, values: impl Iterator<Item = ByteArray>) -> Result<(), ParquetError> {
        self.column::<ByteArrayType>(|column| {
            in_batches(values, |batch| column.write_batch(batch, None, None).map(drop))
        })
    }

    /// Writes the next column, of integers.
    pub(super) fn numbers(&mut self, values: &[i64]) -> Result<(), ParquetError> {
        self.column::<Int64Type>(|column| column.write_batch(values, None, None).map(drop))
    }

    /// Writes the next column, of strings and nulls.
    pub(super) fn optional_strings(
        &mut self,
        values: impl Iterator<Item = Option<String>>,
    ) -> Result<(), ParquetError> {
        let values: Vec<_> = values.map(|value| value.map(|text| ByteArray::from(text.as_str()))).collect();
        self.optional::<ByteArrayType>(&values)
    }

    /// Writes the next column, of integers and nulls.
    pub(super) fn optional_numbers(&mut self, values: &[Option<i64>]) -> Result<(), ParquetError> {
        self.optional::<Int64Type>(values)
    }

    /// Writes the next column, of a double that is null in every row.
    pub(super) fn null_doubles(&mut self, rows: usize) -> Result<(), ParquetError> {
        self.optional::<DoubleType>(&vec![None; rows])
    }

    fn optional<T: DataType>(&mut self, values: &[Option<T::T>]) -> Result<(), ParquetError> {
        let present: Vec<T::T> = values.iter().flatten().cloned().collect();
        // Definition levels: 1 for a value, 0 for null.
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        self.column::<T>(|column| column.write_batch(&present, Some(&levels), None).map(drop))
    }

    fn column<T: DataType>(
        &mut self,
        write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let mut column =
            self.writer.next_column()?.expect("the schema has a column for each that is written");
        write(column.typed::<T>())?;
        column.close()
    }
}

fn in_batches(
    mut values: impl Iterator<Item = ByteArray>,
    mut write: impl FnMut(&[ByteArray]) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        batch.extend(values.by_ref().take(BATCH));
        if batch.is_empty() {
            return Ok(());
        }
        write(&batch)?;
    }
}

/// Returns the error of the system if there is one, so that a full disk is recognised.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}
