//! `juggle queue` as people use it: filters, a question before much is changed, numbers.

use std::{
    io::{Read, Write},
    os::fd::AsFd,
    process::Stdio,
};

use test_server::Script;

use crate::{
    harness::{Ended, Harness, finish},
    terminal::Terminal,
};

const NONE: &[&str] = &[];

/// A run of five texts, two of which failed for good.
async fn run_with_two_dead() -> Harness {
    let harness = Harness::of_texts(5, 20);
    harness.server.respond("/t1.txt", Script::empty(404));
    harness.server.respond("/t3.txt", Script::empty(404));
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(8);
    harness
}

async fn dead(harness: &Harness) -> usize {
    let words = ["queue", "ls", "--state", "dead", "--json"];
    harness.juggle(&words, "out", NONE).await.expect(0).json().as_array().unwrap().len()
}

/// The group of the jobs that are fetched from the harness's server.
fn host(harness: &Harness) -> String {
    harness.server.base_url().trim_start_matches("http://").to_owned()
}

/// Runs `juggle` with a terminal as its standard input, on which `typed` is typed.
async fn at_terminal(harness: &Harness, words: &[&str], typed: &str) -> Ended {
    let mut terminal = Terminal::open();
    terminal.keyboard.write_all(typed.as_bytes()).unwrap();
    let mut command = harness.command("juggle", words, "out");
    command.stdin(Stdio::from(terminal.program.as_fd().try_clone_to_owned().unwrap()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_asked_before_jobs_are_retried_or_dropped_by_filter() {
    let harness = run_with_two_dead().await;
    for no in ["n\n", "\n", "\u{4}"] {
        for command in ["retry", "drop"] {
            let ended = at_terminal(&harness, &["queue", command, "--state", "dead"], no).await.expect(7);
            assert!(ended.stderr.contains("2 jobs (fetch: 2 dead)"), "{}", ended.stderr);
            assert!(ended.stderr.contains("2 jobs? [y/N]"), "{}", ended.stderr);
        }
    }
    assert_eq!(dead(&harness).await, 2);
    let ended = at_terminal(&harness, &["queue", "drop", "--reason", "http_status"], "y\n").await.expect(0);
    assert!(ended.stdout.contains("2 jobs dropped"), "{}", ended.stdout);
    assert_eq!(dead(&harness).await, 0);
    let ended = at_terminal(&harness, &["queue", "retry"], "").await.expect(0);
    assert!(ended.stdout.contains("0 jobs") && !ended.stderr.contains("[y/N]"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_a_filter_needs_yes_and_ids_do_not() {
    let harness = run_with_two_dead().await;
    for words in [&["queue", "retry"][..], &["queue", "drop", "--state", "dead"]] {
        harness.juggle(words, "out", NONE).await.expect_error(2, &["--yes", "--dry-run", "not a terminal"]);
    }
    harness
        .juggle(&["queue", "retry", "--state", "done"], "out", &["-y"])
        .await
        .expect_error(2, &["only dead"]);
    assert_eq!(dead(&harness).await, 2);
    let named = harness.juggle(&["queue", "retry", "--json"], "out", &["t1"]).await.expect(0).json();
    assert_eq!((&named["retried"], dead(&harness).await), (&1.into(), 1));
    let named = harness.juggle(&["queue", "drop", "--json"], "out", &["t1", "t3"]).await.expect(0).json();
    assert_eq!((&named["dropped"], dead(&harness).await), (&2.into(), 0));
    let all = harness.juggle(&["queue", "drop", "--lane", "fetch", "--json"], "out", &["--yes"]).await;
    assert_eq!(all.expect(0).json()["dropped"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_named_and_nothing_is_changed() {
    let harness = run_with_two_dead().await;
    for command in ["retry", "drop"] {
        for more in [&[][..], &["-y"], &["-n"], &["--json"]] {
            let ended = harness.juggle(&["queue", command, "t1", "nosuch", "T9"], "out", more).await;
            ended.expect_error(
                2,
                &["no job or document 'nosuch', 'T9'", "Nothing was changed", "juggle queue ls"],
            );
        }
    }
    assert_eq!(dead(&harness).await, 2);
    harness
        .juggle(&["queue", "show", "nosuch"], "out", NONE)
        .await
        .expect_error(2, &["'nosuch'", "juggle queue ls"]);
    let known = harness.juggle(&["queue", "retry", "t0"], "out", NONE).await.expect(0);
    assert!(known.stdout.contains("0 jobs") && known.stderr.contains("nothing to retry"), "{}", known.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_how_many_by_lane_and_state() {
    let harness = run_with_two_dead().await;
    let words = ["queue", "drop", "--older", "0", "-n"];
    let said = harness.juggle(&words, "out", &["--json"]).await.expect(0).json();
    assert_eq!((&said["would_drop"], &said["lanes"]["fetch"]["dead"]), (&11.into(), &2.into()));
    let said = harness.juggle(&words, "out", NONE).await.expect(0).stdout;
    assert!(said.contains("11 jobs (fetch: 3 done, 2 dead; store: 3 done; process: 3 done)"), "{said}");
    assert_eq!(dead(&harness).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_filtered_by_lane_state_reason_host_and_age() {
    let harness = run_with_two_dead().await;
    let host = host(&harness);
    for (filter, jobs) in [
        (&["--lane", "fetch"][..], 5),
        (&["--lane", "store", "--state", "done"], 3),
        (&["--state", "ready"], 0),
        (&["--reason", "http_status"], 2),
        (&["--reason", "timeout"], 0),
        (&["--group", &host], 5),
        (&["--group", "elsewhere.example"], 0),
        (&["--older", "1d"], 0),
        (&["--older", "1ms", "--state", "dead"], 2),
        (&["--limit", "4"], 4),
    ] {
        let listed = harness.juggle(&["queue", "ls", "--json"], "out", filter).await.expect(0).json();
        assert_eq!(listed.as_array().unwrap().len(), jobs, "{filter:?}: {listed}");
    }
    let table = harness.juggle(&["queue", "ls", "--lane", "fetch"], "out", NONE).await.expect(0).stdout;
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header[..4], ["document", "lane", "state", "age"]);
    assert_eq!(table.lines().count(), 6, "{table}");
    harness
        .juggle(&["queue", "ls", "--older", "soon"], "out", NONE)
        .await
        .expect_error(2, &["10, 0.5, 500ms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_shown_in_all_lanes_and_a_job_alone() {
    let harness = run_with_two_dead().await;
    let shown = harness.juggle(&["queue", "show", "t0", "--json"], "out", NONE).await.expect(0).json();
    let lanes: Vec<_> = shown.as_array().unwrap().iter().map(|job| job["lane"].clone()).collect();
    assert_eq!(lanes, ["fetch", "store", "process"]);
    let id = shown[1]["id"].as_str().unwrap();
    let shown = harness.juggle(&["queue", "show"], "out", &[id]).await.expect(0).stdout;
    assert!(shown.starts_with("t0  store done\n"), "{shown}");
    harness.juggle(&["queue", "show", "nobody"], "out", NONE).await.expect_error(2, &["nobody", "queue ls"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_show_depth_age_hosts_and_paused_lanes() {
    let harness = Harness::of_texts(30, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["add"], "out", &[&list]).await.expect(0);
    harness.server.respond("/t0.txt", Script::empty(404));
    harness.juggle(&["fetch", "--fail-fast", "-j", "1"], "out", NONE).await.expect(8);
    harness.juggle(&["queue", "pause", "fetch"], "out", NONE).await.expect(0);
    let stats = harness.juggle(&["queue", "stats", "--json"], "out", NONE).await.expect(0).json();
    let fetch = &stats["lanes"]["fetch"];
    let status = harness.juggle(&["status", "--json"], "out", NONE).await.expect(0).json();
    for key in ["ready", "delayed", "leased", "done", "dead"] {
        assert_eq!(fetch[key], status["lanes"]["fetch"][key], "{key}");
    }
    assert_eq!((&fetch["dead"], &stats["dead"]), (&1.into(), &1.into()));
    assert_eq!(fetch["groups"][0]["group"], host(&harness));
    assert_eq!(fetch["groups"][0]["ready"], fetch["ready"]);
    assert_eq!(fetch["groups_total"], 1);
    assert!(fetch["ready"].as_u64() > Some(0) && fetch["oldest_pending_ms"].as_u64() > Some(0), "{stats}");
    assert_eq!(stats["lanes"]["process"]["oldest_pending_ms"], serde_json::Value::Null);
    assert_eq!(stats["paused"], serde_json::json!(["fetch"]));
    assert_eq!((&fetch["paused"], &fetch["rates_per_second"]["done"]), (&true.into(), &0.0.into()));
    let table = harness.juggle(&["queue", "stats"], "out", NONE).await.expect(0).stdout;
    for words in ["oldest", "claimed/s", "Paused: fetch", "127.0.0.1"] {
        assert!(table.contains(words), "{words}:\n{table}");
    }
}

/// While a question stands, stages may come and go: nobody holds the queue.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_free_while_a_question_is_unanswered() {
    let harness = run_with_two_dead().await;
    let mut terminal = Terminal::open();
    let mut command = harness.command("juggle", &["queue", "retry"], "out");
    command.stdin(Stdio::from(terminal.program.as_fd().try_clone_to_owned().unwrap()));
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::from(terminal.program.as_fd().try_clone_to_owned().unwrap()));
    let child = command.spawn().unwrap();
    // Of this end, only the program holds it now: when it ends without a question, reading fails.
    drop((command, terminal.program));
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("[y/N]") {
        let mut byte = [0];
        terminal.keyboard.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    harness.juggle(&["pipeline"], "out", NONE).await.expect(8);
    terminal.keyboard.write_all(b"y\n").unwrap();
    let ended = finish(child).await.expect(0);
    assert!(ended.stdout.contains("2 jobs will be tried again"), "{}", ended.stdout);
}
