//! `corpus.lock`, `--locked` and `--offline`.

use std::{fs, path::Path};

use serde_json::Value;
use test_server::Script;

use crate::harness::{Harness, assert_same};

const NONE: [&str; 0] = [];

fn root(summary: &Value) -> &str {
    summary["lock"]["root"].as_str().unwrap()
}

/// Runs the pipeline over the list, and gives its summary.
async fn run(harness: &Harness, out: &str, more: &[&str], code: i32) -> Value {
    let list = harness.path("list.tsv");
    let words: Vec<&str> =
        ["pipeline", list.to_str().unwrap(), "--json"].into_iter().chain(more.iter().copied()).collect();
    harness.juggle(&words, out, &NONE).await.expect(code).json()
}

fn locked_by(harness: &Harness) -> String {
    format!("--locked={}", harness.path("out/corpus.lock").display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_is_the_same_whatever_the_threads_the_order_and_the_forms() {
    let harness = Harness::of_texts(8, 60);
    let first = run(&harness, "out", &[], 0).await;
    assert_eq!((&first["lock"]["documents"], &first["lock"]["differences"]), (&8.into(), &Value::Null));
    let lock = harness.read("out/corpus.lock");
    assert_eq!(lock.lines().count(), 10);
    assert!(lock.lines().last().unwrap().contains(root(&first)));

    let forms =
        ["-j", "1", "--threads", "1", "--chunk", "bytes:64", "--layout", "sharded", "--compress", "zstd"];
    assert_eq!(root(&run(&harness, "other", &forms, 0).await), root(&first));
    assert_eq!(harness.read("other/corpus.lock"), lock);
    let raw = run(&harness, "dropped", &["--raw", "drop"], 0).await;
    assert_eq!(root(&raw), root(&first));

    let kept = run(&harness, "copy", &[&locked_by(&harness)], 0).await;
    assert_eq!((root(&kept), &kept["lock"]["differences"]), (root(&first), &serde_json::json!([])));
    assert_same(&harness.tree("copy"), &harness.tree("out"));
    assert!(!harness.path("copy/corpus.lock").exists(), "a lock that is kept to is not written");
    let asked = harness.server.request_count();
    let again = run(&harness, "out", &["--locked", "--offline"], 0).await;
    assert_eq!((root(&again), harness.server.request_count()), (root(&first), asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_with_another_hash_are_rejected_and_reported() {
    let harness = Harness::of_texts(4, 60);
    run(&harness, "out", &[], 0).await;
    harness
        .server
        .respond("/t2.txt", Script::bytes("Another text, of another time, though at the same place.\n"));
    let kept = run(&harness, "copy", &[&locked_by(&harness)], 8).await;
    assert_eq!(kept["lock"]["differences"], serde_json::json!([{ "id": "t2", "what": ["missing"] }]));
    assert_eq!(kept["failures"][0]["id"], "t2");
    assert!(!harness.path("copy/raw/t2_raw.txt").exists() && !harness.path("copy/text/t2_text.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_would_differ_is_refused_before_anything_is_fetched() {
    let harness = Harness::of_texts(3, 60);
    run(&harness, "out", &[], 0).await;
    let asked = harness.server.request_count();
    let locked = locked_by(&harness);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    let url = harness.server.url("/t0.txt");
    let more = harness.write("more.tsv", &format!("url\tid\n{url}\tnew\n"));
    let hashes = harness.write("hashes.tsv", &format!("url\tid\tblake3\n{url}\tt0\t{}\n", "00".repeat(32)));
    for (out, words, said) in [
        ("a", vec![list, more.to_str().unwrap()], vec!["new: not in the lock file"]),
        (
            "b",
            vec![hashes.to_str().unwrap()],
            vec!["t0: different received bytes", "t1: in the lock file, but not in the corpus", "t2: in"],
        ),
        ("c", vec![list, "--strip", "off"], vec!["--strip is full in the lock file, off in this run"]),
    ] {
        let words: Vec<&str> = ["pipeline", &locked].into_iter().chain(words).collect();
        harness
            .juggle(&words, out, &NONE)
            .await
            .expect_error(8, &[&said[..], &["Nothing was fetched"]].concat());
    }
    assert_eq!(harness.server.request_count(), asked);
    harness.juggle(&["redecode", "t1", "--encoding", "latin1"], "out", &NONE).await.expect(0);
    let copy = harness.path("kept.lock");
    fs::copy(harness.path("out/corpus.lock"), &copy).unwrap();
    harness.juggle(&["pipeline"], "out", &NONE).await.expect(0);
    let words = ["pipeline", &format!("--locked={}", copy.display())];
    harness
        .juggle(&words, "out", &NONE)
        .await
        .expect_error(8, &["t1: different encoding, different text, different tokens"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let harness = Harness::of_texts(1, 20);
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness
        .juggle(&["pipeline", list, "--locked"], "out", &NONE)
        .await
        .expect_error(3, &["corpus.lock", "A run without --locked writes"]);
    run(&harness, "out", &[], 0).await;
    let path = harness.path("out/corpus.lock");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    harness
        .juggle(&["pipeline", list, "--locked"], "out", &NONE)
        .await
        .expect_error(3, &["corpus.lock", "line 3"]);
}

fn stored(run: &Path) -> usize {
    fs::read_dir(run.join("stats")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_nothing_is_requested_and_stored_texts_are_processed() {
    let harness = Harness::of_texts(3, 60);
    let text = harness.write("here.txt", "A text that is here already, and needs no server at all.\n");
    let here = harness.write("here.tsv", &format!("url\tid\n{}\there\n", text.display()));
    let list = harness.path("list.tsv");
    let words = ["pipeline", list.to_str().unwrap(), here.to_str().unwrap()];
    let ended = harness.juggle(&words, "out", &["--offline"]).await.expect(8);
    assert!(ended.stdout.contains("Waiting for 127.0.0.1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("without --offline"), "{}", ended.stdout);
    assert_eq!((harness.server.request_count(), stored(&harness.path("out"))), (0, 1));
    let told = harness.juggle(&["fetch"], "out", &["--offline"]).await.expect(8).stdout;
    assert!(told.contains("(offline): 3 texts.") && harness.server.request_count() == 0, "{told}");

    let web = harness.server.url("/list.tsv");
    harness
        .juggle(&["pipeline", "-i", &web], "out", &["--offline"])
        .await
        .expect_error(2, &["--offline", &web]);
    harness
        .juggle(&["pipeline", "--refresh"], "out", &["--offline"])
        .await
        .expect_error(2, &["--refresh", "--offline"]);
    assert_eq!(harness.server.request_count(), 0);
    harness.juggle(&words, "out", &NONE).await.expect(0);
    assert_eq!((harness.server.request_count(), stored(&harness.path("out"))), (3, 4));
    harness.juggle(&words, "out", &["--offline"]).await.expect(0);
}
