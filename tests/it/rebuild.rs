//! A damaged queue is reported and not changed; `juggle rebuild` creates a new one and fetches nothing again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use fastrand::Rng;
use test_server::Script;
use tokio::time::timeout;

use crate::harness::{Harness, assert_same};

const NONE: &[&str] = &[];

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            kind if kind.is_file() => drop(fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

/// All files below a directory.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => open.push(entry.path()),
                kind if kind.is_file() => {
                    found.insert(
                        entry.path().strip_prefix(root).unwrap().to_owned(),
                        fs::read(entry.path()).unwrap(),
                    );
                }
                _ => {}
            }
        }
    }
    found
}

/// The database of a run.
fn database(harness: &Harness, out: &str) -> PathBuf {
    let found: Vec<PathBuf> = fs::read_dir(harness.path(out).join("queue"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.strip_prefix("db.").is_some_and(|number| number.parse::<u64>().is_ok())
        })
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// Ways to damage a database.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Emptied,
    Cut,
    Garbage,
    Flipped,
    Unsnapped,
}

impl Damage {
    /// Those that cannot be overlooked.
    const CERTAIN: [Self; 2] = [Self::Emptied, Self::Garbage];
    /// Those after which a log may still be whole as far as it goes.
    const PARTIAL: [Self; 3] = [Self::Cut, Self::Flipped, Self::Unsnapped];

    fn strike(self, database: &Path) {
        let log = database.join("db");
        let bytes = fs::read(&log).unwrap();
        match self {
            Self::Emptied => fs::write(&log, "").unwrap(),
            Self::Garbage => fs::write(&log, Rng::with_seed(1).u64(..).to_le_bytes().repeat(20_000)).unwrap(),
            Self::Cut => fs::write(&log, &bytes[..bytes.len() / 2]).unwrap(),
            Self::Flipped => {
                let file = File::options().write(true).open(&log).unwrap();
                let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
                for at in (used / 4..used).step_by(used / 40) {
                    file.write_at(&[!bytes[at]], at as u64).unwrap();
                }
            }
            Self::Unsnapped => {
                for entry in fs::read_dir(database).unwrap().map(Result::unwrap) {
                    if entry.file_name().to_string_lossy().starts_with("snap.") {
                        fs::remove_file(entry.path()).unwrap();
                    }
                }
            }
        }
    }
}

/// Every command that opens the queue says that it is damaged and what to do, and leaves the database as it
/// is.
async fn assert_told_and_left_alone(harness: &Harness, out: &str) {
    let database = database(harness, out);
    let before = files(&database);
    let run = harness.path(out).display().to_string();
    let words = ["damaged", "juggle rebuild", &run];
    for command in
        [&["status"][..], &["queue", "ls"], &["queue", "stats"], &["add", "pg:1"], &["store"], &["pipeline"]]
    {
        harness.juggle(command, out, NONE).await.expect_error(3, &words);
    }
    assert_same(&files(&database), &before);
}

