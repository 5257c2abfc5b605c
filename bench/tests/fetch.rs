//! Small real runs: the programs of juggle download from a server of the benchmark's own.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// Builds juggle's programs in the profile of this test, beside the benchmark, which looks for them there.
fn build() {
    if Path::new(env!("CARGO_BIN_EXE_juggle-bench")).with_file_name("juggle").exists() {
        return;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--offline", "--package", "juggle", "--bins", "--target-dir"])
        .arg(Path::new(env!("CARGO_BIN_EXE_juggle-bench")).ancestors().nth(2).unwrap())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

fn run(arguments: &[&str], output: &Path) -> (Output, Vec<Value>) {
    build();
    let run = Command::new(env!("CARGO_BIN_EXE_juggle-bench"))
        .args(["fetch", "--server", "built-in", "--runs", "1", "--divide", "2000"])
        .args(arguments)
        .arg("--output-dir")
        .arg(output)
        .output()
        .unwrap();
    let json = fs::read(output.join("fetch.json"))
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&run.stderr)));
    let left: Vec<_> = fs::read_dir(output.join("data")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    (run, serde_json::from_slice(&json).unwrap())
}

fn median(rows: &[Value], end: &str) -> f64 {
    let row = rows.iter().find(|row| row["shape"].as_str().unwrap().ends_with(end));
    row.unwrap_or_else(|| panic!("no '{end}' in {rows:#?}"))["median"].as_f64().unwrap()
}

/// A run in which a file is missing, or has other bytes than were served, fails.
#[test]
fn every_file_is_downloaded_and_each_downloader_has_a_row() {
    let output = tempfile::tempdir().unwrap();
    let only = ["--only", "books", "--only", "small", "--only", "juggle", "--only", "curl"];
    let (run, rows) = run(&only, output.path());
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let units = ["s", "files/s", "MB/s"];
    let tools = ["juggle", "juggle fetch", "juggle packed", "juggle packed fetch", "curl -Z 50 + sync"];
    let expected: Vec<_> = (0..2)
        .flat_map(|_| units.into_iter().flat_map(|unit| tools.into_iter().map(move |tool| (unit, tool))))
        .collect();
    let seen: Vec<_> =
        rows.iter().map(|row| (row["unit"].as_str().unwrap(), row["tool"].as_str().unwrap())).collect();
    assert_eq!(seen, expected);
    for row in &rows {
        if row["missing"] == true {
            assert_eq!(row["install"], "apt-get install curl");
            continue;
        }
        assert!(row["median"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["rss_mib"].as_f64().unwrap() > 1.0, "{row}");
    }
    assert!(String::from_utf8_lossy(&run.stdout).contains("4 files of "));
}

#[test]
fn latency_and_memory_are_those_of_whole_downloads() {
    let output = tempfile::tempdir().unwrap();
    let (run, rows) = run(&["--only", "latency", "--only", "memory"], output.path());
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!((median(&rows, "2 rounds") - 0.3).abs() < 0.01);
    assert!(median(&rows, "16 connections: time over that") >= 1.0);
    for program in ["juggle add", "juggle fetch", "juggle store", "juggle-queue"] {
        for shape in ["10 URLs", "one text of 1 MiB"] {
            assert!(median(&rows, &format!("{shape}: {program}")) > 1.0);
        }
    }
}

/// If the machine is so slow that requests bunch up on their way, the benchmark fails, and tells its rows
/// all the same; what the queue alone decides holds whatever the speed.
#[test]
fn hosts_are_asked_one_request_at_a_time_and_not_before_their_time() {
    let output = tempfile::tempdir().unwrap();
    let (_, rows) = run(&["--only", "hosts"], output.path());
    for shape in ["over 4 hosts, 500ms apart", "the others of 4, 500ms apart"] {
        let figure = |what: &str| median(&rows, &format!("{shape}: {what}"));
        assert!((figure("bound of politeness") - 1.0).abs() < 0.01);
        assert!(figure("time over the bound") >= 1.0);
        assert!((figure("most requests to a host at a time") - 1.0).abs() < 0.01);
    }
}
