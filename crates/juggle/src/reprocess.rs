//! Results that another processor made are made anew: a changed list of stop words recomputes tokens and counts of all
//! texts, and nothing is fetched or stored again.
//!
//! The file `PROCESSOR` in the run directory says by which processor the results were last looked through, so that a run
//! with the same options looks at one small file. It is written once the last job is in the queue: cut off before, the
//! next run looks again. Stages that run side by side must have the same options.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use corpus::{
    meta::Meta,
    stats::{self, ProcessorIdentity},
};
use flow::{
    atomic_file,
    blobs::{BlobError, BlobKind, BlobStore},
    document::DocumentId,
    job::{JobId, JobState, NewJob, OnDuplicate, Selection},
    lane::Lane,
    payload::ProcessJob,
    queue::{BATCH_MAX, QueueAdmin, QueueError},
    safe_file,
};
use rayon::prelude::*;

use crate::{
    anew::{self, DOCUMENTS_MAX},
    blocking::blocking,
    exit::CliError,
};

const FILE: &str = "PROCESSOR";

/// Texts whose results are another processor's, on their way into the queue.
pub(crate) struct Reprocess {
    path: PathBuf,
    identity: ProcessorIdentity,
    /// The largest last, which comes first.
    stale: Vec<ProcessJob>,
    /// How many there were.
    pub(crate) found: usize,
    state: Looked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// The file says that this processor's results are all there are.
    Before,
    Now,
}

impl Reprocess {
    /// Finds them.
    ///
    /// # Errors
    /// Where the run directory cannot be read.
    pub(crate) async fn find(
        run: &Path,
        blobs: Arc<dyn BlobStore>,
        identity: ProcessorIdentity,
    ) -> Result<Self, CliError> {
        let path = run.join(FILE);
        let finding = blocking(move || {
            let is_known = read(&path)?.is_some_and(|known| known == identity);
            let stale = if is_known { Vec::new() } else { stale(&*blobs, &identity)? };
            let state = if is_known { Looked::Before } else { Looked::Now };
            Ok::<_, CliError>(Self { path, identity, found: stale.len(), stale, state })
        });
        finding.await?
    }

    /// Whether all are in the queue.
    pub(crate) fn is_done(&self) -> bool {
        self.stale.is_empty()
    }

    /// Puts as many into the queue as it has room for. Those that are on their way already are left alone.
    ///
    /// # Errors
    /// Where the queue fails, or the file cannot be written.
    pub(crate) async fn push(&mut self, queue: &dyn QueueAdmin) -> Result<(), CliError> {
        while !self.stale.is_empty() {
            let from = self.stale.len().saturating_sub(DOCUMENTS_MAX);
            let batch = &self.stale[from..];
            let ids = batch.iter().map(|job| JobId::of(Lane::Process, job.document.as_str())).collect();
            let views = queue.list(Selection { ids, ..Selection::default() }, None, BATCH_MAX).await?;
            let pending = |job: &&ProcessJob| {
                let is_of = |key: &str| key == job.document.as_str();
                !views.iter().any(|view| JobState::PENDING.contains(&view.state) && is_of(&view.key))
            };
            let jobs: Vec<NewJob> = batch.iter().rev().filter(pending).cloned().map(NewJob::from).collect();
            match anew::push(queue, jobs).await {
                Ok(()) => self.stale.truncate(from),
                Err(QueueError::Full(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.mark().await
    }

    async fn mark(&mut self) -> Result<(), CliError> {
        if self.state == Looked::Before {
            return Ok(());
        }
        let (path, identity) = (self.path.clone(), self.identity.clone());
        let marking = blocking(move || {
            let json =
                serde_json::to_string(&identity).expect("an identity is a struct of strings and numbers");
            let written = atomic_file::write(&path, json + "\n");
            written.map_err(|error| CliError::unwritten(&path, &error))
        });
        marking.await??;
        self.state = Looked::Before;
        Ok(())
    }
}

/// The processor that the file names; none where there is no file, or it cannot be understood.
fn read(path: &Path) -> Result<Option<ProcessorIdentity>, CliError> {
    match safe_file::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::at(path, error).into()),
    }
}

/// The jobs of texts whose results are another processor's, the largest last. Blocking.
fn stale(blobs: &dyn BlobStore, identity: &ProcessorIdentity) -> Result<Vec<ProcessJob>, CliError> {
    let job = |document: DocumentId| -> Result<Option<(u64, ProcessJob)>, CliError> {
        if stats::read(blobs, &document)?.is_none_or(|stats| stats.processor == *identity) {
            return Ok(None);
        }
        // A missing meta is reported and repaired by verify.
        let meta = Meta::read(blobs, &document)?;
        let of_text = |meta: Meta| {
            let job = ProcessJob { document, text_blake3: meta.text.blake3, known: OnDuplicate::Absorb };
            (meta.text.bytes, job)
        };
        Ok(meta.map(of_text))
    };
    let documents = blobs.list(BlobKind::Stats)?;
    let found: Vec<Option<_>> = documents.into_par_iter().map(job).collect::<Result<_, CliError>>()?;
    let mut stale: Vec<(u64, ProcessJob)> = found.into_iter().flatten().collect();
    stale.sort_by_key(|(bytes, _)| *bytes);
    Ok(stale.into_iter().map(|(_, job)| job).collect())
}
