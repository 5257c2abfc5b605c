//! Serves a juggle queue to workers until standard input ends: the broker of the shapes with other processes.
//!
//! To every line it answers with how many commits it has forced to the medium so far.

use std::{io, path::Path};

use flow::shutdown::{Phase, shutdown};
use queue::{
    directory::QueueDirectory,
    ledger::LANE_CAPACITY,
    transport::broker::{Broker, Idle},
    transport::local::LocalLink,
};
use tokio::{runtime, task};

use crate::{
    peers::juggle::Owned,
    worker::{READY, say},
};

/// First bytes of each answer.
pub const SYNCS: &str = "syncs ";

/// Owns and serves the queue of a run directory.
///
/// # Errors
/// If it does not open or cannot be served.
pub fn serve(run: &Path) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let owned = Owned::open(run, LANE_CAPACITY)?;
    runtime.block_on(async {
        let broker = Broker::listen(&QueueDirectory::of(run), owned.link.clone())?;
        let (trigger, stop) = shutdown();
        let serving = tokio::spawn(broker.serve(Idle::Stay, stop));
        say(READY)?;
        let link = owned.link.clone();
        task::spawn_blocking(move || answer(&link)).await??;
        trigger.advance(Phase::Draining);
        serving.await?;
        anyhow::Ok(())
    })?;
    owned.close()
}

fn answer(link: &LocalLink) -> anyhow::Result<()> {
    for line in io::stdin().lines() {
        line?;
        say(&format!("{SYNCS}{}", link.syncs()))?;
    }
    Ok(())
}
