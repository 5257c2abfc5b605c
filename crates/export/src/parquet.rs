//! `documents.parquet`, `counts.parquet` and, on request, `tokens.parquet`.
//!
//! `documents.parquet` has one row a document, in order of ids. The names are those of FineWeb if it has such
//! a column: `text`, `id`, `url`, `date` (of the release, or otherwise of the last change on the server),
//! `language` (codes of ISO 639, separated by `;`), `language_score` (always null, because juggle detects no
//! languages), `token_count` (null if the document has not been processed). Then follow
//! `distinct_token_count`, `title`, `author`, `final_url`, `encoding`, `raw_bytes`, `raw_blake3`,
//! `text_bytes`, `text_blake3`, `duplicate_of`.
//!
//! `counts.parquet` has the columns `document`, `token`, `n`, in order of documents, the most frequent tokens
//! first. `tokens.parquet` has `document`, `position` (from 0), `token`, in the order of the texts. Both join
//! with `documents.id`.
//!
//! The files have zstd compression, statistics of every page, and dictionaries for values that repeat. A row
//! group has up to a million rows, or 64 MiB of text or tokens. One row group of each file is held in memory.
//! The files are renamed to their final names when all are complete.

mod documents;
mod file;
mod occurrences;

use self::{
    documents::Documents,
    occurrences::{OccurrenceKind, Occurrences},
};
use crate::{
    corpus::{Corpus, DocumentTotals},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, commit_all},
};

/// The file of documents.
pub const DOCUMENTS: &str = "documents.parquet";
/// The file of counts.
pub const COUNTS: &str = "counts.parquet";
/// The file of tokens.
pub const TOKENS: &str = "tokens.parquet";

/// The choice of exporting the tokens in the order of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// [`TOKENS`] is written.
    Written,
    /// [`TOKENS`] is not written. The file of an earlier export is removed, because it may differ from this
    /// corpus.
    LeftOut,
}

/// Writes the files of documents and counts, and that of tokens if asked to.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a blob cannot be read, and
/// [`ExportError::Write`] if a file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    tokens: Tokens,
) -> Result<ExportReport, ExportError> {
    let mut documents = Documents::create(directory)?;
    let mut counts = Occurrences::create(directory, OccurrenceKind::Counts)?;
    let mut sequence = match tokens {
        Tokens::Written => Some(Occurrences::create(directory, OccurrenceKind::Tokens)?),
        Tokens::LeftOut => None,
    };
    let mut not_processed = 0;
    let totals = corpus.for_each(|document| {
        let stats = document.read_stats()?;
        documents.add(document, stats.as_ref())?;
        let Some(stats) = stats else {
            not_processed += 1;
            return Ok(());
        };
        counts.begin_document(document.id());
        document.read_counts(&stats, |token, n| counts.add(token, n))?;
        if let Some(sequence) = &mut sequence {
            sequence.begin_document(document.id());
            let mut position = 0;
            document.read_tokens(&stats, |token| {
                position += 1;
                sequence.add(token, position - 1)
            })?;
        }
        Ok(())
    })?;
    let mut ready = vec![documents.finish()?, counts.finish()?];
    ready.extend(sequence.map(Occurrences::finish).transpose()?);
    let files = commit_all(ready)?;
    // After the commit: an export that fails changes nothing.
    if tokens == Tokens::LeftOut {
        directory.remove(TOKENS)?;
    }
    Ok(ExportReport { files, totals: DocumentTotals { not_processed, ..totals } })
}
