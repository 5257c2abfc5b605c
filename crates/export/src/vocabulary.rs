//! `vocabulary.tsv`: every token of the corpus with how often it occurs and in how many documents, most frequent first.
//!
//! Disk form: token, TAB, n, TAB, documents, line feed; n falling, then tokens rising by their bytes. A token may contain a
//! TAB: the last two count. There is no header, as in `counts/`.
//!
//! Counts are added up in a table. When it has grown to a bound it is written to the disk in order of tokens as a *run*; at
//! the end all runs are merged, which adds up what stands in several. What comes out is in order of tokens and has to be
//! ranked: that is sorted in the same way, in runs as large as the bound. So the bytes are the same whatever the bound.

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

/// The file.
pub const FILE: &str = "vocabulary.tsv";

/// What the table may take by default, in bytes.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// Writes it, with a table of at most `memory_bytes`, or of one token.
///
/// # Errors
/// Where counts cannot be read or the file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    memory_bytes: u64,
) -> Result<ExportReport, ExportError> {
    let mut table = Table::new(memory_bytes);
    let mut runs = Runs::new(directory, Order::Token);
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
    if runs.is_empty() {
        table.drain(Order::Rank).iter().try_for_each(&mut put)?;
    } else {
        runs.add(table.drain(Order::Token))?;
        ranked(runs, directory, memory_bytes)?.merge(|entry| put(&entry))?;
    }
    Ok(ExportReport { files: commit_all(vec![UncommittedFile::sync(file, rows)?])?, totals })
}

/// What the runs add up to, in runs by rank.
fn ranked<'d>(
    runs: Runs<'_>,
    directory: &'d ExportDirectory,
    memory_bytes: u64,
) -> Result<Runs<'d>, ExportError> {
    let mut ranked = Runs::new(directory, Order::Rank);
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    runs.merge(|entry| {
        bytes += entry.held_bytes();
        waiting.push(entry);
        if bytes >= memory_bytes {
            bytes = 0;
            let mut full = std::mem::take(&mut waiting);
            full.sort_unstable_by(|one, other| Order::Rank.compare(one, other));
            ranked.add(full)?;
        }
        Ok(())
    })?;
    waiting.sort_unstable_by(|one, other| Order::Rank.compare(one, other));
    ranked.add(waiting)?;
    Ok(ranked)
}

fn line(file: &mut impl Write, VocabularyEntry { token, n, documents }: &VocabularyEntry) -> io::Result<()> {
    writeln!(file, "{token}\t{n}\t{documents}")
}
