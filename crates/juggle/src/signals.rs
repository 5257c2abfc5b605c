//! Ctrl-C and SIGTERM: the first drains what is in flight, at most [`DRAIN`]; the second stops now.

use std::time::Duration;

use flow::shutdown::{Phase, Trigger};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long what is in flight may take to finish.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Listens until the process ends.
///
/// # Errors
/// Where the system does not let a process listen.
pub fn listen(trigger: Trigger) -> std::io::Result<()> {
    let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Lives as long as the runtime; nothing waits for it.
    tokio::spawn(obey(trigger, interrupt, terminate));
    Ok(())
}

async fn obey(trigger: Trigger, mut interrupt: Signal, mut terminate: Signal) {
    either(&mut interrupt, &mut terminate).await;
    tracing::warn!(
        "stopping: what is in flight is finished, at most {} s; once more stops now",
        DRAIN.as_secs()
    );
    trigger.advance(Phase::Draining);
    tokio::select! {
        () = either(&mut interrupt, &mut terminate) => {}
        () = tokio::time::sleep(DRAIN) => {}
    }
    trigger.advance(Phase::Now);
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
