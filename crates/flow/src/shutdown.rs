//! Stopping in two steps: drain, then now.

use tokio::sync::watch;

/// How far a shutdown has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No shutdown.
    Running,
    /// Claim no more; finish what is in flight.
    Draining,
    /// Stop now; leases return to the queue.
    Now,
}

/// Begins a shutdown. Cloned to whoever may.
#[derive(Debug, Clone)]
pub struct Trigger(watch::Sender<Phase>);

/// Learns of a shutdown. Cloned to every task.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Phase>);

/// A trigger and what it reaches.
#[must_use]
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Goes to a phase; never back.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let further = phase > *now;
            *now = phase.max(*now);
            further
        });
    }
}

impl Shutdown {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until at least `phase`. Without any trigger left it waits for ever.
    pub async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
