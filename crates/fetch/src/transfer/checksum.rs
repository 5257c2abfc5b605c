//! The checksums that a source list gives for a text.

use flow::{
    blobs::{BlobError, Digest},
    failure::Reason,
    payload::Listed,
};

use crate::{failure::FetchFailure, transfer::spool::Spool};

/// The listed checksums of a text, in hex digits. If both are listed, both must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checksums {
    blake3: Option<String>,
    sha256: Option<String>,
}

impl Checksums {
    pub(crate) fn of(listed: &Listed) -> Self {
        Self { blake3: listed.blake3.clone(), sha256: listed.sha256.clone() }
    }

    /// Returns whether any checksum is listed.
    pub(crate) const fn are_listed(&self) -> bool {
        self.blake3.is_some() || self.sha256.is_some()
    }

    /// Returns the failure of the text at `url` if a checksum does not match. Reads the body again if a
    /// SHA-256 is listed.
    ///
    /// # Errors
    /// Returns an error if the body cannot be read.
    pub(crate) fn compare(
        &self,
        spool: &mut Spool,
        digest: Digest,
        url: &str,
    ) -> Result<Option<FetchFailure>, BlobError> {
        let mut checksums = Vec::new();
        if let Some(listed) = &self.blake3 {
            checksums.push(("BLAKE3", listed, digest.blake3.to_hex().to_string()));
        }
        if let Some(listed) = &self.sha256 {
            checksums.push(("SHA-256", listed, spool.sha256()?));
        }
        let mismatch =
            checksums.into_iter().find(|(_, listed, actual)| !actual.eq_ignore_ascii_case(listed.trim()));
        Ok(mismatch.map(|(algorithm, listed, actual)| {
            let message =
                format!("{url}: the {algorithm} of the text is {actual}, but the list says {listed}");
            FetchFailure::permanent(Reason::NotText, message)
        }))
    }
}
