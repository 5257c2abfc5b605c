//! Reads lists with a header line: CSV (RFC 4180) with any separator, and TSV.
//!
//! A quoted CSV cell may span several lines, together at most 64 KiB. If the closing quotation mark is
//! missing, only the line that opened it is invalid, and the lines after it are read again. In TSV an
//! unpaired quotation mark is an ordinary character, so a cell spans several lines only if these lines have
//! no TAB inside the cell and the row then has exactly as many cells as the header.

use std::io;

use crate::{
    error::shown,
    formats::{columns::Column, padding::without_padding, row::SourceRow, separator::Separator},
    input::lines::{LINE_BYTES_MAX, Lines, SourceLine},
};

/// The maximum number of columns.
const COLUMNS_MAX: usize = 1000;

/// Reads the rows of one table.
pub(crate) struct Table {
    columns: Vec<Column>,
    separator: Separator,
    quoted: CsvRecord,
    literal: CsvRecord,
}

/// Splits one record, which is fed line by line.
struct CsvRecord {
    reader: csv_core::Reader,
    cells: Vec<u8>,
    cells_bytes: usize,
    ends: Vec<usize>,
    ends_count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FeedResult {
    Complete,
    InQuotes,
    TooLarge,
}

/// Splits a line, such as a header, into cells.
pub(crate) fn cells(line: &str, separator: Separator) -> Vec<String> {
    let mut record = CsvRecord::new(separator, true);
    record.feed(&without_padding(line, separator));
    record.cells().map(|cell| cell.trim().to_owned()).collect()
}

impl Table {
    /// Creates a table with these columns. `names` are their names in the header.
    ///
    /// # Errors
    /// Returns an error if a column other than `mirror` occurs twice.
    pub(crate) fn new(names: &[String], columns: Vec<Column>, separator: Separator) -> Result<Self, String> {
        let named = |(at, column): (usize, Column)| match column {
            Column::Other(name) if name.is_empty() => Column::Other(format!("column {}", at + 1)),
            column => column,
        };
        let columns: Vec<Column> = columns.into_iter().enumerate().map(named).collect();
        for (at, column) in columns.iter().enumerate() {
            if *column != Column::Mirror && columns[..at].contains(column) {
                return Err(format!("the column '{}' occurs twice in its header", shown(&names[at])));
            }
        }
        let record = |quoting| CsvRecord::new(separator, quoting);
        Ok(Self { columns, separator, quoted: record(true), literal: record(false) })
    }

    /// Returns whether the table has only one column.
    pub(crate) fn is_single_column(&self) -> bool {
        self.columns.len() == 1
    }

    /// Returns the row that starts with the line `text`. Reads more lines if a quoted cell spans them.
    pub(crate) fn row(&mut self, text: &str, lines: &mut Lines) -> io::Result<Result<SourceRow, String>> {
        self.quoted.start();
        match self.quoted.feed(&without_padding(text, self.separator)) {
            FeedResult::Complete => Ok(row_of(&self.columns, &self.quoted)),
            FeedResult::InQuotes => self.row_in_quotes(text, lines),
            FeedResult::TooLarge => Ok(Err(too_large())),
        }
    }

    /// Returns the row that begins with the line `text`, which opens a quotation mark.
    fn row_in_quotes(&mut self, text: &str, lines: &mut Lines) -> io::Result<Result<SourceRow, String>> {
        if self.separator == Separator::TAB {
            if self.continue_quotes(text.len(), lines, Some(self.columns.len()))? == FeedResult::Complete {
                return Ok(row_of(&self.columns, &self.quoted));
            }
            // The quotation mark is an ordinary character after all.
            self.literal.start();
            self.literal.feed(text);
            return Ok(row_of(&self.columns, &self.literal));
        }
        Ok(match self.continue_quotes(text.len(), lines, None)? {
            FeedResult::Complete => row_of(&self.columns, &self.quoted),
            FeedResult::InQuotes => {
                Err("a quotation mark is not closed. Write \"\" for \" inside a cell".into())
            }
            FeedResult::TooLarge => Err(too_large()),
        })
    }

