//! Tests of JSON Lines.

use std::{collections::BTreeSet, fs, io::Read, num::NonZeroU64};

use serde_json::{Value, json};

use super::test_corpus::TestCorpus;
use crate::{
    corpus::Duplicates,
    jsonl::{self, Compression, SHARD_BYTES},
    report::ExportReport,
};

fn export(corpus: &TestCorpus, compression: Compression, shard_bytes: NonZeroU64) -> ExportReport {
    let written = corpus.export(Duplicates::Marked, |corpus, directory| {
        jsonl::write(corpus, directory, compression, shard_bytes)
    });
    written.unwrap()
}

/// Returns the names of the files in the directory in order, and their decompressed contents.
fn shards(corpus: &TestCorpus) -> (Vec<String>, String) {
    let mut names: Vec<String> = fs::read_dir(corpus.path("jsonl"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut all = String::new();
    for name in &names {
        let bytes = fs::read(corpus.path("jsonl").join(name)).unwrap();
        match name.rsplit('.').next() {
            Some("gz") => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut all).unwrap(),
            Some("zst") => zstd::Decoder::new(&bytes[..]).unwrap().read_to_string(&mut all).unwrap(),
            _ => {
                all.push_str(str::from_utf8(&bytes).unwrap());
                0
            }
        };
    }
    (names, all)
}

#[test]
fn a_line_has_the_fields_of_dolma_and_times_of_the_meta() {
    let corpus = TestCorpus::new();
    let text = "\"One\"\ttwo\\\n\u{1}雨\n";
    let meta = json!({
        "title": "T", "language": "English", "release_date": "June 17, 2008",
        "last_modified": "Sun, 06 Nov 1994 08:49:37 GMT", "listed": { "shelf": "3" }, "duplicate_of": "PG1"
    });
    corpus.put("PG84", text, &meta);
    let written = export(&corpus, Compression::None, SHARD_BYTES);
    assert_eq!((written.files.len(), written.files[0].rows), (1, 1));
    let (names, all) = shards(&corpus);
    assert_eq!(names, ["part-00000.jsonl"]);
    assert!(
        all.starts_with("{\"id\":\"PG84\",\"text\":\"\\\"One\\\"\\ttwo\\\\\\n\\u0001雨\\n\",\"source\":"),
        "{all}"
    );
    let line: Value = serde_json::from_str(&all).unwrap();
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    let expected = json!({
        "id": "PG84", "text": text, "source": "books.example",
        "added": "1994-11-06T08:49:37.000Z", "created": "2008-06-17T00:00:00.000Z",
        "metadata": {
            "url": "https://books.example/PG84.txt", "final_url": "https://mirror.example/PG84.txt", "title": "T",
            "language": "en", "encoding": "UTF-8", "text_bytes": text.len(), "text_blake3": hash,
            "raw_bytes": text.len(), "raw_blake3": hash, "duplicate_of": "PG1", "listed": { "shelf": "3" },
        }
    });
    assert_eq!(line, expected);
}

/// Collects the JSON type of each key of a line, by its path.
fn types(value: &Value, path: &str, found: &mut BTreeSet<(String, &'static str)>) {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| types(value, &format!("{path}.{key}"), found));
            "object"
        }
    };
    found.insert((path.to_owned(), name));
}

#[test]
fn a_key_has_one_type_in_all_lines_and_is_absent_if_unknown() {
    let corpus = TestCorpus::new();
    corpus.put("a", "one", &json!({}));
    corpus.put(
        "b",
        "two",
        &json!({
            "title": "T", "author": "A", "language": "English", "release_date": "June 17, 2008",
            "last_modified": "Sun, 06 Nov 1994 08:49:37 GMT", "listed": { "shelf": "3" }, "duplicate_of": "a"
        }),
    );
    corpus.put("c", "three", &json!({ "listed": { "shelf": "x", "year": "1997" }, "release_date": "soon" }));
    export(&corpus, Compression::None, SHARD_BYTES);
    let (_, all) = shards(&corpus);
    let mut found = BTreeSet::new();
    for line in all.lines() {
        types(&serde_json::from_str(line).unwrap(), "", &mut found);
    }
    // A key with two types would be in the set twice.
    let keys: BTreeSet<&String> = found.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), found.len(), "{found:?}");
    assert!(!found.iter().any(|(_, name)| *name == "null"), "{found:?}");
    // The first document has only the facts that every document has.
    let bare: Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&bare), ["id", "metadata", "source", "text"]);
    let known = ["encoding", "final_url", "raw_blake3", "raw_bytes", "text_blake3", "text_bytes", "url"];
    assert_eq!(keys(&bare["metadata"]), known);
}

#[test]
fn a_line_contains_no_line_end_of_unicode() {
    let corpus = TestCorpus::new();
    let ends = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
    let meta = json!({ "title": ends, "author": ends, "url": ends, "listed": { ends: ends } });
    corpus.put("a", ends, &meta);
    export(&corpus, Compression::None, SHARD_BYTES);
    let (_, all) = shards(&corpus);
    let line = all.strip_suffix('\n').unwrap();
    assert!(!line.contains(|c| ends.contains(c)), "{line:?}");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["text"], &line["metadata"]["listed"][ends]), (&ends.into(), &ends.into()));
}

#[test]
fn lines_are_the_same_in_every_compression_and_old_shards_are_removed_at_the_end() {
    let corpus = TestCorpus::of_three();
    // Every line fills a shard.
    let small = NonZeroU64::MIN;
    export(&corpus, Compression::None, small);
    let (names, lines) = shards(&corpus);
    assert_eq!(names, ["part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl"]);
    assert_eq!(lines.lines().count(), 3);
    // A file of the user, which must survive every export.
    fs::write(corpus.path("jsonl/notes"), "mine").unwrap();
    for (compression, shard_bytes, expected) in [
        (Compression::Gz, SHARD_BYTES, &["part-00000.jsonl.gz"][..]),
        (Compression::Zst, NonZeroU64::new(600).unwrap(), &["part-00000.jsonl.zst", "part-00001.jsonl.zst"]),
    ] {
        // Twice, because the second export replaces shards of the same names.
        let mut before = None;
        for _ in 0..2 {
            export(&corpus, compression, shard_bytes);
            fs::rename(corpus.path("jsonl/notes"), corpus.path("notes")).unwrap();
            let found = shards(&corpus);
            fs::rename(corpus.path("notes"), corpus.path("jsonl/notes")).unwrap();
            assert_eq!(
                (&found.0[..], &found.1),
                (&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..], &lines)
            );
            let bytes = fs::read(corpus.path("jsonl").join(expected[0])).unwrap();
            assert!(before.is_none_or(|before| before == bytes), "the same bytes again");
            before = Some(bytes);
        }
    }
    // An export that fails keeps the shards of the one before.
    corpus.damage(flow::blobs::BlobKind::Text, "c");
    let failed = corpus.export(Duplicates::Marked, |corpus, directory| {
        jsonl::write(corpus, directory, Compression::None, small)
    });
    assert!(failed.is_err());
    assert_eq!(shards(&corpus).0, ["notes", "part-00000.jsonl.zst", "part-00001.jsonl.zst"]);
}

#[test]
fn a_corpus_without_documents_has_one_empty_shard() {
    let corpus = TestCorpus::new();
    for compression in [Compression::None, Compression::Gz, Compression::Zst] {
        let written = export(&corpus, compression, SHARD_BYTES);
        assert_eq!((written.files.len(), written.files[0].rows, shards(&corpus).1.as_str()), (1, 0, ""));
    }
}
