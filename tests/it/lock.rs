//! `corpus.lock`, `--locked` and `--offline`.

use std::{fs, path::Path};

use serde_json::Value;
use test_server::Script;

use crate::lab::{Lab, assert_same};

const NONE: [&str; 0] = [];

fn root(summary: &Value) -> &str {
    summary["lock"]["root"].as_str().unwrap()
}

/// Runs the pipeline over the list, and gives its summary.
async fn run(lab: &Lab, out: &str, more: &[&str], code: i32) -> Value {
    let list = lab.path("list.tsv");
    let words: Vec<&str> =
        ["pipeline", list.to_str().unwrap(), "--json"].into_iter().chain(more.iter().copied()).collect();
    lab.juggle(&words, out, &NONE).await.expect(code).json()
}

fn locked_by(lab: &Lab) -> String {
    format!("--locked={}", lab.path("out/corpus.lock").display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_is_the_same_whatever_the_threads_the_order_and_the_forms() {
    let lab = Lab::of_texts(8, 60);
    let first = run(&lab, "out", &[], 0).await;
    assert_eq!((&first["lock"]["documents"], &first["lock"]["differences"]), (&8.into(), &Value::Null));
    let lock = lab.read("out/corpus.lock");
    assert_eq!(lock.lines().count(), 10);
    assert!(lock.lines().last().unwrap().contains(root(&first)));

    let forms =
        ["-j", "1", "--threads", "1", "--chunk", "bytes:64", "--layout", "sharded", "--compress", "zstd"];
    assert_eq!(root(&run(&lab, "other", &forms, 0).await), root(&first));
    assert_eq!(lab.read("other/corpus.lock"), lock);
    let raw = run(&lab, "dropped", &["--raw", "drop"], 0).await;
    assert_eq!(root(&raw), root(&first));

    let kept = run(&lab, "copy", &[&locked_by(&lab)], 0).await;
    assert_eq!((root(&kept), &kept["lock"]["differences"]), (root(&first), &serde_json::json!([])));
    assert_same(&lab.tree("copy"), &lab.tree("out"));
    assert!(!lab.path("copy/corpus.lock").exists(), "a lock that is kept to is not written");
    let asked = lab.server.total();
    let again = run(&lab, "out", &["--locked", "--offline"], 0).await;
    assert_eq!((root(&again), lab.server.total()), (root(&first), asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_another_hash_are_not_taken_and_told() {
    let lab = Lab::of_texts(4, 60);
    run(&lab, "out", &[], 0).await;
    lab.server.always("/t2.txt", Script::bytes("Another text, of another time, though at the same place.\n"));
    let kept = run(&lab, "copy", &[&locked_by(&lab)], 8).await;
    assert_eq!(kept["lock"]["differences"], serde_json::json!([{ "id": "t2", "what": ["missing"] }]));
    assert_eq!(kept["failures"][0]["id"], "t2");
    assert!(!lab.path("copy/raw/t2_raw.txt").exists() && !lab.path("copy/text/t2_text.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_would_differ_is_refused_before_anything_is_fetched() {
    let lab = Lab::of_texts(3, 60);
    run(&lab, "out", &[], 0).await;
    let asked = lab.server.total();
    let locked = locked_by(&lab);
    let list = lab.path("list.tsv");
    let list = list.to_str().unwrap();
    let url = lab.server.url("/t0.txt");
    let more = lab.write("more.tsv", &format!("url\tid\n{url}\tnew\n"));
    let hashes = lab.write("hashes.tsv", &format!("url\tid\tblake3\n{url}\tt0\t{}\n", "00".repeat(32)));
    for (out, words, said) in [
        ("a", vec![list, more.to_str().unwrap()], vec!["new: not in the lock"]),
        (
            "b",
            vec![hashes.to_str().unwrap()],
            vec!["t0: other bytes", "t1: in the lock, but not here", "t2: in"],
        ),
        ("c", vec![list, "--strip", "off"], vec!["--strip is full in the lock, off in this run"]),
    ] {
        let words: Vec<&str> = ["pipeline", &locked].into_iter().chain(words).collect();
        lab.juggle(&words, out, &NONE).await.expect_error(8, &[&said[..], &["nothing was fetched"]].concat());
    }
    assert_eq!(lab.server.total(), asked);
    lab.juggle(&["redecode", "t1", "--encoding", "latin1"], "out", &NONE).await.expect(0);
    let copy = lab.path("kept.lock");
    fs::copy(lab.path("out/corpus.lock"), &copy).unwrap();
    lab.juggle(&["pipeline"], "out", &NONE).await.expect(0);
    let words = ["pipeline", &format!("--locked={}", copy.display())];
    lab.juggle(&words, "out", &NONE)
        .await
        .expect_error(8, &["t1: another encoding, another text, other tokens"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let lab = Lab::of_texts(1, 20);
    let list = lab.path("list.tsv");
    let list = list.to_str().unwrap();
    lab.juggle(&["pipeline", list, "--locked"], "out", &NONE)
        .await
        .expect_error(3, &["corpus.lock", "a run without --locked writes"]);
    run(&lab, "out", &[], 0).await;
    let path = lab.path("out/corpus.lock");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    lab.juggle(&["pipeline", list, "--locked"], "out", &NONE)
        .await
        .expect_error(3, &["corpus.lock", "line 3"]);
}

fn stored(run: &Path) -> usize {
    fs::read_dir(run.join("stats")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_nothing_is_asked_and_what_is_here_is_done() {
    let lab = Lab::of_texts(3, 60);
    let text = lab.write("here.txt", "A text that is here already, and needs no server at all.\n");
    let here = lab.write("here.tsv", &format!("url\tid\n{}\there\n", text.display()));
    let list = lab.path("list.tsv");
    let words = ["pipeline", list.to_str().unwrap(), here.to_str().unwrap()];
    let ended = lab.juggle(&words, "out", &["--offline"]).await.expect(8);
    assert!(ended.stdout.contains("3 wait for 127.0.0.1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("without --offline"), "{}", ended.stdout);
    assert_eq!((lab.server.total(), stored(&lab.path("out"))), (0, 1));
    let told = lab.juggle(&["fetch"], "out", &["--offline"]).await.expect(8).stderr;
    assert!(told.contains("3 texts wait for 127.0.0.1") && lab.server.total() == 0, "{told}");

    let web = lab.server.url("/list.tsv");
    lab.juggle(&["pipeline", "-i", &web], "out", &["--offline"]).await.expect_error(2, &["--offline", &web]);
    lab.juggle(&["pipeline", "--refresh"], "out", &["--offline"])
        .await
        .expect_error(2, &["--refresh", "--offline"]);
    assert_eq!(lab.server.total(), 0);
    lab.juggle(&words, "out", &NONE).await.expect(0);
    assert_eq!((lab.server.total(), stored(&lab.path("out"))), (3, 4));
    lab.juggle(&words, "out", &["--offline"]).await.expect(0);
}
