//! Serves a juggle queue to workers until standard input ends: the broker of the shapes with several processes.

use std::{
    io::{self, Read},
    path::Path,
};

use flow::shutdown::{Phase, shutdown};
use queue::{
    broker::{Broker, Idle},
    directory::QueueDirectory,
    ledger::LANE_CAPACITY,
};
use tokio::{runtime, task};

use crate::{
    peers::juggle::Owned,
    worker::{READY, say},
};

/// Owns and serves the queue of a run directory.
///
/// # Errors
/// Where it does not open or cannot be served.
pub fn serve(run: &Path) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let owned = Owned::open(run, LANE_CAPACITY)?;
    runtime.block_on(async {
        let broker = Broker::listen(&QueueDirectory::of(run), owned.link.clone())?;
        let (trigger, stop) = shutdown();
        let serving = tokio::spawn(broker.serve(Idle::Stay, stop));
        say(READY)?;
        task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
        trigger.advance(Phase::Draining);
        serving.await?;
        anyhow::Ok(())
    })?;
    owned.close()
}
