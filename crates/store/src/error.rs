//! The errors of storing a text.

use flow::{blobs::BlobError, document::DocumentId, failure::Reason, stage::Ending};

use crate::text::not_text::NotText;

/// A reason why a text cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A blob could not be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The program is ending.
    #[error("the task was cancelled: {0}")]
    Cancelled(String),
    /// There is no download, neither in spool nor in raw.
    #[error(
        "the download of '{0}' is in neither spool/ nor raw/, although it was fetched several times. Find \
         out what removes it, then fetch it again"
    )]
    Missing(DocumentId),
    /// The bytes are not those that were downloaded.
    #[error(
        "the bytes of '{document}' have changed since the download (BLAKE3 {found}, not {expected}). Fetch \
         it again"
    )]
    Changed {
        /// The document.
        document: DocumentId,
        /// The BLAKE3 of the download.
        expected: String,
        /// The BLAKE3 of the bytes that were found.
        found: String,
    },
    /// The bytes are not a text.
    #[error("not a text: {0}")]
    NotText(#[from] NotText),
    /// The decoded text is not stored.
    #[error("{message}")]
    Refused {
        /// The reason for the failed job.
        reason: Reason,
        /// The fault of the text.
        message: String,
    },
}

impl<I, O> From<StoreError> for Ending<I, O> {
    fn from(error: StoreError) -> Self {
        let reason = match error {
            StoreError::Blob(error) => return error.into(),
            StoreError::Cancelled(_) => return Self::retry(Reason::Internal, error.to_string()),
            StoreError::Missing(_) | StoreError::Changed { .. } => Reason::Internal,
            StoreError::NotText(_) => Reason::NotText,
            StoreError::Refused { reason, .. } => reason,
        };
        Self::dead(reason, error.to_string())
    }
}
