//! Reads the documents of a corpus in order of their ids.
//!
//! The order makes an export independent of the order in which documents were stored. In memory are the ids
//! of all documents and a part of the current one. Every blob is compared with its hash while it is read.

use std::io::{BufRead, BufReader, Read};

use corpus::{arrival::Arrival, meta::Meta, records::RECORD_BYTES_MAX, stats::Stats};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    record::{self, Checksum},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{bibliography::Bibliography, error::ExportError};

const BUFFER_BYTES: usize = 256 << 10;

/// The treatment of documents with the text of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// They are exported, and marked if the format has a field for it.
    Marked,
    /// They are not exported.
    LeftOut,
}

/// The progress of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressUpdate {
    /// The number of documents or files done.
    pub done: u64,
    /// The number of all documents or files.
    pub total: u64,
}

/// A function that receives the progress after each document or file.
pub type ProgressCallback<'p> = dyn Fn(ProgressUpdate) + 'p;

/// The stored documents.
pub struct Corpus<'c> {
    blobs: &'c dyn BlobStore,
    documents: Vec<DocumentId>,
    duplicates: Duplicates,
    on_progress: &'c ProgressCallback<'c>,
}

/// The numbers of documents in an export and left out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DocumentTotals {
    /// The number of exported documents.
    pub documents: u64,
    /// The number of documents left out because they have the text of another one.
    pub duplicates_left_out: u64,
    /// The number of documents whose text has not been processed, or 0 if the format needs no counts.
    pub not_processed: u64,
    /// The number of exported documents whose received bytes were not kept, or 0 if the format has none.
    pub raw_dropped: u64,
}

impl<'c> Corpus<'c> {
    /// Lists the documents that are stored now.
    ///
    /// # Errors
    /// Returns the error of [`BlobStore::list`] if they cannot be listed.
    pub fn open(
        blobs: &'c dyn BlobStore,
        duplicates: Duplicates,
        on_progress: &'c ProgressCallback<'c>,
    ) -> Result<Self, BlobError> {
        // The meta of a document is published last, so a document with a meta has its text.
        Ok(Self { blobs, documents: blobs.list(BlobKind::Meta)?, duplicates, on_progress })
    }

    /// Returns the function that receives the progress.
    pub const fn on_progress(&self) -> &ProgressCallback<'c> {
        self.on_progress
    }

    /// Calls `visit` with the arrival of each document, in order of ids.
    pub(crate) fn for_each_arrival(&self, mut visit: impl FnMut(&Arrival)) -> Result<(), ExportError> {
        self.documents.iter().try_for_each(|id| {
            visit(&read_arrival(self.blobs, id)?);
            Ok(())
        })
    }

    /// Calls `visit` with each document, in order of ids.
    pub(crate) fn for_each(
        &self,
        mut visit: impl FnMut(&Document<'_>) -> Result<(), ExportError>,
    ) -> Result<DocumentTotals, ExportError> {
        let mut totals = DocumentTotals::default();
        let total = self.documents.len() as u64;
        for (number, id) in self.documents.iter().enumerate() {
            let document = Document::open(self.blobs, id)?;
            if self.duplicates == Duplicates::LeftOut && document.meta.duplicate_of.is_some() {
                totals.duplicates_left_out += 1;
            } else {
                totals.documents += 1;
                visit(&document)?;
            }
            (self.on_progress)(ProgressUpdate { done: number as u64 + 1, total });
        }
        Ok(totals)
    }

    /// Calls `visit` with each processed document and its stats. Counts the other documents.
    pub(crate) fn for_each_processed(
        &self,
        mut visit: impl FnMut(&Document<'_>, &WordStats) -> Result<(), ExportError>,
    ) -> Result<DocumentTotals, ExportError> {
        let mut not_processed = 0;
        let totals = self.for_each(|document| match document.read_stats()? {
            Some(stats) => visit(document, &stats),
            None => {
                not_processed += 1;
                Ok(())
            }
        })?;
        // A document that has not been processed contributes nothing, so it is not an exported one.
        Ok(DocumentTotals { documents: totals.documents - not_processed, not_processed, ..totals })
    }
}

/// The stats of a document, with the measures that exports contain.
pub(crate) type WordStats = Stats<WordCounts>;

/// The measures that exports contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct WordCounts {
    pub(crate) words: u64,
    pub(crate) distinct_words: u64,
}

/// A document to export.
pub(crate) struct Document<'c> {
    blobs: &'c dyn BlobStore,
    pub(crate) meta: Meta,
}

impl<'c> Document<'c> {
    fn open(blobs: &'c dyn BlobStore, id: &DocumentId) -> Result<Self, ExportError> {
        let name = BlobName::new(BlobKind::Meta, id.clone());
        let meta: Meta = read_record(blobs, &name)?;
        // A copied or renamed file would export one document under the id of another.
        if meta.document != *id {
            let why = format!("it is the meta of '{}'", meta.document);
            return Err(ExportError::damaged(name.relative_path(), why));
        }
        Ok(Self { blobs, meta })
    }

    pub(crate) fn id(&self) -> &DocumentId {
        &self.meta.document
    }

