//! Tests of the web archive.

use std::{fs, io::Read};

use flate2::bufread::GzDecoder;
use flow::{blobs::BlobKind, record};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::test_corpus::{TestCorpus, name};
use crate::{
    corpus::{DocumentTotals, Duplicates},
    error::ExportError,
    report::ExportReport,
    warc::{self, FILE},
};

fn export(corpus: &TestCorpus) -> Result<ExportReport, ExportError> {
    corpus.export(Duplicates::Marked, warc::write)
}

/// Returns the contents of the gzip members of the file.
fn members(corpus: &TestCorpus) -> Vec<String> {
    let bytes = fs::read(corpus.path(FILE)).unwrap();
    let (mut rest, mut members) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let mut member = String::new();
        // A decoder of one member leaves the next ones.
        GzDecoder::new(&mut rest).read_to_string(&mut member).unwrap();
        members.push(member);
    }
    members
}

/// Returns the value of a field in the head of a record.
fn field<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    let (head, _) = record.split_once("\r\n\r\n").unwrap();
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn sha256(bytes: &str) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_document_is_a_response_and_a_conversion_that_refers_to_it() {
    let corpus = TestCorpus::new();
    let more = json!({
        "charset": "utf-8", "etag": "\"e\"", "last_modified": "Sat, 21 Nov 2026 08:15:30 GMT",
        "text": { "bytes": 4, "blake3": blake3::hash(b"text").to_hex().as_str(), "lines": 1 },
    });
    corpus.put("PG84", "head text", &more);
    corpus.blobs.put(name(BlobKind::Text, "PG84"), b"text");
    let written = export(&corpus).unwrap();
    let totals = DocumentTotals { documents: 1, ..DocumentTotals::default() };
    assert_eq!((written.files[0].rows, written.totals), (3, totals));
    let records = members(&corpus);
    let id = |record: usize| field(&records[record], "WARC-Record-ID").unwrap();
    let block = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nETag: \"e\"\r\n\
        Last-Modified: Sat, 21 Nov 2026 08:15:30 GMT\r\nContent-Length: 9\r\n\r\nhead text";
    let expected = format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2026-11-22T08:15:30Z\r\n\
         Content-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\
         WARC-Block-Digest: sha256:{}\r\nWARC-Target-URI: https://mirror.example/PG84.txt\r\n\
         juggle-document: PG84\r\njuggle-blake3: {}\r\nWARC-Payload-Digest: sha256:{}\r\n\
         WARC-Identified-Payload-Type: text/plain\r\nWARC-Record-ID: {}\r\nWARC-Warcinfo-ID: {}\r\n\r\n\
         {block}\r\n\r\n",
        block.len(),
        sha256(block),
        blake3::hash(b"head text").to_hex(),
        sha256("head text"),
        id(1),
        id(0),
    );
    assert_eq!(records[1], expected);
    let expected = format!(
        "WARC/1.1\r\nWARC-Type: conversion\r\nWARC-Date: 2026-11-22T08:15:30Z\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\nWARC-Block-Digest: sha256:{}\r\n\
         WARC-Target-URI: https://mirror.example/PG84.txt\r\njuggle-document: PG84\r\njuggle-blake3: {}\r\n\
         WARC-Identified-Payload-Type: text/plain\r\nWARC-Refers-To: {}\r\nWARC-Record-ID: {}\r\n\
         WARC-Warcinfo-ID: {}\r\n\r\ntext\r\n\r\n",
        sha256("text"),
        blake3::hash(b"text").to_hex(),
        id(1),
        id(2),
        id(0),
    );
    assert_eq!(records[2], expected);
}

