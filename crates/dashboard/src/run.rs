//! The run that is shown: its queue, its blobs and its log.

use std::{path::PathBuf, sync::Arc};

use flow::{
    blobs::BlobStore,
    clock::Clock,
    queue::{QueueAdmin, QueueError},
};
use monitor::snapshot::Waits;
use queue::connection::QueueConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Access to the queue.
pub enum QueueAccess {
    /// This process has it.
    Shared(Arc<dyn QueueAdmin>),
    /// By short visits: other processes come and go.
    Visits,
}

/// The run that is shown.
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) waits: Waits,
    pub(crate) clock: Clock,
    queue: QueueAccess,
    /// Held by a visit. Two visits at a time would be in each other's way if no process owns the queue.
    visiting: Arc<Mutex<()>>,
}

/// The queue, open for the time of a request.
pub(crate) struct OpenQueue {
    pub(crate) queue: Arc<dyn QueueAdmin>,
    visit: Option<(QueueConnection, OwnedMutexGuard<()>)>,
}

impl Run {
    pub(crate) fn new(path: PathBuf, queue: QueueAccess, blobs: Arc<dyn BlobStore>, waits: Waits) -> Self {
        Self { path, blobs, waits, clock: Clock::start(), queue, visiting: Arc::default() }
    }

    /// Opens the queue. It must be closed soon: other processes may wait to own it.
    pub(crate) async fn open_queue(&self) -> Result<OpenQueue, QueueError> {
        match &self.queue {
            QueueAccess::Shared(queue) => Ok(OpenQueue { queue: Arc::clone(queue), visit: None }),
            QueueAccess::Visits => {
                let turn = Arc::clone(&self.visiting).lock_owned().await;
                let connection = QueueConnection::visit(&self.path).await?;
                Ok(OpenQueue { queue: connection.queue(), visit: Some((connection, turn)) })
            }
        }
    }
}

impl OpenQueue {
    /// Returns whether no other process uses the queue. Then it is opened from its files for each visit.
    pub(crate) fn is_idle(&self) -> bool {
        self.visit.as_ref().is_some_and(|(connection, _)| connection.is_owner())
    }

    /// Closes it after a use, and returns the result of the use.
    pub(crate) async fn close<T>(self, result: Result<T, QueueError>) -> Result<T, QueueError> {
        // The owner ends only when no client is left.
        drop(self.queue);
        if let Some((connection, turn)) = self.visit {
            connection.close().await;
            drop(turn);
        }
        result
    }
}
