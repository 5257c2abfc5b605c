//! `documents.parquet`, `counts.parquet` and, on wish, `tokens.parquet`.
//!
//! Columns of documents, one row for each, in order of ids. The names are those of FineWeb where it has such a column:
//! `text`, `id`, `url`, `date` (when the text was released, else when the server says that the file changed), `language`
//! (codes of ISO 639, separated by `;`), `language_score` (null: juggle detects none), `token_count` (null where the document was not
//! processed yet); then `distinct_token_count`, `title`, `author`, `final_url`, `encoding`, `raw_bytes`, `raw_blake3`, `text_bytes`,
//! `text_blake3`, `duplicate_of`.
//!
//! Columns of counts: `document`, `token`, `n`, in order of documents, most frequent tokens first. Columns of tokens: `document`,
//! `position` (from 0), `token`, in order of the texts. Joined by `documents.id = counts.document`.
//!
//! All are written with zstd, statistics of every page, and dictionaries where values repeat. Row groups have a million rows, those of
//! documents 64 MiB of text; one row group of each file is held in memory. All files get their names when all are whole.

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

/// Whether the tokens are written too, in the order of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// They are.
    Written,
    /// They are not. A file of an earlier export is removed, for it may be of another corpus.
    LeftOut,
}

/// Writes them.
///
/// # Errors
/// Where a blob cannot be read or a file cannot be written.
pub fn write(
    corpus: &Corpus<'_>,
    directory: &ExportDirectory,
    tokens: Tokens,
) -> Result<ExportReport, ExportError> {
    let mut documents = Documents::begin(directory)?;
    let mut counts = Occurrences::begin(directory, OccurrenceKind::Counts)?;
    let mut sequence = match tokens {
        Tokens::Written => Some(Occurrences::begin(directory, OccurrenceKind::Tokens)?),
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
    if tokens == Tokens::LeftOut {
        directory.remove(TOKENS)?;
    }
    Ok(ExportReport { files, totals: DocumentTotals { not_processed, ..totals } })
}
