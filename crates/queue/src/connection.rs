//! Connects a program to the queue: as its owner, which serves it to others, or as a client of the owner.

use std::{path::Path, sync::Arc, time::Duration};

use flow::{
    durability::Durability,
    queue::{QueueAdmin, QueueError, QueueStats},
    shutdown::{Phase, Shutdown, Trigger, shutdown},
};
use tokio::task::JoinHandle;

use crate::{
    directory::QueueDirectory,
    owner::Owned,
    transport::{
        broker::{Broker, Idle},
        client::QueueClient,
        socket::{AnswerTimeout, BrokerCommand, IfNoOwner, SocketLink},
    },
};

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

    /// Returns whether this process owns the queue.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Owns the queue and serves it to other processes, or joins the owner if there is one.
    ///
    /// # Errors
    /// Returns the errors of opening the queue or of [`join`](Self::join).
    pub async fn own_or_join(
        run: &Path,
        durability: Durability,
        start: BrokerCommand,
    ) -> Result<Self, QueueError> {
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
            None => Self::join(run, start).await,
        }
    }

    /// Joins the owner of the queue, or starts one with this command if there is none.
    ///
    /// # Errors
    /// Returns [`QueueError::Unreachable`] if the owner does not answer or cannot be started.
    pub async fn join(run: &Path, start: BrokerCommand) -> Result<Self, QueueError> {
        let absent = IfNoOwner::Start(start);
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
                tracing::warn!(%error, "the broker failed");
            }
        }
        let joined = tokio::task::spawn_blocking(|| owned.thread.join());
        if tokio::time::timeout(CLOSE_PATIENCE, joined).await.is_err() {
            tracing::warn!("the queue was still in use at the end");
        }
    }
}

/// Owns the queue on a thread that may block.
async fn own(directory: &QueueDirectory, durability: Durability) -> Result<Option<Owned>, QueueError> {
    let directory = directory.clone();
    let owning = tokio::task::spawn_blocking(move || directory.own_whole(durability));
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
