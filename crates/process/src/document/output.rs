//! A result being written, with its length and hash.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use flow::blobs::{BlobError, BlobName, BlobStore, Digest, StagedBlob};
use serde::{Deserialize, Serialize};

const BUFFER_BYTES: usize = 64 << 10;

/// Length and hash of a result, by which a damaged or older one is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Print {
    bytes: u64,
    blake3: String,
}

impl Print {
    /// The length.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash, as 64 hex digits.
    pub(crate) fn into_blake3(self) -> String {
        self.blake3
    }

    /// Whether a published blob is the one of this length and hash.
    pub(crate) fn is_of(&self, blobs: &dyn BlobStore, name: &BlobName) -> Result<bool, BlobError> {
        match blobs.digest(name) {
            Ok(found) => Ok(found.is_some_and(|Digest { bytes, blake3 }| {
                bytes == self.bytes && blake3.to_hex().as_str() == self.blake3
            })),
            Err(BlobError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A staged blob that is being written.
pub(crate) struct Output {
    writer: BufWriter<Hashing>,
}

struct Hashing {
    staged: StagedBlob,
    hasher: blake3::Hasher,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = Write::write(&mut &self.staged.file, bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut &self.staged.file)
    }
}

impl Output {
    pub(crate) fn stage(blobs: &dyn BlobStore, name: &BlobName) -> Result<Self, BlobError> {
        let staged = blobs.stage(name)?;
        let hashing = Hashing { staged, hasher: blake3::Hasher::new() };
        Ok(Self { writer: BufWriter::with_capacity(BUFFER_BYTES, hashing) })
    }

    /// Writes with `write`, and says for which blob that failed.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<T, BlobError> {
        let result = write(&mut self.writer);
        result.map_err(|error| BlobError::at(&self.path(), error))
    }

    /// To write to, where the caller says for which blob that failed.
    pub(crate) fn file(&mut self) -> &mut (dyn Write + Send) {
        &mut self.writer
    }

    /// All is written, though not durable.
    pub(crate) fn finish(self) -> Result<(StagedBlob, Print), BlobError> {
        let path = self.path();
        let hashing = self.writer.into_inner().map_err(|error| BlobError::at(&path, error.into_error()))?;
        let Hashing { staged, hasher } = hashing;
        Ok((staged, Print { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() }))
    }

    fn path(&self) -> PathBuf {
        self.writer.get_ref().staged.name.relative_path()
    }
}
