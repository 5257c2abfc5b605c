//! Tests of one owner with many clients.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]

use std::{path::Path, sync::Arc, time::Duration};

use flow::{
    clock::Clock,
    durability::Durability,
    job::{JobState, NewJob, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, ClaimResponse, GroupLimit, JobQueue, NamedLimits, Push, QueueAdmin, QueueError,
        Registration,
    },
    shutdown::{Phase, Trigger, shutdown},
};
use queue::{
    directory::QueueDirectory,
    transport::broker::{Broker, Idle, PROTOCOL},
    transport::client::QueueClient,
    transport::socket::{AnswerTimeout, BrokerCommand, IfNoOwner, SocketLink},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

struct Served {
    directory: QueueDirectory,
    trigger: Trigger,
    serving: tokio::task::JoinHandle<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Served {
    fn start(run: &Path) -> Self {
        let directory = QueueDirectory::of(run);
        let clock = Clock::start();
        let owned = directory.own(Durability::Process, 1_000, Arc::new(move || clock.now_ms())).unwrap();
        let (link, thread) = owned.expect("nobody else owns this directory");
        let (trigger, stop) = shutdown();
        let broker = Broker::listen(&directory, link).unwrap();
        let serving = tokio::spawn(broker.serve(Idle::Stay, stop));
        Self { directory, trigger, serving, thread }
    }

    async fn client(&self) -> QueueClient {
        let link =
            SocketLink::connect(self.directory.clone(), IfNoOwner::Wait, AnswerTimeout::LONG).await.unwrap();
        QueueClient::Socket(link)
    }

    async fn stop(self) {
        self.trigger.advance(Phase::Draining);
        self.serving.await.unwrap();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}

fn push(keys: &[&str]) -> Push {
    Push { jobs: keys.iter().map(|key| NewJob::new(Lane::Fetch, key, key)).collect(), cursor: None }
}

async fn claim(queue: &QueueClient, wait_ms: u64) -> ClaimResponse {
    let limits = GroupLimit::NONE;
    queue
        .claim(ClaimRequest {
            lane: Lane::Fetch,
            limit: 1,
            lease_ms: 60_000,
            wait_ms,
            group_limit: limits,
            named_limits: NamedLimits::new(),
            settled: Vec::new(),
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_client_that_goes_gives_its_leases_back_to_one_that_waits() {
    let run = tempfile::tempdir().unwrap();
    let served = Served::start(run.path());
    let (first, second) = (served.client().await, served.client().await);
    first.push(push(&["a"])).await.unwrap();
    first.register_worker(Lane::Fetch, Registration::Add).await.unwrap();
    assert_eq!(claim(&first, 0).await.claims.len(), 1);
    let waiting = tokio::spawn(async move { claim(&second, 60_000).await.claims.remove(0) });
    drop(first);
    let claim = waiting.await.unwrap();
    assert_eq!((claim.key.as_str(), claim.lease.attempt), ("a", 2));
    assert_eq!(served.client().await.stats().await.unwrap().lane(Lane::Fetch).workers, 0);
    served.stop().await;
}

#[tokio::test]
async fn a_client_keeps_its_leases_over_a_change_of_the_owner() {
    let run = tempfile::tempdir().unwrap();
    let served = Served::start(run.path());
    let client = served.client().await;
    client.push(push(&["a", "b"])).await.unwrap();
    client.register_worker(Lane::Fetch, Registration::Add).await.unwrap();
    let held = claim(&client, 0).await.claims.remove(0);
    // A claim that waits while the owner changes is repeated to the next one.
    claim(&client, 0).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { claim(&client, 60_000).await }
    });
    while served.client().await.stats().await.unwrap().lane(Lane::Fetch).leased < 2 {
        tokio::task::yield_now().await;
    }
    served.stop().await;
    let served = Served::start(run.path());
    client.complete(held.lease, vec![]).await.unwrap();
    let stats = client.stats().await.unwrap();
    let fetch = stats.lane(Lane::Fetch);
    assert_eq!((fetch.done, fetch.leased, fetch.workers), (1, 1, 1));
    client.push(push(&["c"])).await.unwrap();
    assert_eq!(waiting.await.unwrap().claims[0].key, "c");
    served.stop().await;
}

#[tokio::test]
async fn sockets_with_long_paths_are_reached() {
    let run = tempfile::tempdir().unwrap();
    let long = run.path().join("d".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let served = Served::start(&long);
    assert_eq!(served.client().await.push(push(&["a"])).await.unwrap().new, 1);
    served.stop().await;
}

#[tokio::test]
async fn hostile_frames_end_the_connection_and_nothing_else() {
    let run = tempfile::tempdir().unwrap();
    let served = Served::start(run.path());
    let greeting = |content: &[u8]| [&b"juggle"[..], &PROTOCOL.to_le_bytes(), content].concat();
    let framed = |content: &[u8]| [&u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat();
    // A session, no leases, no lanes; then frames that a client must not send.
    let after_hello = |frame: &[u8]| [framed(&greeting(&[1, 1, 1, 0, 0])), frame.to_vec()].concat();
    let hello = greeting(&[0xff; 40]);
    let attacks = [
        after_hello(&framed(&[0xff; 5_000])),
        after_hello(&framed(&[1, 200])),
        after_hello(&[0xff, 0xff, 0xff, 0xff, 1]),
        after_hello(&framed(&[1, 6].repeat(5_000))),
        after_hello(&framed(&[1, 6])[..5]),
        vec![0xff; 64],
        framed(b""),
        framed(b"GET / HTTP/1.1"),
        framed(&hello),
        framed(&[0; 5_000]),
        vec![0; 3],
    ];
    for attack in attacks {
        let mut stream = UnixStream::connect(served.directory.socket()).await.unwrap();
        stream.write_all(&attack).await.unwrap();
        stream.shutdown().await.unwrap();
        // The broker may give a reason; it ends the connection in any case.
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap_or_default();
    }
    assert_eq!(served.client().await.push(push(&["a"])).await.unwrap().new, 1);
    served.stop().await;
}

#[tokio::test]
async fn a_client_of_another_version_is_told_so() {
    let run = tempfile::tempdir().unwrap();
    let served = Served::start(run.path());
    let mut stream = UnixStream::connect(served.directory.socket()).await.unwrap();
    stream.write_all(&[&[0, 0, 0, 9], &b"juggle\x09\x00x"[..]].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("protocol 9"), "{answer:?}");
    served.stop().await;
}

#[tokio::test]
async fn nobody_there_is_an_error_that_says_so() {
    let run = tempfile::tempdir().unwrap();
    let directory = QueueDirectory::of(run.path());
    let error = SocketLink::connect(directory.clone(), IfNoOwner::Fail, AnswerTimeout::LONG)
        .await
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, QueueError::Unreachable(_)), "{error}");
    let starter = BrokerCommand { program: "false".into(), arguments: vec![], disk_full_code: 9 };
    let error = SocketLink::connect(directory.clone(), IfNoOwner::Start(starter), AnswerTimeout::LONG)
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("could not be started"), "{error}");
    let starter = BrokerCommand { program: "/no/such/program".into(), arguments: vec![], disk_full_code: 9 };
    let error = SocketLink::connect(directory, IfNoOwner::Start(starter), AnswerTimeout::LONG)
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}

#[tokio::test]
async fn a_broker_without_clients_ends_by_itself_and_leaves_the_queue_free() {
    let run = tempfile::tempdir().unwrap();
    let directory = QueueDirectory::of(run.path());
    let (link, thread) = directory.own(Durability::Process, 10, Arc::new(|| 1)).unwrap().unwrap();
    let (_trigger, stop) = shutdown();
    let broker = Broker::listen(&directory, link).unwrap();
    broker.serve(Idle::EndAfter(Duration::from_millis(1)), stop).await;
    thread.join().unwrap();
    assert!(directory.try_lock().unwrap().is_some());
}

#[tokio::test]
async fn three_hundred_clients_share_the_jobs_without_sharing_any_job() {
    let run = tempfile::tempdir().unwrap();
    let served = Served::start(run.path());
    let keys: Vec<String> = (0..900).map(|n| format!("job {n}")).collect();
    let pusher = served.client().await;
    for some in keys.iter().map(String::as_str).collect::<Vec<_>>().chunks(250) {
        pusher.push(push(some)).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let client = served.client().await;
        tasks.spawn(async move {
            let mut done = 0;
            while let Some(claim) = claim(&client, 0).await.claims.pop() {
                client.complete(claim.lease, vec![]).await.unwrap();
                done += 1;
            }
            done
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u32>(), 900);
    let done = Selection { state: Some(JobState::Done), ..Selection::default() };
    let (mut count, mut after) = (0, None);
    while let Some(last) = {
        let page = pusher.list(done.clone(), after, 256).await.unwrap();
        assert!(page.iter().all(|job| job.attempts == 1));
        count += page.len();
        page.last().map(|job| job.id)
    } {
        after = Some(last);
    }
    assert_eq!(count, 900);
    drop(pusher);
    served.stop().await;
}
