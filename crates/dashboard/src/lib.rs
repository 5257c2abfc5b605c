//! A run in the browser: pages that stay up to date, the same as JSON, metrics, and the changes that an
//! operator makes.
//!
//! In reading order:
//!
//! * [`Dashboard`]: starts and stops it; it has a thread of its own;
//! * `server`: connections, and their bounds; `guard`: the checks of a request; `routes`: the paths;
//! * `run`: the queue, the blobs and the log of the run; `live`: **one sample of the run a second**, from
//!   which every page, `/api/status` and `/metrics` are made;
//! * `app`: the state that all handlers share; `documents`: the search in the records; `attempts`: the log
//!   lines of a document;
//! * `api`, `metrics`, `pages`: the responses; `refusal`: the error responses.
//!
//! It reads what the stages write and asks the queue as any other client, so a slow or dead browser slows no
//! stage. All of it is bounded: connections, requests, bodies, subscribers, and the rows of a page.

mod api;
mod app;
mod attempts;
mod documents;
mod guard;
mod live;
mod metrics;
mod pages;
mod refusal;
mod routes;
mod run;
mod server;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
};

use flow::blobs::BlobStore;
use monitor::snapshot::Waits;
use tokio::{runtime, sync::oneshot};

pub use self::run::QueueAccess;
use self::{guard::Guard, run::Run};

/// The fewest characters of a token that is given.
pub const TOKEN_MIN: usize = 16;

/// The settings of a dashboard.
pub struct Config {
    /// The address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The token that every request needs, at least [`TOKEN_MIN`] characters. `None` makes one of 128 random
    /// bits.
    pub token: Option<String>,
    /// The run directory.
    pub run: PathBuf,
    /// The queue of the run.
    pub queue: QueueAccess,
    /// The blobs of the run.
    pub blobs: Arc<dyn BlobStore>,
    /// The shortest times between two requests to a host.
    pub waits: Waits,
}

/// A running dashboard. It ends when it is dropped.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    token: String,
    thread: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Dashboard {
    /// Listens, and answers requests on a thread of its own until the value is stopped or dropped.
    ///
    /// # Errors
    /// Returns an error if the address cannot be listened on, or no thread can be started.
    pub fn start(config: Config) -> io::Result<Self> {
        let Config { listen, token, run, queue, blobs, waits } = config;
        let token = token.map_or_else(new_token, Ok)?;
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let guard = Guard::new(&token, address);
        let run = Run::new(run, queue, blobs, waits);
        let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("dashboard".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(listener, guard, run) => {}
                    _ = stopped => {}
                }
            });
            // A read of a file that hangs must not keep the process.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, token, thread: Some((stop, thread)) })
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL to open, which has the token.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Ends all connections, and lets go of the queue.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some((stop, thread)) = self.thread.take() {
            drop(stop);
            if thread.join().is_err() {
                tracing::warn!("the dashboard panicked");
            }
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end();
    }
}

fn new_token() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
