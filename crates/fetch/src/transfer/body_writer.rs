//! The bridge from a download to its spool: one blocking task for each, fed through a bounded channel. The task decodes
//! and judges what comes, and ends early where that is of no use.
//!
//! A download of which nothing can be on the disk yet is held in memory at first: where it ends while it is small, it goes
//! to the task as a whole, so that a small text costs one hand-over and no thread that waits for the network.

use std::sync::Arc;

use bytes::Bytes;
use flow::{
    blobs::{BlobError, BlobName, Publishing},
    document::DocumentId,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    failure::{DownloadError, FetchFailure, Retry},
    politeness::soft_ban::{SoftBanDetector, SoftBanSign},
    transfer::{
        body::Body,
        body_reader::{BodyReader, Stop},
        checksum::{ChecksumMismatch, Checksums},
        memory_budget::MemoryReservation,
        spool::{Digest, PartialBody, Spool, SpoolStore},
    },
};

/// BodyReader on their way to the disk. Bounds the memory of a download.
const CHUNKS_MAX: usize = 4;

/// The most bytes of one download that are held before its task begins.
const HELD_BYTES_MAX: usize = 512 * 1024;

/// Feeds the blocking task of one download. Dropped without [`finish`](Self::finish), it keeps what may be resumed.
pub(crate) enum BodyWriter {
    /// The task has not begun.
    Held(Held),
    /// It has.
    Begun(Begun),
}

/// What waits for the task.
pub(crate) struct Held {
    spools: SpoolStore,
    name: BlobName,
    commands: Vec<Command>,
    bytes: MemoryReservation,
}

/// A task at work.
pub(crate) struct Begun {
    /// Sent by the download, awaited by the task; the task ends when this is dropped.
    commands: mpsc::Sender<Command>,
    task: JoinHandle<Result<Written, BlobError>>,
}

/// What a task leaves.
struct Written {
    settled: Settled,
    /// Goes on when the task has ended.
    publishing: Option<Publishing>,
}

impl From<Settled> for Written {
    fn from(settled: Settled) -> Self {
        Self { settled, publishing: None }
    }
}

/// What a download tells the task: one body, its chunks, and how it ends.
pub(crate) enum Command {
    Begin(Box<Body>),
    Chunk(Bytes),
    Finish(Ending),
}

/// How a download ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It is whole, and is published where it is what was meant.
    Publish(Meant),
    /// It broke: keep what may be resumed.
    Suspend,
    /// It is of no use.
    Discard,
}

/// What a whole body must be.
#[derive(Debug)]
pub(crate) struct Meant {
    /// The hashes that are listed.
    pub(crate) hashes: Checksums,
    /// Who looks whether it is one that the host gives for everything.
    pub(crate) screen: Screen,
    /// The BLAKE3 of what is stored, as hex digits: the same bytes are not published again.
    pub(crate) stored: Option<String>,
}

/// Looks whether a body is one that its host gives for everything.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    pub(crate) suspicions: Arc<SoftBanDetector>,
    pub(crate) host: String,
    pub(crate) text: DocumentId,
}

/// What became of the bytes.
#[derive(Debug)]
pub(crate) enum Settled {
    /// They are durable.
    Published(Digest),
    /// They are gone: they are those that are stored.
    Unchanged,
    /// They are gone: they are not those that were expected.
    Unexpected(ChecksumMismatch),
    /// They are gone: the host gave them for other texts too.
    Suspected(SoftBanSign),
    /// They are gone, or wait to be resumed, since the body is not what it must be.
    Refused(FetchFailure),
    /// They are gone, or wait to be resumed, as the download wished.
    Unpublished,
}

impl Ending {
    /// What to do with what has come of a body that failed.
    pub(crate) fn after(failed: &FetchFailure) -> Self {
        match failed.retry {
            Retry::Later { .. } | Retry::Halt => Self::Suspend,
            Retry::Never | Retry::FromStart | Retry::BlockPage => Self::Discard,
        }
    }
}

/// The task has ended, because the body is of no use or the disk failed; [`BodyWriter::finish`] says how.
#[derive(Debug)]
pub(crate) struct Closed;

