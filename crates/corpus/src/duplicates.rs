//! Marks documents that have the same text as another one.
//!
//! Of all documents with the same text, whatever bytes it was received as, the one with the smallest id is
//! the first. `DocumentId`s are ordered byte by byte, so `PG10` comes before `PG2`. All others name it as
//! `duplicate_of`. So the marks depend only on the set of documents, not on the order in which they were
//! stored. Text, tokens, counts and often the bytes as received are equal, and are stored once if the store
//! can do that.

use std::collections::{HashMap, hash_map::Entry};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    record::{self, Checksum},
};

use crate::{
    meta::Meta,
    records::{self, RECORD_BYTES_MAX},
};

/// The number of metas that are published together.
const GROUP: usize = 256;

/// The blobs that documents with the same text may share.
const SHARED: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Tokens, BlobKind::Counts];

/// The result of marking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuplicateReport {
    /// The number of documents that were read.
    pub documents: u64,
    /// The documents that have the text of another one, each with the first of its set. In order of ids.
    pub duplicates: Vec<(DocumentId, DocumentId)>,
    /// The number of blobs that now share their bytes with that of the first.
    pub shared: u64,
    /// The number of metas that were rewritten.
    pub changed: u64,
    /// The documents whose meta cannot be read. They are left out.
    pub unreadable: Vec<DocumentId>,
}

/// Makes every meta name the document it is a duplicate of, and lets duplicates share their bytes. Holds one
/// hash and one id for each document in memory. After a crash at any point, it can be repeated.
///
/// The caller ensures that nobody else marks at the same time, and that no text is being stored.
///
/// # Errors
/// Returns the errors of reading and writing blobs. A damaged meta is no error.
pub fn mark(blobs: &dyn BlobStore) -> Result<DuplicateReport, BlobError> {
    let mut report = DuplicateReport::default();
    let mut first_of = HashMap::new();
    let mut rewritten = Vec::new();
    for (name, found) in records::read_ahead(blobs.list(BlobKind::Meta)?, |document| read(blobs, document)) {
        let document = name.document.clone();
        let (meta, text) = match found? {
            Found::Meta(meta, text) => (*meta, text),
            Found::Nothing => continue,
            Found::Damaged(error) => {
                tracing::warn!(%document, error, "failed to read a meta");
                report.unreadable.push(document);
                continue;
            }
        };
        report.documents += 1;
        // The list is in order, so the first document with a text is the smallest.
        let first = match first_of.entry(text) {
            Entry::Vacant(entry) => {
                entry.insert(document);
                None
            }
            Entry::Occupied(entry) => Some(entry.get().clone()),
        };
        report.duplicates.extend(first.clone().map(|first| (name.document.clone(), first)));
        if first != meta.duplicate_of {
            report.changed += 1;
            rewritten.push(records::stage(name, &Meta { duplicate_of: first, ..meta })?);
            // A publication costs syncs, and its open files cost descriptors.
            if rewritten.len() == GROUP {
                blobs.publish(std::mem::take(&mut rewritten))?;
            }
        }
    }
    if !rewritten.is_empty() {
        blobs.publish(rewritten)?;
    }
    for (duplicate, first) in &report.duplicates {
        for kind in SHARED {
            let name = |document: &DocumentId| BlobName::new(kind, document.clone());
            report.shared += u64::from(blobs.share(&name(first), &name(duplicate))?);
        }
    }
    Ok(report)
}

/// The result of looking for a meta.
enum Found {
    /// A meta, and the hash of the text.
    Meta(Box<Meta>, blake3::Hash),
    /// No file.
    Nothing,
    /// A file that is no meta.
    Damaged(String),
}

fn read(blobs: &dyn BlobStore, document: DocumentId) -> (BlobName, Result<Found, BlobError>) {
    let name = BlobName::new(BlobKind::Meta, document);
    let found = match blobs.read(&name, RECORD_BYTES_MAX) {
        // Rewriting a changed record would give it a matching checksum and so hide the change.
        Ok(bytes) if record::checksum(&bytes) == Checksum::Differs => {
            let why = "it has changed since it was written. To repair it: juggle verify --repair";
            Ok(Found::Damaged(why.to_owned()))
        }
        Ok(bytes) => Ok(parse(&bytes).unwrap_or_else(Found::Damaged)),
        Err(BlobError::NotFound(_)) => Ok(Found::Nothing),
        Err(error @ BlobError::TooLarge { .. }) => Ok(Found::Damaged(error.to_string())),
        Err(error) => Err(error),
    };
    (name, found)
}

fn parse(bytes: &[u8]) -> Result<Found, String> {
    let meta: Meta = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let text = blake3::Hash::from_hex(&meta.text.blake3).map_err(|error| error.to_string())?;
    Ok(Found::Meta(Box::new(meta), text))
}
