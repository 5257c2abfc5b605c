//! Serial against concurrent against parallel: what is said of it, never how fast it was.

use std::fs;

use serde_json::Value;

use crate::harness::{Ended, Harness, data, finish, program};

/// As small as it can be.
const QUICK: [&str; 4] = ["--latency", "1ms", "--work", "100KiB"];

async fn compare(harness: &Harness, texts: &str, more: &[&str]) -> Ended {
    let mut command = program("juggle");
    command.arg("compare").arg(harness.path(texts)).arg("-o").arg(harness.path("out")).args(QUICK).args(more);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    finish(command.spawn().unwrap()).await
}

fn names(comparison: &Value) -> Vec<&str> {
    comparison["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_has_its_runs_and_the_chart_names_every_row() {
    let harness = Harness::sample();
    let (sample, chart) = (data().join("sample"), harness.path("chart.svg"));
    let sample = sample.to_str().unwrap();
    let more = ["--json", "--runs", "2", "--threads", "2", "--svg", chart.to_str().unwrap()];
    let said = compare(&harness, sample, &more).await.expect(0).json();
    let expected = [
        "fetch, one text at a time",
        "fetch, 16 at a time",
        "process, 1 thread, in chunks",
        "process, 2 threads, in chunks",
        "process, 2 threads, in whole texts",
        "process, 2 threads, one task per line",
    ];
    assert_eq!(names(&said), expected);
    for row in said["rows"].as_array().unwrap() {
        let seconds: Vec<f64> =
            row["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert_eq!(seconds.len(), 2);
        assert!((row["mean"].as_f64().unwrap() - seconds.iter().sum::<f64>() / 2.0).abs() < 1e-12, "{row}");
        assert!(row["standard_deviation"].is_f64() && row["speed_up"].as_f64().unwrap() > 0.0, "{row}");
    }
    assert_eq!((&said["rows"][1]["work"], &said["rows"][1]["at_a_time"]), (&"fetch".into(), &16.into()));
    assert_eq!((&said["rows"][5]["chunk"], &said["rows"][5]["threads"]), (&"bytes:1".into(), &2.into()));
    assert_eq!((&said["texts"], &said["latency_seconds"]), (&13.into(), &0.001.into()));
    assert!(
        said["work_bytes"].as_u64().unwrap() >= 100 << 10 && said["work_lines"].as_u64().unwrap() > 1_000
    );
    assert!(
        said["lesson"].as_str().unwrap().contains("Fetching")
            || said["lesson"].as_str().unwrap().contains("fetching")
    );

    let svg = fs::read_to_string(&chart).unwrap();
    let svg = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(svg.root_element().tag_name().name(), "svg");
    let texts: Vec<&str> = svg.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    assert!(expected.iter().all(|name| texts.contains(name)), "{texts:?}");
    assert!(!harness.path("out").exists(), "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_what_the_figures_hold_for_and_what_they_mean() {
    let harness = Harness::of_texts(3, 40);
    fs::copy(harness.path("www/t0.txt"), harness.path("www/a copy & 100%.txt")).unwrap();
    fs::write(harness.path("www/notes.md"), "no text").unwrap();
    fs::create_dir(harness.path("out")).unwrap();
    fs::write(harness.path("out/mine"), "").unwrap();
    let shown = compare(&harness, "www", &["--runs", "1"]).await.expect(0).stdout;
    for words in [
        "4 texts of",
        "1 run of each row",
        "by 1.0 ms (simulated",
        "fetch, 16 at a time",
        "1.00×",
        "Processing",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    let left: Vec<_> =
        fs::read_dir(harness.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mine"]);
    let dry = compare(&harness, "www", &["-n", "--runs", "2"]).await.expect(0).stdout;
    assert!(dry.contains("Would measure 2 times: process, 1 thread"), "{dry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_compared_is_reported_and_nothing_is_left() {
    let harness = Harness::of_texts(1, 5);
    fs::create_dir(harness.path("empty")).unwrap();
    compare(&harness, "empty", &[])
        .await
        .expect_error(3, &["there is no text (*.txt)", "juggle compare DIR"]);
    compare(&harness, "nowhere", &[])
        .await
        .expect_error(3, &["cannot read texts from", "juggle compare DIR"]);
    fs::write(harness.path("www/page.txt"), "<!DOCTYPE html><html><body>no</body></html>").unwrap();
    compare(&harness, "www", &[]).await.expect_error(3, &["a text cannot be processed", "page.txt"]);
    assert!(!harness.path("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_leaves_nothing() {
    let harness = Harness::of_texts(4, 200);
    let mut command = program("juggle");
    command.args(["compare", "--runs", "1000", "--latency", "20ms", "--work", "1MiB"]);
    command.arg(harness.path("www")).arg("-o").arg(harness.path("out"));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    while !harness.path("out").is_dir() {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    finish(child).await.expect(7);
    assert!(!harness.path("out").exists());
}
