//! `juggle export`: the sample in other forms.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::lab::Lab;

const NONE: [&str; 0] = [];

/// The sample, in `out`.
async fn sample() -> Lab {
    let lab = Lab::sample();
    lab.sample_pipeline("out", &[]).await.expect(0);
    lab
}

/// Runs `juggle export` with these words, and gives what it says.
async fn export(lab: &Lab, words: &[&str]) -> Value {
    let words: Vec<&str> = ["export", "--json"].iter().chain(words).copied().collect();
    lab.juggle(&words, "out", &NONE).await.expect(0).json()
}

/// All that lies in a directory and below it.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// The counts of a run directory, by document.
fn counts(lab: &Lab) -> BTreeMap<String, BTreeMap<String, u64>> {
    let files = fs::read_dir(lab.path("out/counts")).unwrap().map(|entry| entry.unwrap().path());
    let of_file = |path: PathBuf| {
        let id = path.file_name().unwrap().to_str().unwrap().strip_suffix("_counts.txt").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| {
            let (token, n) = line.rsplit_once('\t').unwrap();
            (token.to_owned(), n.parse().unwrap())
        });
        (id.to_owned(), lines.collect())
    };
    files.map(of_file).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_sample_tell_what_its_files_tell() {
    let lab = sample().await;
    let said = export(&lab, &["vocabulary", "metadata", "--memory", "64KiB"]).await;
    assert_eq!((&said[0]["format"], &said[1]["format"]), (&"metadata".into(), &"vocabulary".into()));
    assert_eq!((&said[1]["documents"], &said[1]["not_processed"]), (&13.into(), &0.into()));
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (token, n) in counts(&lab).into_values().flatten() {
        let sums = expected.entry(token).or_default();
        *sums = (sums.0 + n, sums.1 + 1);
    }
    let mut ranked: Vec<_> = expected.into_iter().collect();
    ranked.sort_by_key(|(token, (n, _))| (u64::MAX - n, token.clone()));
    let expected: String =
        ranked.iter().map(|(token, (n, documents))| format!("{token}\t{n}\t{documents}\n")).collect();
    assert!(lab.read("out/export/vocabulary.tsv") == expected);
    let spilled = lab.read("out/export/vocabulary.tsv");
    export(&lab, &["vocabulary"]).await;
    assert!(lab.read("out/export/vocabulary.tsv") == spilled, "memory does not change it");

    let metadata = lab.read("out/export/metadata.csv");
    assert!(
        metadata.starts_with("id,title,author,authoryearofbirth,authoryearofdeath,language,"),
        "{metadata}"
    );
    assert!(metadata.contains("sample-lighthouse,The Lighthouse Ledger,"), "{metadata}");
    assert_eq!(metadata.matches("\r\n").count(), 14);

    let summary = lab.juggle(&["pipeline", "--json"], "out", &NONE).await.expect(0).json();
    let said = export(&lab, &["vocabulary", "--no-duplicates"]).await;
    assert_eq!((&said[0]["documents"], &said[0]["duplicates_left_out"]), (&12.into(), &1.into()));
    assert_eq!(said[0]["files"][0]["rows"], summary["distinct_tokens"]);
    let vocabulary = lab.read("out/export/vocabulary.tsv");
    let sum: u64 =
        vocabulary.lines().map(|line| line.rsplit('\t').nth(1).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(summary["tokens"], sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_can_be_asked_for_without_being_written_and_options_belong_to_one() {
    let lab = sample().await;
    let said = lab.juggle(&["export", "metadata", "combined"], "out", &["-n"]).await.expect(0).stdout;
    for word in ["export/all.txt", "export/metadata.csv", "nothing was done"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!lab.path("out/export").exists());
    lab.juggle(&["export", "metadata", "--memory", "1MiB"], "out", &NONE)
        .await
        .expect_error(2, &["--memory", "vocabulary"]);
    lab.juggle(&["export", "sha256sums"], "out", &NONE)
        .await
        .expect_error(3, &["no file", "export something"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_counts_are_told_and_damaged_ones_are_named_with_what_mends_them() {
    let lab = sample().await;
    fs::remove_file(lab.path("out/stats/sample-train.json")).unwrap();
    let ended = lab.juggle(&["export", "vocabulary", "combined"], "out", &NONE).await.expect(8);
    assert!(ended.stdout.contains("vocabulary: 1 documents are not processed yet"), "{}", ended.stdout);
    assert!(ended.stdout.contains("13 rows"), "{}", ended.stdout);
    let before = tree(&lab.path("out/export"));
    fs::write(lab.path("out/text/sample-gan_text.txt"), "changed").unwrap();
    lab.juggle(&["export", "combined"], "out", &NONE)
        .await
        .expect_error(3, &["'text/sample-gan_text.txt' is damaged", "juggle verify", "--repair"]);
    fs::remove_file(lab.path("out/counts/sample-gan_counts.txt")).unwrap();
    lab.juggle(&["export", "vocabulary"], "out", &NONE)
        .await
        .expect_error(3, &["counts/sample-gan_counts.txt' is not there", "juggle verify"]);
    assert_eq!(tree(&lab.path("out/export")), before);
}