    pub(crate) fn bibliography(&self) -> Bibliography<'_> {
        Bibliography(&self.meta)
    }

    /// Passes the text to `write` in parts.
    ///
    /// # Errors
    /// Returns [`ExportError::Damaged`] after the last part if the text does not have the hash in the meta.
    pub(crate) fn read_text(
        &self,
        write: impl FnMut(&[u8]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.read_blob(BlobKind::Text, &self.meta.text.blake3, write)
    }

    /// Passes a blob to `write` in parts. All but the last have the same length, whatever the store, so that
    /// a compressor makes the same bytes of them.
    ///
    /// # Errors
    /// Returns [`ExportError::Damaged`] after the last part if the blob does not have this hash.
    pub(crate) fn read_blob(
        &self,
        kind: BlobKind,
        blake3: &str,
        mut write: impl FnMut(&[u8]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let name = self.blob_name(kind);
        let mut reader = HashingReader::open(self.blobs, &name)?.take(0);
        let mut part = Vec::new();
        loop {
            part.clear();
            reader.set_limit(BUFFER_BYTES as u64);
            let read = reader.read_to_end(&mut part);
            if read.map_err(|source| BlobError::at(&name.relative_path(), source))? == 0 {
                break;
            }
            write(&part)?;
        }
        reader.into_inner().verify(&name, blake3)
    }

    /// Reads the record of the download.
    pub(crate) fn read_arrival(&self) -> Result<Arrival, ExportError> {
        read_arrival(self.blobs, self.id())
    }

    /// Reads the bytes of a record and compares them with their own checksum.
    ///
    /// # Errors
    /// Returns [`ExportError::Damaged`] if they differ.
    pub(crate) fn read_record(&self, kind: BlobKind) -> Result<Vec<u8>, ExportError> {
        read_verified(self.blobs, &self.blob_name(kind))
    }

    /// Reads the stats. Returns `None` if the text has not been processed.
    pub(crate) fn read_stats(&self) -> Result<Option<WordStats>, ExportError> {
        let stats: WordStats = match read_record(self.blobs, &self.blob_name(BlobKind::Stats)) {
            Err(ExportError::Blob(BlobError::NotFound(_))) => return Ok(None),
            read => read?,
        };
        // Stats of an earlier text remain until the new one is processed.
        Ok((stats.text_blake3 == self.meta.text.blake3).then_some(stats))
    }

    /// Passes each distinct token and its count to `write`, the most frequent first.
    pub(crate) fn read_counts(
        &self,
        stats: &WordStats,
        mut write: impl FnMut(&str, u64) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let name = self.blob_name(BlobKind::Counts);
        self.read_lines(&name, &stats.outputs.counts.blake3, |number, line| {
            // A token may contain a TAB, so the last one precedes the count.
            let (token, n) = line
                .rsplit_once('\t')
                .and_then(|(token, n)| Some((token, n.parse().ok()?)))
                .ok_or_else(|| {
                    let why = format!("line {number} is not a token, a TAB and a count");
                    ExportError::damaged(name.relative_path(), why)
                })?;
            write(token, n)
        })
    }

    /// Passes each token to `write`, in the order of the text.
    pub(crate) fn read_tokens(
        &self,
        stats: &WordStats,
        mut write: impl FnMut(&str) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let name = self.blob_name(BlobKind::Tokens);
        self.read_lines(&name, &stats.outputs.tokens.blake3, |_, line| write(line))
    }

    /// Passes the number and content of each line of a blob to `write`, and verifies the hash at the end.
    fn read_lines(
        &self,
        name: &BlobName,
        blake3: &str,
        mut write: impl FnMut(u64, &str) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, HashingReader::open(self.blobs, name)?);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            number += 1;
            let read = reader.read_until(b'\n', &mut line);
            if read.map_err(|source| BlobError::at(&name.relative_path(), source))? == 0 {
                break;
            }
            let text = str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n'));
            let damaged = || {
                let why = format!("line {number} is not UTF-8 or has no line feed");
                ExportError::damaged(name.relative_path(), why)
            };
            write(number, text.ok_or_else(damaged)?)?;
        }
        reader.into_inner().verify(name, blake3)
    }

    /// Returns the name of the document's blob of a kind.
    pub(crate) fn blob_name(&self, kind: BlobKind) -> BlobName {
        BlobName::new(kind, self.id().clone())
    }
}

fn read_record<T: DeserializeOwned>(blobs: &dyn BlobStore, name: &BlobName) -> Result<T, ExportError> {
    let bytes = blobs.read(name, RECORD_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| ExportError::damaged(name.relative_path(), error))
}

fn read_arrival(blobs: &dyn BlobStore, id: &DocumentId) -> Result<Arrival, ExportError> {
    let name = BlobName::new(BlobKind::Arrival, id.clone());
    let bytes = read_verified(blobs, &name)?;
    serde_json::from_slice(&bytes).map_err(|error| ExportError::damaged(name.relative_path(), error))
}

/// Reads a record whose checksum must not differ.
fn read_verified(blobs: &dyn BlobStore, name: &BlobName) -> Result<Vec<u8>, ExportError> {
    let bytes = blobs.read(name, RECORD_BYTES_MAX)?;
    match record::checksum(&bytes) {
        Checksum::Differs => Err(changed(name)),
        // Earlier versions wrote records without a checksum.
        Checksum::Fits | Checksum::Absent => Ok(bytes),
    }
}

fn changed(name: &BlobName) -> ExportError {
    ExportError::damaged(name.relative_path(), "it has changed since it was written")
}

/// A reader that hashes all bytes that pass through.
struct HashingReader {
    inner: Box<dyn Read + Send>,
    hasher: blake3::Hasher,
}

impl HashingReader {
    fn open(blobs: &dyn BlobStore, name: &BlobName) -> Result<Self, BlobError> {
        Ok(Self { inner: blobs.open(name)?, hasher: blake3::Hasher::new() })
    }

    /// Compares the hash of all bytes with that of the published blob.
    fn verify(&self, name: &BlobName, blake3: &str) -> Result<(), ExportError> {
        let is_same = self.hasher.finalize().to_hex().eq_ignore_ascii_case(blake3);
        if is_same { Ok(()) } else { Err(changed(name)) }
    }
}

impl Read for HashingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
