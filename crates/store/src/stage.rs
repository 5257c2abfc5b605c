//! The stage: one downloaded text becomes raw bytes, text, arrival and meta.
//!
//! In this order, so that a crash at any point leaves something to go on from: the text is written where nobody sees
//! it; the download is renamed from spool to raw; text, arrival and meta are published together, the meta last. So a
//! meta is there only where text and raw bytes are. A repeated run finds the download in spool or in raw, and makes the
//! same bytes of it. A text that cannot be stored leaves its download in spool.

use std::{io::Write, panic::resume_unwind, sync::Arc};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, StagedBlob},
    lane::Lane,
    meter::Meter,
    payload::{ProcessJob, StoreJob},
    reason::Reason,
    stage::{Attempt, Done, Stage, StageError},
};
use serde::Serialize;

use crate::{
    error::StoreError,
    meta::{self, Arrival, Meta},
    refine::{refine, survey},
    text::survey::Survey,
};

/// Stores texts. Its work blocks, and runs where it may.
pub struct Store {
    blobs: Arc<dyn BlobStore>,
    meter: Arc<Meter>,
}

impl Store {
    /// A stage that reads from and writes to `blobs` and counts raw bytes in `meter`.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, meter: Arc<Meter>) -> Self {
        Self { blobs, meter }
    }
}

impl Stage for Store {
    const LANE: Lane = Lane::Store;
    type Input = StoreJob;
    type Output = ProcessJob;

    async fn run(&self, job: StoreJob, _attempt: Attempt) -> Result<Done<ProcessJob>, StageError<StoreJob>> {
        let blobs = Arc::clone(&self.blobs);
        let known = job.known;
        let joined = tokio::task::spawn_blocking(move || store(&*blobs, job)).await;
        let meta = match joined.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(stored) => stored?,
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(cancelled)) => return Err(StageError::retry(Reason::Internal, cancelled.to_string())),
        };
        Meter::add(&self.meter.bytes, meta.raw.bytes);
        Ok(vec![ProcessJob { document: meta.document, text_blake3: meta.text.blake3, known }].into())
    }
}

fn store(blobs: &dyn BlobStore, job: StoreJob) -> Result<Meta, StoreError> {
    let name = |kind| BlobName::new(kind, job.document.clone());
    let (from, survey) = download(blobs, &job)?;
    let mut text = blobs.stage(&name(BlobKind::Text))?;
    let refined = refine(blobs, &from, &job, &survey, &mut text)?;
    keep_raw(blobs, &job, &from)?;
    let meta = Meta::new(&job, refined);
    let arrival = staged_record(blobs, &name(BlobKind::Arrival), &Arrival::of(&job.fetched))?;
    let record = staged_record(blobs, &name(BlobKind::Meta), &meta)?;
    blobs.publish(vec![text, arrival, record])?;
    Ok(meta)
}

/// Where the download lies, and what one reading of it tells: in spool; or in raw, where an earlier run put it.
fn download(blobs: &dyn BlobStore, job: &StoreJob) -> Result<(BlobName, Survey), StoreError> {
    let [spool, raw] = [BlobKind::Spool, BlobKind::Raw].map(|kind| BlobName::new(kind, job.document.clone()));
    let in_spool = match survey(blobs, &spool, job) {
        Err(error) if elsewhere(&error) => error,
        found => return Ok((spool, found?)),
    };
    match survey(blobs, &raw, job) {
        Err(error) if elsewhere(&error) => Err(match (in_spool, error) {
            (changed @ StoreError::Changed { .. }, _) | (_, changed @ StoreError::Changed { .. }) => changed,
            _ => StoreError::Missing(job.document.clone()),
        }),
        found => Ok((raw, found?)),
    }
}

/// Whether the download may lie at another place.
fn elsewhere(error: &StoreError) -> bool {
    matches!(error, StoreError::Blob(BlobError::NotFound(_)) | StoreError::Changed { .. })
}

fn keep_raw(blobs: &dyn BlobStore, job: &StoreJob, from: &BlobName) -> Result<(), StoreError> {
    let raw = BlobName::new(BlobKind::Raw, job.document.clone());
    if *from == raw {
        return Ok(());
    }
    match blobs.rename(from, &raw) {
        // Another run of this job, whose lease was lost, has been here in between.
        Err(BlobError::NotFound(_)) => survey(blobs, &raw, job).map(drop),
        renamed => Ok(renamed?),
    }
}

/// A record, written where nobody sees it.
pub(crate) fn staged_record(
    blobs: &dyn BlobStore,
    name: &BlobName,
    record: &impl Serialize,
) -> Result<StagedBlob, BlobError> {
    let mut staged = blobs.stage(name)?;
    let written = staged.file.write_all(&meta::to_bytes(record));
    written.map_err(|error| BlobError::at(&staged.path, error))?;
    Ok(staged)
}

#[cfg(test)]
mod tests;
