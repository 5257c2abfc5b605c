//! A run directory remembers what it was run with.

use std::fs;

use crate::harness::{Ended, Harness, program};

/// Runs `juggle` with these arguments and the run directory `out`, without any other flag.
async fn bare(harness: &Harness, arguments: &[&str]) -> Ended {
    let mut command = program("juggle");
    // Not the directory of the tests, which may have a juggle.toml.
    command.args(arguments).arg("-o").arg(harness.path("out")).current_dir(&harness.directory);
    Ended::of(command.output().await.unwrap())
}

async fn origin(harness: &Harness, name: &str) -> (serde_json::Value, String) {
    let shown = bare(harness, &["config", "show", "--json"]).await.expect(0).json();
    let row = shown.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    (row["values"].clone(), row["origin"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_status_prints_goes_on_with_the_same_settings() {
    let harness = Harness::of_texts(5, 10);
    let list = harness.path("list.tsv");
    harness.juggle(&["add", list.to_str().unwrap()], "out", &["--tokenizer", "whitespace"]).await.expect(0);
    let said = bare(&harness, &["status"]).await.expect(0).stdout;
    let command = said.lines().find_map(|line| line.split_once("juggle pipeline")).unwrap().1;
    let words = shlex::split(command).unwrap();
    let mut pasted = program("juggle");
    pasted.arg("pipeline").args(words).arg("--json").current_dir(&harness.directory);
    let report = Ended::of(pasted.output().await.unwrap()).expect(0).json();
    assert_eq!(report["documents"], 5, "the private address was refused");
    // The tokenizer keeps punctuation.
    assert!(harness.read("out/tokens/t0_tokens.txt").lines().any(|token| token == "."));
    assert_eq!(
        origin(&harness, "tokenizer").await,
        (serde_json::json!(["whitespace"]), "remembered".to_owned())
    );
    assert_eq!(origin(&harness, "wait").await.1, "remembered");
    // What is only shown is not remembered.
    assert_eq!(origin(&harness, "no-progress").await.1, "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_changed_and_forgotten_and_the_texts_that_it_concerns_are_counted() {
    let harness = Harness::of_texts(4, 10);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", &["--ascii"]).await.expect(0);
    let set = bare(&harness, &["config", "set", "min_length", "3"]).await.expect(0).stdout;
    assert!(set.contains("4 texts again"), "{set}");
    let unset = bare(&harness, &["config", "unset", "ascii", "--json"]).await.expect(0).json();
    assert_eq!(unset["reprocessed"], 4);
    assert_eq!(origin(&harness, "ascii").await.1, "default");
    bare(&harness, &["config", "set", "host.example.org.wait", "7s"]).await.expect(0);
    assert_eq!(
        origin(&harness, "host.\"example.org\".wait").await,
        (serde_json::json!(["7s"]), "remembered".to_owned())
    );
    let report = bare(&harness, &["pipeline", "--json"]).await.expect(0).json();
    assert_eq!(report["lanes"]["process"]["done"], 4);
    assert!(harness.read("out/tokens/t0_tokens.txt").lines().all(|token| token.chars().count() >= 3));
    let before = harness.read("out/settings.toml");
    let secret = ["config", "set", "proxy", "http://me:hunter2@p.example"];
    let refused = bare(&harness, &secret).await.expect_error(2, &["never stored", "JUGGLE_PROXY"]);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    for (arguments, words) in [
        (&["config", "set", "min_length", "none"][..], "none"),
        (&["config", "set", "mim_length", "3"], "unknown setting"),
        (&["config", "set", "json", "true"], "is not remembered"),
        (&["config", "set", "wait", "1", "2"], "one value"),
    ] {
        bare(&harness, arguments).await.expect_error(2, &[words]);
    }
    assert_eq!(harness.read("out/settings.toml"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_hosts_add_up_and_a_stated_default_is_not_kept() {
    let harness = Harness::of_texts(1, 1);
    let list = harness.path("list.tsv");
    let add = |more: &'static [&str]| {
        let (harness, list) = (&harness, list.to_str().unwrap());
        async move { harness.juggle(&["add", list], "out", more).await.expect(0) }
    };
    add(&["--timeout", "9", "--ipv4"]).await;
    bare(
        &harness,
        &["add", list.to_str().unwrap(), "--allow-host", "localhost", "--timeout", "60", "--ipv6"],
    )
    .await
    .expect(0);
    assert_eq!(origin(&harness, "allow-host").await.0, serde_json::json!(["localhost", "127.0.0.1"]));
    assert_eq!(origin(&harness, "timeout").await.1, "default");
    // The newer one of two that contradict each other.
    assert_eq!(
        (origin(&harness, "ipv6").await.1, origin(&harness, "ipv4").await.1),
        ("remembered".to_owned(), "default".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_never_written_and_that_is_said() {
    let harness = Harness::of_texts(1, 1);
    let list = harness.path("list.tsv");
    let proxy = [
        "--proxy",
        "http://me:hunter2@127.0.0.1:9",
        "--mirror",
        "http://a.example=http://u:hunter2@b.example",
    ];
    let said = harness.juggle(&["add", list.to_str().unwrap()], "out", &proxy).await.expect(0).stderr;
    assert!(
        said.contains("JUGGLE_PROXY") && said.contains("JUGGLE_MIRROR") && !said.contains("hunter2"),
        "{said}"
    );
    let written = harness.read("out/settings.toml");
    assert!(!written.contains("hunter2") && written.contains("allow_host"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_planted_file_is_named_and_status_goes_on() {
    let harness = Harness::of_texts(1, 1);
    let list = harness.path("list.tsv");
    harness.juggle(&["add", list.to_str().unwrap()], "out", &["--retry", "1"]).await.expect(0);
    let path = harness.path("out/settings.toml");
    fs::write(&path, "retry = \"many\"\n").unwrap();
    bare(&harness, &["pipeline"]).await.expect_error(2, &["settings.toml:1", "retry"]);
    bare(&harness, &["status"]).await.expect(0);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(harness.path("list.tsv"), &path).unwrap();
    bare(&harness, &["pipeline"]).await.expect_error(2, &["settings.toml"]);
}
