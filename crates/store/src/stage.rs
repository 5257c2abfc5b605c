//! The stage: one downloaded text becomes raw bytes, text, arrival and meta.
//!
//! The text is written where nobody sees it. Then all is published together, in this order, so that a crash
//! at any point leaves something to go on from: the download is renamed from spool to raw; text, arrival and
//! meta get their names, the meta last. So a meta is there only where text and raw bytes are. A repeated run
//! finds the download in spool or in raw, and makes the same bytes of it. A text that cannot be stored leaves
//! its download in spool.
//!
//! If the download is neither in spool nor in raw, it was lost: the text is fetched again, at most
//! `LOST_MAX` times.
//!
//! Where raw bytes are not kept, the download is removed once all of that is durable. A repeated run which
//! finds neither finds the meta of this download, so there is nothing left to do.
//!
//! As many texts are worked on as there are processors; many more may wait to be durable, which they share
//! the cost of.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};

use corpus::{
    arrival::Arrival,
    meta::{Meta, RawFate},
    records,
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publishing},
    counters::Counters,
    failure::{Failure, Reason},
    lane::Lane,
    payload::{ProcessJob, StoreJob},
    stage::{Attempt, Ending, Report, Requeue, Stage},
};
use tokio::sync::Semaphore;

use crate::{
    config::StoreConfig,
    convert::{Download, WorkBuffers},
    error::StoreError,
    meta::{is_made_by, new_meta},
    warnings::Warnings,
};

/// The maximum number of times that a text is fetched again because its download was lost before it was
/// stored.
const LOST_MAX: u32 = 3;

/// Stores texts. Its work blocks, and runs where it may.
pub struct Store {
    blobs: Arc<dyn BlobStore>,
    counters: Arc<Counters>,
    config: StoreConfig,
    /// One for every text that is being worked on.
    turns: Semaphore,
    /// Those that nobody works at; no more than there are turns.
    desks: Mutex<Vec<WorkBuffers>>,
    warnings: Warnings,
}

impl Store {
    /// A stage that reads from and writes to `blobs` and counts raw bytes in `counters`.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, counters: Arc<Counters>) -> Self {
        let turns = Semaphore::new(available_parallelism().map_or(1, usize::from));
        Self {
            blobs,
            counters,
            config: StoreConfig::default(),
            turns,
            desks: Mutex::default(),
            warnings: Warnings::default(),
        }
    }

    /// The stage that does what is asked for.
    #[must_use]
    pub fn with_config(self, config: StoreConfig) -> Self {
        Self { config, ..self }
    }

    /// Returns the stage with `run` as the run directory in the commands that its warnings suggest. `run` is
    /// quoted for a shell.
    #[must_use]
    pub fn with_run_dir(self, run: String) -> Self {
        Self { warnings: Warnings::of_run(run), ..self }
    }

    async fn store(&self, job: StoreJob) -> Result<Meta, StoreError> {
        let turn = self.turns.acquire().await.expect("nobody closes the semaphore");
        let (blobs, config) = (Arc::clone(&self.blobs), self.config);
        let mut desk = self.desks().pop().unwrap_or_default();
        let work = move || (begin(&*blobs, &job, config, &mut desk), desk);
        let joined = tokio::task::spawn_blocking(work).await;
        let (meta, publishing) = match joined.map_err(tokio::task::JoinError::try_into_panic) {
            Ok((begun, desk)) => {
                self.desks().push(desk);
                drop(turn);
                begun?
            }
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(cancelled)) => return Err(StoreError::Cancelled(cancelled.to_string())),
        };
        publishing.end().await?;
        Ok(meta)
    }

    fn desks(&self) -> MutexGuard<'_, Vec<WorkBuffers>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Store {
    const LANE: Lane = Lane::Store;
    type Input = StoreJob;
    type Output = ProcessJob;

    async fn run(&self, job: StoreJob, _attempt: Attempt) -> Report<StoreJob, ProcessJob> {
        let known = job.known;
        let stored = match self.store(job.clone()).await {
            // Another run of this job, whose lease was lost, has moved the download in between: it lies in
            // raw now.
            Err(StoreError::Blob(BlobError::NotFound(_))) => self.store(job.clone()).await,
            stored => stored,
        };
        let meta = match stored {
            Err(StoreError::Missing(_)) if job.lost < LOST_MAX => return fetched_again(job),
            Err(error) => return Ending::from(error).into(),
            Ok(meta) => meta,
        };
        self.counters.bytes.add(meta.raw.bytes);
        self.warnings.log(&meta);
        Ending::Done(vec![ProcessJob { document: meta.document, text_blake3: meta.text.blake3, known }])
            .into()
    }
}

