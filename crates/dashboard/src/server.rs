//! Accepts connections, and bounds them.

use std::{net::TcpListener, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Semaphore, task::JoinSet};
use tokio_io_timeout::TimeoutStream;

use crate::{app::App, guard::Guard, routes, run::Run};

/// The maximum number of connections. More are refused.
const CONNECTIONS_MAX: usize = 128;
/// The time for a request's head to arrive, and for which a connection without a request stays open.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The time after which a client that does not read is given up.
const WRITE_TIME: Duration = Duration::from_secs(20);
/// The maximum size of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// The pause after an error of accepting, for example because no file can be opened.
const PAUSE: Duration = Duration::from_millis(200);
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 21\r\n\r\n\
    too many connections\n";

/// Serves until the future is dropped, which ends all connections.
pub(crate) async fn serve(listener: TcpListener, guard: Guard, run: Run) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the dashboard cannot listen"),
    };
    let router = routes::router(App::start(guard, run));
    let (free, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), JoinSet::new());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection to the dashboard was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => {
                let answering = answer(stream, router.clone());
                connections.spawn(async move {
                    answering.await;
                    drop(permit);
                });
            }
            Err(_) => refuse(stream).await,
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    drop(stream.set_nodelay(true));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    if let Err(error) = serving.await {
        tracing::debug!(%error, "a connection to the dashboard ended");
    }
}

/// Says that there are too many connections, without waiting for the client.
async fn refuse(mut stream: TcpStream) {
    // The few bytes fit into the empty send buffer.
    drop(tokio::time::timeout(PAUSE, stream.write_all(REFUSAL)).await);
}
