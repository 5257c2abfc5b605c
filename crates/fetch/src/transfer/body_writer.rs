//! Hands the chunks of a download to a blocking task that decodes, checks and writes them.
//!
//! Each download has one task and one bounded channel to it. The task ends early if the body is not
//! acceptable. If nothing of the text can be on the disk yet, the chunks are buffered at first. A body that
//! ends while it is small goes to the task as a whole, so it costs one hand-over, and no thread waits for the
//! network.

use bytes::Bytes;
use flow::{blobs::BlobName, failure::Reason};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    failure::{DownloadError, FetchFailure},
    response::head::PartialBody,
    transfer::{
        body::{IncomingBody, ReceiveError},
        body_reader::{BodyCommand, BodyEnd, BodyReader},
        memory_budget::MemoryReservation,
        publish::{self, Expectation, PartPolicy, Settled, TransferOutcome},
        spool::{Spool, SpoolStore},
    },
};

/// The number of chunks in the channel. It bounds the memory of a download.
const CHUNKS_MAX: usize = 4;

/// The maximum number of bytes that one download buffers before its task starts.
const BUFFERED_BYTES_MAX: usize = 512 * 1024;

/// The download's side of a transfer. It ends with [`publish`](Self::publish) or [`abandon`](Self::abandon).
/// If it is dropped instead, a part that can be resumed is kept.
pub(crate) enum BodyWriter {
    /// The task has not started.
    Buffered(BufferedBody),
    Running(WriterTask),
}

/// The commands for a task that has not started.
pub(crate) struct BufferedBody {
    spools: SpoolStore,
    name: BlobName,
    commands: Vec<BodyCommand>,
    reserved: MemoryReservation,
}

/// A running task.
pub(crate) struct WriterTask {
    /// Sent by the download, received by the task. The task ends when this is dropped.
    commands: mpsc::Sender<BodyCommand>,
    task: JoinHandle<Result<Option<Settled>, DownloadError>>,
}

/// The task has ended, because the body is not acceptable or the disk failed. [`BodyWriter::abandon`] returns
/// the reason.
#[derive(Debug)]
pub(crate) struct TaskEnded;

impl BodyWriter {
    /// Returns a writer for a text of which nothing is on the disk.
    pub(crate) fn buffered(spools: SpoolStore, name: BlobName) -> Self {
        let reserved = MemoryReservation::default();
        Self::Buffered(BufferedBody { spools, name, commands: Vec::new(), reserved })
    }

    /// Starts the task, and returns the part of the text that can be resumed.
    ///
    /// # Errors
    /// Returns an error if the spool cannot be opened.
    pub(crate) async fn open(
        spools: SpoolStore,
        name: BlobName,
    ) -> Result<(Self, Option<PartialBody>), DownloadError> {
        let (commands, receiver) = mpsc::channel(CHUNKS_MAX);
        let (opened, opening) = oneshot::channel();
        let task = tokio::task::spawn_blocking(move || {
            let spool = Spool::open(spools, &name)?;
            match opened.send(spool.partial_body()) {
                Ok(()) => write_body(spool, receiver),
                // The download was dropped while the spool was opened.
                Err(_) => spool.suspend().map(|()| None).map_err(DownloadError::from),
            }
        });
        let running = WriterTask { commands, task };
        match opening.await {
            Ok(part) => Ok((Self::Running(running), part)),
            Err(_) => match running.wait().await {
                Err(error) => Err(error),
                Ok(_) => unreachable!("a task that does not fail reports the part first"),
            },
        }
    }

    /// Begins a body, or continues one.
    pub(crate) async fn begin(&mut self, body: IncomingBody) -> Result<(), TaskEnded> {
        self.send(BodyCommand::Begin(Box::new(body))).await
    }

    /// Appends bytes. Waits while the disk is slower than the network.
    pub(crate) async fn append(&mut self, chunk: Bytes) -> Result<(), TaskEnded> {
        self.send(BodyCommand::Chunk(chunk)).await
    }

    /// Waits until the task has ended on its own.
    pub(crate) async fn ended(&self) -> TaskEnded {
        match self {
            Self::Buffered(_) => std::future::pending().await,
            Self::Running(running) => running.commands.closed().await,
        }
        TaskEnded
    }

    /// Publishes the body, which has arrived as a whole, if it is acceptable and the expected one.
    ///
    /// # Errors
    /// Returns the failure if the body is not acceptable or not the expected one, and an error of the store
    /// if the disk fails.
    pub(crate) async fn publish(self, expected: Expectation) -> Result<TransferOutcome, DownloadError> {
        let outcome = self.end(BodyCommand::Publish(expected)).await?;
        outcome.ok_or_else(|| FetchFailure::transient(Reason::Internal, "the spool closed early").into())
    }