#[test]
fn the_first_record_describes_the_file() {
    let corpus = TestCorpus::of_three();
    export(&corpus).unwrap();
    let records = members(&corpus);
    assert_eq!(records.len(), 7);
    assert_eq!(field(&records[0], "WARC-Type"), Some("warcinfo"));
    assert_eq!(field(&records[0], "WARC-Filename"), Some(FILE));
    assert_eq!(field(&records[0], "WARC-Date"), Some("2026-11-22T08:15:30Z"), "that of the last request");
    let (_, block) = records[0].split_once("\r\n\r\n").unwrap();
    for words in [
        concat!("software: juggle/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "heads are reconstructed",
        "Content-Type with charset, ETag, Last-Modified",
        "codings of bodies were removed",
    ] {
        assert!(block.contains(words), "{words}: {block}");
    }
    let documents: Vec<_> = records[1..].iter().map(|record| field(record, "juggle-document")).collect();
    assert_eq!(documents, ["a", "a", "b", "b", "c", "c"].map(Some));
    let empty = TestCorpus::new();
    assert_eq!(export(&empty).unwrap().files[0].rows, 1);
    assert_eq!(field(&members(&empty)[0], "WARC-Date"), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn ids_are_different_and_stay_when_documents_are_added() {
    let corpus = TestCorpus::of_three();
    export(&corpus).unwrap();
    let ids = |records: &[String]| -> Vec<String> {
        records.iter().map(|record| field(record, "WARC-Record-ID").unwrap().to_owned()).collect()
    };
    let (bytes, before) = (fs::read(corpus.path(FILE)).unwrap(), ids(&members(&corpus)));
    let mut different = before.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 7, "{before:?}");
    export(&corpus).unwrap();
    assert!(fs::read(corpus.path(FILE)).unwrap() == bytes);
    corpus.put("d", "a fish\n", &json!({}));
    export(&corpus).unwrap();
    assert_eq!(ids(&members(&corpus))[1..7], before[1..]);
}

#[test]
fn local_files_are_resources_and_dropped_bytes_are_counted() {
    let corpus = TestCorpus::new();
    corpus.put("local", "text", &json!({ "final_url": "file:///texts/a%20b.txt", "content_type": null }));
    let arrival = json!({ "at": "2026-11-22T08:15:30Z", "took_ms": 0, "attempts": 1, "status": null });
    corpus.blobs.put(name(BlobKind::Arrival, "local"), &record::to_bytes(&arrival).unwrap());
    corpus.put("other", "text", &json!({ "raw": { "bytes": 9, "blake3": "", "fate": "dropped" } }));
    let written = export(&corpus).unwrap();
    assert_eq!((written.files[0].rows, written.totals.raw_dropped), (4, 1));
    let records = members(&corpus);
    let types: Vec<_> = records.iter().map(|record| field(record, "WARC-Type").unwrap()).collect();
    assert_eq!(types, ["warcinfo", "resource", "conversion", "conversion"]);
    assert_eq!(field(&records[1], "WARC-Target-URI"), Some("file:///texts/a%20b.txt"));
    assert_eq!(field(&records[1], "Content-Type"), Some("text/plain"));
    assert_eq!(field(&records[1], "WARC-Payload-Digest"), None);
    assert_eq!(field(&records[2], "WARC-Refers-To"), field(&records[1], "WARC-Record-ID"));
    assert_eq!(field(&records[3], "WARC-Refers-To"), None);
    for record in &records[1..] {
        assert!(record.ends_with("\r\n\r\ntext\r\n\r\n"), "{record}");
    }
}

#[test]
fn what_servers_and_lists_say_adds_no_fields() {
    let corpus = TestCorpus::new();
    let more = json!({
        "final_url": "https://a.example/a b\r\nX-One: 1", "content_type": "text/plain",
        "charset": "a\"\r\nX-Two: 2", "etag": "\u{85}\u{0}\r\n\r\nX",
    });
    corpus.put("a", "text", &more);
    export(&corpus).unwrap();
    let record = &members(&corpus)[1];
    assert_eq!(field(record, "WARC-Target-URI"), Some("https://a.example/a%20bX-One:%201"));
    let lines =
        "Content-Type: text/plain; charset=\"a\"  X-Two: 2\"\r\nETag:       X\r\nContent-Length: 4\r\n";
    assert!(record.contains(lines), "{record}");
}

#[test]
fn a_damaged_blob_is_named_and_the_old_file_stays() {
    for (kind, path) in [
        (BlobKind::Raw, "raw/b_raw.txt"),
        (BlobKind::Text, "text/b_text.txt"),
        (BlobKind::Arrival, "logs/arrival/b.json"),
    ] {
        let corpus = TestCorpus::of_three();
        export(&corpus).unwrap();
        let before = fs::read(corpus.path(FILE)).unwrap();
        corpus.damage(kind, "b");
        let error = export(&corpus).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
        assert_eq!(corpus.files(), [FILE]);
        assert!(fs::read(corpus.path(FILE)).unwrap() == before);
    }
}
