//! Reaches the owner of the queue in another process; starts one where there is none, and replaces one that died.
//!
//! One task a client owns the connection. When it breaks, the task connects again and repeats every request that has
//! no answer yet. That is safe: what was applied is known as such, and leases that a lost answer granted return when the
//! client says which ones it knows of. What is not safe to repeat (another round for dead jobs, forgetting some) is
//! answered with an error that says so.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use flow::{
    job::Lease,
    lane::Lane,
    queue::{Presence, QueueError},
    safe_file,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::{
    directory::QueueDirectory,
    request::{Reply, Request},
    session::Session,
    wire::{self, Hello, Numbered, OPEN_REQUESTS_MAX, ReplyFrame, Welcome},
};

/// How long to try to reach an owner, its start included.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The command that starts an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The exit code by which it says that there is no room on the disk.
    pub disk_full_code: i32,
}

/// What to do where nobody owns the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// Start an owner.
    Start(Starter),
    /// Wait for one that someone else starts.
    Wait,
    /// Say so.
    Fail,
}

/// A way to the owner in another process. Ends with its last clone.
#[derive(Debug, Clone)]
pub struct RemoteLink {
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
struct Call {
    request: Request,
    /// Taken once, by the task that owns the connection.
    reply_to: oneshot::Sender<Result<Reply, QueueError>>,
}

impl RemoteLink {
    /// Connects.
    ///
    /// # Errors
    /// [`QueueError::Unreachable`] where nobody could be reached or started; [`QueueError::InUse`] where someone holds
    /// the queue but does not answer; [`QueueError::Version`].
    pub async fn connect(directory: QueueDirectory, absent: Absent) -> Result<Self, QueueError> {
        let mut connector =
            Connector { directory, absent, session: Session::of_this_process(), broker: None };
        let frames = connector.connect(Vec::new(), Vec::new()).await?;
        let (calls, inbox) = mpsc::channel(OPEN_REQUESTS_MAX);
        let client = Client {
            connector,
            inbox,
            open: BTreeMap::new(),
            number: 0,
            held: HashSet::new(),
            attending: Vec::new(),
        };
        // Ends by itself when the last clone of the link is gone and nothing is open.
        tokio::spawn(client.run(frames));
        Ok(Self { calls })
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Reply, QueueError> {
        let gone = || QueueError::Unreachable("the connection's task has ended".to_owned());
        let (reply_to, reply) = oneshot::channel();
        self.calls.send(Call { request, reply_to }).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())?
    }
}

type Frames = Framed<UnixStream, LengthDelimitedCodec>;

struct Client {
    connector: Connector,
    /// From the clones of the link.
    inbox: mpsc::Receiver<Call>,
    /// Requests without answer, by number.
    open: BTreeMap<u64, Call>,
    number: u64,
    held: HashSet<Lease>,
    attending: Vec<Lane>,
}

impl Client {
    async fn run(mut self, frames: Frames) {
        let mut frames = Some(frames);
        loop {
            let connected = match frames.take() {
                Some(frames) => Ok(frames),
                None => {
                    self.connector.connect(self.held.iter().copied().collect(), self.attending.clone()).await
                }
            };
            match connected {
                Ok(frames) => match self.serve(frames).await {
                    Ok(()) => return,
                    Err(why) => {
                        tracing::debug!(%why, "lost the queue's owner; connecting again");
                        self.refuse_what_may_not_be_repeated();
                    }
                },
                Err(error) => {
                    for call in std::mem::take(&mut self.open).into_values() {
                        answer(call, Err(error.clone()));
                    }
                    let Some(call) = self.inbox.recv().await else { return };
                    self.number += 1;
                    self.open.insert(self.number, call);
                }
            }
        }
    }

