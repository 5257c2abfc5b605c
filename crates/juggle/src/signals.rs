//! Handles Ctrl-C and SIGTERM: the first drains the work in progress, for at most [`DRAIN`]; the second stops
//! at once. A command that has not ended `FAREWELL` later is terminated, whatever it waits for.

use std::{future::Future, time::Duration};

use flow::shutdown::{Phase, Shutdown, Trigger};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{CliError, Exit};

/// The maximum time that work in progress may take to finish.
pub const DRAIN: Duration = Duration::from_secs(10);

/// The maximum time that a command may take to end after that.
const FAREWELL: Duration = Duration::from_secs(5);

/// Listens until the process ends.
///
/// # Errors
/// Returns an error if the system does not let the process listen.
pub fn listen(trigger: Trigger) -> std::io::Result<()> {
    // Registered before the task runs: a signal that arrives now must not end the process.
    let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // The task lives as long as the runtime; no other waits for it.
    tokio::spawn(obey(trigger, interrupt, terminate));
    Ok(())
}

async fn obey(trigger: Trigger, mut interrupt: Signal, mut terminate: Signal) {
    either(&mut interrupt, &mut terminate).await;
    tracing::warn!(
        "stopping: finishing work in progress (up to {} s). Press Ctrl-C again to stop at once.",
        DRAIN.as_secs()
    );
    // After the message, so that the user reads why the work ends.
    trigger.advance(Phase::Draining);
    tokio::select! {
        () = either(&mut interrupt, &mut terminate) => {}
        () = tokio::time::sleep(DRAIN) => {}
    }
    trigger.advance(Phase::Now);
    tokio::time::sleep(FAREWELL).await;
    // The command waits for something that may never come: a lock, a disk, a stopped owner of the queue.
    // Acknowledged work is safe.
    tracing::warn!("stopped before all work was finished. Nothing is lost.");
    std::process::exit(Exit::Interrupted as i32);
}

/// Awaits a preparation, such as that of a connection, unless a signal comes first.
///
/// # Errors
/// Returns the error of `preparing`, or [`Exit::Interrupted`] if a signal came.
pub(crate) async fn unless_stopped<T, E: Into<CliError>>(
    shutdown: &Shutdown,
    preparing: impl Future<Output = Result<T, E>>,
) -> Result<T, CliError> {
    tokio::select! {
        prepared = preparing => prepared.map_err(Into::into),
        () = shutdown.reached(Phase::Draining) => {
            Err(CliError::new(Exit::Interrupted, "stopped before the work began"))
        }
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
