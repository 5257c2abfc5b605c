//! What is done with a text, as it is asked for; and that what was made otherwise is made anew, and nothing else.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use crate::lab::Lab;

const NOTHING: &[&str] = &[];

/// When the files of a kind were written.
fn times(run: &Path, kind: &str) -> BTreeMap<String, SystemTime> {
    let entries = fs::read_dir(run.join(kind)).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    let time = |entry: &fs::DirEntry| entry.metadata().unwrap().modified().unwrap();
    entries.map(|entry| (name(&entry), time(&entry))).collect()
}

async fn processed(lab: &Lab, arguments: &[&str]) -> u64 {
    let report = lab.juggle(&["process", "--json"], "out", arguments).await.expect(0).json();
    report["lanes"]["process"]["done"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_options_recompute_results_and_nothing_else_and_the_same_ones_nothing() {
    let lab = Lab::of_texts(6, 40);
    let list = lab.path("list.tsv");
    let (list, run) = (list.to_str().unwrap(), lab.path("out"));
    lab.juggle(&["pipeline", list], "out", NOTHING).await.expect(0);
    let asked = lab.server.total();
    let (texts, tokens) = (times(&run, "text"), times(&run, "tokens"));
    let plain = lab.read("out/counts/t0_counts.txt");
    assert_eq!(processed(&lab, NOTHING).await, 0);
    assert!(times(&run, "tokens") == tokens);

    let first = plain.lines().next().unwrap().split('\t').next().unwrap().to_owned();
    fs::write(lab.path("stop.txt"), format!("{first}\n")).unwrap();
    let stop = lab.path("stop.txt");
    let stopped = ["--stop-words", stop.to_str().unwrap()];
    assert_eq!(processed(&lab, &stopped).await, 6);
    assert!(times(&run, "text") == texts && lab.server.total() == asked, "stored or fetched again");
    let without = lab.read("out/counts/t0_counts.txt");
    assert_eq!(without, plain.split_once('\n').unwrap().1);
    assert!(lab.read("out/stats/t0.json").contains("\"stop_words\": \"stop.txt\""));
    assert_eq!(processed(&lab, &stopped).await, 0);
    lab.juggle(&["verify", "--json"], "out", NOTHING).await.expect(0);

    // Another list under the same name is another list.
    fs::write(&stop, "no such word\n").unwrap();
    assert_eq!(processed(&lab, &stopped).await, 6);
    assert_eq!(lab.read("out/counts/t0_counts.txt"), plain);
    assert_eq!(processed(&lab, NOTHING).await, 6);
    assert_eq!(lab.read("out/counts/t0_counts.txt"), plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_is_named_in_stats_and_does_what_it_says() {
    let lab = Lab::of_texts(1, 1);
    let text = "The _Whale_ swam 3.5 miles; it didn’t stop. CAFÉ!\n".repeat(30);
    fs::write(lab.path("whale.txt"), &text).unwrap();
    let list = lab.write("list.txt", &format!("{}\n", lab.path("whale.txt").display()));
    lab.juggle(&["pipeline", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    let id = fs::read_dir(lab.path("out/stats")).unwrap().next().unwrap().unwrap().file_name();
    let id = id.to_str().unwrap().strip_suffix(".json").unwrap().to_owned();
    let first = |lines: usize| {
        let tokens = lab.read(&format!("out/tokens/{id}_tokens.txt"));
        tokens.lines().take(lines).collect::<Vec<_>>().join(" ")
    };
    for (arguments, parameter, expected) in [
        (&["--strip-italics"][..], "\"italics\": \"strip\"", "the whale swam 3.5 miles it didn’t stop café"),
        (&["--fold-quotes"], "\"quotes\": \"fold\"", "the _whale_ swam 3.5 miles it didn't stop café"),
        (&["--keep-case"], "\"case\": \"keep\"", "The _Whale_ swam 3.5 miles it didn’t stop CAFÉ"),
        (&["--ascii"], "\"letters\": \"ascii\"", "the _whale_ swam 3.5 miles it didnt stop caf"),
        (&["--numbers", "drop"], "\"numbers\": \"drop\"", "the _whale_ swam miles it didn’t stop café the"),
        (&["--numbers", "mask"], "\"numbers\": \"mask\"", "the _whale_ swam <num> miles it didn’t stop café"),
        (
            &["--min-length", "4"],
            "\"min_length\": \"4\"",
            "_whale_ swam miles didn’t stop café _whale_ swam miles",
        ),
        (
            &["--stop-words", "en"],
            "\"stop_words\": \"en\"",
            "_whale_ swam 3.5 miles didn’t café _whale_ swam 3.5",
        ),
        (
            &["--tokenizer", "whitespace"],
            "\"name\": \"whitespace\"",
            "the _whale_ swam 3.5 miles; it didn’t stop. café!",
        ),
        (&["--tokenizer", "spgc"], "\"name\": \"spgc\"", "the swam miles it stop café the swam miles"),
        (
            &["--tokenizer", "regex:[a-z]{5,}"],
            "\"pattern\": \"[a-z]{5,}\"",
            "miles miles miles miles miles miles miles miles miles",
        ),
    ] {
        assert_eq!(processed(&lab, arguments).await, 1, "{arguments:?}");
        assert_eq!(first(9), expected, "{arguments:?}");
        let stats = lab.read(&format!("out/stats/{id}.json"));
        assert!(stats.contains(parameter), "{parameter} is not in {stats}");
    }
    assert_eq!(processed(&lab, &["--ngrams", "2", "--measures", "full"]).await, 1);
    assert!(lab.read(&format!("out/counts/{id}_counts.txt")).starts_with("3.5 miles\t30\n"));
    let stats = lab.read(&format!("out/stats/{id}.json"));
    for part in
        ["\"sentences\": 60", "\"lix\"", "\"zipf_exponent\"", "\"language\": {", "\"distinct_ngrams\": 9"]
    {
        assert!(stats.contains(part), "{part} is not in {stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_that_cannot_be_understood_is_told_before_anything_is_done() {
    let lab = Lab::of_texts(1, 1);
    for (arguments, told) in [
        (&["--tokenizer", "words"][..], "use uax29, whitespace, spgc"),
        (&["--tokenizer", "regex:("], "cannot be understood"),
        (
            &["--tokenizer", "hf:no-such-file"],
            if cfg!(feature = "hf") { "no-such-file" } else { "--features hf" },
        ),
        (&["--stop-words", "no-such-file"], "neither a language"),
        (&["--numbers", "some"], "use one of: keep, drop, mask"),
        (&["--ngrams", "0"], "1"),
    ] {
        let done = lab.juggle(&["process"], "out", arguments).await.expect(2);
        assert!(done.stderr.contains(told), "{}", done.stderr);
        assert!(!lab.path("out").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_the_work_would_be_divided_is_explained_before_and_after() {
    let lab = Lab::of_texts(6, 40);
    let list = lab.path("list.tsv");
    lab.juggle(&["fetch", "-i", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    lab.juggle(&["store"], "out", NOTHING).await.expect(0);
    let asked = ["--explain", "--threads", "2", "--chunk", "docs:4", "--json"];
    let plan = lab.juggle(&["process"], "out", &asked).await.expect(0).json();
    let bytes: u64 =
        fs::read_dir(lab.path("out/text")).unwrap().map(|text| text.unwrap().metadata().unwrap().len()).sum();
    assert_eq!((&plan["documents"], &plan["bytes"], &plan["threads"]), (&6.into(), &bytes.into(), &2.into()));
    let way = |way: &serde_json::Value| {
        (way["chunk"].as_str().unwrap().to_owned(), way["pieces"].as_u64().unwrap())
    };
    let ways: Vec<_> = plan["ways"].as_array().unwrap().iter().map(way).collect();
    let expected = [("docs:4", 2), ("whole", 6), ("docs:16", 1), ("bytes:64KiB", 6), ("bytes:1MiB", 6)];
    assert_eq!(ways, expected.map(|(chunk, pieces)| (chunk.to_owned(), pieces)));
    let shown = lab.juggle(&["process", "--explain"], "out", NOTHING).await.expect(0).stdout;
    assert!(shown.contains("6 documents with") && shown.contains("busiest thread"), "{shown}");
    assert!(!lab.path("out/stats/t0.json").exists(), "an explanation does nothing");

    let report = lab.juggle(&["process", "--json"], "out", &["--chunk", "docs:4"]).await.expect(0).json();
    assert_eq!(report["ways"][0]["chunk"], "docs:4");
    assert!(report["ways"][1]["busiest_bytes"].as_u64().unwrap() > 0);
    lab.juggle(&["store", "--explain"], "out", NOTHING).await.expect_error(2, &["process"]);
}
