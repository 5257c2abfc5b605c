//! Connects a command to the queue: as its owner, which serves it to others, or as a client of the owner.

use std::{path::Path, sync::Arc, time::Duration};

use flow::{
    clock::Clock,
    durability::Durability,
    queue::{QueueAdmin, QueueError, QueueStats},
    shutdown::{Phase, Shutdown, Trigger, shutdown},
};
use queue::{
    directory::QueueDirectory,
    ledger::LANE_CAPACITY,
    owner::Owned,
    transport::broker::{Broker, Idle},
    transport::client::QueueClient,
    transport::socket::{AnswerTimeout, BrokerCommand, IfNoOwner, SocketLink},
};
use tokio::task::JoinHandle;

use crate::{exit::Exit, rebuild::damage};

/// The maximum time to wait for the owner's thread at the end. Acknowledged changes are durable without it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// The number of tries to connect while owners come and go.
const VISIT_TRIES: usize = 10;

/// A connection to the queue.
pub struct QueueConnection {
    client: QueueClient,
    owned: Option<OwnedQueue>,
}

/// The threads and tasks that an owner must end.
struct OwnedQueue {
    thread: std::thread::JoinHandle<()>,
    serving: Option<(JoinHandle<()>, Trigger)>,
}

impl QueueConnection {
    /// Returns the queue.
    #[must_use]
    pub fn queue(&self) -> Arc<dyn QueueAdmin> {
        Arc::new(self.client.clone())
    }

    /// Owns the queue and serves it to other processes, or joins the owner if there is one.
    ///
    /// # Errors
    /// Returns the errors of opening the queue or of [`join`](Self::join).
    pub async fn own_or_join(run: &Path, durability: Durability) -> Result<Self, QueueError> {
        let directory = QueueDirectory::of(run);
        // Owning is tried first: it fails at once if another process has the lock.
        match own(&directory, durability).await? {
            Some((link, thread)) => {
                let broker = Broker::listen(&directory, link.clone())?;
                let (trigger, stop) = shutdown();
                let serving = tokio::spawn(broker.serve(Idle::Stay, stop));
                let owned = OwnedQueue { thread, serving: Some((serving, trigger)) };
                Ok(Self { client: QueueClient::Local(link), owned: Some(owned) })
            }
            None => Self::join(run, durability).await,
        }
    }

    /// Joins the owner of the queue, or starts one if there is none.
    ///
    /// # Errors
    /// Returns [`QueueError::Unreachable`] if the owner does not answer or cannot be started.
    pub async fn join(run: &Path, durability: Durability) -> Result<Self, QueueError> {
        let absent = IfNoOwner::Start(starter(run, durability)?);
        let link = SocketLink::connect(QueueDirectory::of(run), absent, AnswerTimeout::LONG).await?;
        Ok(Self { client: QueueClient::Socket(link), owned: None })
    }

    /// Connects for a short time: joins the owner, or owns the queue alone.
    ///
    /// # Errors
    /// Returns the errors of opening the queue, and [`QueueError::Unreachable`] if the owner does not answer.
    pub async fn visit(run: &Path) -> Result<Self, QueueError> {
        let directory = QueueDirectory::of(run);
        let mut tries = 0;
        loop {
            tries += 1;
            // Without a socket: a visit is short, and other processes wait for it to end.
            if let Some((link, thread)) = own(&directory, Durability::Power).await? {
                let owned = OwnedQueue { thread, serving: None };
                return Ok(Self { client: QueueClient::Local(link), owned: Some(owned) });
            }
            match SocketLink::connect(directory.clone(), IfNoOwner::Fail, AnswerTimeout::SHORT).await {
                // The owner ended after it was seen: the queue can be owned now.
                Err(QueueError::Unreachable(_)) if tries < VISIT_TRIES => {}
                Err(error) => return Err(error),
                Ok(link) => return Ok(Self { client: QueueClient::Socket(link), owned: None }),
            }
        }
    }

    /// Returns the statistics of the queue, by a short visit.
    ///
    /// # Errors
    /// Returns the errors of [`visit`](Self::visit).
    pub async fn stats(run: &Path) -> Result<QueueStats, QueueError> {
        let connection = Self::visit(run).await?;
        let stats = connection.queue().stats().await;
        connection.close().await;
        stats
    }

    /// Stops serving and releases the queue. All other users of the queue in this process must have ended.
    pub async fn close(self) {
        // The thread of an owner ends when its last client is dropped.
        drop(self.client);
        let Some(owned) = self.owned else { return };
        if let Some((serving, trigger)) = owned.serving {
            trigger.advance(Phase::Draining);
            if let Err(error) = serving.await {
                tracing::warn!(%error, "the broker ended badly");
            }
        }
        let joined = tokio::task::spawn_blocking(|| owned.thread.join());
        if tokio::time::timeout(CLOSE_PATIENCE, joined).await.is_err() {
            tracing::warn!("the queue was still in use at the end");
        }
    }
}

/// Owns the queue if no process does. Refuses a damaged queue and one of an unfinished rebuild.
async fn own(directory: &QueueDirectory, durability: Durability) -> Result<Option<Owned>, QueueError> {
    let directory = directory.clone();
    let clock = Clock::start();
    let now_ms = Arc::new(move || clock.now_ms());
    let owning = tokio::task::spawn_blocking(move || {
        let owned = directory.own(durability, LANE_CAPACITY, now_ms);
        match owned {
            // Checked after the lock was taken or refused: a rebuild holds the lock while it changes this.
            Ok(Some(_)) | Err(QueueError::Damaged(_)) if damage::is_unfinished(&directory) => {
                Err(damage::unfinished(&directory))
            }
            owned => owned.map_err(|error| damage::with_advice(&directory, error)),
        }
    });
    owning.await.map_err(|error| QueueError::Broken(error.to_string()))?
}

/// Serves the queue until it is idle. Returns `false` if another process serves it.
///
/// # Errors
/// Returns the errors of opening the queue, and [`QueueError::Broken`] if its thread panicked.
pub async fn serve(
    run: &Path,
    durability: Durability,
    idle: Idle,
    stop: Shutdown,
) -> Result<bool, QueueError> {
    let directory = QueueDirectory::of(run);
    let Some((link, thread)) = own(&directory, durability).await? else { return Ok(false) };
    let broker = Broker::listen(&directory, link)?;
    broker.serve(idle, stop).await;
    tokio::task::spawn_blocking(|| thread.join())
        .await
        .map_err(|error| QueueError::Broken(error.to_string()))?
        .map_err(|_| QueueError::Broken("the queue's thread panicked".to_owned()))?;
    Ok(true)
}

/// Returns the command that starts `juggle-queue`, from the directory of this program if it is there.
fn starter(run: &Path, durability: Durability) -> Result<BrokerCommand, QueueError> {
    let unreachable = |error: std::io::Error| QueueError::Unreachable(error.to_string());
    let this = std::env::current_exe().map_err(unreachable)?;
    let beside = this.with_file_name("juggle-queue");
    let program = if beside.exists() { beside } else { "juggle-queue".into() };
    // The owner outlives this command and its working directory.
    let run = std::path::absolute(run).map_err(unreachable)?;
    let arguments = vec![
        "serve".into(),
        "--output-dir".into(),
        run.into(),
        "--durability".into(),
        durability.to_string().into(),
    ];
    Ok(BrokerCommand { program, arguments, disk_full_code: Exit::DiskFull as i32 })
}