    /// Abandons the body.
    ///
    /// # Errors
    /// Returns the failure if the task found one in the bytes that had arrived, and an error of the store if
    /// the disk fails.
    pub(crate) async fn abandon(self, policy: PartPolicy) -> Result<(), DownloadError> {
        // Nothing was written, so there is nothing to remove either.
        if matches!(&self, Self::Buffered(buffered) if buffered.commands.is_empty()) {
            return Ok(());
        }
        self.end(BodyCommand::Abandon(policy)).await.map(|_| ())
    }

    async fn end(mut self, command: BodyCommand) -> Result<Option<TransferOutcome>, DownloadError> {
        // If the task has ended already, waiting for it returns the reason.
        drop(self.start().commands.send(command).await);
        match self {
            Self::Running(running) => running.wait().await,
            Self::Buffered(_) => unreachable!("the task was just started"),
        }
    }

    async fn send(&mut self, command: BodyCommand) -> Result<(), TaskEnded> {
        if let Self::Buffered(buffered) = self
            && buffered.has_room(&command)
        {
            buffered.commands.push(command);
            return Ok(());
        }
        self.start().commands.send(command).await.map_err(|_| TaskEnded)
    }

    /// Starts the task, if it has not started, with the buffered commands.
    fn start(&mut self) -> &mut WriterTask {
        if let Self::Buffered(buffered) = self {
            *self = Self::Running(buffered.start());
        }
        match self {
            Self::Running(running) => running,
            Self::Buffered(_) => unreachable!("the task was just started"),
        }
    }
}

impl BufferedBody {
    /// Reserves memory for one more command. Returns whether there was room.
    fn has_room(&mut self, command: &BodyCommand) -> bool {
        let bytes = match command {
            BodyCommand::Chunk(chunk) => chunk.len(),
            BodyCommand::Begin(_) | BodyCommand::Publish(_) | BodyCommand::Abandon(_) => 0,
        };
        self.reserved.bytes() + bytes <= BUFFERED_BYTES_MAX && self.reserved.grow(bytes, &self.spools.memory)
    }

    fn start(&mut self) -> WriterTask {
        // With room for all buffered commands, since nothing may wait here.
        let (commands, receiver) = mpsc::channel(self.commands.len() + CHUNKS_MAX);
        for command in self.commands.drain(..) {
            commands
                .try_send(command)
                .unwrap_or_else(|_| unreachable!("the channel has room for all of them"));
        }
        let (spools, name) = (self.spools.clone(), self.name.clone());
        let reserved = std::mem::take(&mut self.reserved);
        let task = tokio::task::spawn_blocking(move || {
            let settled = write_body(Spool::open(spools, &name)?, receiver);
            // The chunks are on the disk now.
            drop(reserved);
            settled
        });
        WriterTask { commands, task }
    }
}

impl WriterTask {
    async fn wait(self) -> Result<Option<TransferOutcome>, DownloadError> {
        drop(self.commands);
        publish::wait_for(self.task).await
    }
}

/// Writes one body. Blocks. After a disk failure nothing is left that could be taken for a part.
fn write_body(
    mut spool: Spool,
    mut commands: mpsc::Receiver<BodyCommand>,
) -> Result<Option<Settled>, DownloadError> {
    let body = match commands.blocking_recv() {
        Some(BodyCommand::Begin(body)) => body,
        Some(BodyCommand::Abandon(policy)) => return Ok(publish::abandon(spool, policy).map(|()| None)?),
        // The download was dropped before its response came: an older part stays.
        Some(BodyCommand::Chunk(_) | BodyCommand::Publish(_)) | None => {
            return Ok(publish::abandon(spool, PartPolicy::Keep).map(|()| None)?);
        }
    };
    let info = body.info().clone();
    let mut reader = BodyReader::new(&mut commands, body.length_check());
    let received = body.receive(&mut reader, &mut spool);
    let warning = reader.length_warning();
    let failure = match (received, reader.into_end()) {
        (Ok(()), Some(BodyEnd::Whole(expected))) => {
            if let Some(warning) = warning {
                tracing::warn!("{warning}");
            }
            return publish::publish(spool, info, &expected).map(Some);
        }
        (Err(ReceiveError::Input(_)), Some(BodyEnd::Abandoned(policy))) => {
            return Ok(publish::abandon(spool, policy).map(|()| None)?);
        }
        (Err(ReceiveError::Storage(error)), _) => {
            if let Err(second) = spool.discard() {
                tracing::warn!(error = %second, "failed to remove a broken download");
            }
            return Err(error.into());
        }
        (Err(ReceiveError::Input(_)), Some(BodyEnd::Failed(failure)))
        | (Err(ReceiveError::Refused(failure)), _) => failure,
        (Ok(()) | Err(ReceiveError::Input(_)), Some(BodyEnd::Whole(_)) | None)
        | (Ok(()), Some(BodyEnd::Abandoned(_) | BodyEnd::Failed(_))) => {
            unreachable!("a body is read to its end exactly if the download says that it is whole")
        }
    };
    publish::abandon(spool, PartPolicy::after(&failure))?;
    Err(failure.into())
}
