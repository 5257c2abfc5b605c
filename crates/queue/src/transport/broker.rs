//! Serves an owner on the run directory's Unix socket.
//!
//! One task a connection; a claim that waits does so at the owner and holds up nothing. Only
//! processes of the same user are heard (peer uid, mode 0600 in a 0700 directory). When a connection ends, its client's
//! leases return, unless the client is back already on a newer connection.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flow::{
    queue::QueueError,
    shutdown::{Phase, Shutdown},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};
use tokio_util::codec::Framed;

use crate::{
    directory::QueueDirectory,
    log::database::failed,
    session::Session,
    transport::local::LocalLink,
    transport::socket_address::socket_address,
    transport::wire::{self, Hello, OPEN_REQUESTS_MAX, ReplyFrame, RequestFrame, Welcome},
};

/// The number of the protocol spoken on the socket.
pub const PROTOCOL: u16 = wire::PROTOCOL;
/// How long a client may take to introduce itself.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// How long answers may take to go out after the storage has failed.
const FAREWELL: Duration = Duration::from_millis(200);
/// Clients at a time; more wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 512;

/// When a broker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// When no client has been connected for this long.
    EndAfter(Duration),
    /// Never.
    Stay,
}

/// A broker that listens.
#[derive(Debug)]
pub struct Broker {
    listener: UnixListener,
    owner: LocalLink,
    connections: Arc<AtomicU64>,
}

impl Broker {
    /// Listens on the directory's socket, replacing one that a dead owner left. The caller owns the queue.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where the socket cannot be made.
    pub fn listen(directory: &QueueDirectory, owner: LocalLink) -> Result<Self, QueueError> {
        let socket = directory.socket();
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("replace", &socket, &error));
            }
            _ => {}
        }
        let listener = bind(&socket).map_err(|error| failed("listen on", &socket, &error))?;
        Ok(Self { listener, owner, connections: Arc::default() })
    }

    /// Serves until the shutdown begins to drain, the storage fails, or as `idle` says.
    pub async fn serve(self, idle: Idle, shutdown: Shutdown) {
        let mut tasks = JoinSet::new();
        loop {
            let may_accept = tasks.len() < CONNECTIONS_MAX;
            let is_idle = tasks.is_empty();
            tokio::select! {
                accepted = self.listener.accept(), if may_accept => match accepted {
                    Ok((stream, _)) => {
                        let number = self.connections.fetch_add(1, Ordering::Relaxed);
                        tasks.spawn(serve_client(stream, self.owner.clone(), number));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "failed to accept a client");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
                () = idle_over(idle), if is_idle => break,
                () = shutdown.reached(Phase::Draining) => break,
                () = self.owner.failed() => {
                    // Whoever comes after the cause is mended finds a fresh owner. Answers get time to go out.
                    tokio::time::sleep(FAREWELL).await;
                    break;
                }
            }
        }
        tasks.shutdown().await;
    }
}

fn bind(socket: &Path) -> io::Result<UnixListener> {
    let address = socket_address(socket)?;
    let listener = UnixListener::bind(address.path())?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn idle_over(idle: Idle) {
    match idle {
        Idle::EndAfter(time) => tokio::time::sleep(time).await,
        Idle::Stay => std::future::pending().await,
    }
}

async fn serve_client(stream: UnixStream, owner: LocalLink, connection: u64) {
    let allowed = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
    if !allowed {
        tracing::warn!("refused a client of another user");
        return;
    }
    let mut framed = Framed::new(stream, wire::codec());
    let session = match welcome(&mut framed, &owner, connection).await {
        Ok(session) => session,
        Err(why) => {
            tracing::debug!(%why, "refused a client");
            return;
        }
    };
    if let Err(why) = carry(framed, &owner, session, connection).await {
        tracing::debug!(%why, "a client's connection broke");
    }
    // Not reached when the broker itself ends: the client lives, and comes back to the next one with its leases.
    if let Err(error) = owner.disconnect(session, connection).await {
        tracing::debug!(%error, "the owner ended before a client's connection did");
    }
}

type Frames = Framed<UnixStream, tokio_util::codec::LengthDelimitedCodec>;

async fn welcome(framed: &mut Frames, owner: &LocalLink, connection: u64) -> Result<Session, String> {
    let first = timeout(HELLO_PATIENCE, framed.next()).await.map_err(|_| "it said nothing".to_owned())?;
    let first = first.ok_or("it went at once")?.map_err(|error| error.to_string())?;
    let hello = wire::decode_first::<Hello>(&first);
    let (welcome, session): (Welcome, _) = match hello {
        Ok(Hello { session, held, attending }) => {
            (owner.connect(session, connection, held, attending).await, Some(session))
        }
        Err(error) => (Err(error), None),
    };
    let refused = welcome.as_ref().err().map(ToString::to_string);
    framed.send(wire::encode_first(&welcome)).await.map_err(|error| error.to_string())?;
    match (refused, session) {
        (None, Some(session)) => Ok(session),
        (why, _) => Err(why.unwrap_or_default()),
    }
}

/// Carries requests to the owner and its answers back, until the connection breaks (`Err`) or its client leaves.
async fn carry(framed: Frames, owner: &LocalLink, session: Session, connection: u64) -> Result<(), String> {
    let (mut sink, mut stream) = framed.split();
    // From the owner to here. Has room for every open request, so the owner never waits; closed before the client is
    // said to be gone, so that no job is taken for it after that.
    let (outbox, mut replies) = mpsc::channel::<ReplyFrame>(OPEN_REQUESTS_MAX);
    let mut open = 0;
    let mut ready = Vec::new();
    loop {
        tokio::select! {
            frame = stream.next(), if open < OPEN_REQUESTS_MAX => {
                let Some(frame) = frame else { return Ok(()) };
                let frame = frame.map_err(|error| error.to_string())?;
                let requests: Vec<RequestFrame> = wire::decode_all(&frame)?;
                open += requests.len();
                if open > OPEN_REQUESTS_MAX {
                    return Err(format!("it has more than {OPEN_REQUESTS_MAX} requests open"));
                }
                let forwarded = owner.forward(session, connection, requests, outbox.clone()).await;
                forwarded.map_err(|error| error.to_string())?;
            }
            count = replies.recv_many(&mut ready, OPEN_REQUESTS_MAX) => {
                open -= count;
                for frame in wire::encode_all(ready.drain(..)) {
                    sink.feed(frame).await.map_err(|error| error.to_string())?;
                }
                sink.flush().await.map_err(|error| error.to_string())?;
            }
        }
    }
}
