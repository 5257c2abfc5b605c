//! The bridge from a download to its spool: one blocking task for each, fed through a bounded channel.

use bytes::Bytes;
use flow::blobs::{BlobError, BlobName};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    answer::Facts,
    expected::{Expected, Mismatch},
    spool::{Digest, Resumable, Spool, Spools},
    validator::Validator,
};

/// Chunks on their way to the disk. Bounds the memory of a download.
const CHUNKS_MAX: usize = 4;

/// Feeds the blocking task of one download. Dropped without [`finish`](Self::finish), it keeps what may be resumed.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Sent by the download, awaited by the task; the task ends when this is dropped.
    commands: mpsc::Sender<Command>,
    task: JoinHandle<Result<Settled, BlobError>>,
}

enum Command {
    Begin(Box<Facts>, Option<Validator>),
    GoOn,
    Chunk(Bytes),
    Finish(Ending),
}

/// How a download ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It is whole. It must have the expected hashes.
    Publish { expected: Expected },
    /// It broke: keep what may be resumed.
    Suspend,
    /// It is of no use.
    Discard,
}

/// What became of the bytes.
#[derive(Debug)]
pub(crate) enum Settled {
    /// They are durable.
    Published(Digest),
    /// They are gone: they are not those that were expected.
    Unexpected(Mismatch),
    /// They are gone, or wait to be resumed.
    Unpublished,
}

/// The task has ended, because the disk failed; [`Writer::finish`] says how.
#[derive(Debug)]
pub(crate) struct Closed;

impl Writer {
    /// Opens the spool of a name, and says what may be resumed there.
    pub(crate) async fn open(spools: Spools, name: BlobName) -> Result<(Self, Option<Resumable>), BlobError> {
        let (commands, receiver) = mpsc::channel(CHUNKS_MAX);
        let (opened, opening) = oneshot::channel();
        let task = tokio::task::spawn_blocking(move || {
            let spool = Spool::open(spools, &name)?;
            match opened.send(spool.resumable()) {
                Ok(()) => write(spool, receiver),
                Err(_) => spool.suspend().map(|()| Settled::Unpublished),
            }
        });
        let writer = Self { commands, task };
        match opening.await {
            Ok(resumable) => Ok((writer, resumable)),
            Err(_) => match writer.join().await {
                Err(error) => Err(error),
                Ok(_) => unreachable!("the task answers before it ends well"),
            },
        }
    }

    /// Begins a body anew.
    pub(crate) async fn begin(&self, facts: Facts, validator: Option<Validator>) -> Result<(), Closed> {
        self.send(Command::Begin(Box::new(facts), validator)).await
    }

    /// Goes on with what is there.
    pub(crate) async fn go_on(&self) -> Result<(), Closed> {
        self.send(Command::GoOn).await
    }

    /// Appends bytes; waits while the disk is slower than the network.
    pub(crate) async fn append(&self, chunk: Bytes) -> Result<(), Closed> {
        self.send(Command::Chunk(chunk)).await
    }

    /// Ends it, and says what became of the bytes.
    pub(crate) async fn finish(self, ending: Ending) -> Result<Settled, BlobError> {
        // Where the task has ended already, it says why when it is joined.
        drop(self.send(Command::Finish(ending)).await);
        self.join().await
    }

    async fn send(&self, command: Command) -> Result<(), Closed> {
        self.commands.send(command).await.map_err(|_| Closed)
    }

    async fn join(self) -> Result<Settled, BlobError> {
        drop(self.commands);
        match self.task.await {
            Ok(settled) => settled,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(BlobError::at("spool".as_ref(), std::io::Error::other(error))),
            },
        }
    }
}

/// The blocking task. A disk that fails leaves nothing behind that could be taken for a part.
fn write(mut spool: Spool, mut commands: mpsc::Receiver<Command>) -> Result<Settled, BlobError> {
    while let Some(command) = commands.blocking_recv() {
        let done = match command {
            Command::Begin(facts, validator) => spool.begin(*facts, validator),
            Command::GoOn => spool.go_on(),
            Command::Chunk(chunk) => spool.append(&chunk),
            Command::Finish(ending) => return settle(spool, ending),
        };
        if let Err(error) = done {
            if let Err(second) = spool.discard() {
                tracing::warn!(error = %second, "failed to remove a broken download");
            }
            return Err(error);
        }
    }
    spool.suspend().map(|()| Settled::Unpublished)
}

fn settle(spool: Spool, ending: Ending) -> Result<Settled, BlobError> {
    match ending {
        Ending::Suspend => spool.suspend().map(|()| Settled::Unpublished),
        Ending::Discard => spool.discard().map(|()| Settled::Unpublished),
        Ending::Publish { expected } => publish(spool, &expected),
    }
}

/// Publishes a whole body, if it is the expected one.
pub(crate) fn publish(mut spool: Spool, expected: &Expected) -> Result<Settled, BlobError> {
    let digest = spool.digest();
    if let Some(mismatch) = expected.compare(&mut spool, digest)? {
        return spool.discard().map(|()| Settled::Unexpected(mismatch));
    }
    spool.publish().map(|()| Settled::Published(digest))
}
