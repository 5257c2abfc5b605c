//! Writes the results of one document as staged blobs: tokens, counts, and the stats, which name the other
//! two, last.

use std::io::{self, BufWriter, Write};

use corpus::{
    fingerprint::Fingerprint,
    records,
    stats::{Outputs, ProcessorIdentity, Stats},
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Digest, StagedBlob},
    payload::ProcessJob,
};
use serde::Serialize;

use crate::error::ProcessError;

/// The size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// The results of a document in progress.
pub(crate) struct Results<'a> {
    blobs: &'a dyn BlobStore,
    job: &'a ProcessJob,
    tokens: BufWriter<HashingWriter>,
}

/// Hashes the bytes that are written to a staged blob.
struct HashingWriter {
    staged: StagedBlob,
    hasher: blake3::Hasher,
}

impl<'a> Results<'a> {
    /// Stages the tokens.
    pub(crate) fn begin(blobs: &'a dyn BlobStore, job: &'a ProcessJob) -> Result<Self, BlobError> {
        Ok(Self { blobs, job, tokens: HashingWriter::stage(blobs, &name(job, BlobKind::Tokens))? })
    }

    /// Returns the file of the tokens.
    pub(crate) fn tokens(&mut self) -> &mut (dyn Write + Send) {
        &mut self.tokens
    }

    /// Stages the counts, which `finish` writes, and the stats with the measures that it returns. Returns the
    /// results in the order in which they are published.
    pub(crate) fn finish<M: Serialize>(
        self,
        identity: &ProcessorIdentity,
        finish: impl FnOnce(&mut dyn Write) -> io::Result<M>,
    ) -> Result<Vec<StagedBlob>, ProcessError> {
        let Self { blobs, job, tokens } = self;
        let mut counts = HashingWriter::stage(blobs, &name(job, BlobKind::Counts))?;
        let measures = finish(&mut counts).map_err(|error| blob_error(job, BlobKind::Counts, error))?;
        let (counts_blob, counts) = HashingWriter::finish(counts)?;
        let (tokens_blob, tokens) = HashingWriter::finish(tokens)?;
        // The stats name the others by length and hash, so they are made last.
        let stats = Stats {
            document: job.document.clone(),
            text_blake3: job.text_blake3.clone(),
            processor: identity.clone(),
            measures,
            outputs: Outputs { tokens, counts },
        };
        let stats_blob = records::stage(name(job, BlobKind::Stats), &stats)?;
        Ok(vec![tokens_blob, counts_blob, stats_blob])
    }
}

impl HashingWriter {
    /// Stages a blob of this name.
    fn stage(blobs: &dyn BlobStore, name: &BlobName) -> Result<BufWriter<Self>, BlobError> {
        let writer = Self { staged: blobs.stage(name)?, hasher: blake3::Hasher::new() };
        Ok(BufWriter::with_capacity(BUFFER_BYTES, writer))
    }

    /// Completes the blob. It is written, but not durable yet.
    fn finish(writer: BufWriter<Self>) -> Result<(StagedBlob, Fingerprint), BlobError> {
        let path = writer.get_ref().staged.name.relative_path();
        let written = writer.into_inner().map_err(|error| BlobError::at(&path, error.into_error()));
        let Self { staged, hasher } = written?;
        let digest = Digest { bytes: hasher.count(), blake3: hasher.finalize() };
        Ok((StagedBlob { blake3: Some(digest.blake3), ..staged }, digest.into()))
    }
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.staged.write(bytes)?;
        // A write may be short: the rest comes again.
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}

/// Converts the error of a blob of the document, and names the blob.
pub(crate) fn blob_error(job: &ProcessJob, kind: BlobKind, error: io::Error) -> ProcessError {
    BlobError::at(&name(job, kind).relative_path(), error).into()
}

/// Checks that the text has the hash that the job names.
pub(crate) fn check_text(job: &ProcessJob, read: blake3::Hash) -> Result<(), ProcessError> {
    let found = read.to_hex();
    if found.as_str() == job.text_blake3 {
        return Ok(());
    }
    Err(ProcessError::Changed {
        path: name(job, BlobKind::Text).relative_path(),
        expected: job.text_blake3.clone(),
        found: found.to_string(),
    })
}

/// Returns the name of a blob of the document.
pub(crate) fn name(job: &ProcessJob, kind: BlobKind) -> BlobName {
    BlobName::new(kind, job.document.clone())
}
