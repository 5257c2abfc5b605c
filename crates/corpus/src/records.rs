//! Reads and stages the records of documents: `meta/`, `stats/` and `logs/arrival/`.

use std::iter;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, StagedBlob},
    document::DocumentId,
    record::{self, Checksum},
};
use rayon::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

/// The maximum size of a record that is read, in bytes. The measures of a command of the user's are the only
/// part that can be large.
pub const RECORD_BYTES_MAX: u64 = 16 << 20;

/// Reads a record. Returns `None` if it is missing, damaged or too large, or has another format. Does not
/// compare it with its checksum.
///
/// # Errors
/// Returns the other errors of [`BlobStore::read`].
pub fn read<T: DeserializeOwned>(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: &DocumentId,
) -> Result<Option<T>, BlobError> {
    Ok(read_bytes(blobs, kind, document)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Reads a record. Returns `None` also if it does not match its checksum.
///
/// # Errors
/// Returns the errors of [`read`].
pub fn read_verified<T: DeserializeOwned>(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: &DocumentId,
) -> Result<Option<T>, BlobError> {
    let bytes = read_bytes(blobs, kind, document)?;
    let verified = bytes.filter(|bytes| record::checksum(bytes) != Checksum::Differs);
    Ok(verified.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn read_bytes(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: &DocumentId,
) -> Result<Option<Vec<u8>>, BlobError> {
    match blobs.read(&BlobName::new(kind, document.clone()), RECORD_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(BlobError::NotFound(_) | BlobError::TooLarge { .. } | BlobError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a record that must be there. Does not compare it with its checksum.
///
/// # Errors
/// Returns the errors of [`BlobStore::read`], and [`BlobError::Damaged`] if the record has another format.
pub fn read_whole<T: DeserializeOwned>(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: &DocumentId,
) -> Result<T, BlobError> {
    let name = BlobName::new(kind, document.clone());
    let bytes = blobs.read(&name, RECORD_BYTES_MAX)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| BlobError::Damaged { path: name.relative_path(), source: error.into() })
}

/// The number of documents that are read at a time.
const READ_AHEAD: usize = 1024;

/// Applies `read` to each document, on all processors, and returns the results in order. Holds those of 1,024
/// documents at most.
pub(crate) fn read_ahead<T: Send>(
    documents: Vec<DocumentId>,
    read: impl Fn(DocumentId) -> T + Sync,
) -> impl Iterator<Item = T> {
    let mut documents = documents.into_iter();
    let next = move || {
        let some: Vec<_> = documents.by_ref().take(READ_AHEAD).collect();
        (!some.is_empty()).then(|| some.into_par_iter().map(&read).collect::<Vec<T>>())
    };
    iter::from_fn(next).flatten()
}

/// Stages a record with its checksum in memory, so that it can be published.
///
/// # Errors
/// Returns [`BlobError::Io`] if the record cannot be written as JSON.
pub fn stage(name: BlobName, record: &impl Serialize) -> Result<StagedBlob, BlobError> {
    match record::to_bytes(record) {
        Ok(bytes) => Ok(StagedBlob::with_bytes(name, bytes)),
        Err(error) => Err(BlobError::at(&name.relative_path(), error.into())),
    }
}
