//! The server itself: accepts, answers, keeps a log.
//!
//! Files below the root are served with a strong ETag made from their content, `Last-Modified`, and single ranges with
//! `If-Range` (RFC 9110 §13.1.5, §14); `If-None-Match` and `If-Modified-Since` are answered by 304 where they hold (§13.2). Nothing outside the root is ever read. At most [`CONNECTIONS_MAX`] connections
//! are open. Dropping the [`Server`] ends it and all its connections.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::{Frame, Incoming},
    header::{self, HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet};

use crate::{
    condition,
    content::{self, Content, Hashes},
    log::{Answering, Log, Request},
    range::{self, Selected},
    script::{Length, Ranges, Script},
};

/// Connections open at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 512;
/// How long to wait before accepting again where the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A file server on a loopback address. Ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    log: Log,
    hashes: Hashes,
    scripts: Mutex<HashMap<String, Scripts>>,
}

/// The scripts of one path: first those for one request each, then the one for all further requests.
#[derive(Debug, Default)]
struct Scripts {
    once: VecDeque<Script>,
    always: Script,
}

impl Server {
    /// Serves the files below `root` on a free port of 127.0.0.1. Call it within a tokio runtime.
    ///
    /// # Errors
    /// Where `root` cannot be read or no port is free.
    pub fn start(root: &Path) -> io::Result<Self> {
        Self::start_on(root, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// The same on a given address, which must be a loopback one.
    ///
    /// # Errors
    /// Where the address is not a loopback one or in use, or `root` cannot be read.
    pub fn start_on(root: &Path, address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} is not a loopback address"),
            ));
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("'{}': {error}", root.display()));
        let root = root.canonicalize().map_err(named)?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root,
            log: Log::default(),
            hashes: Hashes::default(),
            scripts: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }

    /// The requests seen so far, in order of their arrival; at most [`REQUESTS_MAX`](crate::REQUESTS_MAX).
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.requests()
    }

    /// How many of [`requests`](Self::requests) were for this path, its query included.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.shared.log.count(path)
    }

    /// How many requests came in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.shared.log.total()
    }

    /// The most answers that were under way at the same time.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.shared.log.peak()
    }

    /// Answers the next requests for a path by these scripts, one each. Further ones are answered as before.
    pub fn script(&self, path: &str, scripts: impl IntoIterator<Item = Script>) {
        self.with_scripts(path, |known| known.once.extend(scripts));
    }

    /// Answers every request for a path by this script.
    pub fn always(&self, path: &str, script: Script) {
        self.with_scripts(path, |known| known.always = script);
    }

    fn with_scripts(&self, path: &str, change: impl FnOnce(&mut Scripts)) {
        let mut scripts = self.shared.scripts.lock().expect("nothing panics while it holds this lock");
        change(scripts.entry(path.to_owned()).or_default());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    serve(stream, shared).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Else a small body waits for its head to be acknowledged, which clients put off for 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "a connection has gone");
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::trace!(%error, "a connection broke");
    }
}

async fn answer(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> Response<Body> {
    let at = Instant::now();
    let answering = shared.log.answering();
    let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
    let response = match *request.method() {
        Method::GET | Method::HEAD => respond(shared, &path, &request, answering).await,
        _ => plain(StatusCode::METHOD_NOT_ALLOWED),
    };
    shared.log.push(Request {
        method: request.method().to_string(),
        path,
        headers: request.headers().iter().map(field).collect(),
        at,
        status: response.status().as_u16(),
    });
    response
}

fn field((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

async fn respond(
    shared: &Arc<Shared>,
    path: &str,
    request: &hyper::Request<Incoming>,
    answering: Answering,
) -> Response<Body> {
    let script = shared.next_script(path);
    if !script.late.is_zero() {
        tokio::time::sleep(script.late).await;
    }
    let content = match &script.body {
        Some(body) => Ok(Some(Content::scripted(body))),
        None => shared.file(path).await,
    };
    match content {
        Ok(Some(content)) => build(content, &script, request, answering),
        Ok(None) => plain(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(path, %error, "failed to serve a file");
            plain(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

impl Shared {
    fn next_script(&self, path: &str) -> Script {
        let mut scripts = self.scripts.lock().expect("nothing panics while it holds this lock");
        let Some(known) = scripts.get_mut(path) else { return Script::default() };
        known.once.pop_front().unwrap_or_else(|| known.always.clone())
    }

    async fn file(self: &Arc<Self>, path: &str) -> io::Result<Option<Content>> {
        let (shared, path) = (Arc::clone(self), path.to_owned());
        tokio::task::spawn_blocking(move || Content::file(&shared.root, &path, &shared.hashes))
            .await
            .map_err(io::Error::other)?
    }
}

fn build(
    content: Content,
    script: &Script,
    request: &hyper::Request<Incoming>,
    answering: Answering,
) -> Response<Body> {
    let selected = match script.ranges {
        Ranges::Honoured if script.status.is_none() => requested(&content, request.headers()),
        Ranges::Honoured | Ranges::Ignored => Selected::Whole,
    };
    let total = content.bytes;
    let mut headers = describe(&content, selected);
    override_by(script, &mut headers);
    if script.honours_conditions() && condition::is_unmodified(request.headers(), &headers) {
        return unmodified(headers);
    }
    let (status, first, length) = match selected {
        Selected::Whole => (StatusCode::OK, 0, total),
        Selected::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Selected::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    if script.length == Length::Announced && !script.sets(&header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let body = match *request.method() {
        Method::HEAD => empty(),
        _ => {
            let chunks = content::send(content, (first, length), script, answering);
            BodyExt::boxed_unsync(StreamBody::new(chunks.map_ok(Frame::data)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        script.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(status);
    *response.headers_mut() = headers;
    response
}

/// What the request asks for; everything where its `If-Range` does not hold.
fn requested(content: &Content, headers: &HeaderMap) -> Selected {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let holds = text(header::IF_RANGE)
        .is_none_or(|wanted| wanted == content.etag || Some(wanted) == content.last_modified.as_deref());
    if holds { range::select(text(header::RANGE), content.bytes) } else { Selected::Whole }
}

fn describe(content: &Content, selected: Selected) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: &str| {
        headers
            .insert(name, HeaderValue::from_str(value).expect("hashes, dates and numbers are visible ASCII"))
    };
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CONTENT_TYPE, content.content_type);
    set(header::ETAG, &content.etag);
    if let Some(date) = &content.last_modified {
        set(header::LAST_MODIFIED, date);
    }
    match selected {
        Selected::Whole => None,
        Selected::Part { first, last } => {
            set(header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", content.bytes))
        }
        Selected::Unsatisfiable => set(header::CONTENT_RANGE, &format!("bytes */{}", content.bytes)),
    };
    headers
}

fn override_by(script: &Script, headers: &mut HeaderMap) {
    for (name, value) in &script.headers {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()));
        match parsed {
            (Ok(name), Ok(_)) if value.is_empty() => drop(headers.remove(name)),
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            _ => tracing::warn!(name, value, "a scripted header field cannot be sent"),
        }
    }
}

/// 304, without the fields that describe a body it does not have: RFC 9110 §15.4.5.
fn unmodified(mut headers: HeaderMap) -> Response<Body> {
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_RANGE] {
        headers.remove(name);
    }
    let mut response = plain(StatusCode::NOT_MODIFIED);
    *response.headers_mut() = headers;
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

fn empty() -> Body {
    BodyExt::boxed_unsync(Empty::new().map_err(|never: Infallible| match never {}))
}