impl BodyWriter {
    /// For a download of which nothing is on the disk.
    pub(crate) fn held(spools: SpoolStore, name: BlobName) -> Self {
        Self::Held(Held { spools, name, commands: Vec::new(), bytes: MemoryReservation::default() })
    }

    /// Opens the spool of a name, and says what may be resumed there.
    pub(crate) async fn open(
        spools: SpoolStore,
        name: BlobName,
    ) -> Result<(Self, Option<PartialBody>), BlobError> {
        let (commands, receiver) = mpsc::channel(CHUNKS_MAX);
        let (opened, opening) = oneshot::channel();
        let task = tokio::task::spawn_blocking(move || {
            let spool = Spool::open(spools, &name)?;
            match opened.send(spool.resumable()) {
                Ok(()) => write(spool, receiver),
                Err(_) => spool.suspend().map(|()| Settled::Unpublished.into()),
            }
        });
        let begun = Begun { commands, task };
        match opening.await {
            Ok(resumable) => Ok((Self::Begun(begun), resumable)),
            Err(_) => match begun.join().await {
                Err(error) => Err(error),
                Ok(_) => unreachable!("the task answers before it ends well"),
            },
        }
    }

    /// Begins a body, or goes on with one.
    pub(crate) async fn begin(&mut self, body: Body) -> Result<(), Closed> {
        self.tell(Command::Begin(Box::new(body))).await
    }

    /// Returns when the task has ended, whatever is sent to it.
    pub(crate) async fn closed(&self) -> Closed {
        match self {
            Self::Held(_) => std::future::pending().await,
            Self::Begun(begun) => begun.commands.closed().await,
        }
        Closed
    }

    /// Appends bytes; waits while the disk is slower than the network.
    pub(crate) async fn append(&mut self, chunk: Bytes) -> Result<(), Closed> {
        self.tell(Command::Chunk(chunk)).await
    }

    /// Ends it, and says what became of the bytes.
    pub(crate) async fn finish(mut self, ending: Ending) -> Result<Settled, BlobError> {
        if matches!(&self, Self::Held(held) if held.commands.is_empty()) {
            return Ok(Settled::Unpublished);
        }
        let begun = self.begun();
        // Where the task has ended already, it says why when it is joined.
        drop(begun.send(Command::Finish(ending)).await);
        match self {
            Self::Begun(begun) => begun.join().await,
            Self::Held(_) => unreachable!("it was just begun"),
        }
    }

    async fn tell(&mut self, command: Command) -> Result<(), Closed> {
        if let Self::Held(held) = self
            && held.takes(&command)
        {
            held.commands.push(command);
            return Ok(());
        }
        self.begun().send(command).await
    }

    /// Begins the task, with what was held for it.
    fn begun(&mut self) -> &mut Begun {
        if let Self::Held(held) = self {
            let (commands, receiver) = mpsc::channel(held.commands.len() + CHUNKS_MAX);
            for command in held.commands.drain(..) {
                commands.try_send(command).unwrap_or_else(|_| unreachable!("there is room for all of them"));
            }
            let (spools, name) = (held.spools.clone(), held.name.clone());
            let bytes = std::mem::take(&mut held.bytes);
            let task = tokio::task::spawn_blocking(move || {
                let settled = write(Spool::open(spools, &name)?, receiver);
                drop(bytes);
                settled
            });
            *self = Self::Begun(Begun { commands, task });
        }
        match self {
            Self::Begun(begun) => begun,
            Self::Held(_) => unreachable!("it was just begun"),
        }
    }
}

impl Held {
    /// Whether there is room to hold on to one more.
    fn takes(&mut self, command: &Command) -> bool {
        let bytes = match command {
            Command::Chunk(chunk) => chunk.len(),
            Command::Begin(_) | Command::Finish(_) => 0,
        };
        self.bytes.count() + bytes <= HELD_BYTES_MAX && self.bytes.add(bytes, &self.spools.held)
    }
}

impl Begun {
    async fn send(&self, command: Command) -> Result<(), Closed> {
        self.commands.send(command).await.map_err(|_| Closed)
    }

    async fn join(self) -> Result<Settled, BlobError> {
        drop(self.commands);
        match self.task.await {
            Ok(written) => {
                let Written { settled, publishing } = written?;
                if let Some(publishing) = publishing {
                    publishing.end().await?;
                }
                Ok(settled)
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(BlobError::at("spool".as_ref(), std::io::Error::other(error))),
            },
        }
    }
}

