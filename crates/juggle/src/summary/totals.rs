//! What a run directory holds, added up.

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use process::error::ProcessError;
use serde::Deserialize;
use store::meta::Confidence;

use super::ROWS_MAX;
use crate::exit::{CliError, Exit, MEND};

/// The largest sidecar that is read.
const SIDECAR_BYTES_MAX: u64 = 1 << 20;

/// What the run directory holds.
#[derive(Debug, Default)]
pub(super) struct CorpusTotals {
    pub(super) documents: u64,
    pub(super) duplicates: u64,
    pub(super) doubtful_encodings: u64,
    pub(super) damaged: u64,
    pub(super) replaced_characters: u64,
    pub(super) bytes_raw: u64,
    pub(super) tokens: u64,
    pub(super) distinct_tokens: u64,
    pub(super) rows: Vec<DocumentRow>,
}

impl CorpusTotals {
    /// Reads metas and counts. Holds every distinct token once. Blocking.
    ///
    /// # Errors
    /// Where one that should be there cannot be read.
    pub(super) fn read(blobs: &dyn BlobStore) -> Result<Self, CliError> {
        let documents = blobs.list(BlobKind::Stats)?;
        let mut corpus = Self { documents: documents.len() as u64, ..Self::default() };
        let mut different = Vec::new();
        for document in &documents {
            let meta: Meta = sidecar(blobs, BlobKind::Meta, document)?;
            corpus.bytes_raw += meta.raw.bytes;
            corpus.duplicates += u64::from(meta.duplicate_of.is_some());
            if meta.duplicate_of.is_none() {
                different.push(document.clone());
            }
            if let Some(EncodingRecord { confidence, replacements }) = meta.encoding {
                corpus.doubtful_encodings += u64::from(confidence == Some(Confidence::Doubtful));
                corpus.damaged += u64::from(replacements > 0);
                corpus.replaced_characters += replacements;
            }
            if documents.len() <= ROWS_MAX {
                let stats = sidecar(blobs, BlobKind::Stats, document)?;
                corpus.rows.push(DocumentRow { document: document.clone(), meta, stats });
            }
        }
        let vocabulary =
            process::counts::vocabulary::merge(blobs, different).map_err(|error| match error {
                ProcessError::Blob(error) => error.into(),
                error => CliError::caused(Exit::File, &error).advise(MEND),
            })?;
        (corpus.tokens, corpus.distinct_tokens) = (vocabulary.tokens, vocabulary.distinct);
        Ok(corpus)
    }
}

fn sidecar<T: serde::de::DeserializeOwned>(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: &DocumentId,
) -> Result<T, CliError> {
    let name = BlobName::new(kind, document.clone());
    let bytes = blobs.read(&name, SIDECAR_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let path = name.relative_path();
        BlobError::Damaged { path, source: error.into() }.into()
    })
}

/// A document, in the table.
#[derive(Debug)]
pub(super) struct DocumentRow {
    pub(super) document: DocumentId,
    pub(super) meta: Meta,
    pub(super) stats: Stats,
}

/// What the table needs of `meta/`.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    pub(super) title: Option<String>,
    pub(super) language: Option<String>,
    pub(super) raw: RawRecord,
    #[serde(default)]
    pub(super) encoding: Option<EncodingRecord>,
    #[serde(default)]
    pub(super) duplicate_of: Option<DocumentId>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct EncodingRecord {
    #[serde(default)]
    pub(super) confidence: Option<Confidence>,
    #[serde(default)]
    pub(super) replacements: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawRecord {
    pub(super) bytes: u64,
}

/// What the table needs of `stats/`.
#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    pub(super) words: u64,
    pub(super) distinct_words: u64,
}
