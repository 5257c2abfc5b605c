//! Stops workers in two steps: first they drain, then they stop at once.

use tokio::sync::watch;

/// The phase of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// There is no shutdown.
    Running,
    /// No job is claimed any more. Running jobs finish.
    Draining,
    /// Everything stops at once. Leases return to the queue.
    Now,
}

/// Starts a shutdown. Every holder of a clone may do so.
#[derive(Debug, Clone)]
pub struct Trigger(watch::Sender<Phase>);

/// Receives a shutdown. Every task has a clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Phase>);

/// Creates a trigger and its receiver.
#[must_use]
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Moves to a phase. Does nothing if the shutdown is in a later phase already.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            // A phase is never left for an earlier one, whatever the order of the calls.
            let further = phase > *now;
            *now = phase.max(*now);
            further
        });
    }
}

impl Shutdown {
    /// Returns the present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until the shutdown is in `phase` or a later one. Waits forever if all triggers were dropped.
    pub async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.clone();
        // Without a trigger there will be no shutdown.
        if receiver.wait_for(|now| *now >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
