//! A server whose answers are written by hand, and whose connections stay open for further requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::rig::Rig;

/// What the server does with a request.
pub(crate) enum Say {
    /// Sends these bytes and waits for the next request.
    Keep(Vec<u8>),
    /// Sends these bytes and closes in order.
    Close(Vec<u8>),
    /// Breaks the connection with RST.
    Reset,
}

/// Which request of which connection it is, both from 1, and its head.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) connection: usize,
    pub(crate) request: usize,
    pub(crate) head: String,
}

type Answer = dyn Fn(&Asked) -> Say + Send + Sync;

pub(crate) struct Talker {
    pub(crate) host: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Talker {
    /// Starts it, and lets the rig contact it.
    pub(crate) async fn start(rig: &mut Rig, answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
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

impl Drop for Talker {
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
                // Else what the client has not read yet may be lost by a reset.
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

/// A whole answer with these header fields, each with its line end.
pub(crate) fn answer(status: &str, fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    [format!("HTTP/1.1 {status}\r\n").as_bytes(), fields.as_ref(), length.as_bytes(), body].concat()
}

/// 200 with these header fields and this body.
pub(crate) fn ok(fields: impl AsRef<[u8]>, body: &[u8]) -> Vec<u8> {
    answer("200 OK", fields, body)
}
