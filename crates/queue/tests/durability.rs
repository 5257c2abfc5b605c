//! Tests that a queue is the same after a restart, and that a damaged database is refused.

#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flow::{
    durability::Durability,
    failure::{Failure, Reason},
    job::{JobEventKind, JobState, NewJob, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, CursorMove, GroupLimit, JobQueue, Nack, NamedLimits, Pause, Push, QueueAdmin,
        QueueError, Registration,
    },
};
use queue::{directory::QueueDirectory, transport::client::QueueClient};

/// An owned queue whose clock is moved by hand.
struct Owned {
    client: QueueClient,
    clock: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Owned {
    fn open(run: &Path, at_ms: u64) -> Result<Self, QueueError> {
        Self::open_as(run, at_ms, Durability::Process)
    }

    fn open_as(run: &Path, at_ms: u64, durability: Durability) -> Result<Self, QueueError> {
        let clock = Arc::new(AtomicU64::new(at_ms));
        let now = Arc::clone(&clock);
        let owned =
            QueueDirectory::of(run).own(durability, 100, Arc::new(move || now.load(Ordering::SeqCst)))?;
        let (link, thread) = owned.expect("nobody else owns this directory");
        Ok(Self { client: QueueClient::Local(link), clock, thread })
    }

    fn close(self) {
        drop(self.client);
        self.thread.join().unwrap();
    }
}

fn ask(lane: Lane, limit: usize) -> ClaimRequest {
    ClaimRequest {
        lane,
        limit,
        lease_ms: 1_000,
        wait_ms: 0,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
        settled: Vec::new(),
    }
}

fn push(keys: &[&str]) -> Push {
    Push { jobs: keys.iter().map(|key| NewJob::new(Lane::Fetch, key, key)).collect(), cursor: None }
}

#[tokio::test]
async fn every_state_is_there_after_a_restart() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1_000).unwrap();
    let queue = &first.client;
    let cursor = CursorMove { source: "list".into(), from: None, offset: 7, entries: 4, entries_total: 9 };
    queue.push(Push { cursor: Some(cursor), ..push(&["done", "dead", "delayed", "ready"]) }).await.unwrap();
    let claims = queue.claim(ask(Lane::Fetch, 3)).await.unwrap().claims;
    queue.complete(claims[0].lease, vec![NewJob::new(Lane::Store, "done", &1)]).await.unwrap();
    let failure = Failure::new(Reason::HttpStatus, "404");
    queue.fail(claims[1].lease, Nack::Dead { failure: failure.clone() }).await.unwrap();
    let retry = Nack::Retry { failure, after_ms: 500, group_pause_ms: 0, revised: None };
    queue.fail(claims[2].lease, retry).await.unwrap();
    queue.set_paused(Lane::Process, Pause::Paused).await.unwrap();
    let before = queue.stats().await.unwrap();
    let jobs_before = queue.list(Selection::default(), None, 100).await.unwrap();
    first.close();

    let second = Owned::open(run.path(), 1_400).unwrap();
    let queue = &second.client;
    assert_eq!(queue.stats().await.unwrap(), before);
    assert_eq!(queue.list(Selection::default(), None, 100).await.unwrap(), jobs_before);
    assert_eq!(before.unfed, 5);
    assert!(queue.push(push(&["done"])).await.unwrap().known.len() == 1);
    second.clock.store(1_500, Ordering::SeqCst);
    let keys: Vec<_> =
        queue.claim(ask(Lane::Fetch, 9)).await.unwrap().claims.into_iter().map(|claim| claim.key).collect();
    assert_eq!(keys, ["delayed", "ready"], "a job that failed keeps its place");
    // A repeat of what was acknowledged before the restart changes nothing.
    queue.complete(claims[0].lease, vec![]).await.unwrap();
    second.close();
}

#[tokio::test]
async fn a_live_process_keeps_its_lease_over_a_restart_until_the_grace_is_over() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1_000).unwrap();
    first.client.push(push(&["a"])).await.unwrap();
    let lease = first.client.claim(ask(Lane::Fetch, 1)).await.unwrap().claims[0].lease;
    first.close();

    let second = Owned::open(run.path(), 100_000).unwrap();
    assert_eq!(second.client.stats().await.unwrap().lane(Lane::Fetch).leased, 1);
    second.clock.fetch_add(queue::ledger::REJOIN_MS, Ordering::SeqCst);
    assert_eq!(second.client.extend(vec![lease], 1).await.unwrap(), [lease]);
    let job = second.client.list(Selection::default(), None, 1).await.unwrap().remove(0);
    assert_eq!((job.state, &job.history[0].what), (JobState::Ready, &JobEventKind::Lost));
    assert_eq!(second.client.complete(lease, vec![]).await, Err(QueueError::Stale(lease)));
    second.close();
}

