//! The totals of a corpus.

use std::path::Path;

use corpus::{lock::LockReport, meta::Meta, records, stats::Stats, totals::Totals};
use flow::{
    atomic_file,
    blobs::{BlobKind, BlobStore},
    document::DocumentId,
    record::{self, Checksum},
    safe_file,
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
#[derive(Debug, Serialize, Deserialize)]
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
    /// Returns the totals of the results in a lock that was just written or compared. They follow from its
    /// root hash, so those of a large corpus that has not changed are known from an earlier run. Blocking.
    ///
    /// # Errors
    /// Returns an error if a file is missing or damaged.
    pub(super) fn of_lock(
        blobs: &dyn BlobStore,
        run: &Path,
        lock: Option<&LockReport>,
    ) -> Result<Self, CliError> {
        let documents = blobs.list(BlobKind::Stats)?;
        // A lock leaves out what another processor has made.
        let is_whole = |lock: &&LockReport| lock.documents == documents.len() as u64;
        let Some(lock) = lock.filter(is_whole).filter(|_| documents.len() > ROWS_MAX) else {
            return Self::read(blobs, documents);
        };
        if let Some(known) = KnownTotals::read(run, &lock.root) {
            return Ok(known);
        }
        let totals = Self::read(blobs, documents)?;
        Ok(KnownTotals { version: VERSION.into(), root: lock.root.clone(), totals }.write(run))
    }

    /// Reads the records and counts of these documents. Holds every distinct token once. Blocking.
    ///
    /// # Errors
    /// Returns an error if a file is missing or damaged.
    fn read(blobs: &dyn BlobStore, documents: Vec<DocumentId>) -> Result<Self, CliError> {
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

/// The version that has computed totals: another one may count otherwise.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The file of known totals below the run directory. It may be deleted.
const KNOWN: &str = "logs/totals.json";

/// The totals of the corpus with this root hash.
#[derive(Debug, Serialize, Deserialize)]
struct KnownTotals {
    version: String,
    root: String,
    totals: CorpusTotals,
}

impl KnownTotals {
    fn read(run: &Path, root: &str) -> Option<CorpusTotals> {
        let bytes = safe_file::read(&run.join(KNOWN)).ok()?;
        let known: Self = serde_json::from_slice(&bytes).ok()?;
        let is_it = known.root == root && known.version == VERSION;
        (is_it && record::checksum(&bytes) == Checksum::Fits).then_some(known.totals)
    }

    /// Writes the totals for the next run, and returns them. Without the file, the next run reads everything.
    fn write(self, run: &Path) -> CorpusTotals {
        let path = run.join(KNOWN);
        let written =
            record::to_bytes(&self).map_err(Into::into).and_then(|bytes| atomic_file::write(&path, bytes));
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), %error, "failed to write the totals");
        }
        self.totals
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
