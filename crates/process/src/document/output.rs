//! A result being written, with its length and hash.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use corpus::fingerprint::Fingerprint;
use flow::blobs::{BlobError, BlobName, BlobStore, Digest, StagedBlob};

const BUFFER_BYTES: usize = 64 << 10;

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
    pub(crate) fn finish(self) -> Result<(StagedBlob, Fingerprint), BlobError> {
        let path = self.path();
        let hashing = self.writer.into_inner().map_err(|error| BlobError::at(&path, error.into_error()))?;
        let Hashing { staged, hasher } = hashing;
        Ok((staged, Digest { bytes: hasher.count(), blake3: hasher.finalize() }.into()))
    }

    fn path(&self) -> PathBuf {
        self.writer.get_ref().staged.name.relative_path()
    }
}
