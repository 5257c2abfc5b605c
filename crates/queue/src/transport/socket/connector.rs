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
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::{
    directory::QueueDirectory,
    session::Session,
    transport::socket_address::socket_address,
    transport::wire::{self, Hello, Welcome},
};

/// How long to try to reach an owner, its start included.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// A connection to the owner, after both have introduced themselves.
pub(super) type Frames = Framed<UnixStream, LengthDelimitedCodec>;

/// The command that starts an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The exit code by which it says that there is no room on the disk.
    pub disk_full_code: i32,
}

/// What to do where nobody owns the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoOwner {
    /// Start an owner.
    Start(BrokerCommand),
    /// Wait for one that someone else starts.
    Wait,
    /// Say so.
    Fail,
}

/// Reaches the owner of one queue again and again.
pub(super) struct Connector {
    directory: QueueDirectory,
    absent: IfNoOwner,
    session: Session,
    /// The owner that this client started last.
    broker: Option<Child>,
}

impl Connector {
    pub(super) fn new(directory: QueueDirectory, absent: IfNoOwner) -> Self {
        Self { directory, absent, session: Session::of_this_process(), broker: None }
    }

    pub(super) async fn connect(
        &mut self,
        held: Vec<Lease>,
        attending: Vec<Lane>,
    ) -> Result<Frames, QueueError> {
        let hello = wire::encode_first(&Hello { session: self.session, held, attending });
        let deadline = Instant::now() + CONNECT_PATIENCE;
        let mut pause = PAUSE_MIN;
        loop {
            // A stopped owner still has a socket that accepts connections, but it does not reply.
            match timeout_at(deadline, self.greet(hello.clone())).await {
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Some(frames))) => return Ok(frames),
                Ok(Ok(None)) if Instant::now() < deadline => {}
                Ok(Ok(None)) | Err(_) => return Err(self.given_up()),
            }
            self.start_owner().await?;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Connects to the owner and sends the hello. Returns `None` if there is no owner.
    async fn greet(&self, hello: Bytes) -> Result<Option<Frames>, QueueError> {
        match self.reach().await {
            Ok(stream) => introduce(stream, hello).await,
            Err(_) => Ok(None),
        }
    }

    async fn reach(&self) -> io::Result<UnixStream> {
        let address = socket_address(&self.directory.socket())?;
        UnixStream::connect(address.path()).await
    }

    /// Starts an owner where nobody holds the lock and none is starting.
    async fn start_owner(&mut self) -> Result<(), QueueError> {
        if let Some(broker) = &mut self.broker {
            match broker.try_wait() {
                Ok(None) => return Ok(()),
                Ok(Some(status)) => {
                    self.broker = None;
                    // One that was killed is replaced; one that gave up has said why.
                    if let Some(code) = status.code().filter(|code| *code != 0) {
                        return Err(self.start_failed(code));
                    }
                }
                Err(error) => return Err(QueueError::Unreachable(error.to_string())),
            }
        }
        self.directory.prepare()?;
        if self.directory.try_lock()?.is_none() {
            return Ok(());
        }
        match &self.absent {
            IfNoOwner::Wait => Ok(()),
            IfNoOwner::Fail => Err(QueueError::Unreachable("nobody serves it".to_owned())),
            IfNoOwner::Start(starter) => {
                self.broker = Some(spawn(starter, &self.directory.log())?);
                Ok(())
            }
        }
    }

    /// Why the owner that was started has ended: its exit code, and the first line it said at the end.
    fn start_failed(&self, code: i32) -> QueueError {
        let log = safe_file::read_to_string(&self.directory.log()).unwrap_or_default();
        let said = log
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("juggle: "))
            .unwrap_or("its owner could not say why");
        match &self.absent {
            IfNoOwner::Start(starter) if code == starter.disk_full_code => {
                QueueError::DiskFull(said.to_owned())
            }
            IfNoOwner::Start(_) | IfNoOwner::Wait | IfNoOwner::Fail => {
                QueueError::Unreachable(format!("its owner could not be started: {said}"))
            }
        }
    }

    pub(super) fn given_up(&self) -> QueueError {
        let path = self.directory.path().display();
        QueueError::InUse(match self.directory.owner() {
            Some(pid) => format!(
                "'{path}' is held by process {pid}, which does not answer: let it go on if it is stopped \
                 (kill -CONT {pid}), end it (kill {pid}; nothing is lost by that), or use another output directory"
            ),
            None => format!(
                "'{path}' is held by a process that does not answer on its socket; end that process, or use another \
                 output directory"
            ),
        })
    }
}

/// Says hello; `None` where the owner went away meanwhile.
async fn introduce(stream: UnixStream, hello: Bytes) -> Result<Option<Frames>, QueueError> {
    let mut frames = Framed::new(stream, wire::codec());
    if frames.send(hello).await.is_err() {
        return Ok(None);
    }
    match frames.next().await {
        Some(Ok(first)) => wire::decode_first::<Welcome>(&first)?.map(|()| Some(frames)),
        Some(Err(_)) | None => Ok(None),
    }
}

/// In a process group of its own, so that Ctrl-C in a terminal ends the stages and not the queue under them.
fn spawn(starter: &BrokerCommand, log: &Path) -> Result<Child, QueueError> {
    let failed = |error: io::Error| {
        QueueError::Unreachable(format!("cannot start '{}': {error}", starter.program.display()))
    };
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
