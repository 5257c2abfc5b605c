//! Tests of the Parquet files.

use std::fs::{self, File};

use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::json;

use super::test_corpus::TestCorpus;
use crate::{
    corpus::{DocumentTotals, Duplicates},
    parquet::{self, COUNTS, DOCUMENTS, TOKENS, Tokens},
    report::ExportReport,
};

fn export(corpus: &TestCorpus, tokens: Tokens) -> ExportReport {
    let written =
        corpus.export(Duplicates::Marked, |corpus, directory| parquet::write(corpus, directory, tokens));
    written.unwrap()
}

fn rows(corpus: &TestCorpus, file: &str) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(corpus.path(file)).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

/// Returns the fields of a row as text. A null is a dash.
fn fields(row: &Row, columns: &[&str]) -> Vec<String> {
    let field = |wanted: &str| {
        let (_, field) = row.get_column_iter().find(|(name, _)| *name == wanted).unwrap();
        match field {
            Field::Str(text) => text.clone(),
            Field::Long(number) => number.to_string(),
            Field::Null => "-".to_owned(),
            other => panic!("{other:?}"),
        }
    };
    columns.iter().map(|column| field(column)).collect()
}

#[test]
fn documents_are_rows_and_duplicates_are_marked() {
    let corpus = TestCorpus::of_three();
    let written = export(&corpus, Tokens::LeftOut);
    assert_eq!(
        written.totals,
        DocumentTotals { documents: 3, duplicates_left_out: 0, not_processed: 1, raw_dropped: 0 }
    );
    assert_eq!(written.files.iter().map(|file| file.rows).collect::<Vec<_>>(), [3, 6]);
    let columns =
        ["id", "text", "url", "date", "language", "language_score", "token_count", "author", "duplicate_of"];
    let found: Vec<_> = rows(&corpus, DOCUMENTS).iter().map(|row| fields(row, &columns)).collect();
    let url = |id| format!("https://books.example/{id}.txt");
    assert_eq!(
        found,
        [
            ["a", "the cat\nthe dog", &url("a"), "-", "en", "-", "4", "-", "-"],
            ["b", "the cat\nthe dog", &url("b"), "-", "-", "-", "4", "-", "a"],
            ["c", "a bird\n", &url("c"), "-", "-", "-", "-", "Doe", "-"],
        ]
    );
    let found: Vec<_> =
        rows(&corpus, COUNTS).iter().map(|row| fields(row, &["document", "token", "n"])).collect();
    let expected: Vec<[&str; 3]> = ["a", "b"]
        .into_iter()
        .flat_map(|id| [[id, "the", "2"], [id, "cat", "1"], [id, "dog", "1"]])
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn tokens_are_in_the_order_of_the_text_and_are_removed_if_not_asked_for() {
    let corpus = TestCorpus::of_three();
    let bytes = |file| fs::read(corpus.path(file)).unwrap();
    export(&corpus, Tokens::Written);
    let found: Vec<_> = rows(&corpus, TOKENS)
        .iter()
        .map(|row| fields(row, &["document", "position", "token"]).join(" "))
        .collect();
    assert_eq!(found[..5], ["a 0 the", "a 1 cat", "a 2 the", "a 3 dog", "b 0 the"]);
    let before = [DOCUMENTS, COUNTS, TOKENS].map(bytes);
    export(&corpus, Tokens::Written);
    assert!([DOCUMENTS, COUNTS, TOKENS].map(bytes) == before, "the same bytes again");
    export(&corpus, Tokens::LeftOut);
    assert_eq!(corpus.files(), [COUNTS, DOCUMENTS]);
}

#[test]
fn row_groups_are_bounded_and_have_statistics() {
    let corpus = TestCorpus::new();
    // A row group has 2²⁰ rows, which four documents exceed.
    let mut text: String = (0..300_000).map(|word| format!("w{} ", word % 1_000)).collect();
    for id in ["a", "b", "c", "d"] {
        corpus.put(id, &text, &json!({}));
        corpus.process(id, &text);
        text.push_str("more ");
    }
    export(&corpus, Tokens::Written);
    let reader = SerializedFileReader::new(File::open(corpus.path(TOKENS)).unwrap()).unwrap();
    let groups = reader.metadata().row_groups();
    let rows: Vec<_> = groups.iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [1 << 20, 1_200_006 - (1 << 20)]);
    // The second row group begins within the last document.
    let most = |group: usize| groups[group].column(0).statistics().unwrap().max_bytes_opt().unwrap().to_vec();
    assert_eq!((most(0), most(1)), (b"d".to_vec(), b"d".to_vec()));
    assert_eq!(groups[0].sorting_columns().unwrap()[0].column_idx, 0);
    assert_eq!(reader.get_row_iter(None).unwrap().count(), 1_200_006);
}

#[test]
fn a_corpus_without_documents_gives_files_without_rows() {
    let corpus = TestCorpus::new();
    export(&corpus, Tokens::Written);
    for file in [DOCUMENTS, COUNTS, TOKENS] {
        assert_eq!(rows(&corpus, file).len(), 0, "{file}");
    }
}
