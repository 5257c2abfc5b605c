//! `--tokenizer hf:PATH`: the pieces that a Hugging Face `tokenizer.json` makes of texts.

use std::fs;

use crate::harness::Harness;

const NOTHING: &[&str] = &[];

/// The words of a line, of which it knows these, and one piece with a tab in it.
fn tokenizer_json(words: [&str; 2]) -> String {
    serde_json::json!({
        "truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        "added_tokens": [{"id": 3, "content": "a\tb", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": false}],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, words[0]: 1, words[1]: 2}},
    })
    .to_string()
}

async fn processed(harness: &Harness, file: &str, more: &[&str]) -> u64 {
    let tokenizer = format!("hf:{}", harness.path(file).display());
    let words = ["process", "--json", "--tokenizer", &tokenizer];
    harness.juggle(&words, "out", more).await.expect(0).json()["lanes"]["process"]["done"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tokenizer_file_reprocesses_and_the_same_one_elsewhere_does_not() {
    let harness = Harness::of_texts(1, 1);
    fs::write(harness.path("whale.txt"), "The whale\tswam a\tb away.\nThe end\n".repeat(20)).unwrap();
    let list =
        harness.write("list.tsv", &format!("url\tid\n{}\twhale\n", harness.path("whale.txt").display()));
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", NOTHING).await.expect(0);
    harness.write("tokenizer.json", &tokenizer_json(["The", "whale"]));
    assert_eq!(processed(&harness, "tokenizer.json", NOTHING).await, 1);
    let line = "The\nwhale\n[UNK]\na\tb\n[UNK]\nThe\n[UNK]\n";
    assert_eq!(harness.read("out/tokens/whale_tokens.txt"), line.repeat(20));
    let counts = "[UNK]\t60\nThe\t40\na\tb\t20\nwhale\t20\n";
    assert_eq!(harness.read("out/counts/whale_counts.txt"), counts);
    assert!(harness.read("out/stats/whale.json").contains("\"name\": \"hf\""));
    assert_eq!(processed(&harness, "tokenizer.json", &["--keep-case", "--threads", "1"]).await, 0);

    harness.write("copy.json", &tokenizer_json(["The", "whale"]));
    assert_eq!(processed(&harness, "copy.json", NOTHING).await, 0);
    harness.write("tokenizer.json", &tokenizer_json(["The", "end"]));
    assert_eq!(processed(&harness, "tokenizer.json", NOTHING).await, 1);
    assert_eq!(harness.read("out/counts/whale_counts.txt"), "[UNK]\t60\nThe\t40\na\tb\t20\nend\t20\n");
    harness.juggle(&["verify"], "out", NOTHING).await.expect(0);
    harness.juggle(&["export", "vocabulary"], "out", NOTHING).await.expect(0);
    assert!(harness.read("out/export/vocabulary.tsv").contains("a\tb\t20\t1\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_a_tokenizer_is_reported_before_anything_is_done() {
    let harness = Harness::of_texts(1, 1);
    harness.write("words.json", "hello");
    harness.write("list.json", "[1]");
    harness.write("none.json", "{}");
    for (file, told) in [
        ("missing.json", "No such file"),
        (".", "Is a directory"),
        ("words.json", "expected value"),
        ("list.json", "invalid type: sequence"),
        ("none.json", "Model missing"),
    ] {
        let tokenizer = format!("hf:{}", harness.path(file).display());
        let ended = harness.juggle(&["process", "--tokenizer", &tokenizer], "out", NOTHING).await;
        ended.expect_error(2, &["--tokenizer", harness.path(file).to_str().unwrap(), told]);
        assert!(!harness.path("out").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_a_tokenizer_cannot_encode_is_dead_with_the_reason_and_the_others_are_done() {
    let harness = Harness::of_texts(1, 1);
    fs::write(harness.path("know.txt"), "a whale\n".repeat(20)).unwrap();
    fs::write(harness.path("strange.txt"), "an ox\n".repeat(20)).unwrap();
    let rows =
        ["know", "strange"].map(|id| format!("{}\t{id}\n", harness.path(&format!("{id}.txt")).display()));
    let list = harness.write("list.tsv", &format!("url\tid\n{}", rows.concat()));
    let model = r#"{"type":"WordLevel","unk_token":"?","vocab":{"a":0,"whale":1}}"#;
    let json = format!(r#"{{"pre_tokenizer":{{"type":"WhitespaceSplit"}},"model":{model}}}"#);
    let tokenizer = format!("hf:{}", harness.write("tokenizer.json", &json).display());
    let words = ["pipeline", list.to_str().unwrap(), "--tokenizer", &tokenizer, "--retry", "0"];
    harness.juggle(&words, "out", NOTHING).await.expect(8);
    assert_eq!(harness.read("out/counts/know_counts.txt"), "a\t20\nwhale\t20\n");
    let dead =
        harness.juggle(&["queue", "ls", "--state", "dead", "--json"], "out", NOTHING).await.expect(0).stdout;
    assert!(dead.contains("strange") && dead.contains("Missing [UNK] token"), "{dead}");
}