/// A rebuild gives the whole queue back: the next run asks the server for nothing, and the corpus stays as it
/// is.
async fn assert_rebuilt_whole(harness: &Harness, out: &str, documents: usize) {
    let (requests, tree) = (harness.server.request_count(), harness.tree(out));
    let damaged = files(&database(harness, out));
    let report = harness.juggle(&["rebuild", "--json"], out, NONE).await.expect(0).json();
    assert_eq!(report["documents"], documents, "{report}");
    for lane in ["fetch", "store", "process"] {
        assert_eq!(report["lanes"][lane]["done"], documents, "{report}");
    }
    assert_eq!((&report["to_process"], &report["to_fetch"]), (&0.into(), &0.into()));
    let aside = Path::new(report["aside"].as_str().unwrap());
    assert!(aside.starts_with(harness.path(out).join("queue/aside")), "{report}");
    let kept: Vec<_> = files(aside).into_values().collect();
    assert!(damaged.values().all(|bytes| kept.contains(bytes)), "the damaged database is kept");
    let summary = harness.juggle(&["pipeline", "--json"], out, NONE).await.expect(0).json();
    assert_eq!(summary["lanes"]["process"]["done"], documents, "{summary}");
    assert_eq!(harness.server.request_count(), requests, "nothing is fetched again");
    assert_same(&harness.tree(out), &tree);
    assert!(!harness.path(out).join("queue/rebuilding").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_queue_is_reported_kept_and_rebuilt_without_a_request() {
    let harness = Harness::sample();
    harness.sample_pipeline("whole", NONE).await.expect(0);
    let documents = 13;
    for damage in Damage::CERTAIN {
        let out = format!("{damage:?}");
        copy(&harness.path("whole"), &harness.path(&out));
        damage.strike(&database(&harness, &out));
        assert_told_and_left_alone(&harness, &out).await;
        assert_rebuilt_whole(&harness, &out, documents).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_leaves_a_log_readable_is_reported_or_has_cost_nothing() {
    let harness = Harness::sample();
    harness.sample_pipeline("whole", NONE).await.expect(0);
    let documents = 13;
    for damage in Damage::PARTIAL {
        let out = format!("{damage:?}");
        copy(&harness.path("whole"), &harness.path(&out));
        damage.strike(&database(&harness, &out));
        let status = harness.juggle(&["status", "--json"], &out, NONE).await;
        if status.code == Some(0) {
            assert_eq!(
                status.json()["lanes"]["process"]["done"],
                documents,
                "{damage:?}: not empty in silence"
            );
        } else {
            assert_told_and_left_alone(&harness, &out).await;
            assert_rebuilt_whole(&harness, &out, documents).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_or_damaged_format_is_rebuilt_and_a_newer_one_is_not_touched() {
    let harness = Harness::of_texts(2, 10);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let version = harness.path("out/queue/VERSION");
    fs::write(&version, "99\n").unwrap();
    let before = files(&harness.path("out"));
    harness.juggle(&["rebuild"], "out", &["--force"]).await.expect_error(3, &["newer version of juggle"]);
    assert_same(&files(&harness.path("out")), &before);
    for earlier in ["1\n", "\0\0"] {
        fs::write(&version, earlier).unwrap();
        harness.juggle(&["status"], "out", NONE).await.expect(3);
        assert_rebuilt_whole(&harness, "out", 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_store_does_not_prove_is_done_again() {
    let harness = Harness::of_texts(8, 30);
    harness.server.respond("/t7.txt", Script::empty(404));
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(8);
    let tree = harness.tree("out");
    let out = |path: &str| harness.path(&format!("out/{path}"));
    // Not processed: without stats, with results of another length, with results of another text.
    fs::remove_file(out("stats/t0.json")).unwrap();
    fs::write(out("tokens/t1_tokens.txt"), "cut\n").unwrap();
    fs::copy(out("stats/t0.json").with_file_name("t3.json"), out("stats/t2.json")).unwrap();
    // Not stored: a file gone, one cut, a meta that cannot be read.
    fs::remove_file(out("raw/t4_raw.txt")).unwrap();
    fs::write(out("text/t5_text.txt"), "cut\n").unwrap();
    fs::write(out("meta/t6.json"), "{").unwrap();
    let before = harness.server.requests().len();
    let report = harness.juggle(&["rebuild", "--force", "--json"], "out", NONE).await.expect(0).json();
    assert_eq!(
        (&report["documents"], &report["lanes"]["process"]["done"]),
        (&7.into(), &1.into()),
        "{report}"
    );
    assert_eq!((&report["to_process"], &report["incomplete"]), (&3.into(), &3.into()), "{report}");
    assert_eq!((&report["to_fetch"], &report["entries"]), (&4.into(), &8.into()), "{report}");
    harness.server.respond("/t7.txt", Script::file());
    harness.juggle(&["pipeline"], "out", NONE).await.expect(0);
    let requests = harness.server.requests().into_iter().skip(before);
    let mut asked: Vec<_> = requests.map(|request| request.path).collect();
    asked.sort();
    assert_eq!(asked, ["/t4.txt", "/t5.txt", "/t6.txt", "/t7.txt"]);
    let mut after = harness.tree("out");
    after.retain(|path, _| !path.to_string_lossy().contains("t7"));
    assert_same(&after, &tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_no_list_names_is_fetched_from_where_it_came() {
    let harness = Harness::of_texts(3, 30);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let tree = harness.tree("out");
    fs::remove_dir_all(harness.path("out/queue")).unwrap();
    fs::remove_file(harness.path("out/raw/t1_raw.txt")).unwrap();
    let report = harness.juggle(&["rebuild", "--json"], "out", NONE).await.expect(0).json();
    assert_eq!((&report["to_fetch"], &report["lists"]), (&1.into(), &0.into()), "{report}");
    harness.juggle(&["pipeline"], "out", NONE).await.expect(0);
    assert_eq!((harness.server.count("/t1.txt"), harness.server.request_count()), (2, 4));
    assert_same(&harness.tree("out"), &tree);

    fs::remove_dir_all(harness.path("out/queue")).unwrap();
    fs::write(harness.path("out/meta/t2.json"), "").unwrap();
    let report = harness.juggle(&["rebuild", "--json"], "out", NONE).await.expect(8).json();
    assert_eq!(report["lost"], serde_json::json!(["t2"]));
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[list]).await.expect(0);
    assert_same(&harness.tree("out"), &tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_list_is_taken_as_far_as_it_goes() {
    let harness = Harness::of_texts(3, 10);
    let list = harness.path("list.tsv");
    harness.juggle(&["add"], "out", &[&list]).await.expect(0);
    let snapshot = fs::read_dir(harness.path("out/queue/sources")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read_to_string(&snapshot).unwrap();
    fs::write(&snapshot, &whole[..whole.len() - 5]).unwrap();
    let report = harness.juggle(&["rebuild", "--force", "--json"], "out", NONE).await.expect(8).json();
    assert_eq!((&report["entries"], &report["to_fetch"]), (&2.into(), &2.into()), "{report}");
    assert_eq!(report["damaged_lists"].as_array().unwrap().len(), 1);
    harness.juggle(&["pipeline"], "out", NONE).await.expect(0);
    assert_eq!(harness.server.request_count(), 2);
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    assert_eq!((harness.server.request_count(), harness.tree("out").len()), (3, 3 * 6));

    // Damage that leaves every line an entry.
    fs::write(&snapshot, whole.replace("t1.txt", "tX.txt")).unwrap();
    let report = harness.juggle(&["rebuild", "--force", "--json"], "out", NONE).await.expect(8).json();
    assert_eq!(report["damaged_lists"], serde_json::json!([snapshot]), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_queue_is_rebuilt_only_by_force_and_an_owned_one_never() {
    let harness = Harness::of_texts(2, 10);
    harness.juggle(&["rebuild"], "nothing", NONE).await.expect_error(3, &["no run"]);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    harness.juggle(&["rebuild"], "out", NONE).await.expect_error(2, &["not damaged", "--force"]);
    assert!(!harness.path("out/queue/aside").exists());
    let lock = File::open(harness.path("out/queue/lock")).unwrap();
    lock.lock().unwrap();
    harness.juggle(&["rebuild"], "out", &["--force"]).await.expect_error(11, &["owns the queue"]);
    lock.unlock().unwrap();
    let ended = harness.juggle(&["rebuild"], "out", &["--force"]).await.expect(0);
    for words in ["2 documents found", "2 processed", "aside", "juggle pipeline"] {
        assert!(ended.stdout.contains(words), "{words}:\n{}", ended.stdout);
    }
    harness.juggle(&["rebuild"], "out", &["--force"]).await.expect(0);
    assert_eq!(fs::read_dir(harness.path("out/queue/aside")).unwrap().count(), 2, "one a rebuild");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_a_rebuild_says_what_it_would_do_and_does_nothing() {
    let harness = Harness::of_texts(3, 10);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    Damage::Emptied.strike(&database(&harness, "out"));
    fs::remove_file(harness.path("out/stats/t0.json")).unwrap();
    let before = files(&harness.path("out"));
    let report = harness.juggle(&["rebuild", "-n", "--json"], "out", NONE).await.expect(0).json();
    assert_eq!((&report["rebuild"], &report["to_process"]), (&"would_be".into(), &1.into()), "{report}");
    let said = harness.juggle(&["rebuild", "-n"], "out", NONE).await.expect(0).stdout;
    assert!(said.contains("nothing was changed"), "{said}");
    assert_same(&files(&harness.path("out")), &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_swap_is_reported_and_the_rebuild_repeated() {
    let harness = Harness::of_texts(3, 10);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    fs::remove_dir_all(database(&harness, "out")).unwrap();
    fs::remove_file(harness.path("out/queue/tail")).unwrap();
    fs::write(harness.path("out/queue/REBUILDING"), "").unwrap();
    for command in [&["status"][..], &["pipeline"], &["fetch"], &["queue", "ls"]] {
        harness.juggle(command, "out", NONE).await.expect_error(3, &["was interrupted", "juggle rebuild"]);
    }
    assert_rebuilt_whole(&harness, "out", 3).await;
}

/// Kill -9 at random moments: what is there is damaged, unfinished or whole, and never less than it seems.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_again_and_again_loses_nothing() {
    const TEXTS: usize = 40;
    let harness = Harness::of_texts(TEXTS, 5);
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    Damage::Garbage.strike(&database(&harness, "out"));
    let seed = Rng::new().u64(..);
    eprintln!("rebuild: seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let mut killed = 0;
    while killed < 25 {
        let mut command = harness.command("juggle", &["rebuild", "--force"], "out");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let patience = Duration::from_millis(rng.u64(1..150));
        match timeout(patience, child.wait()).await {
            Ok(status) => assert_eq!(status.unwrap().code(), Some(0)),
            Err(_) => {
                child.kill().await.unwrap();
                killed += 1;
            }
        }
        let status = harness.juggle(&["status", "--json"], "out", NONE).await;
        if status.code == Some(0) {
            assert_eq!(status.json()["lanes"]["process"]["done"], TEXTS);
        } else {
            status.expect_error(3, &["damaged", "juggle rebuild"]);
        }
    }
    let (requests, tree) = (harness.server.request_count(), harness.tree("out"));
    harness.juggle(&["rebuild", "--force"], "out", NONE).await.expect(0);
    harness.juggle(&["pipeline"], "out", NONE).await.expect(0);
    assert_eq!((requests, harness.server.request_count()), (TEXTS as u64, TEXTS as u64));
    assert_same(&harness.tree("out"), &tree);
}
