//! Small real runs: every shape, with the tools that need nothing installed.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const SHAPES: [&str; 5] = [
    "in process, 256 a batch",
    "in process, 64 tasks one by one",
    "in process, one thread one by one",
    "four processes, 64 a batch",
    "one client over the socket, one by one",
];

fn bench(arguments: &[&str], output: &Path) -> (String, Value) {
    let run = Command::new(env!("CARGO_BIN_EXE_juggle-bench"))
        .args(arguments)
        .arg("--output-dir")
        .arg(output)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let json = fs::read(output.join("queue.json")).unwrap();
    (String::from_utf8(run.stdout).unwrap(), serde_json::from_slice(&json).unwrap())
}

/// With `--seconds 0` every task does one cycle to warm up and one that counts. A run in which a job is lost or done
/// twice fails.
#[test]
fn every_shape_does_every_job_exactly_once_and_leaves_a_row_for_each_tool() {
    let output = tempfile::tempdir().unwrap();
    let arguments = ["queue", "--only", "juggle", "--only", "sqlite", "--runs", "1", "--seconds", "0"];
    let (table, json) = bench(&arguments, output.path());
    let rows = json.as_array().unwrap();
    let seen: Vec<_> =
        rows.iter().map(|row| (row["shape"].as_str().unwrap(), row["tool"].as_str().unwrap())).collect();
    let expected: Vec<_> =
        SHAPES.iter().flat_map(|shape| [(*shape, "juggle"), (*shape, "SQLite table")]).collect();
    assert_eq!(seen, expected);
    for row in rows {
        assert!(row["median"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["rss_mib"].as_f64().unwrap() > 1.0, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["machine"]["cores"].as_u64().unwrap() > 0, "{row}");
        let in_table = format!("{} (", row["shape"].as_str().unwrap());
        assert!(table.contains(&in_table), "{table}");
    }
    let left: Vec<_> = fs::read_dir(output.path().join("data")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
