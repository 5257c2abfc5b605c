//! Writes the results of one document as staged blobs: tokens, counts, and the stats, which name the other
//! two, last.

use std::io::{self, Write};

use corpus::{
    records,
    stats::{Outputs, ProcessorIdentity, Stats},
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, StagedBlob},
    document::DocumentId,
    payload::ProcessJob,
};
use serde::Serialize;

use crate::{document::output::Output, error::ProcessError};

/// The results of a document in progress.
pub(crate) struct Results<'a> {
    blobs: &'a dyn BlobStore,
    job: &'a ProcessJob,
    tokens: Output,
}

impl<'a> Results<'a> {
    /// Stages the tokens.
    pub(crate) fn begin(blobs: &'a dyn BlobStore, job: &'a ProcessJob) -> Result<Self, BlobError> {
        let tokens = Output::stage(blobs, &name(job, BlobKind::Tokens))?;
        Ok(Self { blobs, job, tokens })
    }

    /// Returns the file of the tokens.
    pub(crate) fn tokens(&mut self) -> &mut (dyn Write + Send) {
        self.tokens.file()
    }

    /// Stages the counts, which `finish` writes, and the stats with the measures that it returns. Returns the
    /// results in the order in which they are published.
    pub(crate) fn finish<M: Serialize>(
        self,
        identity: &ProcessorIdentity,
        finish: impl FnOnce(&mut dyn Write) -> io::Result<M>,
    ) -> Result<Vec<StagedBlob>, BlobError> {
        let Self { blobs, job, tokens } = self;
        let mut counts = Output::stage(blobs, &name(job, BlobKind::Counts))?;
        let measures = counts.write(finish)?;
        let (counts_blob, counts) = counts.finish()?;
        let (tokens_blob, tokens) = tokens.finish()?;
        // The stats name the others by length and hash, so they are made last.
        let stats = Stats {
            document: job.document.clone(),
            text_blake3: job.text_blake3.clone(),
            processor: identity.clone(),
            measures,
            outputs: Outputs { tokens, counts },
        };
        let stats_blob = records::stage(blobs, &name(job, BlobKind::Stats), &stats)?;
        Ok(vec![tokens_blob, counts_blob, stats_blob])
    }
}

/// Returns the changes that publish existing results again. A run that was killed may have left their names
/// unsynced.
pub(crate) fn republish(document: &DocumentId) -> Vec<Change> {
    [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats]
        .map(|kind| BlobName::new(kind, document.clone()))
        .map(|name| Change::Renamed { from: name.clone(), to: name })
        .into()
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
