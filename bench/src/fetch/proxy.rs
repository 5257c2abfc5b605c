//! A distant server: a proxy on loopback that passes everything on, in each direction half the latency later.
//!
//! Bytes are held back, not slowed down: as many as come are under way at the same time. The handshake of TCP
//! is not delayed, for that the system does by itself.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

const READ_BYTES: usize = 64 * 1024;
/// Pieces under way in one direction of one connection.
const PIECES_MAX: usize = 1024;

/// A proxy in this process. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Address it listens on.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Awaited by the proxy's thread, which ends when this is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Passes connections on to `server`; an answer comes `latency` later than it would without it.
    ///
    /// # Errors
    /// If no port is free, or no thread can be made.
    pub fn start(server: SocketAddr, latency: Duration) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, server, latency / 2, &counted) => {}
                    // An error is the end of the sender too.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, connections, stop: Some(stop), thread: Some(thread) })
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by its own thread, and fails the run that it served.
            drop(thread.join());
        }
    }
}

/// Ends only if nothing can be accepted any more; then whoever is connected sees its end.
async fn accept(listener: TcpListener, server: SocketAddr, half: Duration, counted: &AtomicUsize) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        counted.fetch_add(1, Ordering::Relaxed);
        connections.spawn(async move {
            // What breaks on one side is seen as a broken connection on the other.
            drop(pass(client, server, half).await);
        });
    }
}

async fn pass(client: TcpStream, server: SocketAddr, half: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(delayed(from_client, to_server, half), delayed(from_server, to_client, half))?;
    Ok(())
}

/// Passes bytes on, each piece `delay` after it came; and so the end.
async fn delayed(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Bytes)>(PIECES_MAX);
    let reading = async move {
        loop {
            let mut piece = BytesMut::with_capacity(READ_BYTES);
            let length = from.read_buf(&mut piece).await?;
            let is_last = length == 0;
            if sender.send((Instant::now() + delay, piece.freeze())).await.is_err() || is_last {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((at, piece)) = pieces.recv().await {
            sleep_until(at).await;
            if piece.is_empty() {
                break;
            }
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(reading, writing).map(|_: ((), ())| ())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
        time::Instant,
    };

    use super::*;
    use crate::fetch::{server::Server, text::Prose};

    #[test]
    fn an_answer_comes_whole_and_never_before_the_latency_is_over() {
        let server = Server::start(Prose::default()).unwrap();
        let latency = Duration::from_millis(30);
        let proxy = Proxy::start(server.at(Ipv4Addr::LOCALHOST), latency).unwrap();
        let mut connection = TcpStream::connect(proxy.address).unwrap();
        let started = Instant::now();
        connection.write_all(b"GET /1/200000/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        assert!(started.elapsed() >= latency);
        let text: Vec<u8> = Prose::default().text(1, 200_000).flatten().collect();
        assert!(answer.ends_with(&text));
        assert_eq!(proxy.connections(), 1);
    }
}
