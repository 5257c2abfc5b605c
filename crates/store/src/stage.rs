//! The stage: one downloaded text becomes raw bytes, text, arrival and meta.
//!
//! The text is staged under a hidden name. Then all is published together, in this order, so that a crash at
//! any point leaves something to continue from: the download is renamed from spool to raw; then text, arrival
//! and meta get their names, the meta last. So if there is a meta, there are text and raw bytes. A repeated
//! run finds the download in spool or in raw, and makes the same bytes of it. A text that cannot be stored
//! leaves its download in spool.
//!
//! If the download is neither in spool nor in raw, it was lost: the text is fetched again, at most
//! `LOST_MAX` times.
//!
//! If raw bytes are not kept, the download is removed when all of that is durable. A repeated run which finds
//! no download finds the meta of it, so there is nothing left to do.
//!
//! As many texts are converted at the same time as there are processors (`converters.rs`). Many more may wait
//! to be durable, which costs less for all of them together.

mod converters;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    thread,
};

use corpus::{
    arrival::Arrival,
    meta::{Meta, RawFate},
    records,
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publisher},
    counters::Counters,
    failure::{Failure, Reason},
    lane::Lane,
    payload::{ProcessJob, StoreJob},
    stage::{Attempt, Ending, Report, Requeue, Stage},
    worker::ErasedStage,
};
use tokio::sync::oneshot;

use self::converters::Converters;
use crate::{
    config::StoreConfig,
    convert::{Download, WorkBuffers},
    error::StoreError,
    meta::is_made_by,
    warnings::Warnings,
};

/// The maximum number of times that a text is fetched again because its download was lost before it was
/// stored.
const LOST_MAX: u32 = 3;

/// The stage that stores texts.
pub struct Store {
    blobs: Arc<dyn BlobStore>,
    counters: Arc<Counters>,
    config: StoreConfig,
    converters: Converters,
    warnings: Warnings,
}

impl Store {
    /// Creates a stage that reads from and writes to `blobs` and counts raw bytes in `counters`.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, counters: Arc<Counters>) -> Self {
        Self {
            blobs,
            counters,
            config: StoreConfig::default(),
            converters: Converters::default(),
            warnings: Warnings::default(),
        }
    }

    /// Returns the stage with this configuration.
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

    /// Stores one text, and waits until it is durable.
    async fn store(&self, job: StoreJob) -> Result<Meta, StoreError> {
        let (reply, receiver) = oneshot::channel();
        let (blobs, config) = (Arc::clone(&self.blobs), self.config);
        self.converters.start(move |buffers| {
            // A text is not converted if its caller was dropped.
            if !reply.is_closed() {
                publish(&*blobs, &job, config, buffers, reply);
            }
        });
        match receiver.await {
            Ok(Ok(stored)) => stored,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(gone) => Err(StoreError::Cancelled(gone.to_string())),
        }
    }
}

impl Store {
    /// Returns the stage without its types, for a worker. Its code is compiled here, in its own crate.
    // Inlined, it would be compiled by the caller.
    #[inline(never)]
    #[must_use]
    pub fn erased(self: Arc<Self>) -> Arc<dyn ErasedStage> {
        self
    }
}

impl Stage for Store {
    const LANE: Lane = Lane::Store;
    type Input = StoreJob;
    type Output = ProcessJob;

    async fn run(&self, job: StoreJob, _attempt: Attempt) -> Report<StoreJob, ProcessJob> {
        let known = job.known;
        let stored = match self.store(job.clone()).await {
            // Another run of this job, whose lease was lost, has renamed the download meanwhile: it is in raw
            // now.
            Err(StoreError::Blob(BlobError::NotFound(_))) => self.store(job.clone()).await,
            stored => stored,
        };
        let meta = match stored {
            Err(StoreError::Missing(_)) if job.lost < LOST_MAX => return fetch_again(job),
            Err(error) => return Ending::from(error).into(),
            Ok(meta) => meta,
        };
        self.counters.bytes.add(meta.raw.bytes);
        self.warnings.log(&meta);
        let process = ProcessJob::of_text(meta.document, meta.text.blake3, meta.text.bytes);
        Ending::Done(vec![ProcessJob { known, ..process }]).into()
    }
}

/// Returns the report that sends a text back to be fetched again because its download is gone. This happens,
/// for example, if a scratch disk was cleaned.
fn fetch_again(job: StoreJob) -> Report<StoreJob, ProcessJob> {
    let message =
        format!("the download of '{}' is no longer in spool/ or raw/. It is fetched again.", job.document);
    let failure = Failure::new(Reason::Internal, message);
    Ending::Requeue(Requeue::SentBack { failure, job: Box::new(job.fetched_again().into()) }).into()
}

