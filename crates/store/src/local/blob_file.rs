//! The open file of a blob.

use std::{fs::File, io::Read, path::PathBuf};

use flow::blobs::BlobError;

use super::{compression, layout::BlobForm};

/// The open file of a blob.
pub(super) struct BlobFile {
    pub(super) form: BlobForm,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl BlobFile {
    /// Returns a reader of the plain bytes of the blob.
    pub(super) fn into_reader(self) -> Result<Box<dyn Read + Send>, BlobError> {
        match self.form {
            BlobForm::Plain => Ok(Box::new(self.file)),
            BlobForm::Compressed => {
                compression::decompress(self.file).map_err(|error| BlobError::at(&self.path, error))
            }
        }
    }

    /// Returns the number of plain bytes of the blob.
    pub(super) fn into_content_len(self) -> Result<u64, BlobError> {
        let length = match self.form {
            BlobForm::Plain => self.file.metadata().map(|found| found.len()),
            BlobForm::Compressed => compression::content_len(self.file),
        };
        length.map_err(|error| BlobError::at(&self.path, error))
    }
}
