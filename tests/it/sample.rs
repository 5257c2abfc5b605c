//! The main job on the bundled sample library.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
};

use tokio::process::Command;
use unicode_segmentation::UnicodeSegmentation;

use crate::harness::{Harness, data, finish, program};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_becomes_a_corpus_and_a_second_run_asks_for_nothing() {
    let harness = Harness::sample();
    // One after the other: two texts with the same bytes that came together would look like a notice, and one
    // of them would be asked for once more.
    let ended = harness.sample_pipeline("out", &["-j", "1"]).await.expect(0);
    for word in ["sample-orchard", "same text as sample-orchard", "13 documents", "Le", "山の郵便局"] {
        assert!(ended.stdout.contains(word), "{word}:\n{}", ended.stdout);
    }
    let (requests, tree) = (harness.server.request_count(), harness.tree("out"));
    let asked = || harness.server.requests().into_iter().map(|request| request.path).collect::<Vec<_>>();
    assert_eq!((requests, tree.len()), (13, 13 * 6), "{:?}\n{}", asked(), ended.stderr);
    let links = |file: &str| fs::metadata(harness.path("out").join(file)).unwrap().nlink();
    for file in
        ["raw/sample-orchard_raw.txt", "text/sample-orchard_text.txt", "tokens/sample-orchard_tokens.txt"]
    {
        assert_eq!(links(file), 2, "{file} is stored once");
    }
    let status = harness.juggle(&["status"], "out", &[] as &[&str]).await.expect(0).stdout;
    assert!(status.contains("sample-orchard-again = sample-orchard"), "{status}");
    let status = harness.juggle(&["status", "--json"], "out", &[] as &[&str]).await.expect(0).json();
    assert_eq!(status["duplicates"][0]["duplicate_of"], "sample-orchard");
    let again = harness.sample_pipeline("out", &["--json"]).await.expect(0).json();
    assert_eq!(harness.server.request_count(), requests);
    assert_eq!(harness.tree("out"), tree);
    assert_eq!(again["lanes"]["fetch"]["skipped"], 13);
    assert_eq!(fs::read_dir(harness.path("out/spool")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_the_summary_can_be_counted_again() {
    let harness = Harness::sample();
    let summary = harness.sample_pipeline("out", &["--json"]).await.expect(0).json();
    let (mut tokens, mut counts, mut raw_bytes) = (0, BTreeMap::<String, u64>::new(), 0);
    let mut texts = BTreeSet::new();
    for entry in fs::read_dir(harness.path("out/text")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().replace("_text.txt", "");
        let text = fs::read_to_string(&path).unwrap();
        let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
        let written = harness.read(&format!("out/tokens/{name}_tokens.txt"));
        assert!(written.lines().eq(words.iter()), "{name}");
        let stats: serde_json::Value =
            serde_json::from_str(&harness.read(&format!("out/stats/{name}.json"))).unwrap();
        assert_eq!(stats["words"], words.len());
        assert_eq!(stats["bytes"], text.len());
        // What several documents have counts once.
        if texts.insert(text) {
            tokens += words.len();
            for word in words {
                *counts.entry(word).or_default() += 1;
            }
        }
        raw_bytes += fs::metadata(harness.path(&format!("out/raw/{name}_raw.txt"))).unwrap().len();
    }
    assert_eq!(summary["tokens"], tokens);
    assert_eq!(summary["distinct_tokens"], counts.len());
    assert_eq!(summary["bytes_raw"], raw_bytes);
    assert_eq!(summary["documents"], 13);
    assert_eq!((&summary["duplicates"], texts.len()), (&1.into(), 12));
    assert_eq!(summary["failures"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_keeps_its_header_licence_or_wrong_letters() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &[]).await.expect(0);
    for entry in fs::read_dir(harness.path("out/text")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for mark in
            ["GUTENBERG", "Gutenberg", "SMALL PRINT", "Character set encoding", "\u{fffd}", "\r", "\u{feff}"]
        {
            assert!(!text.contains(mark), "{mark:?} in {}", path.display());
        }
        assert!(text.unicode_words().count() > 100, "{}", path.display());
    }
    let meta = |name: &str| -> serde_json::Value {
        serde_json::from_str(&harness.read(&format!("out/meta/sample-{name}.json"))).unwrap()
    };
    for (name, encoding) in
        [("uhrmacher", "windows-1252"), ("umbrellas", "windows-1252"), ("yuubin", "UTF-16LE")]
    {
        assert_eq!(meta(name)["encoding"]["used"], encoding, "{name}");
    }
    assert_eq!(meta("orchard-again")["duplicate_of"], "sample-orchard");
    assert_eq!(meta("orchard")["duplicate_of"], serde_json::Value::Null);
    assert!(harness.read("out/text/sample-umbrellas_text.txt").contains('“'));
    assert!(harness.read("out/text/sample-uhrmacher_text.txt").contains('ß'));
}

#[tokio::test(flavor = "multi_thread")]
async fn if_no_host_answers_the_sample_runs_and_the_list_stays_queued() {
    let harness = Harness::sample();
    let list = harness
        .write("list.tsv", "url\tid\nhttp://nowhere.invalid/a.txt\ta\nhttp://nowhere.invalid/b.txt\tb\n");
    let run = || {
        let mut command: Command = program("juggle");
        command.arg("pipeline").arg(&list).arg("-o").arg(harness.path("out"));
        command
            .arg("--sample")
            .arg(data().join("sample"))
            .arg("--sample-output")
            .arg(harness.path("fallback"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        finish(command.spawn().unwrap())
    };
    for _ in 0..2 {
        let ended = run().await.expect(0);
        assert!(ended.stderr.contains("no host of the source list can be reached"), "{}", ended.stderr);
        assert!(ended.stdout.contains("13 documents"), "{}", ended.stdout);
    }
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&status["pending"], &status["dead"]), (&2.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_combined_export_holds_all_texts_in_order() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &[]).await.expect(0);
    harness.juggle::<&str>(&["export", "combined"], "out", &[]).await.expect(0);
    let mut names: Vec<_> =
        fs::read_dir(harness.path("out/text")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_by_key(|name| name.to_str().unwrap().replace("_text.txt", ""));
    let mut expected = String::new();
    for name in names {
        let text = harness.read(&format!("out/text/{}", name.to_str().unwrap()));
        expected.push_str(&text);
        if !text.ends_with('\n') {
            expected.push('\n');
        }
    }
    assert!(harness.read("out/export/all.txt") == expected);
}