/// Takes the meta of a text when it is durable, or the panic of its conversion. The caller waits for it, or
/// is dropped.
type Reply = oneshot::Sender<thread::Result<Result<Meta, StoreError>>>;

/// Converts a text, and publishes all blobs of its document.
fn publish(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    config: StoreConfig,
    buffers: &mut WorkBuffers,
    reply: Reply,
) {
    match catch_unwind(AssertUnwindSafe(|| convert(blobs, job, config, buffers))) {
        Ok(Ok((meta, changes))) => {
            let end = move |published: Result<(), BlobError>| {
                send(reply, Ok(published.map(|()| meta).map_err(Into::into)));
            };
            blobs.publish_for(changes, Publisher::new(end));
        }
        Ok(Err(error)) => send(reply, Ok(Err(error))),
        Err(panic) => {
            // They may be half changed.
            *buffers = WorkBuffers::default();
            send(reply, Err(panic));
        }
    }
}

fn send(reply: Reply, stored: thread::Result<Result<Meta, StoreError>>) {
    if reply.send(stored).is_err() {
        tracing::debug!("the caller of a text was dropped");
    }
}

/// Makes all blobs of a document. Returns the changes that publish them.
fn convert(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    config: StoreConfig,
    buffers: &mut WorkBuffers,
) -> Result<(Meta, Vec<Change>), StoreError> {
    let name = |kind| BlobName::new(kind, job.document.clone());
    let download = match open_download(blobs, job, buffers) {
        Err(missing @ StoreError::Missing(_)) => {
            let earlier = find_earlier_result(blobs, job, config)?.ok_or(missing)?;
            return Ok((earlier, Vec::new()));
        }
        found => found?,
    };
    let mut text = blobs.stage(&name(BlobKind::Text))?;
    let meta = download.convert(blobs, job, config, buffers, &mut text)?;
    let arrival = records::stage(name(BlobKind::Arrival), &Arrival::of(&job.fetched))?;
    let record = records::stage(name(BlobKind::Meta), &meta)?;
    let staged = [text, arrival, record].map(Change::Staged);
    let changes = match config.raw {
        RawFate::Kept => {
            // A download in raw may come from a run that died before its sync. It is renamed to its own name,
            // so that the name is synced now.
            let kept = Change::Renamed { from: download.name, to: name(BlobKind::Raw) };
            std::iter::once(kept).chain(staged).collect()
        }
        RawFate::Dropped => {
            let gone = [BlobKind::Spool, BlobKind::Raw].map(|kind| Change::Removed(name(kind)));
            staged.into_iter().chain(gone).collect()
        }
    };
    Ok((meta, changes))
}

/// Returns the meta of an earlier run of this job that has removed the download.
fn find_earlier_result(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    config: StoreConfig,
) -> Result<Option<Meta>, StoreError> {
    let meta = Meta::read(blobs, &job.document)?;
    match meta.filter(|meta| is_made_by(meta, job, config) && !meta.raw.fate.is_kept()) {
        Some(meta) if meta.is_complete(blobs)? => Ok(Some(meta)),
        Some(_) | None => Ok(None),
    }
}

/// Opens the download in spool, or in raw if an earlier run renamed it.
fn open_download(
    blobs: &dyn BlobStore,
    job: &StoreJob,
    buffers: &mut WorkBuffers,
) -> Result<Download, StoreError> {
    let mut open = |kind| Download::open(blobs, BlobName::new(kind, job.document.clone()), job, buffers);
    let in_spool = match open(BlobKind::Spool) {
        Err(error) if is_not_the_download(&error) => error,
        found => return found,
    };
    match open(BlobKind::Raw) {
        // Other bytes were found in one of the places, which explains more than that the download is missing.
        Err(error) if is_not_the_download(&error) => Err(match (in_spool, error) {
            (changed @ StoreError::Changed { .. }, _) | (_, changed @ StoreError::Changed { .. }) => changed,
            _ => StoreError::Missing(job.document.clone()),
        }),
        found => found,
    }
}

/// Returns whether there is no download at one place, so that it may be at another.
fn is_not_the_download(error: &StoreError) -> bool {
    matches!(error, StoreError::Blob(BlobError::NotFound(_)) | StoreError::Changed { .. })
}

#[cfg(test)]
mod tests;
