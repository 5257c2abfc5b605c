//! The error of reading a text.

use std::io;

use flow::blobs::BlobError;

use super::not_text::NotText;

/// The reasons why bytes do not become a text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error(transparent)]
    NotText(#[from] NotText),
    /// The bytes could not be opened, or the text could not be written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The bytes could not be read.
    #[error(transparent)]
    Reading(#[from] io::Error),
}
