//! The stage binaries, alone and together.

use std::{process::Stdio, time::Duration};

use test_server::Script;

use crate::{
    harness::{Harness, assert_same, finish},
    kills::kill_broker,
};

#[tokio::test(flavor = "multi_thread")]
async fn stages_one_after_the_other_do_what_the_pipeline_does() {
    let harness = Harness::of_texts(6, 50);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "whole", &[&list]).await.expect(0);
    harness.juggle(&["add"], "parts", &[&list]).await.expect(0);
    for stage in ["fetch", "store", "process"] {
        let summary = harness.juggle(&[stage], "parts", &["--json"]).await.expect(0).json();
        assert_eq!(summary["lanes"][stage]["done"], 6, "{stage}");
    }
    assert_same(&harness.tree("parts"), &harness.tree("whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_stops_after_a_stage_is_continued_by_the_next() {
    let harness = Harness::of_texts(6, 50);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "whole", &[&list]).await.expect(0);
    for (until, [fetched, stored]) in [("fetch", [6, 0]), ("store", [6, 6])] {
        let summary = harness.juggle(&["pipeline", "--until", until, "--json"], "parts", &[&list]).await;
        let summary = summary.expect(0).json();
        assert_eq!(summary["lanes"]["process"], serde_json::Value::Null);
        let status = harness.juggle::<&str>(&["status", "--json"], "parts", &[]).await.expect(0).json();
        let done = ["fetch", "store", "process"].map(|lane| status["lanes"][lane]["done"].as_u64().unwrap());
        assert_eq!(done, [fetched, stored, 0], "{until}");
    }
    harness.juggle(&["pipeline"], "parts", &[&list]).await.expect(0);
    assert_same(&harness.tree("parts"), &harness.tree("whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_started_in_any_order_finish_together_while_others_look_on() {
    let harness = Harness::of_texts(12, 200);
    for number in 0..12 {
        let script = Script::file().throttle(1_000, Duration::from_millis(10));
        harness.server.respond(&format!("/t{number}.txt"), script);
    }
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "whole", &[&list]).await.expect(0);
    harness.juggle(&["add"], "parts", &[&list]).await.expect(0);
    let before = harness.server.request_count();
    let mut children = Vec::new();
    for name in ["juggle-process", "juggle-store", "juggle-fetch", "juggle-fetch"] {
        let mut command = harness.command(name, &["-j", "2", "--json"], "parts");
        children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    }
    let status = harness.juggle::<&str>(&["status", "--json"], "parts", &[]).await.expect(0).json();
    assert!(status["pending"].as_u64().unwrap() > 0, "{status}");
    harness.juggle::<&str>(&["queue", "ls"], "parts", &[]).await.expect(0);
    let mut fetched = Vec::new();
    for child in children {
        let summary = finish(child).await.expect(0).json();
        fetched.extend(summary["lanes"]["fetch"]["done"].as_u64());
    }
    assert_eq!(fetched.iter().sum::<u64>(), 12);
    assert!(fetched.iter().all(|done| *done > 0), "both fetched: {fetched:?}");
    assert_eq!(harness.server.request_count() - before, 12);
    assert_same(&harness.tree("parts"), &harness.tree("whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_and_a_pipeline_share_a_directory() {
    let harness = Harness::of_texts(10, 100);
    for number in 0..10 {
        let script = Script::file().throttle(1_000, Duration::from_millis(10));
        harness.server.respond(&format!("/t{number}.txt"), script);
    }
    let list = harness.path("list.tsv");
    let mut pipeline = harness.command("juggle", &["pipeline", list.to_str().unwrap(), "-j", "2"], "out");
    let pipeline = pipeline.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !harness.path("out/queue/queue.sock").exists() {
        tokio::task::yield_now().await;
    }
    let mut fetch = harness.command("juggle-fetch", &["-j", "2"], "out");
    let fetch = fetch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(pipeline).await.expect(0);
    finish(fetch).await.expect(0);
    assert_eq!(harness.server.request_count(), 10);
    assert_eq!(harness.tree("out").len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_go_on_when_the_broker_is_killed() {
    let harness = Harness::of_texts(12, 200);
    for number in 0..12 {
        let script = Script::file().throttle(1_000, Duration::from_millis(10));
        harness.server.respond(&format!("/t{number}.txt"), script);
    }
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let mut children = Vec::new();
    for name in ["juggle-fetch", "juggle-store", "juggle-process"] {
        let mut command = harness.command(name, &["-j", "2"], "out");
        children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    }
    for requests in [1, 4, 7, 10] {
        while harness.server.request_count() < requests {
            tokio::task::yield_now().await;
        }
        kill_broker(&harness, "out").await;
    }
    for child in children {
        finish(child).await.expect(0);
    }
    assert_eq!(harness.server.request_count(), 12, "leases outlive the broker, so nothing is fetched again");
    assert_eq!(harness.tree("out").len(), 72);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_is_asked_politely_by_all_processes_together() {
    const TEXTS: u32 = 6;
    let wait = Duration::from_millis(200);
    let harness = Harness::of_texts(TEXTS as usize, 20);
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let mut children = Vec::new();
    for _ in 0..3 {
        let mut command = harness.command("juggle-fetch", &[], "out");
        command.args(["--wait", "200ms", "--max-connection-per-server", "1"]);
        children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    }
    for child in children {
        finish(child).await.expect(0);
    }
    let times: Vec<_> = harness.server.requests().into_iter().map(|request| request.at).collect();
    assert_eq!((times.len(), harness.server.peak_concurrency()), (TEXTS as usize, 1));
    // A single request may be late; all of them together cannot be early.
    let took = *times.last().unwrap() - times[0];
    assert!(took >= wait * (TEXTS - 1) * 8 / 10, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ends_at_the_first_empty_lane() {
    let harness = Harness::of_texts(2, 10);
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    let store = harness.juggle(&["store", "--once"], "out", &["--json"]).await.expect(0).json();
    assert_eq!(store["lanes"]["store"]["done"], 0);
    let fetch = harness.juggle(&["fetch", "--once"], "out", &["--json"]).await.expect(0).json();
    assert_eq!(fetch["lanes"]["fetch"]["done"], 2);
}
