//! Rules of the workspace: its crates, dependencies and documents.

use std::{collections::BTreeSet, process::Command};

#[test]
fn crates_depend_on_each_other_only_as_the_dataflow_says() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let ours: Vec<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| names.contains(dependency))
            .collect();
        match name {
            "flow" | "plot" | "powercut" | "test-server" | "uax29" => assert_eq!(ours, [""; 0]),
            "juggle" => assert_eq!(ours.len(), 18, "{ours:?}"),
            // They read or write the records of documents.
            "store" | "export" => assert_eq!(ours, ["corpus", "flow"], "{name}"),
            // Lists are fetched and unpacked as texts are, and name their encodings by the labels that texts
            // have.
            "sources" => assert_eq!(ours, ["blob-store", "corpus", "fetch", "flow", "store"]),
            // It makes a queue from what is listed and stored.
            "rebuild" => assert_eq!(ours, ["corpus", "flow", "queue", "sources"]),
            // It gives each stage its configuration.
            "settings" => {
                assert_eq!(ours, ["blob-store", "corpus", "fetch", "flow", "process", "sources", "store"])
            }
            // It measures the stages, so it runs them.
            "compare" => {
                assert_eq!(ours, ["blob-store", "fetch", "flow", "plot", "process", "store", "test-server"])
            }
            // One value of what the queue and the log of events say.
            "monitor" => assert_eq!(ours, ["corpus", "event-log", "flow"]),
            "dashboard" => {
                assert_eq!(ours, ["corpus", "event-log", "flow", "monitor", "plot", "queue", "report"])
            }
            // It shows what the others know.
            "report" => {
                assert_eq!(ours, ["corpus", "event-log", "flow", "monitor", "plot", "process", "uax29"])
            }
            "process" => assert_eq!(ours, ["corpus", "flow", "uax29"]),
            _ => assert_eq!(ours, ["flow"], "{name}"),
        }
    }
    assert_eq!(packages.len(), 22);
}
