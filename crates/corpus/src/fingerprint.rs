//! The length and hash of a file, as records store them.

use flow::blobs::{BlobError, BlobName, BlobStore, Digest};
use serde::{Deserialize, Serialize};

/// The length and hash of a file. Two files with the same fingerprint have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The length in bytes.
    pub bytes: u64,
    /// The BLAKE3 hash, as 64 hex digits.
    pub blake3: String,
}

impl From<Digest> for Fingerprint {
    fn from(Digest { bytes, blake3 }: Digest) -> Self {
        Self { bytes, blake3: blake3.to_hex().to_string() }
    }
}

impl Fingerprint {
    /// Reads a published blob and returns whether it has this fingerprint. Returns `false` if the blob is
    /// missing or damaged.
    ///
    /// # Errors
    /// Returns the errors of [`BlobStore::digest`], except [`BlobError::Damaged`].
    pub fn matches(&self, blobs: &dyn BlobStore, name: &BlobName) -> Result<bool, BlobError> {
        match blobs.digest(name) {
            Ok(found) => Ok(found.is_some_and(|found| Self::from(found) == *self)),
            Err(BlobError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
