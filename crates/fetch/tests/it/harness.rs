//! A server, a stage, and what came of a job.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use fetch::{candidate::group_of, config::FetchConfig, stage::Fetch};
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    counters::Counters,
    failure::Reason,
    payload::{FetchJob, Fetched, Listed, StoreJob},
    stage::{Attempt, Ending, Requeue, Stage},
    testing::memory_blobs::MemoryBlobs,
};
use test_server::{Script, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

pub(crate) type Report = flow::stage::Report<FetchJob, StoreJob>;
pub(crate) type Result<T> = std::result::Result<T, Report>;

/// Runs a stage, and returns the follow-up jobs of a job that is done, or else the report.
pub(crate) async fn run(stage: &Fetch, job: FetchJob, attempt: Attempt) -> Result<Vec<StoreJob>> {
    match stage.run(job, attempt).await {
        Report { ending: Ending::Done(next), .. } => Ok(next),
        report => Err(report),
    }
}

/// The stage may contact its own server only.
pub(crate) struct Harness {
    pub(crate) root: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) config: FetchConfig,
    /// The number of claims of the job, as the queue would count them.
    claims: AtomicU32,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let server = Server::start(root.path()).unwrap();
        let config = FetchConfig {
            allow_hosts: vec![server.addr().to_string().parse().unwrap()],
            obey_robots: false,
            ..Default::default()
        };
        Self {
            root,
            server,
            blobs: Arc::new(MemoryBlobs::default()),
            counters: Arc::default(),
            config,
            claims: AtomicU32::new(0),
        }
    }

    pub(crate) fn allow(&mut self, server: &Server) {
        self.config.allow_hosts.push(server.addr().to_string().parse().unwrap());
    }

    pub(crate) fn stage(&self) -> Fetch {
        Fetch::new(self.config.clone(), Arc::clone(&self.blobs), Arc::clone(&self.counters)).unwrap()
    }

    /// A first try of one URL.
    pub(crate) async fn fetch(&self, url: &str) -> Result<StoreJob> {
        self.attempt(self.job(&[url]), 0).await
    }

    /// A first try of a path on the own server.
    pub(crate) async fn get(&self, path: &str) -> Result<StoreJob> {
        self.fetch(&self.server.url(path)).await
    }

    /// Returns the outcome for a path that is answered by these scripts.
    pub(crate) async fn scripted(&self, scripts: impl IntoIterator<Item = Script>) -> Result<StoreJob> {
        self.server.respond_once("/x.txt", scripts);
        self.get("/x.txt").await
    }

    /// A try, and the further ones that follow on redirects, as the queue would make them.
    pub(crate) async fn attempt(&self, job: FetchJob, failures: u32) -> Result<StoreJob> {
        let mut next = self.tries(job, failures).await?;
        assert_eq!(next.len(), 1);
        Ok(next.remove(0))
    }

    /// The same, whatever follows.
    pub(crate) async fn tries(&self, job: FetchJob, failures: u32) -> Result<Vec<StoreJob>> {
        let stage = self.stage();
        let mut job = job;
        let claimed = || self.claims.fetch_add(1, Ordering::Relaxed) + 1;
        let mut attempt = Attempt { number: claimed(), failures };
        loop {
            match run(&stage, job, attempt).await {
                Err(Report { ending: Ending::Requeue(Requeue::Moved { job: moved, .. }), .. })
                    if moved.redirected.is_some() =>
                {
                    job = *moved;
                }
                result => return result,
            }
            attempt = Attempt { number: claimed(), failures: 0 };
        }
    }

    pub(crate) fn job(&self, urls: &[&str]) -> FetchJob {
        FetchJob {
            document: "x".parse().unwrap(),
            urls: urls.iter().map(|&url| url.to_owned()).collect(),
            candidate: 0,
            host: group_of(urls[0], &self.config.mirrors),
            redirected: None,
            refused: None,
            listed: Listed::default(),
            stored: None,
            lost: 0,
        }
    }

    pub(crate) fn name() -> BlobName {
        BlobName::new(BlobKind::Spool, "x".parse().unwrap())
    }

    /// The published bytes, checked against what is said of them.
    pub(crate) fn spooled(&self, fetched: &Fetched) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.blobs.open(&Self::name()).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(fetched.bytes, bytes.len() as u64);
        assert_eq!(fetched.blake3, blake3::hash(&bytes).to_hex().to_string());
        bytes
    }

    /// Bytes that wait to be resumed, and whether a note stands beside them.
    pub(crate) fn part(&self) -> (u64, bool) {
        let staged = self.blobs.resume(&Self::name()).unwrap();
        let note = format!("{}.json", staged.path.display());
        (staged.file.metadata().unwrap().len(), std::path::Path::new(&note).exists())
    }

    pub(crate) fn is_published(&self) -> bool {
        self.blobs.len(&Self::name()).unwrap().is_some()
    }
}

/// The reason of a failure after which nothing is tried again.
pub(crate) fn fatal<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    match result {
        Err(Report { ending: Ending::Dead(failure), .. }) => failure.reason,
        other => panic!("not fatal: {other:?}"),
    }
}

/// The reason of a failure, whatever is done about it.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    match result {
        Err(Report { ending: Ending::Dead(failure) | Ending::Retry { failure, .. }, .. }) => failure.reason,
        other => panic!("neither fatal nor retried: {other:?}"),
    }
}

/// The reason and times of a failure after which the same is tried again.
pub(crate) fn retry<T: std::fmt::Debug>(result: Result<T>) -> (Reason, Option<u64>, u64) {
    match result {
        Err(Report { ending: Ending::Retry { failure, after_ms }, group_pause_ms, .. }) => {
            (failure.reason, after_ms, group_pause_ms)
        }
        other => panic!("not retried: {other:?}"),
    }
}

/// A text of so many bytes that differ from place to place.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut text =
        (0_u32..).flat_map(|n| format!("{n} bottles\n").into_bytes()).take(bytes).collect::<Vec<_>>();
    text.truncate(bytes);
    text
}

/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 22;

/// A server that reads a request's head, sends these bytes, and then closes or waits.
pub(crate) struct Raw {
    pub(crate) url: String,
    pub(crate) host: String,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    Wait,
}

impl Raw {
    pub(crate) async fn start(answer: &[u8], then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let answer = answer.to_vec();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                let is_over =
                    |head: &[u8]| head.ends_with(b"\r\n\r\n") || head.first() == Some(&TLS_HANDSHAKE);
                while !is_over(&head) && stream.read_buf(&mut head).await.is_ok_and(|n| n > 0) {}
                if stream.write_all(&answer).await.is_ok() && then == Then::Wait {
                    while stream.read_buf(&mut head).await.is_ok_and(|n| n > 0) {}
                }
            }
        });
        Self { url: format!("http://{host}/x.txt"), host, task }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}
