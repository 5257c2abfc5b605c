//! The distances between documents.

use std::fs;

use serde_json::Value;

use crate::harness::Harness;

/// Documents of these texts, processed.
async fn corpus(texts: &[(&str, &str)]) -> Harness {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        fs::write(root.path().join(format!("{name}.txt")), text).unwrap();
    }
    let harness = Harness::serving(root.path());
    let rows: String = texts
        .iter()
        .map(|(name, _)| format!("{}\t{name}\n", harness.server.url(&format!("/{name}.txt"))))
        .collect();
    let list = harness.write("list.tsv", &format!("url\tid\n{rows}"));
    harness.juggle(&["pipeline"], "out", &[list]).await.expect(0);
    harness
}

fn measures(compared: &Value) -> Vec<&str> {
    let distances = compared["distances"].as_array().unwrap();
    distances.iter().map(|distance| distance["measure"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_distance_of_two_documents_is_that_of_their_words() {
    let harness = corpus(&[("one", "Kitten kitten\nkitten.\n"), ("other", "sitting\n")]).await;
    let said =
        harness.juggle::<&str>(&["distance", "one", "other", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&said["first"]["tokens"], &said["first"]["distinct_tokens"]), (&3.into(), &1.into()));
    assert_eq!((&said["pairs"], &said["seed"]), (&100_000.into(), &0.into()));
    assert_eq!(measures(&said), ["letters", "letters-per-position", "levenshtein", "jaro-winkler"]);
    for (at, mean) in [(0, 115.0), (1, 16.428_571), (2, 3.0), (3, 0.253_968_254)] {
        let distance = &said["distances"][at];
        assert!((distance["mean"].as_f64().unwrap() - mean).abs() < 1e-9, "{distance}");
        assert_eq!((&distance["standard_deviation"], &distance["pairs"]), (&0.0.into(), &100_000.into()));
        assert_eq!(distance["histogram"].as_array().unwrap().len(), 1, "{distance}");
    }
    let shown = harness.juggle::<&str>(&["distance", "ONE", "Other"], "out", &[]).await.expect(0).stdout;
    for words in ["one: 3 tokens, 1 distinct", "levenshtein", "115.00", "100.0 %", "█"] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_gives_the_same_result_whatever_the_threads_the_order_and_the_form_of_the_files() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &[]).await.expect(0);
    harness.sample_pipeline("packed", &["--compress", "zstd", "--layout", "sharded"]).await.expect(0);
    let (moth, train) = ("sample-moth", "sample-train");
    let run = async |ids: [&str; 2], out: &str, more: &[&str]| {
        let words = ["distance", ids[0], ids[1], "--json", "--pairs", "20000"];
        harness.juggle(&words, out, more).await.expect(0).json()
    };
    let one = run([moth, train], "out", &["--threads", "1"]).await;
    assert_eq!(run([moth, train], "out", &["--threads", "5"]).await, one);
    assert_eq!(run([moth, train], "packed", &[]).await, one);
    assert_eq!(run([train, moth], "out", &[]).await["distances"], one["distances"]);
    assert_ne!(run([moth, train], "out", &["--seed", "1"]).await["distances"], one["distances"]);
    let some = ["--measure", "jaro-winkler", "--measure", "letters"];
    let some = run([moth, train], "out", &some).await;
    assert_eq!(measures(&some), ["letters", "letters-per-position", "jaro-winkler"]);
    assert_eq!(some["distances"][2], one["distances"][3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corpus_is_compared_in_pairs_nearest_first_and_no_more_than_were_asked_for() {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &[]).await.expect(0);
    let run = async |words: &[&str]| {
        let words = [&["distance", "--json", "--pairs", "500", "--measure", "letters"], words].concat();
        harness.juggle::<&str>(&words, "out", &[]).await.expect(0).json()
    };
    let all = run(&["--all"]).await;
    assert_eq!(run(&[]).await, all);
    assert_eq!((&all["documents"], &all["possible_pairs"]), (&13.into(), &78.into()));
    let compared = all["compared"].as_array().unwrap();
    assert_eq!(compared.len(), 78);
    let means: Vec<f64> =
        compared.iter().map(|pair| pair["distances"][0]["mean"].as_f64().unwrap()).collect();
    assert!(means.is_sorted(), "{means:?}");
    // A pair has the same figures in any company.
    let ids = ["first", "second"].map(|side| compared[5][side]["id"].as_str().unwrap());
    assert_eq!(run(&ids).await["distances"], compared[5]["distances"]);
    let few = run(&["--all", "--max-pairs", "7"]).await;
    assert_eq!((few["compared"].as_array().unwrap().len(), &few["possible_pairs"]), (7, &78.into()));
    let one = run(&["sample-moth"]).await;
    assert_eq!((one["compared"].as_array().unwrap().len(), &one["possible_pairs"]), (12, &12.into()));
    let shown =
        harness.juggle::<&str>(&["distance", "--all", "--max-pairs", "7", "--pairs", "10"], "out", &[]).await;
    let shown = shown.expect(0).stdout;
    assert!(shown.contains("7 document pairs of 78") && shown.contains("sample-"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_missing_or_not_processed_are_reported_with_what_to_do() {
    let harness =
        corpus(&[("moby-dick", "Call me Ishmael.\n"), ("empty", "*** !!! ***\n"), ("walden", "Pond.\n")])
            .await;
    let fail = async |words: &[&str], out: &str, code, said: &[&str]| {
        let words = [&["distance"], words].concat();
        harness.juggle::<&str>(&words, out, &[]).await.expect_error(code, said);
    };
    fail(&["mobydick", "walden"], "out", 3, &["no document 'mobydick'", "Did you mean 'moby-dick'?"]).await;
    fail(&["walden", "../x"], "out", 3, &["no document '../x'"]).await;
    fail(&["walden", "empty"], "out", 3, &["'empty' has no tokens", "Use another document"]).await;
    fail(&["empty"], "out", 3, &["'empty' has no tokens"]).await;
    fail(&["a", "b"], "nowhere", 3, &["there is no run in"]).await;
    fail(&["a", "b", "c"], "out", 2, &["c"]).await;
    fail(&["a", "--all"], "out", 2, &["--all"]).await;
    fail(&["a", "b", "--pairs", "0"], "out", 2, &["--pairs"]).await;
    let all = harness.juggle::<&str>(&["distance", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&all["without_tokens"][0], &all["possible_pairs"]), (&"empty".into(), &1.into()));
    let tokens = harness.path("out/tokens/walden_tokens.txt");
    fs::write(&tokens, "pond\n\n").unwrap();
    fail(&["walden", "moby-dick"], "out", 3, &["line 2", "is not a token", "juggle verify"]).await;
    fs::remove_file(&tokens).unwrap();
    fail(&["walden", "moby-dick"], "out", 3, &["missing or damaged", "juggle verify"]).await;
    fs::remove_file(harness.path("out/stats/walden.json")).unwrap();
    fail(&["walden", "moby-dick"], "out", 3, &["not processed yet", "juggle process -o"]).await;
    fail(&[], "out", 3, &["two documents with tokens"]).await;
}
