//! A queue that an earlier build has made is opened, continued and closed by this one.
//!
//! `fixtures/format-2` was made with the build before the files of this crate got their present names: a list
//! of six texts was fetched from a server on the loopback interface, four of them were stored, and the
//! process lane was paused. Then the owner was started again, a job was dropped, another list was added, and
//! the owner was killed. So the database and the write-ahead log both hold entries that count, and the log
//! holds leftovers of an earlier round.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]

use std::{
    fs::{self, File},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flow::{
    durability::Durability,
    failure::Reason,
    job::{JobEventKind, JobState, JobView, Selection},
    lane::Lane,
    queue::{ClaimRequest, GroupLimit, JobQueue, NamedLimits, Pause, QueueAdmin},
};
use queue::{directory::QueueDirectory, owner::Owned, transport::client::QueueClient};

/// The files of the fixture, with their lengths. The zeros at their ends are cut off in the fixture.
const FILES: [(&str, u64); 6] = [
    ("VERSION", 2),
    ("tail", 262_234),
    ("db.7/conf", 62),
    ("db.7/db", 524_287),
    ("db.7/seal", 10),
    ("db.7/snap.000000000000068D", 179),
];
/// The time at which the server allows the next request for the text that it refused.
const RETRY_AFTER_MS: u64 = 500_000;

fn unpack(run: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2");
    fs::create_dir_all(run.join("queue/db.7")).unwrap();
    for (name, length) in FILES {
        let path = run.join("queue").join(name);
        fs::copy(fixture.join(name), &path).unwrap();
        File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    }
}

/// Owns the queue with a clock that begins at 0, so the queue's time goes on from the fixture's.
fn own(run: &Path, clock: &Arc<AtomicU64>) -> Owned {
    let clock = Arc::clone(clock);
    let owned =
        QueueDirectory::of(run).own(Durability::Process, 100, Arc::new(move || clock.load(Ordering::SeqCst)));
    owned.unwrap().expect("nobody else owns it")
}

async fn jobs(queue: &QueueClient) -> Vec<JobView> {
    queue.list(Selection::default(), None, 100).await.unwrap()
}

fn named<'j>(jobs: &'j [JobView], lane: Lane, key: &str) -> &'j JobView {
    jobs.iter().find(|job| job.lane == lane && job.key == key).unwrap()
}

#[tokio::test]
async fn a_queue_of_an_earlier_build_is_opened_continued_and_closed() {
    let run = tempfile::tempdir().unwrap();
    unpack(run.path());
    let clock = Arc::new(AtomicU64::new(0));
    let (link, thread) = own(run.path(), &clock);
    let queue = QueueClient::Local(link.clone());

    let stats = queue.stats().await.unwrap();
    let fetch = stats.lane(Lane::Fetch);
    assert_eq!((fetch.ready, fetch.delayed, fetch.done, fetch.dead, fetch.retried), (0, 1, 4, 1, 1));
    assert_eq!(stats.lane(Lane::Store).done, 4);
    let process = stats.lane(Lane::Process);
    assert_eq!((process.ready, process.paused), (2, true));
    assert_eq!(stats.unfed, 1, "the second list is not read yet");
    let cursors = queue.cursors().await.unwrap();
    let read: Vec<_> = cursors.iter().map(|cursor| (cursor.entries, cursor.entries_total)).collect();
    assert_eq!(read, [(6, 6), (0, 1)]);

    let before = jobs(&queue).await;
    assert_eq!(before.len(), 12);
    let missing = named(&before, Lane::Fetch, "missing");
    assert!(matches!(&missing.history[0].what, JobEventKind::Died(why) if why.reason == Reason::HttpStatus));
    let busy = named(&before, Lane::Fetch, "busy");
    assert_eq!((busy.state, busy.failures), (JobState::Delayed, 1));
    assert_eq!(busy.group.as_ref().unwrap().0, "127.0.0.1:8731");
    for key in ["doc2", "doc3"] {
        let ready = named(&before, Lane::Process, key);
        assert_eq!((ready.state, ready.attempts), (JobState::Ready, 0));
        assert!(String::from_utf8_lossy(&ready.payload).contains(key));
    }

    // The delayed job becomes ready, and the dead one by hand; the lane goes on, and a job ends.
    clock.fetch_add(RETRY_AFTER_MS, Ordering::SeqCst);
    link.tick().await.unwrap();
    let dead = Selection { state: Some(JobState::Dead), ..Selection::default() };
    assert_eq!(queue.retry(dead).await, Ok(1));
    assert_eq!(queue.stats().await.unwrap().lane(Lane::Fetch).ready, 2);
    queue.set_paused(Lane::Process, Pause::Running).await.unwrap();
    let request = ClaimRequest {
        lane: Lane::Process,
        limit: 1,
        lease_ms: 1_000,
        wait_ms: 0,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
        settled: Vec::new(),
    };
    let claim = queue.claim(request).await.unwrap().claims.remove(0);
    assert_eq!(claim.key, "doc2", "the first that was pushed comes first");
    queue.complete(claim.lease, vec![]).await.unwrap();
    let continued = jobs(&queue).await;
    drop((queue, link));
    thread.join().unwrap();

    let (link, thread) = own(run.path(), &clock);
    let queue = QueueClient::Local(link);
    assert_eq!(jobs(&queue).await, continued);
    let process = queue.stats().await.unwrap().lane(Lane::Process).clone();
    assert_eq!((process.ready, process.done, process.paused), (1, 1, false));
    drop(queue);
    thread.join().unwrap();
}
