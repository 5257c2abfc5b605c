//! Writes a result and computes its length and hash.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use corpus::fingerprint::Fingerprint;
use flow::blobs::{BlobError, BlobName, BlobStore, Digest, StagedBlob};

/// The size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// A staged blob in progress.
pub(crate) struct Output {
    writer: BufWriter<HashingWriter>,
}

/// Hashes the bytes that are written to a staged blob.
struct HashingWriter {
    staged: StagedBlob,
    hasher: blake3::Hasher,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = Write::write(&mut &self.staged.file, bytes)?;
        // A write may be short: the rest comes again.
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut &self.staged.file)
    }
}

impl Output {
    /// Stages a blob of this name.
    pub(crate) fn stage(blobs: &dyn BlobStore, name: &BlobName) -> Result<Self, BlobError> {
        let staged = blobs.stage(name)?;
        let hashing = HashingWriter { staged, hasher: blake3::Hasher::new() };
        Ok(Self { writer: BufWriter::with_capacity(BUFFER_BYTES, hashing) })
    }

    /// Calls `write` with the file. An error names the blob.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<T, BlobError> {
        let result = write(&mut self.writer);
        result.map_err(|error| BlobError::at(&self.path(), error))
    }

    /// Returns the file. The caller names the blob in errors.
    pub(crate) fn file(&mut self) -> &mut (dyn Write + Send) {
        &mut self.writer
    }

    /// Completes the blob. It is written, but not durable yet.
    pub(crate) fn finish(self) -> Result<(StagedBlob, Fingerprint), BlobError> {
        let path = self.path();
        let hashing = self.writer.into_inner().map_err(|error| BlobError::at(&path, error.into_error()))?;
        let HashingWriter { staged, hasher } = hashing;
        Ok((staged, Digest { bytes: hasher.count(), blake3: hasher.finalize() }.into()))
    }

    fn path(&self) -> PathBuf {
        self.writer.get_ref().staged.name.relative_path()
    }
}
