//! Reads everything that is stored again, and finds and repairs what is damaged.
//!
//! The bytes as received and the text of a document must match the hashes in its meta, the results those in
//! its stats, and these records their own checksums. A document that the queue knows as stored must have a
//! meta. Damage is repaired from the nearest undamaged file. The files of a document with pending jobs prove
//! nothing, so the caller must not count it as damaged; it asks the queue before and after the files are
//! read.

mod examine;
mod repair;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use rayon::prelude::*;

pub use self::{
    examine::{Damage, Examined, Remedy},
    repair::requeue,
};
use crate::survey::Surveyor;

/// The result of reading everything. Nothing is kept of sound documents.
#[derive(Debug, Default)]
pub struct Verification {
    /// The number of documents that were read.
    pub documents: u64,
    /// The number of bytes that were read of their texts and of the bytes as received.
    pub bytes: u64,
    /// The number of records without a checksum, which earlier versions wrote.
    pub without_checksum: u64,
    /// The damaged documents.
    pub damaged: BTreeMap<DocumentId, Examined>,
    /// Files under the names of documents that are not stored.
    pub strays: Vec<BlobName>,
}

/// Returns the documents to verify, in order: those with a meta, and those that the queue knows as stored.
///
/// # Errors
/// Returns the errors of [`BlobStore::list`].
pub fn documents(blobs: &dyn BlobStore, stored: &BTreeSet<String>) -> Result<Vec<DocumentId>, BlobError> {
    let mut documents = blobs.list(BlobKind::Meta)?;
    documents.extend(stored.iter().filter_map(|id| id.parse().ok()));
    documents.sort_unstable();
    documents.dedup();
    Ok(documents)
}

/// Reads the files of these documents, which must be in order, on all processors. Calls `advance` after each
/// document.
///
/// # Errors
/// Returns the errors of the store, except those that are damage.
pub fn verify(
    documents: &[DocumentId],
    surveyor: &Surveyor<'_>,
    advance: &(dyn Fn() + Sync),
) -> Result<Verification, BlobError> {
    let strays = strays(documents, surveyor.blobs)?;
    let verification = Mutex::new(Verification { strays, ..Verification::default() });
    // Each thread takes one document at a time, so that one huge text does not make the others wait.
    documents.par_iter().with_max_len(1).try_for_each(|document| {
        let one = Examined::of(document, surveyor)?;
        // Called without the lock, so that a slow callback does not stop the other threads.
        advance();
        let mut all = verification.lock().unwrap_or_else(PoisonError::into_inner);
        all.documents += 1;
        all.bytes += one.bytes;
        all.without_checksum += one.without_checksum;
        if one.remedy.is_some() {
            all.damaged.insert(document.clone(), one);
        }
        Ok::<_, BlobError>(())
    })?;
    Ok(verification.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the files under the names of other documents than these.
fn strays(documents: &[DocumentId], blobs: &dyn BlobStore) -> Result<Vec<BlobName>, BlobError> {
    let mut strays = Vec::new();
    for kind in BlobKind::ALL {
        // The files in the spool are on their way, and have no meta yet.
        if matches!(kind, BlobKind::Meta | BlobKind::Spool) {
            continue;
        }
        let found = blobs.list(kind)?.into_iter();
        let is_stray = |document: &DocumentId| documents.binary_search(document).is_err();
        strays.extend(found.filter(is_stray).map(|document| BlobName::new(kind, document)));
    }
    Ok(strays)
}
