//! The results of one document, from the first token to staged blobs: tokens, counts, and last the stats that prove them.

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

/// The results of a document that is being worked on.
pub(crate) struct Results<'a> {
    blobs: &'a dyn BlobStore,
    job: &'a ProcessJob,
    tokens: Output,
}

impl<'a> Results<'a> {
    pub(crate) fn begin(blobs: &'a dyn BlobStore, job: &'a ProcessJob) -> Result<Self, BlobError> {
        let tokens = Output::stage(blobs, &name(job, BlobKind::Tokens))?;
        Ok(Self { blobs, job, tokens })
    }

    /// Takes what `tokens/` gets.
    pub(crate) fn tokens(&mut self) -> &mut (dyn Write + Send) {
        self.tokens.file()
    }

    /// All tokens are written: `finish` writes what `counts/` gets and gives the measures. The results in the order in which
    /// they are published.
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

/// Publishes results that are there already, perhaps by a run that died before it had forced their names.
pub(crate) fn left_as_they_are(document: &DocumentId) -> Vec<Change> {
    [BlobKind::Tokens, BlobKind::Counts, BlobKind::Stats]
        .map(|kind| BlobName::new(kind, document.clone()))
        .map(|name| Change::Renamed { from: name.clone(), to: name })
        .into()
}

/// Why one of the document's blobs cannot be read or written.
pub(crate) fn failed(job: &ProcessJob, kind: BlobKind, error: io::Error) -> ProcessError {
    BlobError::at(&name(job, kind).relative_path(), error).into()
}

/// Checks that what was read was the text that the job names.
pub(crate) fn must_be_the_text(job: &ProcessJob, read: blake3::Hash) -> Result<(), ProcessError> {
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

pub(crate) fn name(job: &ProcessJob, kind: BlobKind) -> BlobName {
    BlobName::new(kind, job.document.clone())
}
