//! A server on loopback whose bytes are written by hand, so that they can be wrong in any way.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

const HEAD_BYTES_MAX: usize = 1 << 17;

/// A step of the server on a connection. After the last step it closes the connection in order.
#[derive(Clone)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes over and over for as long as the client takes them.
    Forever(Vec<u8>),
    /// The same, with a pause between.
    Drip(Vec<u8>, Duration),
    /// Says nothing more; ends when the client closes.
    Stall,
    /// Breaks the connection with RST.
    Reset,
    /// Reads another request from this connection and answers that.
    Next,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// From the method to the empty line.
    pub(super) head: String,
    pub(super) at: Instant,
}

impl Request {
    pub(super) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header field's value.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }

    /// The first byte that `Range: bytes=N-` asks for.
    pub(super) fn offset(&self) -> Option<usize> {
        self.field("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// The answer to one request.
pub(super) type Answer = Box<dyn Fn(&Request) -> Vec<Step> + Send + Sync>;

/// One host: a port of 127.0.0.1 (or another loopback address) and its answers.
pub(super) struct Host {
    pub(super) at: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// For the first request, the second and so on; the last one stands for all that follow.
    answers: Vec<Answer>,
    requests: Mutex<Vec<Request>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl Host {
    pub(super) async fn start(address: &str, answers: Vec<Answer>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let shared = Shared {
            answers,
            requests: Mutex::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        };
        let (at, shared) = (listener.local_addr()?, Arc::new(shared));
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { at, shared, task })
    }

    /// Every request but those for `/robots.txt`.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of connections that it has accepted.
    pub(super) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The number of these that the client still holds open.
    pub(super) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        shared.open.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // The client may leave at any moment: that is no fault of the server.
            if let Err(error) = serve(stream, &shared).await {
                tracing::trace!(%error, "the client left");
            }
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut unread = Vec::new();
    'requests: while let Some(request) = read_head(&mut stream, &mut unread).await? {
        let steps = shared.answer(request);
        for step in steps {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Forever(bytes) => loop {
                    stream.write_all(&bytes).await?;
                },
                Step::Drip(bytes, pause) => drip(&mut stream, &bytes, pause).await?,
                Step::Stall => return until_closed(&mut stream).await,
                Step::Reset => return stream.set_zero_linger(),
                Step::Next => continue 'requests,
            }
        }
        stream.shutdown().await?;
        return until_closed(&mut stream).await;
    }
    Ok(())
}

impl Shared {
    fn answer(&self, request: Request) -> Vec<Step> {
        if request.target() == "/robots.txt" {
            let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return vec![Step::Send(none.to_vec())];
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let number = requests.len().min(self.answers.len() - 1);
        let steps = self.answers[number](&request);
        requests.push(request);
        steps
    }
}

async fn read_head(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        if let Some(end) = unread.windows(END.len()).position(|window| window == END) {
            let head: Vec<u8> = unread.drain(..end + END.len()).collect();
            return Ok(Some(Request {
                head: String::from_utf8_lossy(&head).into_owned(),
                at: Instant::now(),
            }));
        }
        if unread.len() > HEAD_BYTES_MAX || stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

async fn drip(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    let mut beat = tokio::time::interval(pause);
    loop {
        beat.tick().await;
        stream.write_all(bytes).await?;
    }
}

async fn until_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
