//! `juggle export`: the sample in other forms.

mod web_archive;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Harness, assert_same};

const NONE: [&str; 0] = [];

/// The sample, in `out`.
async fn sample() -> Harness {
    let harness = Harness::sample();
    harness.sample_pipeline("out", &[]).await.expect(0);
    harness
}

/// Runs `juggle export` with these words, and gives what it says.
async fn export(harness: &Harness, out: &str, words: &[&str]) -> Value {
    let words: Vec<&str> = ["export", "--json"].iter().chain(words).copied().collect();
    harness.juggle(&words, out, &NONE).await.expect(0).json()
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
fn counts(harness: &Harness) -> BTreeMap<String, BTreeMap<String, u64>> {
    let files = fs::read_dir(harness.path("out/counts")).unwrap().map(|entry| entry.unwrap().path());
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
async fn metadata_and_vocabulary_of_the_sample_agree_with_its_files() {
    let harness = sample().await;
    let said = export(&harness, "out", &["vocabulary", "metadata", "--memory", "64KiB"]).await;
    assert_eq!((&said[0]["format"], &said[1]["format"]), (&"metadata".into(), &"vocabulary".into()));
    assert_eq!((&said[1]["documents"], &said[1]["not_processed"]), (&13.into(), &0.into()));
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (token, n) in counts(&harness).into_values().flatten() {
        let sums = expected.entry(token).or_default();
        *sums = (sums.0 + n, sums.1 + 1);
    }
    let mut ranked: Vec<_> = expected.into_iter().collect();
    ranked.sort_by_key(|(token, (n, _))| (u64::MAX - n, token.clone()));
    let expected: String =
        ranked.iter().map(|(token, (n, documents))| format!("{token}\t{n}\t{documents}\n")).collect();
    assert!(harness.read("out/export/vocabulary.tsv") == expected);
    let spilled = harness.read("out/export/vocabulary.tsv");
    export(&harness, "out", &["vocabulary"]).await;
    assert!(harness.read("out/export/vocabulary.tsv") == spilled, "memory does not change it");

    let metadata = harness.read("out/export/metadata.csv");
    assert!(
        metadata.starts_with("id,title,author,authoryearofbirth,authoryearofdeath,language,"),
        "{metadata}"
    );
    assert!(metadata.contains("sample-lighthouse,The Lighthouse Ledger,"), "{metadata}");
    assert_eq!(metadata.matches("\r\n").count(), 14);

    let summary = harness.juggle(&["pipeline", "--json"], "out", &NONE).await.expect(0).json();
    let said = export(&harness, "out", &["vocabulary", "--no-duplicates"]).await;
    assert_eq!((&said[0]["documents"], &said[0]["duplicates_left_out"]), (&12.into(), &1.into()));
    assert_eq!(said[0]["files"][0]["rows"], summary["distinct_tokens"]);
    let vocabulary = harness.read("out/export/vocabulary.tsv");
    let sum: u64 =
        vocabulary.lines().map(|line| line.rsplit('\t').nth(1).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(summary["tokens"], sum);
}

/// The rows of a Parquet file, each made something of.
fn rows<T>(harness: &Harness, file: &str, read: impl Fn(&parquet::record::Row) -> T) -> Vec<T> {
    let file = fs::File::open(harness.path("out/export").join(file)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| read(&row.unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_of_the_sample_adds_up_to_its_counts_and_tokens() {
    let harness = sample().await;
    let said = export(&harness, "out", &["parquet", "--tokens"]).await;
    let counts = counts(&harness);
    let distinct: usize = counts.values().map(BTreeMap::len).sum();
    let tokens: u64 = counts.values().flat_map(BTreeMap::values).sum();
    let said: Vec<&Value> = said[0]["files"].as_array().unwrap().iter().map(|file| &file["rows"]).collect();
    assert_eq!(said, [&Value::from(13), &distinct.into(), &tokens.into()]);

    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let of_row = |row: &parquet::record::Row| {
        (row.get_string(0).unwrap().clone(), row.get_string(1).unwrap().clone(), row.get_long(2).unwrap())
    };
    let all = rows(&harness, "counts.parquet", of_row);
    assert!(all.is_sorted_by(|one, next| (&one.0, -one.2) <= (&next.0, -next.2)));
    for (document, token, n) in all {
        found.entry(document).or_default().insert(token, n.try_into().unwrap());
    }
    assert!(found == counts);

    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for (document, token) in rows(&harness, "tokens.parquet", |row| {
        (row.get_string(0).unwrap().clone(), row.get_string(2).unwrap().clone())
    }) {
        let tokens = written.entry(document).or_default();
        tokens.push_str(&token);
        tokens.push('\n');
    }
    for (document, tokens) in &written {
        assert!(*tokens == harness.read(&format!("out/tokens/{document}_tokens.txt")), "{document}");
    }
    let documents = rows(&harness, "documents.parquet", |row| {
        let (text, id) = (row.get_string(0).unwrap().clone(), row.get_string(1).unwrap().clone());
        (id, text, row.get_long(6).unwrap())
    });
    for (id, text, token_count) in &documents {
        assert!(*text == harness.read(&format!("out/text/{id}_text.txt")), "{id}");
        assert_eq!(*token_count, written[id].lines().count() as i64, "{id}");
    }
    let said = export(&harness, "out", &["parquet", "--no-duplicates"]).await;
    assert_eq!((&said[0]["files"][0]["rows"], &said[0]["duplicates_left_out"]), (&12.into(), &1.into()));
    assert!(!harness.path("out/export/tokens.parquet").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_of_the_sample_are_its_texts_in_shards_with_checksums() {
    let harness = sample().await;
    export(&harness, "out", &["jsonl", "--jsonl-compress", "none", "--shard-size", "4KiB"]).await;
    let plain = tree(&harness.path("out/export/jsonl"));
    assert!(plain.len() > 1, "{:?}", plain.keys());
    let lines: String = plain.values().map(|bytes| str::from_utf8(bytes).unwrap()).collect();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let id = line["id"].as_str().unwrap();
        assert_eq!(line["text"], harness.read(&format!("out/text/{id}_text.txt")));
        assert_eq!(line["source"], "sample.invalid");
    }
    assert_eq!(lines.lines().count(), 13);
    export(&harness, "out", &["sha256sums", "jsonl", "metadata"]).await;
    let packed = tree(&harness.path("out/export/jsonl"));
    assert_eq!(packed.len(), 1);
    assert!(zstd::decode_all(&packed.values().next().unwrap()[..]).unwrap() == lines.as_bytes());
    let sums = harness.read("out/export/SHA256SUMS");
    let names: Vec<&str> = sums.lines().map(|line| &line[66..]).collect();
    assert_eq!(names, ["jsonl/part-00000.jsonl.zst", "metadata.csv"]);
    let checked = Command::new("sha256sum")
        .args(["-c", "--strict", "SHA256SUMS"])
        .current_dir(harness.path("out/export"))
        .output();
    assert!(checked.await.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_the_same_whatever_the_order_and_the_form_of_the_corpus() {
    let harness = Harness::of_texts(9, 60);
    let list = harness.read("list.tsv");
    let mut rows: Vec<&str> = list.lines().skip(1).collect();
    rows.reverse();
    let reversed = harness.write("reversed.tsv", &format!("url\tid\n{}\n", rows.join("\n")));
    let forms = ["--layout", "sharded", "--compress", "zstd", "-j", "1"];
    harness.juggle(&["pipeline", harness.path("list.tsv").to_str().unwrap()], "out", &NONE).await.expect(0);
    harness.juggle(&["pipeline", reversed.to_str().unwrap()], "other", &forms).await.expect(0);
    let words =
        ["export", "combined", "jsonl", "parquet", "--tokens", "metadata", "vocabulary", "sha256sums"];
    harness.juggle(&words, "out", &NONE).await.expect(0);
    harness.juggle(&words, "other", &["--memory", "64KiB"]).await.expect(0);
    assert_eq!(harness.read("out/export/SHA256SUMS"), harness.read("other/export/SHA256SUMS"));
    assert_eq!(harness.read("out/export/SHA256SUMS").lines().count(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_a_dry_run_and_each_option_belongs_to_one_format() {
    let harness = sample().await;
    let said = harness.juggle(&["export", "metadata", "combined"], "out", &["-n"]).await.expect(0).stdout;
    for word in ["export/all.txt", "export/metadata.csv", "nothing was written"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!harness.path("out/export").exists());
    harness
        .juggle(&["export", "metadata", "--memory", "1MiB"], "out", &NONE)
        .await
        .expect_error(2, &["--memory", "vocabulary"]);
    harness
        .juggle(&["export", "sha256sums"], "out", &NONE)
        .await
        .expect_error(3, &["no file", "Export another format"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_counts_are_counted_and_damaged_ones_are_named_with_the_repair() {
    let harness = sample().await;
    fs::remove_file(harness.path("out/stats/sample-train.json")).unwrap();
    let ended = harness.juggle(&["export", "vocabulary", "combined"], "out", &NONE).await.expect(8);
    assert!(ended.stdout.contains("1 document not processed yet. Run 'juggle pipeline"), "{}", ended.stdout);
    assert!(ended.stdout.contains("13 rows"), "{}", ended.stdout);
    let before = tree(&harness.path("out/export"));
    fs::write(harness.path("out/text/sample-gan_text.txt"), "changed").unwrap();
    harness
        .juggle(&["export", "combined"], "out", &NONE)
        .await
        .expect_error(3, &["'text/sample-gan_text.txt' is damaged", "juggle verify", "--repair"]);
    fs::remove_file(harness.path("out/counts/sample-gan_counts.txt")).unwrap();
    harness
        .juggle(&["export", "vocabulary"], "out", &NONE)
        .await
        .expect_error(3, &["counts/sample-gan_counts.txt' is missing", "juggle verify"]);
    assert_eq!(tree(&harness.path("out/export")), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_files_are_those_of_a_flat_run_from_every_layout() {
    let harness = Harness::of_texts(5, 60);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline", list.to_str().unwrap()], "flat", &NONE).await.expect(0);
    let from = harness.path("flat").display().to_string();
    let relative = |directory: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let files = tree(directory).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(directory).unwrap().to_owned(), bytes)).collect()
    };
    let mut expected = BTreeMap::new();
    for kind in ["raw", "text", "meta", "tokens", "counts", "stats", "logs/arrival"] {
        let files = relative(&harness.path("flat").join(kind)).into_iter();
        expected.extend(files.map(|(path, bytes)| (Path::new(kind).join(path), bytes)));
    }
    assert_eq!(expected.len(), 7 * 5);
    for (out, forms) in [
        ("packed", &["--layout", "packed"][..]),
        ("sharded", &["--layout", "sharded", "--compress", "zstd"]),
        ("plain", &["--layout", "flat"]),
    ] {
        harness.juggle(&["convert", &from], out, forms).await.expect(0);
        let said = export(&harness, out, &["files"]).await;
        let directory = harness.path(out).join("export/files");
        assert_same(&relative(&directory), &expected);
        assert_eq!((&said[0]["documents"], said[0]["files"].as_array().unwrap().len()), (&5.into(), 7));
        let texts = expected.iter().filter(|(path, _)| path.starts_with("text"));
        let bytes: usize = texts.map(|(_, bytes)| bytes.len()).sum();
        let path = directory.join("text").display().to_string();
        assert_eq!(said[0]["files"][1], serde_json::json!({ "path": path, "bytes": bytes, "rows": 5 }));

        // Again, after files have changed, and others have come.
        fs::write(directory.join("text/t1_text.txt"), "edited").unwrap();
        fs::write(directory.join("text/gone_text.txt"), "of an earlier export").unwrap();
        fs::write(directory.join("raw/.t1_raw.txt.1-1.tmp"), "of a killed one").unwrap();
        fs::write(directory.join("text/notes.md"), "mine").unwrap();
        export(&harness, out, &["files"]).await;
        assert_eq!(fs::read_to_string(directory.join("text/notes.md")).unwrap(), "mine");
        fs::remove_file(directory.join("text/notes.md")).unwrap();
        assert_same(&relative(&directory), &expected);

        export(&harness, out, &["files", "--kinds", "counts,text"]).await;
        let mut kinds: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        kinds.sort();
        assert_eq!(kinds, ["counts", "text"]);
        let some = expected.iter().filter(|(path, _)| path.starts_with("counts") || path.starts_with("text"));
        let some = some.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        assert_same(&relative(&directory), &some);
    }
    let would = harness.juggle(&["export", "files", "--kinds", "text"], "packed", &["-n"]).await.expect(0);
    assert!(would.stdout.contains("packed/export/files/text\n"), "{}", would.stdout);
    harness
        .juggle(&["export", "jsonl", "--kinds", "text"], "packed", &NONE)
        .await
        .expect_error(2, &["--kinds needs the format files"]);
    fs::write(harness.path("packed/export/files/LAYOUT"), "sharded").unwrap();
    harness
        .juggle(&["export", "files"], "packed", &NONE)
        .await
        .expect_error(3, &["is sharded", "Remove '", "export/files"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_exported_through_a_planted_link() {
    let harness = Harness::of_texts(2, 20);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline", list.to_str().unwrap()], "out", &NONE).await.expect(0);
    let outside = harness.path("outside");
    fs::create_dir_all(outside.join("text")).unwrap();
    for name in ["text/mine_text.txt", "part-00007.jsonl"] {
        fs::write(outside.join(name), "mine").unwrap();
    }
    fs::create_dir(harness.path("out/export")).unwrap();
    let before = tree(&outside);
    for (format, link) in [("files", "files"), ("jsonl", "jsonl"), ("files", "files/text")] {
        let link = harness.path("out/export").join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(if link.ends_with("text") { outside.join("text") } else { outside.clone() }, &link).unwrap();
        harness
            .juggle(&["export", format], "out", &NONE)
            .await
            .expect_error(3, &["must be a directory, but it is a link"]);
        assert_same(&tree(&outside), &before);
        fs::remove_file(&link).unwrap();
    }
}
