//! The process that is watched: this test binary, started again with its orders in the environment.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use flow::{
    blobs::{BlobKind, BlobStore},
    durability::Durability,
};
use powercut::event_stream::EventWriter;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::task::JoinSet;

use crate::{
    layout::RunLayout,
    oracle::Course,
    workload::{Worker, name},
};

const ORDERS: &str = "JUGGLE_CRASH_ORDERS";

/// The orders of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) run: PathBuf,
    pub(crate) layout: RunLayout,
    /// The number of the process. Several work on the directory, one after another.
    pub(crate) process: u32,
    pub(crate) forces: Forces,
    /// The progress of each text.
    pub(crate) courses: Vec<Course>,
    /// The last version of every text.
    pub(crate) versions: u32,
    /// The number of texts that are worked on at the same time.
    pub(crate) in_flight: usize,
}

/// The files that the process syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Forces {
    Everything,
    Nothing,
}

impl Forces {
    /// Returns the durability of the process.
    pub(crate) const fn durability(self) -> Durability {
        match self {
            Self::Everything => Durability::Power,
            Self::Nothing => Durability::Process,
        }
    }
}

impl Orders {
    /// Returns the command of the process, which waits for its start signal.
    pub(crate) fn command(&self) -> Command {
        command("child::a_process_that_is_told_to_is_there_to_be_watched", self)
    }
}

/// Returns the command that runs a test in a process of its own, with orders. Its standard input and output
/// are pipes.
pub(crate) fn command(test: &str, orders: &impl Serialize) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(ORDERS, serde_json::to_string(orders).unwrap());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Returns the orders of this process, or `None` if it has none.
pub(crate) fn orders<O: DeserializeOwned>() -> Option<O> {
    env::var(ORDERS).ok().map(|orders| serde_json::from_str(&orders).unwrap())
}

/// The entry point of the child processes. Without orders it does nothing.
#[test]
fn a_process_that_is_told_to_is_there_to_be_watched() {
    let Some(orders) = orders() else { return };
    powercut::child::wait_for_start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(orders));
}

async fn work(orders: Orders) {
    let durability = orders.forces.durability();
    // If the directory cannot be opened, which a fault may cause, nothing is done and nothing is reported.
    let (layout, run, process) = (orders.layout, orders.run.clone(), orders.process);
    let opening = tokio::task::spawn_blocking(move || layout.open(&run, durability, process));
    let Ok(blobs) = opening.await.unwrap() else { return };
    let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
    give_up_a_blob(&*blobs);
    let events = EventWriter::default();
    let worker = Arc::new(Worker::new(blobs, orders.layout.config(), move |line| events.write(line)));
    let mut texts = JoinSet::new();
    for (document, course) in orders.courses.into_iter().enumerate() {
        if texts.len() >= orders.in_flight
            && let Some(ended) = texts.join_next().await
        {
            ended.unwrap();
        }
        let worker = Arc::clone(&worker);
        texts.spawn(async move { worker.bring(document, course, orders.versions).await });
    }
    while let Some(ended) = texts.join_next().await {
        ended.unwrap();
    }
}

/// Stages a blob and does not publish it, as the stage does with a text that it refuses.
fn give_up_a_blob(blobs: &dyn BlobStore) {
    // It may fail under a fault, and no later operation depends on it.
    drop(blobs.stage(&name(BlobKind::Text, 0)));
}
