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

/// With `--seconds 0` every task does one cycle to warm up and one that counts. A run in which a job is lost
/// or done twice fails.
#[test]
fn every_shape_does_every_job_exactly_once_and_leaves_a_row_for_each_tool() {
    let output = tempfile::tempdir().unwrap();
    let arguments = ["queue", "--only", "process", "--only", "socket", "--only", "juggle"];
    let arguments = [&arguments[..], &["--only", "sqlite", "--runs", "1", "--seconds", "0"]].concat();
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
    assert_nothing_is_left(output.path());
}

#[test]
fn backlog_and_churn_do_every_job_exactly_once_and_tell_what_they_cost() {
    let output = tempfile::tempdir().unwrap();
    let killed_before = output.path().join("data/run-before");
    fs::create_dir_all(&killed_before).unwrap();
    let arguments = ["queue", "--only", "backlog", "--only", "churn", "--backlog-jobs", "3000"];
    let arguments = [&arguments[..], &["--churn-jobs", "70000"]].concat();
    let (table, json) = bench(&arguments, output.path());
    let median = |shape: &str| {
        let row = json.as_array().unwrap().iter().find(|row| row["shape"] == shape);
        row.unwrap_or_else(|| panic!("no '{shape}' in {table}"))["median"].as_f64().unwrap()
    };
    for shape in ["fill", "open", "disk", "claim of one job, p99", "claim in the ledger alone, p99"] {
        for backlog in ["30 jobs in 1 group", "3,000 jobs in 1 group", "3,000 jobs in 30 groups"] {
            assert!(median(&format!("{backlog}: {shape}")) > 0.0, "{backlog}: {shape}");
        }
    }
    let churn = "70,000 jobs at depth 8,192, done ones";
    assert!(median(&format!("{churn} dropped: rates of the tenths")) > 0.0);
    assert!(median(&format!("{churn} kept: most disk")) >= 1.0);
    assert_nothing_is_left(output.path());
}

fn assert_nothing_is_left(output: &Path) {
    let left: Vec<_> = fs::read_dir(output.join("data")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
