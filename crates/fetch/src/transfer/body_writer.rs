//! Hands the chunks of a download to a blocking task that decodes, checks and writes them.
//!
//! Each download has one task and one bounded channel to it. The task ends early if the body is not
//! acceptable. If nothing of the text can be on the disk yet, the chunks are buffered at first. A body that
//! ends while it is small goes to the task as a whole, so it costs one hand-over, and no thread waits for the
//! network. A quick one (`IncomingBody::is_quick`) needs no task.

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
        body::IncomingBody,
        body_reader::{BodyCommand, BodyEnd, BodyReader, Commands},
        memory_budget::MemoryReservation,
        publish::{self, Expectation, PartPolicy, Settled, SoftBanCheck, TransferOutcome},
        spool::{Spool, SpoolStore},
    },
};

/// The number of chunks in the channel. It bounds the memory of a download.
const CHUNKS_MAX: usize = 4;

/// The maximum number of bytes that one download buffers before its task starts.
const BUFFERED_BYTES_MAX: usize = 512 * 1024;

/// The download's side of a transfer. It ends with [`publish`](Self::publish) or [`abandon`](Self::abandon).
/// If it is dropped instead, a part that can be resumed is kept.
pub(crate) struct BodyWriter {
    spools: SpoolStore,
    name: BlobName,
    /// The commands for a task that has not started.
    buffered: Vec<BodyCommand>,
    reserved: MemoryReservation,
    /// `None` until it starts.
    task: Option<WriterTask>,
}

/// A running task.
struct WriterTask {
    /// Sent by the download, received by the task. The task ends when this is dropped.
    commands: mpsc::Sender<BodyCommand>,
    handle: JoinHandle<Result<Option<Settled>, DownloadError>>,
}

impl BodyWriter {
    /// Returns a writer for a text of which nothing is on the disk.
    pub(crate) fn buffered(spools: SpoolStore, name: BlobName) -> Self {
        Self { spools, name, buffered: Vec::new(), reserved: MemoryReservation::default(), task: None }
    }

    /// Starts the task, and returns the part of the text that can be resumed.
    ///
    /// # Errors
    /// Returns an error if the spool cannot be opened.
    pub(crate) async fn open(
        spools: SpoolStore,
        name: BlobName,
    ) -> Result<(Self, Option<PartialBody>), DownloadError> {
        let mut writer = Self::buffered(spools.clone(), name.clone());
        let (commands, receiver) = mpsc::channel(CHUNKS_MAX);
        let (opened, opening) = oneshot::channel();
        let handle = tokio::task::spawn_blocking(move || {
            let spool = Spool::open(spools, &name)?;
            match opened.send(spool.partial_body()) {
                Ok(()) => write_body(spool, Commands::Channel(receiver)),
                // The download was dropped while the spool was opened.
                Err(_) => publish::abandon(spool, PartPolicy::Keep),
            }
        });
        let task = WriterTask { commands, handle };
        match opening.await {
            Ok(part) => {
                writer.task = Some(task);
                Ok((writer, part))
            }
            Err(_) => match task.wait().await {
                Err(error) => Err(error),
                Ok(_) => unreachable!("a task that does not fail reports the part first"),
            },
        }
    }

    /// Begins a body, or continues one.
    ///
    /// # Errors
    /// Returns [`closed_early`] if the task has ended.
    pub(crate) async fn begin(&mut self, body: IncomingBody) -> Result<(), FetchFailure> {
        self.send(BodyCommand::Begin(Box::new(body))).await
    }

    /// Appends bytes. Waits while the disk is slower than the network.
    ///
    /// # Errors
    /// Returns [`closed_early`] if the task has ended.
    pub(crate) async fn append(&mut self, chunk: Bytes) -> Result<(), FetchFailure> {
        self.send(BodyCommand::Chunk(chunk)).await
    }

    /// Waits until the task has ended on its own.
    pub(crate) async fn ended(&self) {
        match &self.task {
            None => std::future::pending().await,
            Some(task) => task.commands.closed().await,
        }
    }

    /// Publishes the body, which has arrived as a whole, if it is acceptable and the expected one.
    ///
    /// # Errors
    /// Returns the failure if the body is not acceptable or not the expected one, and an error of the store
    /// if the disk fails.
    pub(crate) async fn publish(mut self, expected: Expectation) -> Result<TransferOutcome, DownloadError> {
        let is_known = |check: &SoftBanCheck| check.detector.is_known(&check.host);
        // Without a task: checking it reads no file then, and the store takes it in memory.
        let outcome = if self.holds_quick_body() && expected.soft_ban.as_ref().is_none_or(is_known) {
            let mut commands = std::mem::take(&mut self.buffered);
            commands.push(BodyCommand::Publish(expected));
            let spool = Spool::in_memory(self.spools.clone(), &self.name);
            publish::wait_for(write_body(spool, Commands::Complete(commands.into_iter()))?).await?
        } else {
            self.end(BodyCommand::Publish(expected)).await?
        };
        outcome.ok_or_else(|| FetchFailure::transient(Reason::Internal, "the spool closed early").into())
    }

