//! Looking into a run and mending it.

use test_server::Script;

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_listed_counted_and_can_be_tried_again() {
    let harness = Harness::of_texts(3, 20);
    harness.server.respond("/t1.txt", Script::empty(404));
    let list = harness.path("list.tsv");
    let ended = harness.juggle(&["pipeline"], "out", &[&list]).await.expect(8);
    let url = harness.server.url("/t1.txt");
    assert!(ended.stdout.contains("http_status") && ended.stdout.contains(&url), "{}", ended.stdout);
    let summary = harness.juggle(&["pipeline", "--json"], "out", &[&list]).await.expect(8).json();
    let failure = &summary["failures"][0];
    assert_eq!((&failure["id"], &failure["reason"]), (&"t1".into(), &"http_status".into()));
    assert_eq!((&failure["url"], &failure["lane"]), (&url.into(), &"fetch".into()));
    assert_eq!(
        (&summary["lanes"]["fetch"]["done"], &summary["lanes"]["fetch"]["dead"]),
        (&2.into(), &1.into())
    );
    assert_eq!(harness.server.count("/t1.txt"), 1);

    let dead = harness
        .juggle::<&str>(&["queue", "ls", "--state", "dead", "--json"], "out", &[])
        .await
        .expect(0)
        .json();
    assert_eq!((dead.as_array().unwrap().len(), &dead[0]["document"]), (1, &"t1".into()));
    let shown = harness.juggle::<&str>(&["queue", "show", "t1"], "out", &[]).await.expect(0).stdout;
    assert!(shown.contains("given up: http_status"), "{shown}");

    harness.server.respond("/t1.txt", Script::file());
    let retried =
        harness.juggle::<&str>(&["queue", "retry", "--json", "-y"], "out", &[]).await.expect(0).json();
    assert_eq!(retried["retried"], 1);
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert_eq!(harness.tree("out").len(), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_commands_print_errors_only_and_json_all_the_same() {
    let harness = Harness::of_texts(3, 20);
    let list = harness.path("list.tsv");
    let silent = async |words: &[&str]| {
        let ended = harness.juggle(words, "out", &["-q"]).await.expect(0);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{words:?}");
    };
    silent(&["pipeline", list.to_str().unwrap()]).await;
    for words in [
        &["fetch"][..],
        &["process"],
        &["status"],
        &["verify"],
        &["export", "metadata"],
        &["queue", "ls"],
        &["queue", "retry", "-y"],
        &["pipeline", "--dry-run"],
    ] {
        silent(words).await;
    }
    let status = harness.juggle(&["status", "--json"], "out", &["-q"]).await.expect(0).json();
    assert_eq!(status["lanes"]["process"]["done"], 3);

    harness.server.respond("/t9.txt", Script::empty(404));
    let more = harness.write("more.txt", &format!("{}\n", harness.server.url("/t9.txt")));
    let failed = harness.juggle(&["pipeline", more.to_str().unwrap()], "out", &["-q"]).await.expect(8);
    assert!(failed.stdout.is_empty() && failed.stderr.contains("ERROR"), "{}", failed.stderr);
    assert!(failed.stderr.contains("http_status") && failed.stderr.contains("/t9.txt"), "{}", failed.stderr);
    harness.juggle(&["queue", "show", "nosuch"], "out", &["-q"]).await.expect_error(2, &["nosuch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_log_line_contains_no_other_line_end() {
    let harness = Harness::of_texts(1, 5);
    let ends = "\u{85}\u{2028}\u{2029}";
    let list = harness.write(&format!("odd{ends}.tsv"), "url\nnonsense\n");
    let other = harness.path("list.tsv");
    let words = ["add", list.to_str().unwrap(), other.to_str().unwrap(), "-n"];
    let ended = harness.juggle(&words, "out", &["--log-format", "json"]).await.expect(8);
    assert!(ended.stderr.contains("odd\\u0085\\u2028\\u2029.tsv"), "{:?}", ended.stderr);
    assert!(!ended.stderr.contains(|c| ends.contains(c)), "{:?}", ended.stderr);
    for line in ended.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_hands_nothing_out_until_it_is_resumed() {
    let harness = Harness::of_texts(2, 10);
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    harness.juggle::<&str>(&["queue", "pause", "fetch"], "out", &[]).await.expect(0);
    let fetch = harness.juggle(&["fetch", "--once"], "out", &["--json"]).await.expect(0).json();
    assert_eq!(fetch["lanes"]["fetch"]["done"], 0);
    harness.juggle::<&str>(&["queue", "resume", "fetch"], "out", &[]).await.expect(0);
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_needs_a_selection_and_removes_only_the_named_jobs() {
    let harness = Harness::of_texts(2, 10);
    harness.juggle(&["add"], "out", &[harness.path("list.tsv")]).await.expect(0);
    harness.juggle::<&str>(&["fetch"], "out", &[]).await.expect(0);
    harness
        .juggle::<&str>(&["queue", "drop"], "out", &[])
        .await
        .expect_error(2, &["would drop every job", "Name ids"]);
    let dropped = harness
        .juggle::<&str>(&["queue", "drop", "--lane", "store", "--yes", "--json"], "out", &[])
        .await
        .expect(0)
        .json();
    assert_eq!(dropped["dropped"], 2);
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_anything_changes_nothing() {
    let harness = Harness::of_texts(3, 20);
    harness.server.respond("/t1.txt", Script::empty(404));
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    harness.juggle(&["pipeline", list], "never", &["-n"]).await.expect(0);
    harness.juggle(&["add", list], "never", &["-n"]).await.expect(0);
    assert!(!harness.path("never").exists());
    harness.juggle(&["add", list], "out", &[""; 0]).await.expect(0);
    harness.juggle(&["fetch"], "out", &["-n"]).await.expect(0);
    assert_eq!(harness.server.request_count(), 0);
    harness.juggle(&["pipeline"], "out", &[""; 0]).await.expect(8);
    for (words, key, would) in [
        (&["queue", "retry"][..], "would_retry", 1),
        (&["queue", "drop", "--lane", "process"], "would_drop", 2),
    ] {
        let said = harness.juggle(words, "out", &["-n", "--json"]).await.expect(0).json();
        assert_eq!(said[key], would, "{words:?}");
    }
    harness.juggle(&["export", "combined"], "out", &["-n"]).await.expect(0);
    assert!(!harness.path("out/export").exists());
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&status["dead"], &status["lanes"]["process"]["done"]), (&1.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_takes_lists_of_its_own() {
    let harness = Harness::of_texts(3, 20);
    let list = harness.path("list.tsv");
    let fetch = harness.juggle(&["fetch", "--json", "-i", list.to_str().unwrap()], "out", &[""; 0]).await;
    assert_eq!(fetch.expect(0).json()["lanes"]["fetch"]["done"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_stops_at_the_first_dead_document() {
    let harness = Harness::of_texts(30, 5);
    harness.server.respond("/t0.txt", Script::empty(404));
    let list = harness.path("list.tsv");
    let list = list.to_str().unwrap();
    let ended = harness.juggle(&["pipeline", list, "-j", "1", "--json"], "out", &["--fail-fast"]).await;
    let summary = ended.expect(8).json();
    assert!(summary["pending"].as_u64().unwrap() > 0, "{summary}");
    harness.juggle(&["pipeline", "--json"], "out", &[list]).await.expect(8);
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_says_where_each_value_comes_from() {
    let harness = Harness::of_texts(1, 1);
    let file = harness.write("juggle.toml", "retry = 9\n");
    let mut command = harness.command("juggle", &["config", "show", "--json"], "out");
    let output = command.arg("--config").arg(file).env("JUGGLE_TIMEOUT", "7s").output().await.unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let origin = |name: &str| {
        let row = shown.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
        (row["values"][0].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(origin("wait").1, "flag --wait");
    assert_eq!(origin("timeout").1, "environment JUGGLE_TIMEOUT");
    assert!(origin("retry").1.ends_with("juggle.toml:1") && origin("retry").0 == "9");
    assert_eq!(origin("max-filesize"), ("64MiB".to_owned(), "default".to_owned()));
}
