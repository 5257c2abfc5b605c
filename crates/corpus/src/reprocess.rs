//! Processes texts again if another processor made their results: a changed list of stop words recomputes
//! tokens and counts of all texts, and nothing is fetched or stored again.
//!
//! The file `PROCESSOR` in the run directory names the processor for which the results were last checked, so
//! a run with the same options reads one small file. It is written once the last job is in the queue: after a
//! crash before that, the next run checks again. Stages that run side by side must have the same options.

use std::{
    io,
    path::{Path, PathBuf},
};

use flow::{
    atomic_file,
    blobs::{BlobError, BlobKind, BlobStore},
    document::DocumentId,
    job::{JobId, JobState, NewJob, Selection},
    lane::Lane,
    payload::ProcessJob,
    queue::{BATCH_MAX, QueueAdmin, QueueError},
    safe_file,
};
use rayon::prelude::*;

use crate::{
    meta::Meta,
    requeue::{self, DOCUMENTS_MAX},
    stats::{self, ProcessorIdentity},
};

const FILE: &str = "PROCESSOR";

/// Texts whose results another processor made, on their way into the queue.
#[derive(Debug)]
pub struct Reprocess {
    path: PathBuf,
    identity: ProcessorIdentity,
    /// The largest is last, and is pushed first.
    stale: Vec<ProcessJob>,
    /// The number of texts that were found.
    pub found: usize,
}

impl Reprocess {
    /// Finds the texts. Returns `None` if the file names this processor already. Blocking.
    ///
    /// # Errors
    /// Returns the errors of reading the run directory and the store.
    pub fn find(
        run: &Path,
        blobs: &dyn BlobStore,
        identity: ProcessorIdentity,
    ) -> Result<Option<Self>, BlobError> {
        let path = run.join(FILE);
        if read(&path)?.is_some_and(|known| known == identity) {
            return Ok(None);
        }
        let stale = stale(blobs, &identity)?;
        Ok(Some(Self { path, identity, found: stale.len(), stale }))
    }

    /// Puts as many texts into the queue as it has room for, except those that have a pending job. Returns
    /// whether all are in the queue.
    ///
    /// # Errors
    /// Returns the errors of the queue, except [`QueueError::Full`].
    pub async fn push(&mut self, queue: &dyn QueueAdmin) -> Result<bool, QueueError> {
        while !self.stale.is_empty() {
            let from = self.stale.len().saturating_sub(DOCUMENTS_MAX);
            let batch = &self.stale[from..];
            let ids = batch.iter().map(|job| JobId::of(Lane::Process, job.document.as_str())).collect();
            let views = queue.list(Selection { ids, ..Selection::default() }, None, BATCH_MAX).await?;
            // A pending job may be with a worker, and it will use this processor anyway.
            let has_no_job = |job: &&ProcessJob| {
                let is_of = |key: &str| key == job.document.as_str();
                !views.iter().any(|view| JobState::PENDING.contains(&view.state) && is_of(&view.key))
            };
            let jobs: Vec<NewJob> =
                batch.iter().rev().filter(has_no_job).cloned().map(NewJob::from).collect();
            match requeue::push(queue, jobs).await {
                Ok(()) => self.stale.truncate(from),
                // The batch stays in `stale`, so the next call pushes it.
                Err(QueueError::Full(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Records that all texts are in the queue. Blocking.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn finish(self) -> Result<(), BlobError> {
        let written = serde_json::to_vec(&self.identity).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            atomic_file::write(&self.path, &bytes)
        });
        written.map_err(|error| BlobError::at(&self.path, error))
    }
}

/// Returns the processor that the file names. Returns `None` if there is no file, or it cannot be parsed.
fn read(path: &Path) -> Result<Option<ProcessorIdentity>, BlobError> {
    match safe_file::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::at(path, error)),
    }
}

/// Returns the jobs of texts whose results another processor made, the largest last.
fn stale(blobs: &dyn BlobStore, identity: &ProcessorIdentity) -> Result<Vec<ProcessJob>, BlobError> {
    let job = |document: DocumentId| -> Result<Option<(u64, ProcessJob)>, BlobError> {
        if stats::read(blobs, &document)?.is_none_or(|stats| stats.processor == *identity) {
            return Ok(None);
        }
        let of_text = |meta: Meta| {
            let bytes = meta.text.bytes;
            (bytes, ProcessJob::of_text(meta.document, meta.text.blake3, bytes))
        };
        // A missing meta is damage, which verifying reports and repairs.
        Ok(Meta::read(blobs, &document)?.map(of_text))
    };
    let documents = blobs.list(BlobKind::Stats)?;
    let found: Vec<Option<_>> = documents.into_par_iter().map(job).collect::<Result<_, BlobError>>()?;
    let mut stale: Vec<(u64, ProcessJob)> = found.into_iter().flatten().collect();
    // Large texts take longest, so they are pushed first and do not run alone at the end.
    stale.sort_by_key(|(bytes, _)| *bytes);
    Ok(stale.into_iter().map(|(_, job)| job).collect())
}