    /// Reads lines until the quotation mark is closed. Gives the lines back if it is not closed, or if the
    /// row then has another number of cells than `cells`.
    fn continue_quotes(
        &mut self,
        first_bytes: usize,
        lines: &mut Lines,
        cells: Option<usize>,
    ) -> io::Result<FeedResult> {
        let mut bytes = first_bytes;
        let mut further: Vec<SourceLine> = Vec::new();
        while bytes <= LINE_BYTES_MAX {
            let Some(line) = lines.next_line()? else { break };
            let text = line.text.clone();
            further.push(line);
            let Ok(text) = text else { break };
            if cells.is_some() && !goes_on(&text) {
                break;
            }
            bytes += text.len() + 1;
            match self.quoted.feed(&text) {
                FeedResult::InQuotes => {}
                fed if cells
                    .is_some_and(|cells| fed != FeedResult::Complete || cells != self.quoted.ends_count) =>
                {
                    break;
                }
                complete => return Ok(complete),
            }
        }
        lines.take_back(further);
        Ok(FeedResult::InQuotes)
    }
}

/// Returns whether a line of TSV can continue a cell that was opened before: the line has no TAB before the
/// quotation mark that closes the cell, and the cell ends there.
fn goes_on(line: &str) -> bool {
    let line = line.replace("\"\"", "");
    match line.split_once('"') {
        None => !line.contains('\t'),
        Some((inside, after)) => !inside.contains('\t') && (after.is_empty() || after.starts_with('\t')),
    }
}

fn too_large() -> String {
    format!("the line has more than {COLUMNS_MAX} cells or 64 KiB. Write one text per line")
}

fn row_of(columns: &[Column], record: &CsvRecord) -> Result<SourceRow, String> {
    let mut row = SourceRow::default();
    for (at, cell) in record.cells().enumerate() {
        match columns.get(at) {
            Some(column) => row.put(column, cell),
            // Spreadsheets pad rows with empty cells.
            None if cell.trim().is_empty() => {}
            None => {
                let (cells, named) = (record.ends_count, columns.len());
                return Err(format!("the line has {cells} cells, but the header has {named}"));
            }
        }
    }
    Ok(row)
}

impl CsvRecord {
    fn new(separator: Separator, quoting: bool) -> Self {
        // A line has no LF in it, so a record ends where `feed` ends it and never at a CR inside of a cell.
        let end = csv_core::Terminator::Any(b'\n');
        let reader = csv_core::ReaderBuilder::new()
            .delimiter(separator.byte())
            .quoting(quoting)
            .terminator(end)
            .build();
        // A record spans at most 64 KiB before its last line, which has at most 64 KiB.
        let cells = vec![0; 2 * LINE_BYTES_MAX + 1024];
        Self { reader, cells, cells_bytes: 0, ends: vec![0; COLUMNS_MAX], ends_count: 0 }
    }

    fn start(&mut self) {
        self.reader.reset();
        self.cells_bytes = 0;
        self.ends_count = 0;
    }

    /// Feeds a line and its end. An empty slice would mean the end of the input to the reader, so it is not
    /// passed on.
    fn feed(&mut self, text: &str) -> FeedResult {
        let mut fed = FeedResult::InQuotes;
        for part in [text.as_bytes(), b"\n"].into_iter().filter(|part| !part.is_empty()) {
            let (output, ends) = (&mut self.cells[self.cells_bytes..], &mut self.ends[self.ends_count..]);
            let (result, _, bytes, ends) = self.reader.read_record(part, output, ends);
            self.cells_bytes += bytes;
            self.ends_count += ends;
            fed = match result {
                csv_core::ReadRecordResult::InputEmpty => FeedResult::InQuotes,
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => FeedResult::Complete,
                csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull => {
                    return FeedResult::TooLarge;
                }
            };
        }
        fed
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).take(self.ends_count).map(|(start, end)| {
            str::from_utf8(&self.cells[start..*end]).expect("cut at ASCII separators, the text stays UTF-8")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_a_cell_of_tsv_if_the_cell_can_end_in_it() {
        for (line, goes) in [
            ("two", true),
            ("two\"", true),
            ("two\"\tx\ty", true),
            ("\"\"two\"\" and", true),
            ("two\tx", false),
            ("two\"x", false),
            ("a\t\"b\"", false),
        ] {
            assert_eq!(goes_on(line), goes, "{line:?}");
        }
    }
}
