//! A small real run of what works without other programs, and of those that are there.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn run(arguments: &[&str], output: &Path) -> (String, Vec<Value>) {
    let texts = output.join("texts/deeper");
    fs::create_dir_all(&texts).unwrap();
    for n in 0..30 {
        let line = format!("Text {n}: “the cat”, the dog’s 3.14 and the été.\n");
        fs::write(texts.join(format!("{n}.txt")), line.repeat(100)).unwrap();
    }
    let run = Command::new(env!("CARGO_BIN_EXE_juggle-bench"))
        .args(["process", "--quick", "--texts"])
        .arg(output.join("texts"))
        .args(arguments)
        .arg("--output-dir")
        .arg(output)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let left: Vec<_> = fs::read_dir(output.join("data")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let json = fs::read(output.join("process.json")).unwrap();
    (String::from_utf8(run.stdout).unwrap(), serde_json::from_slice(&json).unwrap())
}

/// A run in which juggle counts otherwise than in another, or a text has no results, fails.
#[test]
fn words_are_counted_and_texts_processed_and_each_tool_has_a_row() {
    let output = tempfile::tempdir().unwrap();
    let only = ["tokenise", "stage", "memory", "juggle", "wc"].map(|part| ["--only", part]).concat();
    let (table, rows) = run(&only, output.path());
    let tools =
        ["juggle", "juggle, texts read before", "juggle, AVX2", "juggle, portable", "wc -w", "pyjuggle"];
    let counted: Vec<&Value> = rows.iter().filter(|row| row["work"] == "tokenise and count").collect();
    let seen: Vec<&str> = counted.iter().map(|row| row["tool"].as_str().unwrap()).collect();
    let two_threads = tools.iter().filter(|tool| **tool != "wc -w");
    assert_eq!(seen, tools.iter().chain(two_threads).copied().collect::<Vec<_>>());
    for row in &rows {
        let measured = row["median"].as_f64().is_some_and(|median| median > 0.0);
        assert!(measured || row["missing"] == true, "{row}");
    }
    let stage = rows.iter().filter(|row| row["work"] == "process stage: bytes");
    let flushes: Vec<bool> = stage.map(|row| row["syncs_per_job"].as_f64().unwrap() > 0.0).collect();
    assert_eq!(flushes, [true, false, true, false], "{table}");
    assert!(rows.iter().any(|row| row["work"] == "memory" && row["unit"] == "MiB"), "{table}");
    assert!(table.contains("3,000 words, 10 different"), "{table}");
}
