//! The server: accepts connections, responds to requests and logs them.
//!
//! Files below the root are served with a strong ETag computed from their content, with `Last-Modified`, and
//! with single ranges and `If-Range` (RFC 9110 §13.1.5, §14). Conditional requests that hold get 304 (§13.2).
//! At most [`CONNECTIONS_MAX`] connections are open. Dropping the [`Server`] closes all of them.

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
    conditional,
    content::{self, Content, Hashes},
    range::{self, SelectedRange},
    request_log::{ActiveResponse, ReceivedRequest, RequestLog},
    script::Script,
};

/// The maximum number of open connections. Further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 512;
/// The pause after the system has refused to accept a connection, for lack of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A file server on a loopback address. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    log: RequestLog,
    hashes: Hashes,
    scripts: Mutex<HashMap<String, PathScripts>>,
}

/// The scripts of one path: those for one request each come first, then the one for all further requests.
#[derive(Debug, Default)]
struct PathScripts {
    once: VecDeque<Script>,
    default: Script,
}

impl Server {
    /// Starts to serve the files below `root` on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if `root` cannot be read or no port is free.
    pub fn start(root: &Path) -> io::Result<Self> {
        Self::start_on(root, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts to serve the files below `root` on a given loopback address.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the address is not a loopback address or is in use, or if `root` cannot be read.
    pub fn start_on(root: &Path, address: SocketAddr) -> io::Result<Self> {
        // The server is for tests: other machines must not reach the files below its root.
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
            log: RequestLog::default(),
            hashes: Hashes::default(),
            scripts: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Returns the address of the listener.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }

    /// Returns the requests received so far, in order of arrival; at most
    /// [`REQUESTS_MAX`](crate::REQUESTS_MAX).
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.log.lock().requests.clone()
    }

    /// Returns the number of [`requests`](Self::requests) for this path, its query included.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.shared.log.lock().requests.iter().filter(|request| request.path == path).count()
    }

    /// Returns the number of all requests.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.shared.log.lock().total
    }

    /// Returns the highest number of responses that were in progress at the same time.
    #[must_use]
    pub fn peak_concurrency(&self) -> usize {
        self.shared.log.lock().active_peak
    }

    /// Responds to the next requests for a path with these scripts, one each.
    pub fn respond_once(&self, path: &str, scripts: impl IntoIterator<Item = Script>) {
        self.with_scripts(path, |known| known.once.extend(scripts));
    }

    /// Responds with this script to every request for a path that has no script of its own left.
    pub fn respond(&self, path: &str, script: Script) {
        self.with_scripts(path, |known| known.default = script);
    }

    fn with_scripts(&self, path: &str, change: impl FnOnce(&mut PathScripts)) {
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
        // Before accept, so that the number of open connections is bounded.
        let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        // Finished tasks are removed here, or the set would grow with each connection.
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
                // Without the pause, an error that lasts, such as too many open files, would keep a core
                // busy.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Otherwise a small body waits until its head is acknowledged, which clients delay by up to 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "failed to set TCP_NODELAY");
    }
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(handle(&shared, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::trace!(%error, "failed to serve a connection");
    }
}

async fn handle(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> Response<Body> {
    let at = Instant::now();
    let active = shared.log.begin_response();
    let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
    let response = match *request.method() {
        Method::GET | Method::HEAD => respond(shared, &path, &request, active).await,
        _ => empty_response(StatusCode::METHOD_NOT_ALLOWED),
    };
    shared.log.push(ReceivedRequest {
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
    active: ActiveResponse,
) -> Response<Body> {
    let script = shared.next_script(path);
    if !script.delay.is_zero() {
        tokio::time::sleep(script.delay).await;
    }
    let content = match &script.body {
        Some(body) => Ok(Some(Content::scripted(body))),
        None => shared.open(path).await,
    };
    match content {
        Ok(Some(content)) => build(content, &script, request, active),
        Ok(None) => empty_response(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(path, %error, "failed to serve a file");
            empty_response(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

impl Shared {
    fn next_script(&self, path: &str) -> Script {
        let mut scripts = self.scripts.lock().expect("nothing panics while it holds this lock");
        let Some(known) = scripts.get_mut(path) else { return Script::default() };
        known.once.pop_front().unwrap_or_else(|| known.default.clone())
    }

    async fn open(self: &Arc<Self>, path: &str) -> io::Result<Option<Content>> {
        let (shared, path) = (Arc::clone(self), path.to_owned());
        tokio::task::spawn_blocking(move || Content::open(&shared.root, &path, &shared.hashes))
            .await
            .map_err(io::Error::other)?
    }
}

fn build(
    content: Content,
    script: &Script,
    request: &hyper::Request<Incoming>,
    active: ActiveResponse,
) -> Response<Body> {
    let selected = if script.ranges_ignored || script.status.is_some() {
        SelectedRange::Whole
    } else {
        select_range(&content, request.headers())
    };
    let total = content.bytes;
    let mut headers = content_headers(&content, selected);
    apply_script(script, &mut headers);
    // A scripted status is sent as it is, even if a condition holds. The scripted header fields are compared.
    let is_conditional = !script.conditions_ignored && script.status.is_none();
    if is_conditional && conditional::is_unmodified(request.headers(), &headers) {
        return not_modified(headers);
    }
    let (status, first, length) = match selected {
        SelectedRange::Whole => (StatusCode::OK, 0, total),
        SelectedRange::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        SelectedRange::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    if !script.chunked && !script.sets(&header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let body = match *request.method() {
        Method::HEAD => empty_body(),
        _ => {
            let chunks = content::stream_body(content, (first, length), script, active);
            BodyExt::boxed_unsync(StreamBody::new(chunks.map_ok(Frame::data)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        script.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(status);
    *response.headers_mut() = headers;
    response
}

/// Selects the range that the request asks for. The whole body is sent if its `If-Range` does not hold.
fn select_range(content: &Content, headers: &HeaderMap) -> SelectedRange {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A range whose `If-Range` does not match is ignored, and the whole is sent (RFC 9110 §13.1.5).
    let holds = text(header::IF_RANGE)
        .is_none_or(|wanted| wanted == content.etag || Some(wanted) == content.last_modified.as_deref());
    if holds { range::select(text(header::RANGE), content.bytes) } else { SelectedRange::Whole }
}

fn content_headers(content: &Content, selected: SelectedRange) -> HeaderMap {
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
        SelectedRange::Whole => None,
        SelectedRange::Part { first, last } => {
            set(header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", content.bytes))
        }
        SelectedRange::Unsatisfiable => set(header::CONTENT_RANGE, &format!("bytes */{}", content.bytes)),
    };
    headers
}

fn apply_script(script: &Script, headers: &mut HeaderMap) {
    for (name, value) in &script.headers {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()));
        match parsed {
            (Ok(name), Ok(_)) if value.is_empty() => drop(headers.remove(name)),
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            _ => tracing::warn!(name, value, "skipped an invalid scripted header field"),
        }
    }
}

/// Returns 304 without the fields that describe a body, which it does not have (RFC 9110 §15.4.5).
fn not_modified(mut headers: HeaderMap) -> Response<Body> {
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_RANGE] {
        headers.remove(name);
    }
    let mut response = empty_response(StatusCode::NOT_MODIFIED);
    *response.headers_mut() = headers;
    response
}

fn empty_response(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = status;
    response
}

fn empty_body() -> Body {
    BodyExt::boxed_unsync(Empty::new().map_err(|never: Infallible| match never {}))
}
