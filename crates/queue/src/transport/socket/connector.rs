//! Connects to the owner of the queue, and starts an owner if there is none.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use flow::{job::Lease, lane::Lane, queue::QueueError, safe_file};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    time::{Instant, timeout_at},
};

use crate::{
    directory::QueueDirectory,
    session::Session,
    transport::{
        socket_address::SocketAddress,
        wire::{self, Frames, Hello, Welcome},
    },
};

/// The time in which an owner must be reached, including its start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The first pause between two attempts. Each further one is twice as long, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The command that starts an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its exit code if the disk has no room.
    pub disk_full_code: i32,
}

/// The action if no process owns the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoOwner {
    /// Start an owner.
    Start(BrokerCommand),
    /// Wait for an owner that another process starts.
    Wait,
    /// Return an error.
    Fail,
}

/// Connects to the owner of one queue, again after each break.
pub(super) struct Connector {
    directory: QueueDirectory,
    if_no_owner: IfNoOwner,
    session: Session,
    /// The owner that this client started last.
    broker: Option<Child>,
}

impl Connector {
    pub(super) fn new(directory: QueueDirectory, if_no_owner: IfNoOwner) -> Self {
        Self { directory, if_no_owner, session: Session::of_this_process(), broker: None }
    }

    /// Connects to the owner, and names the leases that the client holds and the lanes of its workers.
    pub(super) async fn connect(
        &mut self,
        held: Vec<Lease>,
        worker_lanes: Vec<Lane>,
    ) -> Result<Frames, QueueError> {
        let hello = wire::encode_first(&Hello { session: self.session, held, worker_lanes });
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let mut pause = PAUSE_MIN;
        loop {
            // A stopped owner still has a socket that accepts connections, but it does not reply.
            match timeout_at(deadline, self.greet(hello.clone())).await {
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Some(frames))) => return Ok(frames),
                Ok(Ok(None)) if Instant::now() < deadline => {}
                Ok(Ok(None)) | Err(_) => return Err(self.silent_owner()),
            }
            self.start_owner().await?;
            tokio::time::sleep(pause).await;
            // An owner that is already starting needs milliseconds; a large queue takes longer to open.
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Connects to the owner, sends the hello, and reads the welcome. Returns `None` if there is no owner.
    async fn greet(&self, hello: Bytes) -> Result<Option<Frames>, QueueError> {
        // A missing socket, or one that a dead owner has left, means that there is no owner.
        let Ok(stream) = self.reach().await else { return Ok(None) };
        let mut frames = wire::framed(stream);
        // The owner may end meanwhile.
        if frames.send(hello).await.is_err() {
            return Ok(None);
        }
        match frames.next().await {
            Some(Ok(first)) => wire::decode_first::<Welcome>(&first)?.map(|()| Some(frames)),
            Some(Err(_)) | None => Ok(None),
        }
    }

    async fn reach(&self) -> io::Result<UnixStream> {
        let address = SocketAddress::of(&self.directory.socket())?;
        UnixStream::connect(address.path()).await
    }

    /// Starts an owner, unless a process holds the lock or the owner that was started last is still starting.
    async fn start_owner(&mut self) -> Result<(), QueueError> {
        if let Some(broker) = &mut self.broker {
            match broker.try_wait() {
                Ok(None) => return Ok(()),
                Ok(Some(status)) => {
                    self.broker = None;
                    // An owner that was killed is replaced; one that failed has written the reason.
                    if let Some(code) = status.code().filter(|code| *code != 0) {
                        return Err(self.start_failed(code));
                    }
                }
                Err(error) => return Err(QueueError::Unreachable(error.to_string())),
            }
        }
        // The lock file is in the directory, which may not be there yet.
        self.directory.prepare()?;
        if self.directory.try_lock()?.is_none() {
            return Ok(());
        }
        match &self.if_no_owner {
            IfNoOwner::Wait => Ok(()),
            IfNoOwner::Fail => Err(QueueError::Unreachable("no process serves it".to_owned())),
            IfNoOwner::Start(starter) => {
                self.broker = Some(spawn(starter, &self.directory.log())?);
                Ok(())
            }
        }
    }

    /// Returns the error for an owner that has failed with this exit code, with the last error that it has
    /// written.
    fn start_failed(&self, code: i32) -> QueueError {
        let log = safe_file::read_to_string(&self.directory.log()).unwrap_or_default();
        let reason = log
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("juggle: "))
            .unwrap_or("its owner gave no reason");
        match &self.if_no_owner {
            IfNoOwner::Start(starter) if code == starter.disk_full_code => {
                QueueError::DiskFull(reason.to_owned())
            }
            IfNoOwner::Start(_) | IfNoOwner::Wait | IfNoOwner::Fail => {
                QueueError::Unreachable(format!("its owner could not be started: {reason}"))
            }
        }
    }

    /// Returns the error for an owner that does not answer.
    pub(super) fn silent_owner(&self) -> QueueError {
        let path = self.directory.path().display();
        QueueError::InUse(match self.directory.owner() {
            Some(pid) => format!(
                "'{path}' is held by process {pid}, which does not answer. Resume it if it is stopped (kill -CONT {pid}), \
                 end it (kill {pid}; nothing is lost by that), or use another output directory"
            ),
            None => format!(
                "'{path}' is held by a process that does not answer on its socket. End that process, or use another \
                 output directory"
            ),
        })
    }
}

/// Starts a broker in a process group of its own, so that Ctrl-C in a terminal ends the stages and not their
/// queue.
fn spawn(starter: &BrokerCommand, log: &Path) -> Result<Child, QueueError> {
    let failed = |error: io::Error| {
        QueueError::Unreachable(format!("cannot start '{}': {error}", starter.program.display()))
    };
    // Truncated, so that it holds only the errors of this owner.
    let log = safe_file::create(log).map_err(failed)?;
    Command::new(&starter.program)
        .args(&starter.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(failed)
}
