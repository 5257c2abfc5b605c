//! Looking into a run and mending it.

use test_server::Script;

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_listed_counted_and_can_be_tried_again() {
    let lab = Lab::of_texts(3, 20);
    lab.server.always("/t1.txt", Script::answer(404));
    let list = lab.path("list.tsv");
    let ended = lab.juggle(&["pipeline"], "out", &[&list]).await.expect(8);
    let url = lab.server.url("/t1.txt");
    assert!(ended.stdout.contains("http_status") && ended.stdout.contains(&url), "{}", ended.stdout);
    let summary = lab.juggle(&["pipeline", "--json"], "out", &[&list]).await.expect(8).json();
    let failure = &summary["failures"][0];
    assert_eq!((&failure["id"], &failure["reason"]), (&"t1".into(), &"http_status".into()));
    assert_eq!((&failure["url"], &failure["lane"]), (&url.into(), &"fetch".into()));
    assert_eq!(
        (&summary["lanes"]["fetch"]["done"], &summary["lanes"]["fetch"]["dead"]),
        (&2.into(), &1.into())
    );
    assert_eq!(lab.server.count("/t1.txt"), 1);

    let dead =
        lab.juggle::<&str>(&["queue", "ls", "--state", "dead", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((dead.as_array().unwrap().len(), &dead[0]["document"]), (1, &"t1".into()));
    let shown = lab.juggle::<&str>(&["queue", "show", "t1"], "out", &[]).await.expect(0).stdout;
    assert!(shown.contains("given up: http_status"), "{shown}");

    lab.server.always("/t1.txt", Script::file());
    let retried = lab.juggle::<&str>(&["queue", "retry", "--json", "-y"], "out", &[]).await.expect(0).json();
    assert_eq!(retried["retried"], 1);
    lab.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    assert_eq!(lab.tree("out").len(), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_commands_print_errors_only_and_json_all_the_same() {
    let lab = Lab::of_texts(3, 20);
    let list = lab.path("list.tsv");
    let silent = async |words: &[&str]| {
        let ended = lab.juggle(words, "out", &["-q"]).await.expect(0);
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
    let status = lab.juggle(&["status", "--json"], "out", &["-q"]).await.expect(0).json();
    assert_eq!(status["lanes"]["process"]["done"], 3);

    lab.server.always("/t9.txt", Script::answer(404));
    let more = lab.write("more.txt", &format!("{}\n", lab.server.url("/t9.txt")));
    let failed = lab.juggle(&["pipeline", more.to_str().unwrap()], "out", &["-q"]).await.expect(8);
    assert!(failed.stdout.is_empty() && failed.stderr.contains("ERROR"), "{}", failed.stderr);
    assert!(failed.stderr.contains("http_status") && failed.stderr.contains("/t9.txt"), "{}", failed.stderr);
    lab.juggle(&["queue", "show", "nosuch"], "out", &["-q"]).await.expect_error(2, &["nosuch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_in_json_is_one_for_whoever_splits_at_any_line_end() {
    let lab = Lab::of_texts(1, 5);
    let ends = "\u{85}\u{2028}\u{2029}";
    let list = lab.write(&format!("odd{ends}.tsv"), "url\nnonsense\n");
    let other = lab.path("list.tsv");
    let words = ["add", list.to_str().unwrap(), other.to_str().unwrap(), "-n"];
    let ended = lab.juggle(&words, "out", &["--log-format", "json"]).await.expect(8);
    assert!(ended.stderr.contains("odd\\u0085\\u2028\\u2029.tsv"), "{:?}", ended.stderr);
    assert!(!ended.stderr.contains(|c| ends.contains(c)), "{:?}", ended.stderr);
    for line in ended.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_hands_nothing_out_until_it_is_resumed() {
    let lab = Lab::of_texts(2, 10);
    lab.juggle(&["add"], "out", &[lab.path("list.tsv")]).await.expect(0);
    lab.juggle::<&str>(&["queue", "pause", "fetch"], "out", &[]).await.expect(0);
    let fetch = lab.juggle(&["fetch", "--once"], "out", &["--json"]).await.expect(0).json();
    assert_eq!(fetch["lanes"]["fetch"]["done"], 0);
    lab.juggle::<&str>(&["queue", "resume", "fetch"], "out", &[]).await.expect(0);
    lab.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_needs_a_selection_and_forgets_what_it_names() {
    let lab = Lab::of_texts(2, 10);
    lab.juggle(&["add"], "out", &[lab.path("list.tsv")]).await.expect(0);
    lab.juggle::<&str>(&["fetch"], "out", &[]).await.expect(0);
    lab.juggle::<&str>(&["queue", "drop"], "out", &[]).await.expect_error(2, &["say which ones"]);
    let dropped = lab
        .juggle::<&str>(&["queue", "drop", "--lane", "store", "--yes", "--json"], "out", &[])
        .await
        .expect(0)
        .json();
    assert_eq!(dropped["dropped"], 2);
    let status = lab.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_anything_changes_nothing() {
    let lab = Lab::of_texts(3, 20);
    lab.server.always("/t1.txt", Script::answer(404));
    let list = lab.path("list.tsv");
    let list = list.to_str().unwrap();
    lab.juggle(&["pipeline", list], "never", &["-n"]).await.expect(0);
    lab.juggle(&["add", list], "never", &["-n"]).await.expect(0);
    assert!(!lab.path("never").exists());
    lab.juggle(&["add", list], "out", &[""; 0]).await.expect(0);
    lab.juggle(&["fetch"], "out", &["-n"]).await.expect(0);
    assert_eq!(lab.server.total(), 0);
    lab.juggle(&["pipeline"], "out", &[""; 0]).await.expect(8);
    for (words, key, would) in [
        (&["queue", "retry"][..], "would_retry", 1),
        (&["queue", "drop", "--lane", "process"], "would_drop", 2),
    ] {
        let said = lab.juggle(words, "out", &["-n", "--json"]).await.expect(0).json();
        assert_eq!(said[key], would, "{words:?}");
    }
    lab.juggle(&["export", "combined"], "out", &["-n"]).await.expect(0);
    assert!(!lab.path("out/export").exists());
    let status = lab.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&status["dead"], &status["lanes"]["process"]["done"]), (&1.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_takes_lists_of_its_own() {
    let lab = Lab::of_texts(3, 20);
    let list = lab.path("list.tsv");
    let fetch = lab.juggle(&["fetch", "--json", "-i", list.to_str().unwrap()], "out", &[""; 0]).await;
    assert_eq!(fetch.expect(0).json()["lanes"]["fetch"]["done"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_stops_at_the_first_dead_document() {
    let lab = Lab::of_texts(30, 5);
    lab.server.always("/t0.txt", Script::answer(404));
    let list = lab.path("list.tsv");
    let list = list.to_str().unwrap();
    let ended = lab.juggle(&["pipeline", list, "-j", "1", "--json"], "out", &["--fail-fast"]).await;
    let summary = ended.expect(8).json();
    assert!(summary["pending"].as_u64().unwrap() > 0, "{summary}");
    lab.juggle(&["pipeline", "--json"], "out", &[list]).await.expect(8);
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_says_where_each_value_comes_from() {
    let lab = Lab::of_texts(1, 1);
    let file = lab.write("juggle.toml", "retry = 9\n");
    let mut command = lab.command("juggle", &["config", "show", "--json"], "out");
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
