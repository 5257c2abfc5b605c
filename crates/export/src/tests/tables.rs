//! Tests of the concatenation, the table of documents and the vocabulary.

use flow::blobs::{BlobError, BlobKind, BlobStore};
use serde_json::json;

use super::test_corpus::{TestCorpus, name};
use crate::{
    concatenation::{self, Separator},
    corpus::{DocumentTotals, Duplicates},
    error::ExportError,
    metadata, vocabulary,
};

/// A size of the table that puts every token into a run of its own.
const TINY: u64 = 1;

#[test]
fn texts_are_concatenated_in_order_of_ids_each_ended_by_a_line_feed() {
    let corpus = TestCorpus::of_three();
    let export = |duplicates, separator: &str| {
        let separator: Separator = separator.parse().unwrap();
        let written = corpus
            .export(duplicates, |corpus, directory| concatenation::write(corpus, directory, &separator));
        (written.unwrap().totals, corpus.read("all.txt"))
    };
    let all = "the cat\nthe dog\nthe cat\nthe dog\na bird\n";
    assert_eq!(export(Duplicates::Marked, "").1, all);
    let (totals, text) = export(Duplicates::LeftOut, r"\f");
    assert_eq!(text, "the cat\nthe dog\n\u{c}a bird\n");
    assert_eq!(
        totals,
        DocumentTotals { documents: 2, duplicates_left_out: 1, not_processed: 0, raw_dropped: 0 }
    );
    let (_, text) = export(Duplicates::LeftOut, r"\\n {id}: {title} \x\n");
    assert_eq!(text, "\\n a: One, \"two\"\nthree \\x\nthe cat\nthe dog\n\\n c:  \\x\na bird\n");
    assert_eq!(corpus.files(), ["all.txt"]);
}

#[test]
fn metadata_has_the_columns_of_the_standardized_corpus_and_is_quoted() {
    let corpus = TestCorpus::of_three();
    let catalogued = json!({
        "title": "Ion", "author": "Plato", "language": "English", "listed": {
            "authors": "Jowett, Benjamin, 1817-1893 [Translator]; Plato, 428? BCE-348? BCE",
            "language": "en; el", "subjects": "Classical literature; Children's stories; A \"b\" 'c'",
        }
    });
    corpus.put("PG1635", "x", &catalogued);
    corpus.export(Duplicates::LeftOut, metadata::write).unwrap();
    let expected = [
        "id,title,author,authoryearofbirth,authoryearofdeath,language,downloads,subjects,type",
        r#"PG1635,Ion,Plato,-428,-348,"['en', 'el']",,"{'Classical literature', ""Children's stories"", 'A ""b"" \'c\''}",Text"#,
        "a,\"One, \"\"two\"\"\nthree\",,,,['en'],,set(),Text",
        "c,,Doe,,,,,set(),Text",
    ];
    assert_eq!(corpus.read("metadata.csv"), expected.map(|row| format!("{row}\r\n")).concat());
}

#[test]
fn authors_are_taken_from_a_catalogue_then_the_text_then_another_list() {
    let corpus = TestCorpus::new();
    for (id, said, listed) in [
        ("a", Some("Roe, Richard, 1850-1900"), json!({ "author": "Roe, Richard, 1850-1900" })),
        ("b", None, json!({ "Author": "Roe, Richard; Doe, Jane" })),
        ("c", Some("Jane Doe; and others"), json!({ "author": "Roe, Richard" })),
        ("d", Some("Jane Doe"), json!({ "author": "Roe, Richard", "AUTHORS": "Doe, Jane, 1820-1890" })),
    ] {
        corpus.put(id, "x", &json!({ "author": said, "listed": listed }));
    }
    corpus.export(Duplicates::LeftOut, metadata::write).unwrap();
    let metadata = corpus.read("metadata.csv");
    let rows = [
        "a,,\"Roe, Richard\",1850,1900,,,set(),Text",
        "b,,\"Roe, Richard\",,,,,set(),Text",
        "c,,Jane Doe; and others,,,,,set(),Text",
        "d,,\"Doe, Jane\",1820,1890,,,set(),Text",
    ];
    assert_eq!(metadata.lines().skip(1).collect::<Vec<_>>(), rows);
}

