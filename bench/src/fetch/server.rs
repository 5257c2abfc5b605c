//! A server of the benchmark's own, on every loopback address: it makes each body from the path that is asked
//! for.
//!
//! `/SEED/BYTES/NAME` is the text of that seed and length. Every address below 127.0.0.0/8 reaches it, so
//! each of them can stand for a host. It listens on all addresses, and ends connections that come to another
//! one.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Request, Response, StatusCode, body::Frame, header, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
    task::JoinSet,
};

use super::{
    item::{Item, file_name},
    politeness::{Hosts, UnderWay},
    text::Prose,
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A server in this process. Ends when dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    /// Requests seen so far.
    pub hosts: Hosts,
    /// Awaited by the server's thread, which ends when this is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a free port.
    ///
    /// # Errors
    /// If no port is free, or no thread can be made.
    pub fn start(prose: Prose) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("no port is free")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let hosts = Hosts::default();
        let answering = Answering { prose, hosts: hosts.clone() };
        let thread = std::thread::Builder::new().name("server".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    never = accept(listener, answering) => match never {},
                    // An error is the end of the sender too.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { port, hosts, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns its URL through this loopback address.
    #[must_use]
    pub fn at(&self, host: Ipv4Addr) -> SocketAddr {
        SocketAddr::from((host, self.port))
    }

    /// A text on this host.
    #[must_use]
    pub fn item(&self, host: Ipv4Addr, id: String, seed: u64, bytes: u64) -> Item {
        let path = format!("/{seed}/{bytes}/{}", file_name(&id));
        Item { id, host: self.at(host), path, seed, bytes }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed by its own thread, and fails the run that it served.
            drop(thread.join());
        }
    }
}

#[derive(Debug, Clone)]
struct Answering {
    prose: Prose,
    hosts: Hosts,
}

async fn accept(listener: TcpListener, answering: Answering) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, answering.clone()))),
            // Too many are open: it goes on as soon as one has ended.
            Err(_) => drop(connections.join_next().await),
        }
    }
}

async fn serve(stream: TcpStream, answering: Answering) {
    let Ok(host) = loopback(&stream) else { return };
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let under_way = answering.hosts.came(host, Instant::now());
        let response = answering.answer(request.uri().path(), under_way);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away is the client's to tell.
    drop(connection.await);
}

fn loopback(stream: &TcpStream) -> io::Result<IpAddr> {
    stream.set_nodelay(true)?;
    let address = stream.local_addr()?.ip();
    if address.is_loopback() { Ok(address) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

impl Answering {
    fn answer(&self, path: &str, under_way: UnderWay) -> Response<Body> {
        let mut parts = path.trim_start_matches('/').split('/').map(str::parse::<u64>);
        let (Some(Ok(seed)), Some(Ok(bytes))) = (parts.next(), parts.next()) else {
            let mut response = Response::new(http_body_util::Empty::new().boxed_unsync());
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        // It is under way until the last of its body has gone to the connection.
        let chapters = self.prose.text(seed, bytes).map(move |chapter| {
            let _held = &under_way;
            Ok(Frame::data(chapter))
        });
        let mut response = Response::new(StreamBody::new(stream::iter(chapters)).boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, bytes.into());
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}
