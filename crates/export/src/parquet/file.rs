//! A Parquet file being written, a row group at a time, a column after the other.

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
/// How many values are handed over at a time where they are made for that.
const BATCH: usize = 8192;

/// The file.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<AtomicFile>,
    rows: u64,
}

/// What all files have in common: compression, statistics of every page; dictionaries only where they are asked for.
pub(super) fn properties() -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("it is a level of zstd");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(false)
}

/// That rows rise by this column.
pub(super) const fn rising(column_idx: i32) -> SortingColumn {
    SortingColumn { column_idx, descending: false, nulls_first: false }
}

impl ParquetFile {
    pub(super) fn begin(
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

    /// Writes a row group, whose columns `write` writes in order.
    pub(super) fn group(
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
    /// Writes the next column, in which every row has a string: each by itself, so that a page ends when it is full.
    pub(super) fn long_strings(&mut self, values: &[ByteArray]) -> Result<(), ParquetError> {
        self.column::<ByteArrayType>(|column| {
            values
                .iter()
                .try_for_each(|value| column.write_batch(std::slice::from_ref(value), None, None).map(drop))
        })
    }

    /// The same of values that are made as they are needed.
    pub(super) fn strings(&mut self, values: impl Iterator<Item = ByteArray>) -> Result<(), ParquetError> {
        self.column::<ByteArrayType>(|column| {
            in_batches(values, |batch| column.write_batch(batch, None, None).map(drop))
        })
    }

    /// The next column, of whole numbers.
    pub(super) fn numbers(&mut self, values: &[i64]) -> Result<(), ParquetError> {
        self.column::<Int64Type>(|column| column.write_batch(values, None, None).map(drop))
    }

    /// The next column, of strings that some rows do not have.
    pub(super) fn optional_strings(&mut self, values: &[Option<String>]) -> Result<(), ParquetError> {
        let there: Vec<ByteArray> =
            values.iter().flatten().map(|value| ByteArray::from(value.as_str())).collect();
        self.column::<ByteArrayType>(|column| {
            column.write_batch(&there, Some(&levels(values)), None).map(drop)
        })
    }

    /// The next column, of whole numbers that some rows do not have.
    pub(super) fn optional_numbers(&mut self, values: &[Option<i64>]) -> Result<(), ParquetError> {
        let there: Vec<i64> = values.iter().copied().flatten().collect();
        self.column::<Int64Type>(|column| column.write_batch(&there, Some(&levels(values)), None).map(drop))
    }

    /// The next column, of fractions that no row has.
    pub(super) fn no_fractions(&mut self, rows: usize) -> Result<(), ParquetError> {
        self.column::<DoubleType>(|column| column.write_batch(&[], Some(&vec![0; rows]), None).map(drop))
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

/// Whether rows have a value, as definition levels.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    values.iter().map(|value| i16::from(value.is_some())).collect()
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

/// What the system said, where it was the system.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}