    /// Carries requests and answers until the connection breaks (`Err`) or nobody needs it any more (`Ok`). It reads
    /// even while it writes, so that two full sockets cannot wait for each other.
    async fn serve(&mut self, frames: Frames) -> Result<(), String> {
        let (mut sink, mut stream) = frames.split();
        // From here to the writer below; there is room for every open request.
        let (outbox, mut unsent) = mpsc::channel::<Bytes>(OPEN_REQUESTS_MAX + 1);
        let mut writer = pin!(async move {
            while let Some(frame) = unsent.recv().await {
                sink.send(frame).await?;
            }
            Ok::<_, io::Error>(())
        });
        let send = |frames: Vec<Bytes>| {
            frames.into_iter().try_for_each(|frame| outbox.try_send(frame)).map_err(|error| error.to_string())
        };
        send(wire::encode_all(self.open.iter().map(|(number, call)| numbered(*number, call))))?;
        let mut calls = Vec::new();
        let mut is_open = true;
        while is_open || !self.open.is_empty() {
            tokio::select! {
                count = self.inbox.recv_many(&mut calls, OPEN_REQUESTS_MAX - self.open.len()),
                    if is_open && self.open.len() < OPEN_REQUESTS_MAX =>
                {
                    is_open = count > 0;
                    let first = self.number + 1;
                    send(wire::encode_all((first..).zip(&calls).map(|(number, call)| numbered(number, call))))?;
                    self.number += count as u64;
                    self.open.extend((first..).zip(calls.drain(..)));
                }
                frame = stream.next() => {
                    let frame = frame.ok_or("it closed the connection")?.map_err(|error| error.to_string())?;
                    wire::decode_all(&frame)?.into_iter().for_each(|reply| self.receive(reply));
                }
                Err(error) = &mut writer => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Another round for dead jobs, or forgetting some, would be done to other jobs than were meant by now.
    fn refuse_what_may_not_be_repeated(&mut self) {
        let may_not = |call: &Call| matches!(call.request, Request::Retry(_) | Request::Drop(_));
        for (_, call) in self.open.extract_if(.., |_, call| may_not(call)) {
            let why = "its owner went before it answered, and may have done it or not: look, and ask again";
            answer(call, Err(QueueError::Unreachable(why.to_owned())));
        }
    }

    fn receive(&mut self, reply: ReplyFrame) {
        let Some(call) = self.open.remove(&reply.number) else { return };
        self.remember(&call.request, &reply.content);
        answer(call, reply.content);
    }

    /// Keeps what must be said again to the next owner.
    fn remember(&mut self, request: &Request, result: &Result<Reply, QueueError>) {
        match (request, result) {
            (Request::Claim(_), Ok(Reply::Claimed(claimed))) => {
                self.held.extend(claimed.claims.iter().map(|claim| claim.lease));
            }
            (
                Request::Complete { lease, .. } | Request::Fail { lease, .. },
                Ok(_) | Err(QueueError::Stale(_)),
            ) => {
                self.held.remove(lease);
            }
            (Request::Extend { .. }, Ok(Reply::Lost(lost))) => {
                self.held.retain(|lease| !lost.contains(lease))
            }
            (Request::Attend { lane, presence: Presence::Here }, Ok(_)) => self.attending.push(*lane),
            (Request::Attend { lane, presence: Presence::Gone }, Ok(_)) => {
                if let Some(at) = self.attending.iter().position(|attended| attended == lane) {
                    self.attending.swap_remove(at);
                }
            }
            _ => {}
        }
    }
}

const fn numbered(number: u64, call: &Call) -> Numbered<&Request> {
    Numbered { number, content: &call.request }
}

fn answer(call: Call, result: Result<Reply, QueueError>) {
    if call.reply_to.send(result).is_err() {
        tracing::debug!("nobody waits for an answer of the queue any more");
    }
}

struct Connector {
    directory: QueueDirectory,
    absent: Absent,
    session: Session,
    /// The owner that this client started last.
    broker: Option<Child>,
}

impl Connector {
    async fn connect(&mut self, held: Vec<Lease>, attending: Vec<Lane>) -> Result<Frames, QueueError> {
        let hello = wire::encode_first(&Hello { session: self.session, held, attending });
        let deadline = Instant::now() + CONNECT_PATIENCE;
        let mut pause = PAUSE_MIN;
        loop {
            if let Ok(stream) = self.reach().await
                && let Some(frames) = introduce(stream, hello.clone()).await?
            {
                return Ok(frames);
            }
            self.start_owner().await?;
            if Instant::now() > deadline {
                return Err(self.given_up());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
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
            Absent::Wait => Ok(()),
            Absent::Fail => Err(QueueError::Unreachable("nobody serves it".to_owned())),
            Absent::Start(starter) => {
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
            Absent::Start(starter) if code == starter.disk_full_code => QueueError::DiskFull(said.to_owned()),
            Absent::Start(_) | Absent::Wait | Absent::Fail => {
                QueueError::Unreachable(format!("its owner could not be started: {said}"))
            }
        }
    }

    fn given_up(&self) -> QueueError {
        QueueError::InUse(format!(
            "'{}' is held by a process that does not answer on its socket; end that process, or use another output \
             directory",
            self.directory.path().display()
        ))
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
fn spawn(starter: &Starter, log: &Path) -> Result<Child, QueueError> {
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

/// A path by which a socket can be named, however long its real one is: an address holds 107 bytes at most.
pub(crate) struct SocketAddress {
    path: PathBuf,
    /// Open while `path` goes through it.
    _directory: Option<File>,
}

impl SocketAddress {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

pub(crate) fn socket_address(socket: &Path) -> io::Result<SocketAddress> {
    const SUN_PATH_BYTES_MAX: usize = 107;
    match (socket.parent(), socket.file_name()) {
        (Some(parent), Some(name)) if socket.as_os_str().len() > SUN_PATH_BYTES_MAX => {
            let directory = File::open(parent)?;
            let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
            Ok(SocketAddress { path, _directory: Some(directory) })
        }
        _ => Ok(SocketAddress { path: socket.to_owned(), _directory: None }),
    }
}
