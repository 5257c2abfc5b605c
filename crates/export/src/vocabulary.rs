//! `vocabulary.tsv`: every token of the corpus with its count and its number of documents, most frequent
//! first.
//!
//! Disk form: token, TAB, n, TAB, documents, line feed. Lines are sorted by descending n, then by the bytes
//! of the token. A token may contain a TAB: the last two separate the columns. There is no header, as in
//! `counts/`.
//!
//! An external merge sort: a table adds the counts up. When it reaches its maximum size, it is written to
//! disk as a
//! *run*, sorted by token. At the end all runs are merged, which adds up the counts of equal tokens. The
//! result is sorted by rank in the same way, in runs of the same size. So the maximum size does not change
//! the bytes.

mod entry;
mod runs;
mod table;

use std::io::{self, Write};

use self::{
    entry::{Order, VocabularyEntry},
    runs::Runs,
    table::Table,
};
use crate::{
    corpus::Corpus,
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file name.
pub const FILE: &str = "vocabulary.tsv";

/// The default maximum size of the table, in bytes.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// Writes the counts of all tokens, with a table of at most `memory_bytes`, or of one token if that is
/// larger.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a meta, stats or counts cannot be read, and
/// [`ExportError::Write`] if a file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    memory_bytes: u64,
) -> Result<ExportReport, ExportError> {
    let mut table = Table::new(memory_bytes);
    let mut runs = Runs::new(directory, Order::Token, memory_bytes);
    let totals = corpus.for_each_processed(|document, stats| {
        document.read_counts(stats, |token, n| {
            table.add(token, n);
            if table.is_full() { runs.add(table.drain(Order::Token)) } else { Ok(()) }
        })
    })?;
    let mut file = directory.create_file(FILE)?;
    let failed = ExportError::writing(file.path());
    let mut rows = 0;
    let mut put = |entry: &VocabularyEntry| {
        rows += 1;
        line(&mut file, entry).map_err(&failed)
    };
    // Without runs all counts are in the table, which is sorted by rank at once.
    if runs.is_empty() {
        table.drain(Order::Rank).iter().try_for_each(&mut put)?;
    } else {
        runs.add(table.drain(Order::Token))?;
        let mut ranked = Runs::new(directory, Order::Rank, memory_bytes);
        runs.merge(|entry| ranked.push(entry))?;
        ranked.merge(|entry| put(&entry))?;
    }
    Ok(ExportReport { files: commit_all(vec![UncommittedFile::sync(file, rows)?])?, totals })
}

fn line(file: &mut impl Write, VocabularyEntry { token, n, documents }: &VocabularyEntry) -> io::Result<()> {
    writeln!(file, "{token}\t{n}\t{documents}")
}
