//! One file, tables and sums.

use flow::blobs::{BlobError, BlobKind, BlobStore};
use serde_json::json;

use super::test_corpus::{TestCorpus, name};
use crate::{
    concatenation::{self, Separator},
    corpus::{DocumentTotals, Duplicates},
    error::ExportError,
    metadata, vocabulary,
};

const TINY: u64 = 1;

#[test]
fn texts_are_combined_in_order_of_ids_each_ended_by_a_line_feed() {
    let library = TestCorpus::of_three();
    let export = |duplicates, separator: &str| {
        let separator: Separator = separator.parse().unwrap();
        let written = library
            .export(duplicates, |corpus, directory| concatenation::write(corpus, directory, &separator));
        (written.unwrap().totals, library.read("all.txt"))
    };
    let all = "the cat\nthe dog\nthe cat\nthe dog\na bird\n";
    assert_eq!(export(Duplicates::Marked, "").1, all);
    let (totals, text) = export(Duplicates::LeftOut, r"\f");
    assert_eq!(text, "the cat\nthe dog\n\u{c}a bird\n");
    assert_eq!(totals, DocumentTotals { documents: 2, duplicates_left_out: 1, not_processed: 0 });
    let (_, text) = export(Duplicates::LeftOut, r"\\n {id}: {title} \x\n");
    assert_eq!(text, "\\n a: One, \"two\"\nthree \\x\nthe cat\nthe dog\n\\n c:  \\x\na bird\n");
    assert_eq!(library.files(), ["all.txt"]);
}

#[test]
fn metadata_has_the_columns_of_the_standardized_corpus_and_is_quoted() {
    let library = TestCorpus::of_three();
    let catalogued = json!({
        "title": "Ion", "author": "Plato", "language": "English", "listed": {
            "authors": "Jowett, Benjamin, 1817-1893 [Translator]; Plato, 428? BCE-348? BCE",
            "language": "en; el", "subjects": "Classical literature; Children's stories; A \"b\" 'c'",
        }
    });
    library.put("PG1635", "x", &catalogued);
    library.export(Duplicates::LeftOut, metadata::write).unwrap();
    let expected = [
        "id,title,author,authoryearofbirth,authoryearofdeath,language,downloads,subjects,type",
        r#"PG1635,Ion,Plato,-428,-348,"['en', 'el']",,"{'Classical literature', ""Children's stories"", 'A ""b"" \'c\''}",Text"#,
        "a,\"One, \"\"two\"\"\nthree\",,,,['en'],,set(),Text",
        "c,,Doe,,,,,set(),Text",
    ];
    assert_eq!(library.read("metadata.csv"), expected.map(|row| format!("{row}\r\n")).concat());
}

#[test]
fn an_author_of_a_list_is_exported_and_one_of_the_text_goes_before() {
    let library = TestCorpus::new();
    for (id, said, listed) in [
        ("a", Some("Roe, Richard, 1850-1900"), json!({ "author": "Roe, Richard, 1850-1900" })),
        ("b", None, json!({ "Author": "Roe, Richard; Doe, Jane" })),
        ("c", Some("Jane Doe; and others"), json!({ "author": "Roe, Richard" })),
        ("d", Some("Jane Doe"), json!({ "author": "Roe, Richard", "AUTHORS": "Doe, Jane, 1820-1890" })),
    ] {
        library.put(id, "x", &json!({ "author": said, "listed": listed }));
    }
    library.export(Duplicates::LeftOut, metadata::write).unwrap();
    let metadata = library.read("metadata.csv");
    let rows = [
        "a,,\"Roe, Richard\",1850,1900,,,set(),Text",
        "b,,\"Roe, Richard\",,,,,set(),Text",
        "c,,Jane Doe; and others,,,,,set(),Text",
        "d,,\"Doe, Jane\",1820,1890,,,set(),Text",
    ];
    assert_eq!(metadata.lines().skip(1).collect::<Vec<_>>(), rows);
}

#[test]
fn the_vocabulary_counts_occurrences_and_documents_and_tells_what_is_missing() {
    let library = TestCorpus::of_three();
    let write = |duplicates| {
        let written =
            library.export(duplicates, |corpus, directory| vocabulary::write(corpus, directory, 1 << 20));
        (written.unwrap().totals, library.read("vocabulary.tsv"))
    };
    let (totals, text) = write(Duplicates::Marked);
    assert_eq!(text, "the\t4\t2\ncat\t2\t2\ndog\t2\t2\n");
    assert_eq!(totals, DocumentTotals { documents: 2, duplicates_left_out: 0, not_processed: 1 });
    let (totals, text) = write(Duplicates::LeftOut);
    assert_eq!(text, "the\t2\t1\ncat\t1\t1\ndog\t1\t1\n");
    assert_eq!(totals, DocumentTotals { documents: 1, duplicates_left_out: 1, not_processed: 1 });
}

#[test]
fn the_vocabulary_is_the_same_however_little_memory_there_is() {
    let library = TestCorpus::new();
    for number in 0..40_u32 {
        let words: Vec<String> =
            (0..60).map(|word| format!("w\t{}", (word * (number + 3) * 7_919) % 97)).collect();
        let text = words.join(" ");
        library.put(&format!("d{number}"), &text, &json!({}));
        library.process(&format!("d{number}"), &text);
    }
    let write = |memory| {
        let written = library
            .export(Duplicates::Marked, |corpus, directory| vocabulary::write(corpus, directory, memory));
        assert_eq!(library.files(), ["vocabulary.tsv"], "nothing is left beside it");
        assert_eq!(written.unwrap().files[0].rows, 97);
        library.read("vocabulary.tsv")
    };
    let whole = write(1 << 30);
    assert!(whole.lines().count() == 97 && whole.lines().all(|line| line.starts_with("w\t")));
    for memory in [TINY, 2_000, 20_000] {
        assert_eq!(write(memory), whole, "{memory}");
    }
}

#[test]
fn what_is_gone_or_damaged_is_named_and_the_file_that_is_there_stays() {
    for (kind, path) in [
        (BlobKind::Counts, "counts/a_counts.txt"),
        (BlobKind::Stats, "stats/a.json"),
        (BlobKind::Meta, "meta/a.json"),
    ] {
        let library = TestCorpus::of_three();
        let write = || {
            library.export(Duplicates::Marked, |corpus, directory| vocabulary::write(corpus, directory, TINY))
        };
        write().unwrap();
        let before = library.read("vocabulary.tsv");
        library.damage(kind, "a");
        let error = write().unwrap_err();
        assert!(matches!(error, ExportError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
        assert_eq!(
            (library.read("vocabulary.tsv"), library.files()),
            (before, vec!["vocabulary.tsv".to_owned()])
        );
    }
    let library = TestCorpus::of_three();
    let write = || {
        let nothing = Separator::default();
        library
            .export(Duplicates::Marked, |corpus, directory| concatenation::write(corpus, directory, &nothing))
    };
    library.damage(BlobKind::Text, "b");
    assert!(write().unwrap_err().to_string().contains("'text/b_text.txt' is damaged"));
    library.blobs.remove(&name(BlobKind::Text, "b")).unwrap();
    assert!(matches!(write(), Err(ExportError::Blob(BlobError::NotFound(_)))));
    assert_eq!(library.files(), [""; 0]);
}