/// Returns the error that sends a text back to be fetched again because its download is gone. This happens,
/// for example, if a scratch disk was cleaned.
fn fetched_again(job: StoreJob) -> Report<StoreJob, ProcessJob> {
    let message = format!(
        "the downloaded bytes of '{}' are neither in spool/ nor in raw/ any more: it is fetched again",
        job.document
    );
    let failure = Failure::new(Reason::Internal, message);
    Ending::Requeue(Requeue::SentBack { failure, job: Box::new(job.fetched_again().into()) }).into()
}

/// Makes all of a document, and begins to publish it.
fn begin(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    config: StoreConfig,
    desk: &mut WorkBuffers,
) -> Result<(Meta, Publishing), StoreError> {
    let name = |kind| BlobName::new(kind, job.document.clone());
    let download = match download(blobs, job, desk) {
        Err(missing @ StoreError::Missing(_)) => {
            let earlier = made_before(blobs, job, config)?.ok_or(missing)?;
            return Ok((earlier, Publishing::ended(Ok(()))));
        }
        found => found?,
    };
    let mut text = blobs.stage(&name(BlobKind::Text))?;
    let meta = new_meta(job, config, download.convert(blobs, job, config.strip, desk, &mut text)?);
    let arrival = records::stage(blobs, &name(BlobKind::Arrival), &Arrival::of(&job.fetched))?;
    let record = records::stage(blobs, &name(BlobKind::Meta), &meta)?;
    let staged = [text, arrival, record].map(Change::Staged);
    let changes = match config.raw {
        RawFate::Kept => {
            // One that lies in raw may be there by a run that died before it had forced that: it is moved
            // onto itself.
            let kept = Change::Renamed { from: download.name, to: name(BlobKind::Raw) };
            std::iter::once(kept).chain(staged).collect()
        }
        RawFate::Dropped => {
            let gone = [BlobKind::Spool, BlobKind::Raw].map(|kind| Change::Removed(name(kind)));
            staged.into_iter().chain(gone).collect()
        }
    };
    Ok((meta, blobs.begin_publishing(changes)))
}

/// What an earlier run of this job made, which has dropped the download.
fn made_before(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    config: StoreConfig,
) -> Result<Option<Meta>, StoreError> {
    let meta = Meta::read(blobs, &job.document)?.filter(|meta| is_made_by(meta, job, config));
    match meta {
        Some(meta) if !meta.raw.fate.is_kept() && meta.is_complete(blobs)? => Ok(Some(meta)),
        Some(_) | None => Ok(None),
    }
}

/// The download: in spool; or in raw, where an earlier run put it.
fn download(blobs: &dyn BlobStore, job: &StoreJob, desk: &mut WorkBuffers) -> Result<Download, StoreError> {
    let mut at = |kind| Download::open(blobs, BlobName::new(kind, job.document.clone()), job, desk);
    let in_spool = match at(BlobKind::Spool) {
        Err(error) if elsewhere(&error) => error,
        found => return found,
    };
    match at(BlobKind::Raw) {
        Err(error) if elsewhere(&error) => Err(match (in_spool, error) {
            (changed @ StoreError::Changed { .. }, _) | (_, changed @ StoreError::Changed { .. }) => changed,
            _ => StoreError::Missing(job.document.clone()),
        }),
        found => found,
    }
}

/// Whether the download may lie at another place.
fn elsewhere(error: &StoreError) -> bool {
    matches!(error, StoreError::Blob(BlobError::NotFound(_)) | StoreError::Changed { .. })
}

#[cfg(test)]
mod tests;