    /// Abandons the body.
    ///
    /// # Errors
    /// Returns the failure if the task found one in the bytes that had arrived, and an error of the store if
    /// the disk fails.
    pub(crate) async fn abandon(self, policy: PartPolicy) -> Result<(), DownloadError> {
        // Nothing was written, so there is nothing to remove either.
        if self.task.is_none() && self.buffered.is_empty() {
            return Ok(());
        }
        self.end(BodyCommand::Abandon(policy)).await.map(|_| ())
    }

    /// Returns whether a body has been buffered that takes next to no time to check.
    pub(crate) fn holds_quick_body(&self) -> bool {
        self.task.is_none()
            && matches!(self.buffered.first(), Some(BodyCommand::Begin(body)) if body.is_quick(self.reserved.bytes()))
    }

    async fn end(mut self, command: BodyCommand) -> Result<Option<TransferOutcome>, DownloadError> {
        let task = self.task.take().unwrap_or_else(|| self.start());
        // If the task has ended already, waiting for it returns the reason.
        drop(task.commands.send(command).await);
        task.wait().await
    }

    async fn send(&mut self, command: BodyCommand) -> Result<(), FetchFailure> {
        if self.task.is_none() && self.has_room(&command) {
            self.buffered.push(command);
            return Ok(());
        }
        let task = self.task.take().unwrap_or_else(|| self.start());
        self.task.insert(task).commands.send(command).await.map_err(|_| closed_early())
    }

    /// Reserves memory for one more command. Returns whether there was room.
    fn has_room(&mut self, command: &BodyCommand) -> bool {
        let bytes = match command {
            BodyCommand::Chunk(chunk) => chunk.len(),
            BodyCommand::Begin(_) | BodyCommand::Publish(_) | BodyCommand::Abandon(_) => 0,
        };
        self.reserved.bytes() + bytes <= BUFFERED_BYTES_MAX && self.reserved.grow(bytes, &self.spools.memory)
    }

    /// Starts the task with the buffered commands.
    fn start(&mut self) -> WriterTask {
        // With room for all buffered commands, since nothing may wait here.
        let (commands, receiver) = mpsc::channel(self.buffered.len() + CHUNKS_MAX);
        for command in self.buffered.drain(..) {
            commands
                .try_send(command)
                .unwrap_or_else(|_| unreachable!("the channel has room for all of them"));
        }
        let (spools, name) = (self.spools.clone(), self.name.clone());
        let reserved = std::mem::take(&mut self.reserved);
        let handle = tokio::task::spawn_blocking(move || {
            let settled = write_body(Spool::in_memory(spools, &name), Commands::Channel(receiver));
            // The chunks are on the disk now.
            drop(reserved);
            settled
        });
        WriterTask { commands, handle }
    }
}

impl WriterTask {
    async fn wait(self) -> Result<Option<TransferOutcome>, DownloadError> {
        drop(self.commands);
        publish::wait_for(publish::joined(self.handle.await)?).await
    }
}

/// Returns the failure of a body whose task has ended, because the body is not acceptable or the disk failed.
/// [`BodyWriter::abandon`] returns the reason.
pub(crate) fn closed_early() -> FetchFailure {
    FetchFailure::restart(Reason::Internal, "the spool closed early")
}

/// Writes one body. After a disk failure nothing is left that could be taken for a part. Blocks, except for
/// all commands of a quick body.
fn write_body(mut spool: Spool, mut commands: Commands) -> Result<Option<Settled>, DownloadError> {
    let body = match commands.next() {
        Some(BodyCommand::Begin(body)) => body,
        Some(BodyCommand::Abandon(policy)) => return publish::abandon(spool, policy),
        // The download was dropped before its response came: an older part stays.
        Some(BodyCommand::Chunk(_) | BodyCommand::Publish(_)) | None => {
            return publish::abandon(spool, PartPolicy::Keep);
        }
    };
    let info = body.plan.info().clone();
    let mut reader = BodyReader::new(&mut commands, body.length_check());
    let received = body.receive(&mut reader, &mut spool);
    let BodyReader { length, end, .. } = reader;
    let failure = match (received, end) {
        (Ok(Ok(())), Some(BodyEnd::Whole(expected))) => {
            if let Some(warning) = length.warning() {
                tracing::warn!("{warning}");
            }
            return publish::publish(spool, info, &expected).map(Some);
        }
        (Ok(Err(_)), Some(BodyEnd::Abandoned(policy))) => {
            return publish::abandon(spool, policy);
        }
        (Err(DownloadError::Storage(error)), _) => {
            if let Err(second) = spool.discard() {
                tracing::warn!(error = %second, "failed to remove a broken download");
            }
            return Err(error.into());
        }
        (Ok(Err(_)), Some(BodyEnd::Failed(failure))) | (Err(DownloadError::Failure(failure)), _) => failure,
        (Ok(_), Some(BodyEnd::Whole(_) | BodyEnd::Abandoned(_) | BodyEnd::Failed(_)) | None) => {
            unreachable!("a body is read to its end exactly if the download says that it is whole")
        }
    };
    publish::abandon(spool, PartPolicy::after(&failure))?;
    Err(failure.into())
}