#[tokio::test]
async fn large_payloads_are_kept_and_shrink_again() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    let large = NewJob { payload: vec![b'x'; 60_000], ..NewJob::new(Lane::Fetch, "large", &1) };
    first.client.push(Push { jobs: vec![large], cursor: None }).await.unwrap();
    first.close();
    let second = Owned::open(run.path(), 1).unwrap();
    let claim = second.client.claim(ask(Lane::Fetch, 1)).await.unwrap().claims.remove(0);
    assert_eq!(claim.payload.len(), 60_000);
    second.client.complete(claim.lease, vec![]).await.unwrap();
    second.close();
    let third = Owned::open(run.path(), 1).unwrap();
    assert_eq!(third.client.stats().await.unwrap().lane(Lane::Fetch).done, 1);
    third.close();
}

#[tokio::test]
async fn forgotten_jobs_do_not_come_back_and_retried_ones_do() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    first.client.push(push(&["a", "b"])).await.unwrap();
    for claim in first.client.claim(ask(Lane::Fetch, 2)).await.unwrap().claims {
        let failure = Failure::new(Reason::Dns, "no such host");
        first.client.fail(claim.lease, Nack::Dead { failure }).await.unwrap();
    }
    let only = |key: &str| Selection { key: Some(key.to_owned()), ..Selection::default() };
    assert_eq!(first.client.drop_jobs(only("a")).await, Ok(1));
    assert_eq!(first.client.retry(only("b")).await, Ok(1));
    first.close();
    let second = Owned::open(run.path(), 1).unwrap();
    let stats = second.client.stats().await.unwrap();
    assert_eq!((stats.lane(Lane::Fetch).ready, stats.lane(Lane::Fetch).dead), (1, 0));
    assert_eq!(second.client.push(push(&["a"])).await.unwrap().new, 1);
    second.close();
}

#[tokio::test]
async fn every_drop_is_forced_to_the_medium_before_it_is_answered() {
    let run = tempfile::tempdir().unwrap();
    let owned = Owned::open_as(run.path(), 1, Durability::Power).unwrap();
    let QueueClient::Local(link) = &owned.client else { unreachable!("it is owned") };
    owned.client.push(push(&["a", "b"])).await.unwrap();
    for key in ["a", "b"] {
        let before = link.syncs();
        let only = Selection { key: Some(key.to_owned()), ..Selection::default() };
        assert_eq!(owned.client.drop_jobs(only).await, Ok(1));
        assert!(link.syncs() > before, "{key}");
    }
    owned.close();
}

#[tokio::test]
async fn a_second_owner_is_refused_while_the_first_lives() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    let second = QueueDirectory::of(run.path()).own(Durability::Process, 1, Arc::new(|| 1)).unwrap();
    assert!(second.is_none());
    first.close();
    Owned::open(run.path(), 1).unwrap().close();
}

