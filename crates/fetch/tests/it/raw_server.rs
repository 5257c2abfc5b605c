//! A test server with handwritten responses. Its connections stay open for further requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::harness::Harness;

/// The server's reaction to a request.
pub(crate) enum Say {
    /// Sends these bytes and waits for the next request.
    Keep(Vec<u8>),
    /// Sends these bytes and closes the connection in order.
    Close(Vec<u8>),
    /// Resets the connection with RST.
    Reset,
}

/// A request: the number of its connection, its own number on that connection, both from 1, and its head.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) connection: usize,
    pub(crate) request: usize,
    pub(crate) head: String,
}

type Answer = dyn Fn(&Asked) -> Say + Send + Sync;

pub(crate) struct RawServer {
    pub(crate) host: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl RawServer {
    /// Starts the server, and allows the rig to contact it.
    pub(crate) async fn start(
        rig: &mut Harness,
        answer: impl Fn(&Asked) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        rig.config.allow_hosts.push(host.parse().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let (count, answer) =
            (Arc::clone(&connections), Arc::<Answer>::from(Box::new(answer) as Box<Answer>));
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = count.fetch_add(1, Ordering::SeqCst) + 1;
                tasks.spawn(talk(stream, connection, Arc::clone(&answer)));
            }
        });
        Self { host, connections, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn talk(mut stream: TcpStream, connection: usize, answer: Arc<Answer>) {
    let mut head = Vec::new();
    let mut request = 0;
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if !stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
                return;
            }
        }
        request += 1;
        let head = String::from_utf8_lossy(&head).into_owned();
        let said = match answer(&Asked { connection, request, head }) {
            Say::Keep(bytes) => stream.write_all(&bytes).await,
            Say::Close(bytes) => {
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                // Reads on until the client closes. Otherwise a reset may discard bytes that the client has
                // not read yet.
                while stream.read_u8().await.is_ok() {}
                return;
            }
            Say::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        };
        if said.is_err() {
            return;
        }
    }
}

/// Returns a complete response with these header fields. Each field must have its line end.
pub(crate) fn answer(status: &str, fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    [format!("HTTP/1.1 {status}\r\n").as_bytes(), fields.as_ref(), length.as_bytes(), body].concat()
}

/// Returns a complete response with the status 200, these header fields and this body.
pub(crate) fn ok(fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    answer("200 OK", fields, body)
}
