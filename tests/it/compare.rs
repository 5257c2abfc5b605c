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

/// Asserts that each way of the whole has a timeline, and that no lane has more time than the run.
#[track_caller]
fn assert_timelines(comparison: &Value) {
    let timelines = comparison["timelines"].as_array().unwrap();
    let ways: Vec<&str> = timelines.iter().map(|timeline| timeline["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["serial", "concurrent", "parallel"]);
    for timeline in timelines {
        let (seconds, lanes) = (timeline["seconds"].as_f64().unwrap(), timeline["lanes"].as_array().unwrap());
        for lane in lanes {
            let [working, waiting] =
                ["working_seconds", "waiting_seconds"].map(|key| lane[key].as_f64().unwrap());
            assert!(working > 0.0 && waiting >= 0.0 && working + waiting <= seconds + 1e-9, "{timeline}");
        }
        // A thread whose work is shorter than a sample may be missed.
        assert!(lanes.len() <= 16, "{timeline}");
    }
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
        "fetch, serial",
        "fetch, concurrent",
        "fetch, parallel",
        "save, serial",
        "save, concurrent",
        "save, parallel",
        "process, serial",
        "process, concurrent",
        "process, parallel",
        "process, parallel, in whole texts",
        "process, parallel, one task per line",
        "whole, serial",
        "whole, concurrent",
        "whole, parallel",
    ];
    assert_eq!(names(&said), expected);
    for row in said["rows"].as_array().unwrap() {
        let seconds: Vec<f64> =
            row["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert_eq!(seconds.len(), 2);
        assert!((row["mean"].as_f64().unwrap() - seconds.iter().sum::<f64>() / 2.0).abs() < 1e-12, "{row}");
        assert!(row["standard_deviation"].is_f64() && row["speed_up"].as_f64().unwrap() > 0.0, "{row}");
    }
    let row = |at: usize| {
        ["work", "way", "at_a_time", "threads", "chunk"]
            .map(|key| said["rows"][at][key].to_string())
            .join(" ")
    };
    assert_eq!(row(1), r#""fetch" "concurrent" 16 1 "auto""#);
    assert_eq!(row(10), r#""process" "parallel" 16 2 "bytes:1""#);
    assert_eq!((&said["texts"], &said["latency_seconds"]), (&13.into(), &0.001.into()));
    assert!(
        said["work_bytes"].as_u64().unwrap() >= 100 << 10 && said["work_lines"].as_u64().unwrap() > 1_000
    );
    assert!(said["lesson"].as_str().unwrap().contains("Fetching"), "{said}");
    assert_timelines(&said);

    let svg = fs::read_to_string(&chart).unwrap();
    let svg = roxmltree::Document::parse(&svg).unwrap();
    assert_eq!(svg.root_element().tag_name().name(), "svg");
    let texts: Vec<&str> = svg.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for wanted in expected.iter().chain(&["100 ms", "works", "waits"]) {
        assert!(texts.contains(wanted), "{wanted}: {texts:?}");
    }
    assert!(texts.iter().any(|text| text.contains("logarithmic")), "{texts:?}");
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
        "concurrent: 16 texts at a time",
        "fetch, concurrent",
        "1.00×",
        "nothing is concluded",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    let left: Vec<_> =
        fs::read_dir(harness.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mine"]);
    let dry = compare(&harness, "www", &["-n", "--runs", "2"]).await.expect(0).stdout;
    assert!(dry.contains("Would measure 2 times: process, serial"), "{dry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_directory_the_sample_of_the_program_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program("juggle");
    command.current_dir(directory.path()).args(["compare", "--runs", "2", "--no-progress"]).args(QUICK);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let ended = finish(command.spawn().unwrap()).await.expect(0);
    assert!(ended.stdout.starts_with("13 texts of the bundled sample, "), "{}", ended.stdout);
    assert!(ended.stdout.contains("Processing"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none(), "nothing is left");
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