#[test]
fn the_vocabulary_counts_occurrences_and_documents_and_reports_unprocessed_ones() {
    let corpus = TestCorpus::of_three();
    let write = |duplicates| {
        let written =
            corpus.export(duplicates, |corpus, directory| vocabulary::write(corpus, directory, 1 << 20));
        (written.unwrap().totals, corpus.read("vocabulary.tsv"))
    };
    let (totals, text) = write(Duplicates::Marked);
    assert_eq!(text, "the\t4\t2\ncat\t2\t2\ndog\t2\t2\n");
    assert_eq!(
        totals,
        DocumentTotals { documents: 2, duplicates_left_out: 0, not_processed: 1, raw_dropped: 0 }
    );
    let (totals, text) = write(Duplicates::LeftOut);
    assert_eq!(text, "the\t2\t1\ncat\t1\t1\ndog\t1\t1\n");
    assert_eq!(
        totals,
        DocumentTotals { documents: 1, duplicates_left_out: 1, not_processed: 1, raw_dropped: 0 }
    );
}

#[test]
fn the_vocabulary_does_not_depend_on_the_memory() {
    let corpus = TestCorpus::new();
    for number in 0..40_u32 {
        let words: Vec<String> =
            // Tokens with a TAB, which also separates the columns.
            (0..60).map(|word| format!("w\t{}", (word * (number + 3) * 7_919) % 97)).collect();
        let text = words.join(" ");
        corpus.put(&format!("d{number}"), &text, &json!({}));
        corpus.process(&format!("d{number}"), &text);
    }
    let write = |memory| {
        let written = corpus
            .export(Duplicates::Marked, |corpus, directory| vocabulary::write(corpus, directory, memory));
        assert_eq!(corpus.files(), ["vocabulary.tsv"], "no temporary file is left");
        assert_eq!(written.unwrap().files[0].rows, 97);
        corpus.read("vocabulary.tsv")
    };
    // With this much memory nothing is sorted on disk.
    let whole = write(1 << 30);
    assert!(whole.lines().count() == 97 && whole.lines().all(|line| line.starts_with("w\t")));
    for memory in [TINY, 2_000, 20_000] {
        assert_eq!(write(memory), whole, "{memory}");
    }
}

#[test]
fn an_error_names_the_missing_or_damaged_blob_and_keeps_the_old_file() {
    for (kind, path) in [
        (BlobKind::Counts, "counts/a_counts.txt"),
        (BlobKind::Stats, "stats/a.json"),
        (BlobKind::Meta, "meta/a.json"),
    ] {
        let corpus = TestCorpus::of_three();
        let write = || {
            corpus.export(Duplicates::Marked, |corpus, directory| vocabulary::write(corpus, directory, TINY))
        };
        write().unwrap();
        // The export that fails must not touch the file of the one before.
        let before = corpus.read("vocabulary.tsv");
        corpus.damage(kind, "a");
        let error = write().unwrap_err();
        assert!(matches!(error, ExportError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
        assert_eq!(
            (corpus.read("vocabulary.tsv"), corpus.files()),
            (before, vec!["vocabulary.tsv".to_owned()])
        );
    }
    let corpus = TestCorpus::of_three();
    let write = || {
        let nothing = Separator::default();
        corpus
            .export(Duplicates::Marked, |corpus, directory| concatenation::write(corpus, directory, &nothing))
    };
    corpus.damage(BlobKind::Text, "b");
    assert!(write().unwrap_err().to_string().contains("'text/b_text.txt' is damaged"));
    corpus.blobs.remove(&name(BlobKind::Text, "b")).unwrap();
    assert!(matches!(write(), Err(ExportError::Blob(BlobError::NotFound(_)))));
    assert_eq!(corpus.files(), [""; 0]);
}
