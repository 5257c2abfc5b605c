//! Serves the owner of a queue on the run directory's Unix socket.
//!
//! Each connection has a task. A waiting claim waits at the owner, so it holds up no other request. Only
//! processes of the same user are served (by the peer's uid; the socket has mode 0600 in a directory of mode
//! 0700). When a connection ends, its client's leases return, unless the client is already back on a newer
//! connection.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use flow::{
    queue::QueueError,
    safe_file,
    shutdown::{Phase, Shutdown},
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::{JoinSet, yield_now},
    time::timeout,
};

use super::{
    local::{LocalLink, Message},
    socket_address::SocketAddress,
    wire::{self, Frames, Hello, OPEN_REQUESTS_MAX, ReplyFrame, RequestFrame, Welcome},
};
use crate::{directory::QueueDirectory, error::storage_error, session::Session};

/// The number of the protocol on the socket.
pub const PROTOCOL: u16 = wire::PROTOCOL;
/// The time that a client has for its hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that the last replies have to go out after the storage has failed.
const LAST_REPLIES_TIME: Duration = Duration::from_millis(200);
/// The number of clients at a time. More wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 512;

/// The condition on which a broker ends without a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// After no client has been connected for this time.
    EndAfter(Duration),
    /// Never.
    Stay,
}

/// A broker that listens on the socket.
#[derive(Debug)]
pub struct Broker {
    listener: UnixListener,
    owner: LocalLink,
}

impl Broker {
    /// Listens on the directory's socket, and replaces one that a dead owner has left. The caller owns the
    /// queue.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if the socket cannot be created.
    pub fn listen(directory: &QueueDirectory, owner: LocalLink) -> Result<Self, QueueError> {
        let socket = directory.socket();
        safe_file::remove(&socket).map_err(|error| storage_error("replace", &socket, &error))?;
        let listener = bind(&socket).map_err(|error| storage_error("listen on", &socket, &error))?;
        Ok(Self { listener, owner })
    }

    /// Serves clients until the shutdown begins to drain, the storage fails, or `idle` ends it.
    pub async fn serve(self, idle: Idle, shutdown: Shutdown) {
        let mut tasks = JoinSet::new();
        let mut connections = 0;
        loop {
            let may_accept = tasks.len() < CONNECTIONS_MAX;
            let is_idle = tasks.is_empty();
            tokio::select! {
                accepted = self.listener.accept(), if may_accept => match accepted {
                    Ok((stream, _)) => {
                        connections += 1;
                        tasks.spawn(serve_client(stream, self.owner.clone(), connections));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "failed to accept a client");
                        // The cause may last, such as too many open files.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
                () = idle_over(idle), if is_idle => break,
                () = shutdown.reached(Phase::Draining) => break,
                () = self.owner.failed() => {
                    // The next client starts a new owner, which works once the cause is repaired.
                    tokio::time::sleep(LAST_REPLIES_TIME).await;
                    break;
                }
            }
        }
        tasks.shutdown().await;
    }
}

fn bind(socket: &Path) -> io::Result<UnixListener> {
    let address = SocketAddress::of(socket)?;
    let listener = UnixListener::bind(address.path())?;
    // The mode of a new socket depends on the umask.
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
    // The modes of the directory and the socket refuse others already; root passes those.
    let allowed = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
    if !allowed {
        tracing::warn!("refused a client of another user");
        return;
    }
    let mut framed = wire::framed(stream);
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
    // Not reached if the broker itself ends: the client lives, and returns to the next one with its leases.
    if let Err(error) = owner.send(Message::Disconnect { session, connection }).await {
        tracing::debug!(%error, "the owner ended before a client's connection did");
    }
}

async fn welcome(framed: &mut Frames, owner: &LocalLink, connection: u64) -> Result<Session, String> {
    let first = timeout(HELLO_TIMEOUT, framed.next()).await.map_err(|_| "it sent no hello".to_owned())?;
    let first =
        first.ok_or("it closed the connection before its hello")?.map_err(|error| error.to_string())?;
    let connected = match wire::decode_first::<Hello>(&first) {
        Ok(Hello { session, held, worker_lanes }) => {
            let connect = |reply_to| Message::Connect { session, connection, held, worker_lanes, reply_to };
            owner.ask(connect).await.map(|_| session)
        }
        Err(error) => Err(error),
    };
    // A refusal is sent as well, so that the client can report it.
    let welcome: Welcome = connected.clone().map(drop);
    framed.send(wire::encode_first(&welcome)).await.map_err(|error| error.to_string())?;
    connected.map_err(|error| error.to_string())
}

/// Carries requests to the owner and its replies back, until the connection breaks (`Err`) or its client
/// closes it.
async fn carry(framed: Frames, owner: &LocalLink, session: Session, connection: u64) -> Result<(), String> {
    let (mut sink, mut stream) = framed.split();
    // From the owner to here. It has room for every open request, so the owner never waits. It is closed
    // before the owner learns that the client has gone, so that no job is claimed for it after that.
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
                let message = Message::Frame { session, connection, requests, outbox: outbox.clone() };
                owner.send(message).await.map_err(|error| error.to_string())?;
            }
            Some(first) = replies.recv() => {
                ready.push(first);
                // The replies of a round share the frame.
                yield_now().await;
                while let Ok(reply) = replies.try_recv() {
                    ready.push(reply);
                }
                open -= ready.len();
                for frame in wire::encode_all(ready.drain(..)) {
                    sink.feed(frame).await.map_err(|error| error.to_string())?;
                }
                sink.flush().await.map_err(|error| error.to_string())?;
            }
        }
    }
}
