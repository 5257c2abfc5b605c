//! The totals of a corpus, as far as the meta of its documents has them.

use flow::{
    blobs::{BlobError, BlobKind, BlobStore},
    document::DocumentId,
};
use serde::{Deserialize, Serialize};

use crate::{
    meta::{Confidence, Meta},
    records,
};

/// The totals of the documents that have gone through all stages, in this run and before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Totals {
    /// The number of documents.
    pub documents: u64,
    /// The number of documents with the same text as another.
    pub duplicates: u64,
    /// The number of documents whose encoding was guessed and may be wrong.
    pub doubtful_encodings: u64,
    /// The number of documents with characters that could not be decoded.
    pub damaged: u64,
    /// The number of these characters.
    pub replaced_characters: u64,
    /// Bytes as received.
    pub bytes_raw: u64,
}

impl Totals {
    /// Reads the meta of these documents, and passes each to `take`, in order. Holds some at a time.
    /// Blocking.
    ///
    /// # Errors
    /// Returns an error if a meta is missing or damaged, and the errors of `take`.
    pub fn read(
        blobs: &dyn BlobStore,
        documents: &[DocumentId],
        mut take: impl FnMut(&DocumentId, Meta) -> Result<(), BlobError>,
    ) -> Result<Self, BlobError> {
        let mut totals = Self { documents: documents.len() as u64, ..Self::default() };
        let metas = records::read_ahead(documents.to_vec(), |document| {
            records::read_whole::<Meta>(blobs, BlobKind::Meta, &document)
        });
        for (document, meta) in documents.iter().zip(metas) {
            let meta = meta?;
            totals.bytes_raw += meta.raw.bytes;
            totals.duplicates += u64::from(meta.duplicate_of.is_some());
            let encoding = &meta.encoding;
            totals.doubtful_encodings += u64::from(encoding.confidence == Some(Confidence::Doubtful));
            totals.damaged += u64::from(encoding.replacements > 0);
            totals.replaced_characters += encoding.replacements;
            take(document, meta)?;
        }
        Ok(totals)
    }
}
