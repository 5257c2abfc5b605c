//! How a command gets at the queue: as its owner, who serves it to others, or as a client of who owns it.

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

/// How long to wait for the owner's thread at the end; everything acknowledged is durable without it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How often to look again where an owner came or went while we looked.
const VISIT_TRIES: usize = 10;

/// A queue at hand.
pub struct QueueConnection {
    client: QueueClient,
    owned: Option<OwnedQueue>,
}

/// What an owner has to end.
struct OwnedQueue {
    thread: std::thread::JoinHandle<()>,
    serving: Option<(JoinHandle<()>, Trigger)>,
}

impl QueueConnection {
    /// The queue.
    #[must_use]
    pub fn queue(&self) -> Arc<dyn QueueAdmin> {
        Arc::new(self.client.clone())
    }

    /// Owns the queue and serves it to other processes; where another process owns it, joins that one.
    pub async fn own_or_join(run: &Path, durability: Durability) -> Result<Self, QueueError> {
        let directory = QueueDirectory::of(run);
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

    /// Joins the owner of the queue; starts one where there is none.
    pub async fn join(run: &Path, durability: Durability) -> Result<Self, QueueError> {
        let absent = IfNoOwner::Start(starter(run, durability)?);
        let link = SocketLink::connect(QueueDirectory::of(run), absent, AnswerTimeout::LONG).await?;
        Ok(Self { client: QueueClient::Socket(link), owned: None })
    }

    /// For a short visit: joins the owner, or owns the queue alone for that long.
    pub async fn visit(run: &Path) -> Result<Self, QueueError> {
        let directory = QueueDirectory::of(run);
        let mut tries = 0;
        loop {
            tries += 1;
            if let Some((link, thread)) = own(&directory, Durability::Power).await? {
                let owned = OwnedQueue { thread, serving: None };
                return Ok(Self { client: QueueClient::Local(link), owned: Some(owned) });
            }
            match SocketLink::connect(directory.clone(), IfNoOwner::Fail, AnswerTimeout::SHORT).await {
                // The owner went while we looked.
                Err(QueueError::Unreachable(_)) if tries < VISIT_TRIES => {}
                Err(error) => return Err(error),
                Ok(link) => return Ok(Self { client: QueueClient::Socket(link), owned: None }),
            }
        }
    }

    /// Returns the statistics of the queue, by a short visit.
    pub async fn stats(run: &Path) -> Result<QueueStats, QueueError> {
        let connection = Self::visit(run).await?;
        let stats = connection.queue().stats().await;
        connection.close().await;
        stats
    }

    /// Ends serving and lets the queue go. All other users of the queue in this process must have ended.
    pub async fn close(self) {
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

/// Owns it, if nobody does, unless it is damaged or was left unfinished by a rebuild.
async fn own(directory: &QueueDirectory, durability: Durability) -> Result<Option<Owned>, QueueError> {
    let directory = directory.clone();
    let clock = Clock::start();
    let now_ms = Arc::new(move || clock.now_ms());
    let owning = tokio::task::spawn_blocking(move || {
        let owned = directory.own(durability, LANE_CAPACITY, now_ms);
        match owned {
            // Looked at under the lock, or after it; a rebuild holds it while it changes this.
            Ok(Some(_)) | Err(QueueError::Damaged(_)) if damage::is_unfinished(&directory) => {
                Err(damage::unfinished(&directory))
            }
            owned => owned.map_err(|error| damage::told(&directory, error)),
        }
    });
    owning.await.map_err(|error| QueueError::Broken(error.to_string()))?
}

/// Serves the queue until nobody has used it for a while. `false` where another process serves it already.
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

/// `juggle-queue` beside this program, serving this run directory.
fn starter(run: &Path, durability: Durability) -> Result<BrokerCommand, QueueError> {
    let unreachable = |error: std::io::Error| QueueError::Unreachable(error.to_string());
    let this = std::env::current_exe().map_err(unreachable)?;
    let beside = this.with_file_name("juggle-queue");
    let program = if beside.exists() { beside } else { "juggle-queue".into() };
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
