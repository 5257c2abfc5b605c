//! The totals of a corpus.

use std::path::Path;

use corpus::{meta::Meta, records, stats::Stats, totals::Totals};
use flow::{
    blobs::{BlobKind, BlobStore},
    document::DocumentId,
    shell::quoted_path,
};
use indicatif::{HumanBytes, HumanCount};
use process::{counts::vocabulary, error::ProcessError};
use serde::{Deserialize, Serialize};

use super::ROWS_MAX;
use crate::{
    exit::{CliError, Exit, MEND},
    output::{align_right, counted, table},
};

/// Longer titles are cut in the table.
const TITLE_CHARS_MAX: usize = 48;

/// The documents of a run directory that have gone through all stages, in this run and before.
#[derive(Debug, Serialize)]
pub(super) struct CorpusTotals {
    #[serde(flatten)]
    pub(super) records: Totals,
    /// Tokens of all documents. A text that several documents have is counted once.
    tokens: u64,
    distinct_tokens: u64,
    #[serde(skip)]
    rows: Vec<DocumentRow>,
}

impl CorpusTotals {
    /// Reads the records and counts of all documents. Holds every distinct token once. Blocking.
    ///
    /// # Errors
    /// Returns an error if a file is missing or damaged.
    pub(super) fn read(blobs: &dyn BlobStore) -> Result<Self, CliError> {
        let documents = blobs.list(BlobKind::Stats)?;
        let (mut distinct, mut rows) = (Vec::new(), Vec::new());
        let records = Totals::read(blobs, &documents, |document, meta| {
            // Counting copies would make a corpus look larger than it is.
            if meta.duplicate_of.is_none() {
                distinct.push(document.clone());
            }
            // A longer table is not printed, so its rows would only take memory.
            if documents.len() <= ROWS_MAX {
                let stats = records::read_whole(blobs, BlobKind::Stats, document)?;
                rows.push(DocumentRow { document: document.clone(), meta, stats });
            }
            Ok(())
        })?;
        let vocabulary = vocabulary::merge(blobs, distinct).map_err(|error| match error {
            ProcessError::Blob(error) => error.into(),
            error => CliError::caused(Exit::File, &error).advise(MEND),
        })?;
        Ok(Self { records, tokens: vocabulary.tokens, distinct_tokens: vocabulary.distinct, rows })
    }

    /// Returns a table with a row for each document, if there are few.
    pub(super) fn table(&self) -> Option<String> {
        let mut table = table(&["document", "title", "language", "bytes", "words", "distinct"]);
        for DocumentRow { document, meta, stats } in &self.rows {
            let title = match &meta.duplicate_of {
                Some(original) => format!("same text as {original}"),
                None => meta.title.as_deref().unwrap_or("–").chars().take(TITLE_CHARS_MAX).collect(),
            };
            let language = meta.language.clone().unwrap_or_else(|| "–".to_owned());
            let counts = [meta.raw.bytes, stats.measures.words, stats.measures.distinct_words];
            let counts = counts.map(|count| HumanCount(count).to_string());
            table.add_row([document.to_string(), title, language].into_iter().chain(counts));
        }
        align_right(&mut table, 3..6);
        (!self.rows.is_empty()).then(|| table.trim_fmt())
    }

    /// Returns the totals in one line.
    pub(super) fn line(&self, run: &Path, seconds: f64) -> String {
        format!(
            "{} in {}: {} received, {} tokens, {} distinct ({seconds:.1} s)",
            counted(self.records.documents, "document"),
            run.display(),
            HumanBytes(self.records.bytes_raw),
            HumanCount(self.tokens),
            HumanCount(self.distinct_tokens)
        )
    }

    /// Returns the lines on duplicates and on texts that may have been decoded wrongly.
    pub(super) fn notes(&self, run: &Path) -> Vec<String> {
        let (run, mut lines) = (quoted_path(run), Vec::new());
        if self.records.duplicates > 0 {
            lines.push(format!(
                "{} not counted again: same text as another",
                counted(self.records.duplicates, "document")
            ));
        }
        if self.records.doubtful_encodings > 0 {
            lines.push(format!(
                "{} with a doubtful encoding. To list them: grep -l '\"doubtful\"' {run}/meta/*.json\n  \
                 To decode one again: juggle redecode ID --encoding LABEL -o {run}",
                counted(self.records.doubtful_encodings, "document")
            ));
        }
        if self.records.damaged > 0 {
            lines.push(format!(
                "{} with {} that could not be decoded; see \"replacements\" in {run}/meta/*.json",
                counted(self.records.damaged, "document"),
                counted(self.records.replaced_characters, "character")
            ));
        }
        lines
    }
}

/// A row of the table.
#[derive(Debug)]
struct DocumentRow {
    document: DocumentId,
    meta: Meta,
    stats: Stats<WordCounts>,
}

/// The measures that the table shows.
#[derive(Debug, Deserialize)]
struct WordCounts {
    words: u64,
    distinct_words: u64,
}