/// The blocking task. A disk that fails leaves nothing behind that could be taken for a part.
fn write(mut spool: Spool, mut commands: mpsc::Receiver<Command>) -> Result<Written, BlobError> {
    let body = match commands.blocking_recv() {
        Some(Command::Begin(body)) => body,
        Some(Command::Finish(ending)) => return settle(spool, ending),
        Some(Command::Chunk(_)) | None => return settle(spool, Ending::Suspend),
    };
    let mut chunks = BodyReader::new(&mut commands, body.wire());
    let received = body.receive(&mut chunks, &mut spool);
    if received.is_ok()
        && let Some(told) = chunks.misannounced()
    {
        tracing::warn!("{told}");
    }
    let failed = match (received, chunks.stopped()) {
        (Err(DownloadError::Storage(error)), _) => {
            if let Err(second) = spool.discard() {
                tracing::warn!(error = %second, "failed to remove a broken download");
            }
            return Err(error);
        }
        (Err(DownloadError::Failure(_)), Some(Stop::Failed(failed))) => failed,
        (Err(DownloadError::Failure(_)), Some(Stop::Asked(ending @ (Ending::Suspend | Ending::Discard)))) => {
            return settle(spool, ending);
        }
        (Err(DownloadError::Failure(failed)), Some(Stop::Asked(Ending::Publish { .. })) | None) => failed,
        (Ok(()), Some(Stop::Asked(ending))) => return settle(spool, ending),
        (Ok(()), Some(Stop::Failed(_)) | None) => {
            unreachable!("a body is received when the download says that it is whole")
        }
    };
    settle(spool, Ending::after(&failed)).map(|_| Settled::Refused(failed).into())
}

fn settle(spool: Spool, ending: Ending) -> Result<Written, BlobError> {
    match ending {
        Ending::Suspend => spool.suspend().map(|()| Settled::Unpublished.into()),
        Ending::Discard => spool.discard().map(|()| Settled::Unpublished.into()),
        Ending::Publish(meant) => publish(spool, &meant),
    }
}

fn publish(mut spool: Spool, meant: &Meant) -> Result<Written, BlobError> {
    let digest = spool.digest();
    let Screen { suspicions, host, text } = &meant.screen;
    let mismatch = meant.hashes.compare(&mut spool, digest)?;
    // What has the listed hash is what was meant, and what is stored was taken for a text before; also where others hold
    // the same bytes.
    let is_known =
        meant.hashes.are_listed() && mismatch.is_none() || is_stored(&digest, meant.stored.as_deref());
    if is_known {
        suspicions.good(host);
    } else if let Some(sign) = suspicions.body(host, text, &digest) {
        return spool.discard().map(|()| Settled::Suspected(sign).into());
    }
    settle_whole(spool, mismatch, meant.stored.as_deref())
}

fn is_stored(digest: &Digest, stored: Option<&str>) -> bool {
    stored.is_some_and(|stored| digest.blake3.to_hex().eq_ignore_ascii_case(stored))
}

/// Publishes a whole body, if it is the expected one and not the stored one, and waits until it is durable.
pub(crate) fn publish_expected(
    mut spool: Spool,
    expected: &Checksums,
    stored: Option<&str>,
) -> Result<Settled, BlobError> {
    let digest = spool.digest();
    let mismatch = expected.compare(&mut spool, digest)?;
    let Written { settled, publishing } = settle_whole(spool, mismatch, stored)?;
    publishing.map_or(Ok(()), Publishing::wait)?;
    Ok(settled)
}

fn settle_whole(
    spool: Spool,
    mismatch: Option<ChecksumMismatch>,
    stored: Option<&str>,
) -> Result<Written, BlobError> {
    let digest = spool.digest();
    if let Some(mismatch) = mismatch {
        return spool.discard().map(|()| Settled::Unexpected(mismatch).into());
    }
    if is_stored(&digest, stored) {
        return spool.discard().map(|()| Settled::Unchanged.into());
    }
    let publishing = Some(spool.publish()?);
    Ok(Written { settled: Settled::Published(digest), publishing })
}
