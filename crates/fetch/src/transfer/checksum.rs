//! The hashes that a source list gives for a text.

use flow::{blobs::BlobError, payload::Listed};

use crate::transfer::spool::{Digest, Spool};

/// Hashes that a whole body must have; both, where both are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksums {
    blake3: Option<String>,
    sha256: Option<String>,
}

/// A hash of what came that is not the listed one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChecksumMismatch {
    pub(crate) kind: &'static str,
    /// As hex digits.
    pub(crate) came: String,
}

impl Checksums {
    pub(crate) fn of(listed: &Listed) -> Self {
        Self { blake3: listed.blake3.clone(), sha256: listed.sha256.clone() }
    }

    /// Whether the list gives any.
    pub(crate) const fn are_listed(&self) -> bool {
        self.blake3.is_some() || self.sha256.is_some()
    }

    /// The first hash that is another than expected. Reads the body once more where an SHA-256 is listed.
    pub(crate) fn compare(
        &self,
        spool: &mut Spool,
        digest: Digest,
    ) -> Result<Option<ChecksumMismatch>, BlobError> {
        let blake3 = ("BLAKE3", &self.blake3, digest.blake3.to_hex().to_string());
        let mut hashes = vec![blake3];
        if self.sha256.is_some() {
            hashes.push(("SHA-256", &self.sha256, spool.sha256()?));
        }
        let other = hashes.into_iter().find(|(_, listed, came)| {
            listed.as_ref().is_some_and(|listed| !came.eq_ignore_ascii_case(listed.trim()))
        });
        Ok(other.map(|(kind, _, came)| ChecksumMismatch { kind, came }))
    }
}
