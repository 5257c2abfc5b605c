//! The options of the process stage. Results of other options are made again, and no others.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use crate::harness::Harness;

const NOTHING: &[&str] = &[];

/// Returns the times at which the files of a kind were written.
fn times(run: &Path, kind: &str) -> BTreeMap<String, SystemTime> {
    let entries = fs::read_dir(run.join(kind)).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    let time = |entry: &fs::DirEntry| entry.metadata().unwrap().modified().unwrap();
    entries.map(|entry| (name(&entry), time(&entry))).collect()
}

async fn processed(harness: &Harness, arguments: &[&str]) -> u64 {
    let report = harness.juggle(&["process", "--json"], "out", arguments).await.expect(0).json();
    report["lanes"]["process"]["done"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_options_reprocess_texts_and_fetch_nothing_and_the_same_options_do_nothing() {
    let harness = Harness::of_texts(6, 40);
    let list = harness.path("list.tsv");
    let (list, run) = (list.to_str().unwrap(), harness.path("out"));
    harness.juggle(&["pipeline", list], "out", NOTHING).await.expect(0);
    let asked = harness.server.request_count();
    let (texts, tokens) = (times(&run, "text"), times(&run, "tokens"));
    let plain = harness.read("out/counts/t0_counts.txt");
    assert_eq!(processed(&harness, NOTHING).await, 0);
    assert!(times(&run, "tokens") == tokens);

    let first = plain.lines().next().unwrap().split('\t').next().unwrap().to_owned();
    fs::write(harness.path("stop.txt"), format!("{first}\n")).unwrap();
    let stop = harness.path("stop.txt");
    let stopped = ["--stop-words", stop.to_str().unwrap()];
    assert_eq!(processed(&harness, &stopped).await, 6);
    assert!(
        times(&run, "text") == texts && harness.server.request_count() == asked,
        "stored or fetched again"
    );
    let without = harness.read("out/counts/t0_counts.txt");
    assert_eq!(without, plain.split_once('\n').unwrap().1);
    assert!(harness.read("out/stats/t0.json").contains("\"stop_words\": \"stop.txt\""));
    assert_eq!(processed(&harness, &stopped).await, 0);
    harness.juggle(&["verify", "--json"], "out", NOTHING).await.expect(0);

    // Another list under the same name is another list.
    fs::write(&stop, "no such word\n").unwrap();
    assert_eq!(processed(&harness, &stopped).await, 6);
    assert_eq!(harness.read("out/counts/t0_counts.txt"), plain);
    harness.forget_settings("out");
    assert_eq!(processed(&harness, NOTHING).await, 6);
    assert_eq!(harness.read("out/counts/t0_counts.txt"), plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_is_named_in_stats_and_does_what_it_says() {
    let harness = Harness::of_texts(1, 1);
    let text = "The _Whale_ swam 3.5 miles; it didn’t stop. CAFÉ!\n".repeat(30);
    fs::write(harness.path("whale.txt"), &text).unwrap();
    let list = harness.write("list.txt", &format!("{}\n", harness.path("whale.txt").display()));
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    let id = fs::read_dir(harness.path("out/stats")).unwrap().next().unwrap().unwrap().file_name();
    let id = id.to_str().unwrap().strip_suffix(".json").unwrap().to_owned();
    let first = |lines: usize| {
        let tokens = harness.read(&format!("out/tokens/{id}_tokens.txt"));
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
        harness.forget_settings("out");
        assert_eq!(processed(&harness, arguments).await, 1, "{arguments:?}");
        assert_eq!(first(9), expected, "{arguments:?}");
        let stats = harness.read(&format!("out/stats/{id}.json"));
        assert!(stats.contains(parameter), "{parameter} is not in {stats}");
    }
    harness.forget_settings("out");
    assert_eq!(processed(&harness, &["--ngrams", "2", "--measures", "full"]).await, 1);
    assert!(harness.read(&format!("out/counts/{id}_counts.txt")).starts_with("3.5 miles\t30\n"));
    let stats = harness.read(&format!("out/stats/{id}.json"));
    for part in
        ["\"sentences\": 60", "\"lix\"", "\"zipf_exponent\"", "\"language\": {", "\"distinct_ngrams\": 9"]
    {
        assert!(stats.contains(part), "{part} is not in {stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_option_is_reported_before_anything_is_done() {
    let harness = Harness::of_texts(1, 1);
    for (arguments, told) in [
        (&["--tokenizer", "words"][..], "use uax29, whitespace, spgc"),
        (&["--tokenizer", "regex:("], "invalid pattern"),
        (
            &["--tokenizer", "hf:no-such-file"],
            if cfg!(feature = "hf") { "no-such-file" } else { "--features hf" },
        ),
        (&["--stop-words", "no-such-file"], "neither a language"),
        (&["--numbers", "some"], "use one of: keep, drop, mask"),
        (&["--ngrams", "0"], "1"),
    ] {
        let done = harness.juggle(&["process"], "out", arguments).await.expect(2);
        assert!(done.stderr.contains(told), "{}", done.stderr);
        assert!(!harness.path("out").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_the_work_are_explained_before_and_after() {
    let harness = Harness::of_texts(6, 40);
    let list = harness.path("list.tsv");
    harness.juggle(&["fetch", "-i", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    harness.juggle(&["store"], "out", NOTHING).await.expect(0);
    let asked = ["--explain", "--threads", "2", "--chunk", "docs:4", "--json"];
    let plan = harness.juggle(&["process"], "out", &asked).await.expect(0).json();
    let bytes: u64 = fs::read_dir(harness.path("out/text"))
        .unwrap()
        .map(|text| text.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!((&plan["documents"], &plan["bytes"], &plan["threads"]), (&6.into(), &bytes.into(), &2.into()));
    let way = |way: &serde_json::Value| {
        (way["chunk"].as_str().unwrap().to_owned(), way["pieces"].as_u64().unwrap())
    };
    let ways: Vec<_> = plan["ways"].as_array().unwrap().iter().map(way).collect();
    let expected = [("docs:4", 2), ("whole", 6), ("docs:16", 1), ("bytes:64KiB", 6), ("bytes:1MiB", 6)];
    assert_eq!(ways, expected.map(|(chunk, pieces)| (chunk.to_owned(), pieces)));
    let shown = harness.juggle(&["process", "--explain"], "out", NOTHING).await.expect(0).stdout;
    assert!(shown.contains("6 documents with") && shown.contains("busiest thread"), "{shown}");
    assert!(!harness.path("out/stats/t0.json").exists(), "an explanation does nothing");

    let report = harness.juggle(&["process", "--json"], "out", &["--chunk", "docs:4"]).await.expect(0).json();
    assert_eq!(report["ways"][0]["chunk"], "docs:4");
    assert!(report["ways"][1]["busiest_bytes"].as_u64().unwrap() > 0);
    harness.juggle(&["store", "--explain"], "out", NOTHING).await.expect_error(2, &["process"]);

    let stored = harness.juggle(&["process"], "out", &asked).await.expect(0).json();
    assert_eq!((&stored["explained"], &plan["explained"]), (&"stored".into(), &"waiting".into()));
    assert_eq!(
        (&stored["bytes"], &stored["ways"]),
        (&plan["bytes"], &plan["ways"]),
        "none waits: all are explained"
    );
    let shown = harness.juggle(&["process", "--explain"], "out", NOTHING).await.expect(0).stdout;
    assert!(shown.contains("No documents are waiting") && shown.contains("6 documents with"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_without_a_stored_text_says_so() {
    let harness = Harness::of_texts(1, 1);
    harness.juggle(&["add", harness.path("list.tsv").to_str().unwrap()], "out", NOTHING).await.expect(0);
    let shown = harness.juggle(&["process", "--explain"], "out", NOTHING).await.expect(0).stdout;
    assert!(shown.contains("No text is stored yet") && !shown.contains("busiest"), "{shown}");
}

/// A command that answers with a token that contains a space.
const ANSWER: &str = r#"while IFS= read -r line; do id=${line#*:\"}; id=${id%%\"*}; printf '{"id":"%s","tokens":["a b"]}\n' "$id"; done"#;

/// Processes one text with a list of stop words. Returns the tokens and the standard error.
async fn left_out(list: &[u8], more: &[&str]) -> (Vec<String>, String) {
    let harness = Harness::of_texts(0, 0);
    fs::write(harness.path("b.txt"), "The mill and the River\n").unwrap();
    fs::write(harness.path("sw.txt"), list).unwrap();
    let texts = harness.write("list.txt", &format!("{}\n", harness.path("b.txt").display()));
    let list = harness.path("sw.txt");
    let stop_words = ["--stop-words", list.to_str().unwrap()];
    let arguments: Vec<&str> = stop_words.iter().chain(more).copied().collect();
    let ended = harness.juggle(&["pipeline", texts.to_str().unwrap()], "out", &arguments).await.expect(0);
    let tokens = fs::read_dir(harness.path("out/tokens")).unwrap().next().unwrap().unwrap().path();
    let tokens = fs::read_to_string(tokens).unwrap();
    (tokens.lines().map(str::to_owned).collect(), ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_words_work_however_their_list_is_written() {
    for list in [
        &b"\xef\xbb\xbfthe\nmill\n"[..],
        b"the\rmill\r",
        b"THE\r\nMill",
        b"\xff\xfet\0h\0e\0\n\0M\0i\0l\0l\0",
    ] {
        let (tokens, said) = left_out(list, NOTHING).await;
        assert_eq!(tokens, ["and", "river"], "{list:?}");
        assert!(!said.contains("WARN"), "{said}");
    }
    let (tokens, said) = left_out(b"The\nriver\n", &["--keep-case"]).await;
    assert_eq!(tokens, ["mill", "and", "the", "River"]);
    assert!(!said.contains("WARN"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_words_that_leave_nothing_out_are_warned_of() {
    for (list, more, told) in [
        (
            &b"the mill\nand\n"[..],
            NOTHING,
            "1 of the stop words in 'sw.txt' cannot match a token ('the mill')",
        ),
        (b"# none\n\n", NOTHING, "'sw.txt' is empty"),
        (b"whale\n", NOTHING, "'sw.txt' removed no token"),
        (b"the mill\n", &["--exec", ANSWER], "'sw.txt' removed no token"),
    ] {
        let (_, said) = left_out(list, more).await;
        let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN")).collect();
        assert!(warnings.len() == 1 && warnings[0].contains(told), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_stop_words_that_cannot_be_read_says_what_to_do() {
    let harness = Harness::of_texts(0, 0);
    fs::write(harness.path("latin1.txt"), b"d\xe9j\xe0\n").unwrap();
    for (name, told) in
        [("latin1.txt", "Save it as text in UTF-8"), ("none.txt", "one word per line"), (".", "not a file")]
    {
        let path = harness.path(name);
        let arguments = ["--stop-words", path.to_str().unwrap()];
        harness.juggle(&["pipeline"], "out", &arguments).await.expect_error(2, &["stop-words", told]);
    }
}
