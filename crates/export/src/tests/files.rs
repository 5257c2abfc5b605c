//! Tests of the files of documents.

use std::path::{Path, PathBuf};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    testing::memory_blobs::MemoryBlobs,
};
use serde_json::json;

use super::test_corpus::{TestCorpus, name};
use crate::{
    corpus::{DocumentTotals, Duplicates},
    error::ExportError,
    files::{self, KINDS},
    report::{ExportReport, WrittenFile},
};

fn export(
    corpus: &TestCorpus,
    duplicates: Duplicates,
    kinds: &[BlobKind],
    to: &MemoryBlobs,
) -> Result<ExportReport, ExportError> {
    corpus.export(duplicates, |corpus, _| files::write(corpus, kinds, to, Path::new("files")))
}

/// Returns the names of all files and their contents, in order.
fn contents(blobs: &MemoryBlobs) -> Vec<(BlobName, Vec<u8>)> {
    let mut names: Vec<_> = blobs.names().into_iter().collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), blobs.read(&name, 1 << 20).unwrap())).collect()
}

#[test]
fn all_files_of_a_document_are_copied() {
    let corpus = TestCorpus::of_three();
    let to = MemoryBlobs::default();
    let written = export(&corpus, Duplicates::Marked, &KINDS, &to).unwrap();
    assert_eq!(
        written.totals,
        DocumentTotals { documents: 3, duplicates_left_out: 0, not_processed: 1, raw_dropped: 0 }
    );
    assert!(contents(&to) == contents(&corpus.blobs));
    let text = WrittenFile { path: PathBuf::from("files/text"), bytes: 15 + 15 + 7, rows: 3 };
    assert_eq!((written.files.len(), &written.files[1]), (7, &text));
    assert_eq!((written.files[2].path.to_str(), written.files[4].rows), (Some("files/logs/arrival"), 2));
}

#[test]
fn files_of_an_earlier_export_are_replaced_or_removed() {
    let corpus = TestCorpus::of_three();
    let to = MemoryBlobs::default();
    for (kind, id) in [(BlobKind::Text, "a"), (BlobKind::Text, "gone"), (BlobKind::Counts, "c")] {
        to.put(name(kind, id), b"earlier");
    }
    let dropped = json!({ "raw": { "bytes": 7, "blake3": "", "fate": "dropped" } });
    corpus.put("c", "a bird\n", &dropped);
    let kinds = [BlobKind::Counts, BlobKind::Raw, BlobKind::Text];
    let written = export(&corpus, Duplicates::LeftOut, &kinds, &to).unwrap();
    assert_eq!(
        written.totals,
        DocumentTotals { documents: 2, duplicates_left_out: 1, not_processed: 1, raw_dropped: 1 }
    );
    let expected =
        [(BlobKind::Raw, "a"), (BlobKind::Text, "a"), (BlobKind::Text, "c"), (BlobKind::Counts, "a")]
            .map(|(kind, id)| name(kind, id))
            .map(|name| (name.clone(), corpus.blobs.read(&name, 1 << 20).unwrap()));
    assert!(contents(&to) == expected);
    let written = export(&corpus, Duplicates::LeftOut, &[BlobKind::Meta], &to).unwrap();
    assert_eq!((written.totals.not_processed, written.totals.raw_dropped), (0, 0), "nothing is missing");
    assert!(to.names() == [name(BlobKind::Meta, "a"), name(BlobKind::Meta, "c")].into());
}

#[test]
fn a_damaged_document_replaces_no_file() {
    for (kind, path) in [
        (BlobKind::Raw, "raw/b_raw.txt"),
        (BlobKind::Text, "text/b_text.txt"),
        (BlobKind::Arrival, "logs/arrival/b.json"),
        (BlobKind::Tokens, "tokens/b_tokens.txt"),
        (BlobKind::Counts, "counts/b_counts.txt"),
    ] {
        let corpus = TestCorpus::of_three();
        let to = MemoryBlobs::default();
        export(&corpus, Duplicates::Marked, &KINDS, &to).unwrap();
        let before = contents(&to);
        corpus.damage(kind, "b");
        let error = export(&corpus, Duplicates::Marked, &KINDS, &to).unwrap_err();
        assert!(matches!(&error, ExportError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
        assert!(contents(&to) == before, "{path}");
        corpus.blobs.remove(&name(kind, "b")).unwrap();
        let error = export(&corpus, Duplicates::Marked, &KINDS, &to).unwrap_err();
        assert!(matches!(&error, ExportError::Blob(BlobError::NotFound(_))), "{error}");
    }
}