#[test]
fn a_directory_of_a_newer_version_is_refused_and_left_alone() {
    let run = tempfile::tempdir().unwrap();
    let directory = run.path().join("queue");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("VERSION"), "3\n").unwrap();
    let error = Owned::open(run.path(), 1).map(drop).unwrap_err();
    assert!(matches!(&error, QueueError::Version(why) if why.contains("newer")), "{error}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_alone() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    let keys: Vec<String> = (0..100).map(|n| format!("job {n}")).collect();
    first.client.push(push(&keys.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    first.close();
    let db = run.path().join("queue/db.1");
    std::fs::remove_file(db.join("db")).unwrap();
    let error = Owned::open(run.path(), 1).map(drop).unwrap_err();
    assert!(matches!(error, QueueError::Damaged(_)), "{error}");
    assert!(db.is_dir());
}

/// Copies the files, as a kill at this moment would leave them.
fn as_killed(run: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let mut directories = vec![std::path::PathBuf::from("queue")];
    while let Some(directory) = directories.pop() {
        std::fs::create_dir(copy.path().join(&directory)).unwrap();
        for entry in std::fs::read_dir(run.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else {
                std::fs::copy(entry.path(), copy.path().join(path)).unwrap();
            }
        }
    }
    copy
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn flipped_bits_and_cut_files_are_found_and_left_as_they_are() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    first.client.push(push(&["folded"])).await.unwrap();
    first.close();
    let second = Owned::open_as(run.path(), 1, Durability::Power).unwrap();
    for key in ["a", "b", "c"] {
        second.client.push(push(&[key])).await.unwrap();
    }
    let whole = as_killed(run.path());
    let reopened = Owned::open(whole.path(), 1).unwrap();
    assert_eq!(reopened.client.stats().await.unwrap().pending(), 4);
    reopened.close();

    type Damage = (&'static str, fn(&mut Vec<u8>));
    let damages: [Damage; 5] = [
        ("tail", |bytes| bytes[30] ^= 1),
        ("tail", |bytes| bytes[0] ^= 1),
        ("db.2/db", |bytes| bytes.truncate(200)),
        ("db.2/db", Vec::clear),
        ("db.2/seal", |bytes| bytes[9] ^= 1),
    ];
    for (file, damage) in damages {
        let damaged = as_killed(run.path());
        let path = damaged.path().join("queue").join(file);
        change(&path, damage);
        let before = std::fs::read(&path).unwrap();
        let opened = Owned::open(damaged.path(), 1).map(drop);
        assert!(matches!(opened, Err(QueueError::Damaged(_))), "{file}: {opened:?}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{file}");
    }
    second.close();
}

#[tokio::test]
async fn a_clock_that_jumped_neither_ends_nor_prolongs_leases_and_delays() {
    const DAY_MS: u64 = 86_400_000;
    const NOW_MS: u64 = 20_000 * DAY_MS;
    for reopened_at in [NOW_MS - 3_653 * DAY_MS, NOW_MS, NOW_MS + 400 * DAY_MS] {
        let run = tempfile::tempdir().unwrap();
        let first = Owned::open(run.path(), NOW_MS).unwrap();
        first.client.push(push(&["leased", "delayed"])).await.unwrap();
        let claims = first.client.claim(ask(Lane::Fetch, 2)).await.unwrap().claims;
        let retry = Nack::Retry {
            failure: Failure::new(Reason::Timeout, "slow"),
            after_ms: 5_000,
            group_pause_ms: 0,
            revised: None,
        };
        first.client.fail(claims[1].lease, retry).await.unwrap();
        first.close();

        let second = Owned::open(run.path(), reopened_at).unwrap();
        let lane = async || second.client.stats().await.unwrap().lane(Lane::Fetch).clone();
        assert_eq!(lane().await.leased, 1, "a live process has time to come back");
        assert_eq!(second.client.extend(vec![claims[0].lease], 60_000).await.unwrap(), []);
        second.clock.fetch_add(5_000, Ordering::SeqCst);
        assert_eq!((lane().await.leased, lane().await.ready), (1, 1), "the delay did not grow");
        second.clock.fetch_add(60_000, Ordering::SeqCst);
        assert_eq!(lane().await.leased, 0, "a lease still ends");
        second.close();
    }
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_keeps_no_host_paused_for_longer_than_its_pause() {
    const HOUR_MS: u64 = 3_600_000;
    const NOW_MS: u64 = 20_000 * 24 * HOUR_MS;
    let run = tempfile::tempdir().unwrap();
    let wrong = Owned::open(run.path(), NOW_MS + 365 * 24 * HOUR_MS).unwrap();
    let job = NewJob::new(Lane::Fetch, "a", &"a").in_group(flow::job::Group("h".to_owned()));
    wrong.client.push(Push { jobs: vec![job], cursor: None }).await.unwrap();
    let lease = wrong.client.claim(ask(Lane::Fetch, 1)).await.unwrap().claims[0].lease;
    let failure = Failure::new(Reason::SoftBan, "enough");
    let ban = Nack::Retry { failure, after_ms: 0, group_pause_ms: HOUR_MS, revised: None };
    wrong.client.fail(lease, ban).await.unwrap();
    wrong.close();
    // After the clock is corrected, short runs open the queue now and then.
    for (minutes, expected) in [(0, 0), (30, 0), (59, 0), (61, 1)] {
        let right = Owned::open(run.path(), NOW_MS + minutes * 60_000).unwrap();
        let claims = right.client.claim(ask(Lane::Fetch, 1)).await.unwrap().claims;
        assert_eq!(claims.len(), expected, "after {minutes} minutes");
        right.close();
    }
}

#[test]
fn a_directory_of_an_earlier_version_is_refused_and_left_alone() {
    let run = tempfile::tempdir().unwrap();
    let directory = run.path().join("queue");
    std::fs::create_dir_all(directory.join("db.7")).unwrap();
    std::fs::write(directory.join("VERSION"), "1\n").unwrap();
    let error = Owned::open(run.path(), 1).map(drop).unwrap_err();
    assert!(matches!(&error, QueueError::Version(why) if why.contains("juggle rebuild")), "{error}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
}

#[tokio::test]
async fn a_half_made_copy_of_an_interrupted_start_is_ignored() {
    let run = tempfile::tempdir().unwrap();
    let first = Owned::open(run.path(), 1).unwrap();
    first.client.push(push(&["a"])).await.unwrap();
    first.close();
    let opening = run.path().join("queue/db.opening");
    std::fs::create_dir(&opening).unwrap();
    std::fs::write(opening.join("db"), b"half").unwrap();
    std::fs::write(run.path().join("queue/db.1/snap.0000.generating"), b"torn").unwrap();
    let second = Owned::open(run.path(), 1).unwrap();
    assert_eq!(second.client.stats().await.unwrap().pending(), 1);
    assert!(!opening.exists());
    second.close();
}

#[tokio::test]
async fn a_worker_is_counted_from_its_registration_to_its_removal() {
    let run = tempfile::tempdir().unwrap();
    let owned = Owned::open(run.path(), 1).unwrap();
    owned.client.register_worker(Lane::Store, Registration::Add).await.unwrap();
    assert_eq!(owned.client.stats().await.unwrap().lane(Lane::Store).workers, 1);
    owned.client.register_worker(Lane::Store, Registration::Remove).await.unwrap();
    assert_eq!(owned.client.stats().await.unwrap().lane(Lane::Store).workers, 0);
    owned.close();
}
