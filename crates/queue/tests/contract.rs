//! The contract of `QueueAdmin`, kept by the owner's own client and by clients on the socket.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use flow::{
    durability::Durability,
    queue::QueueAdmin,
    shutdown::{Trigger, shutdown},
    testing::queue_contract::{Subject, cases},
};
use queue::{
    directory::QueueDirectory,
    transport::broker::{Broker, Idle},
    transport::client::QueueClient,
    transport::local::LocalLink,
    transport::socket::{AnswerTimeout, IfNoOwner, SocketLink},
};

const CAPACITY: usize = 8;
const START_MS: u64 = 1_000_000;

/// A new queue whose clock is moved by hand.
struct Fresh {
    run: tempfile::TempDir,
    link: LocalLink,
    clock: Arc<AtomicU64>,
}

impl Fresh {
    fn new() -> Self {
        let run = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(START_MS));
        let now = Arc::clone(&clock);
        let owned = QueueDirectory::of(run.path())
            .own(Durability::Process, CAPACITY, Arc::new(move || now.load(Ordering::SeqCst)))
            .unwrap();
        Self { run, link: owned.expect("a fresh directory is free").0, clock }
    }

    fn subject(&self, queue: Arc<dyn QueueAdmin>) -> Subject {
        let (link, clock) = (self.link.clone(), Arc::clone(&self.clock));
        let advance = move |ms| {
            clock.fetch_add(ms, Ordering::SeqCst);
            let link = link.clone();
            tokio::spawn(async move { link.tick().await.unwrap() });
        };
        Subject { queue, advance: Box::new(advance), lane_capacity: CAPACITY }
    }
}

#[tokio::test]
async fn the_local_queue_keeps_the_contract() {
    for case in cases() {
        let fresh = Fresh::new();
        case.check(fresh.subject(Arc::new(QueueClient::Local(fresh.link.clone())))).await;
    }
}

#[tokio::test]
async fn the_remote_queue_keeps_the_contract() {
    for case in cases() {
        let fresh = Fresh::new();
        let _broker = serve(&fresh);
        let link =
            SocketLink::connect(QueueDirectory::of(fresh.run.path()), IfNoOwner::Fail, AnswerTimeout::LONG)
                .await
                .unwrap();
        case.check(fresh.subject(Arc::new(QueueClient::Socket(link)))).await;
    }
}

fn serve(fresh: &Fresh) -> Trigger {
    let (trigger, stop) = shutdown();
    let broker = Broker::listen(&QueueDirectory::of(fresh.run.path()), fresh.link.clone()).unwrap();
    tokio::spawn(broker.serve(Idle::Stay, stop));
    trigger
}
