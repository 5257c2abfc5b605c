//! `juggle export warc`, read by a reader of its own.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use test_server::Script;

use super::{NONE, export};
use crate::harness::Harness;

/// Runs the pipeline over the texts of the server and a local file.
async fn mixed_sources(harness: &Harness, out: &str, more: &[&str]) {
    let local = harness.write("local.txt", "a local text\n");
    let local = format!("file://{}", local.display());
    let list = format!("{}{local}\tlocal\n", harness.read("list.tsv"));
    let list = harness.write("mixed.tsv", &list);
    let words = [&[list.to_str().unwrap()], more].concat();
    harness.juggle(&["pipeline"], out, &words).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_archive_has_the_received_bytes_and_the_text_of_every_document() {
    let harness = Harness::of_texts(3, 10_000);
    let body = harness.read("www/t1.txt").into_bytes();
    assert!(body.len() > 256 << 10, "a text has several parts");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&body).unwrap();
    let compressed = Script::bytes(packed.finish().unwrap())
        .header("content-encoding", "gzip")
        .header("content-type", "text/plain; charset=utf-8")
        .header("etag", "\"e\"");
    harness.server.respond("/t1.txt", compressed);
    mixed_sources(&harness, "packed", &["--layout", "packed"]).await;
    let said = export(&harness, "packed", &["warc"]).await;
    let records = web_archive(&harness.path("packed/export/corpus.warc.gz"));
    assert_eq!((&said[0]["documents"], &said[0]["files"][0]["rows"]), (&4.into(), &records.len().into()));
    let cat = async |name: String| harness.juggle(&["cat", &name], "packed", &NONE).await.expect(0).stdout;
    let kinds: Vec<_> = records.iter().map(|record| record.field("WARC-Type").unwrap()).collect();
    let received = ["resource", "response", "response", "response"];
    let pairs = received.into_iter().flat_map(|kind| [kind, "conversion"]);
    assert_eq!(kinds, ["warcinfo"].into_iter().chain(pairs).collect::<Vec<_>>());
    for (pair, id) in records[1..].chunks(2).zip(["local", "t0", "t1", "t2"]) {
        let (raw, text) = (cat(format!("raw/{id}")).await, cat(format!("text/{id}")).await);
        assert!(pair[0].payload() == raw.as_bytes() && pair[1].block == text.as_bytes(), "{id}");
        for record in pair {
            assert_eq!(record.field("juggle-document"), Some(id));
            assert_eq!(record.field("WARC-Warcinfo-ID"), records[0].field("WARC-Record-ID"));
        }
        assert_eq!(pair[1].field("WARC-Refers-To"), pair[0].field("WARC-Record-ID"));
        assert_eq!(pair[1].field("WARC-Identified-Payload-Type"), Some("text/plain"));
    }
    let address = format!("file://{}", harness.path("local.txt").display());
    assert_eq!(records[1].field("WARC-Target-URI"), Some(address.as_str()));
    assert_eq!(records[5].field("WARC-Target-URI"), Some(harness.server.url("/t1.txt").as_str()));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nETag: \"e\"\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    assert!(records[5].block.starts_with(head.as_bytes()), "neither of the codings is there any more");

    // The same corpus in another layout.
    let from = harness.path("packed").display().to_string();
    harness
        .juggle(&["convert", &from], "other", &["--layout", "sharded", "--compress", "zstd"])
        .await
        .expect(0);
    export(&harness, "other", &["warc"]).await;
    let bytes = |out: &str| fs::read(harness.path(out).join("export/corpus.warc.gz")).unwrap();
    assert!(bytes("other") == bytes("packed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_received_bytes_a_web_archive_has_texts_alone_and_says_so() {
    let harness = Harness::of_texts(3, 40);
    mixed_sources(&harness, "out", &["--raw", "drop"]).await;
    let said = harness.juggle(&["export", "warc", "files"], "out", &NONE).await.expect(0).stdout;
    for format in ["warc", "files"] {
        let words = format!("{format}: 4 documents without received bytes");
        assert!(said.contains(&words) && said.contains("--raw drop"), "{said}");
    }
    assert!(!harness.path("out/export/files/raw").exists());
    let records = web_archive(&harness.path("out/export/corpus.warc.gz"));
    assert_eq!(records.len(), 1 + 4);
    for record in &records[1..] {
        assert_eq!((record.field("WARC-Type"), record.field("WARC-Refers-To")), (Some("conversion"), None));
    }
    assert_eq!(export(&harness, "out", &["warc"]).await[0]["raw_dropped"], 4);
    fs::write(harness.path("out/text/t1_text.txt"), "changed").unwrap();
    let before = fs::read(harness.path("out/export/corpus.warc.gz")).unwrap();
    harness
        .juggle(&["export", "warc"], "out", &NONE)
        .await
        .expect_error(3, &["'text/t1_text.txt' is damaged", "juggle verify"]);
    assert!(fs::read(harness.path("out/export/corpus.warc.gz")).unwrap() == before);
}

/// A record of a WARC file.
struct WarcRecord {
    head: String,
    block: Vec<u8>,
}

impl WarcRecord {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The block, without the HTTP head that a response has.
    fn payload(&self) -> &[u8] {
        let is_response = self.field("WARC-Type") == Some("response");
        if is_response { split_head(&self.block).1 } else { &self.block }
    }
}

/// Reads a WARC file with one gzip member for each record, and checks the length and the digests of each.
fn web_archive(path: &Path) -> Vec<WarcRecord> {
    let file = fs::read(path).unwrap();
    let (mut rest, mut records) = (&file[..], Vec::new());
    while !rest.is_empty() {
        let mut member = Vec::new();
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut member).unwrap();
        let (head, behind) = split_head(&member);
        let head = str::from_utf8(head).unwrap().to_owned();
        assert!(head.starts_with("WARC/1.1\r\nWARC-Type: "), "{head}");
        let block = behind.strip_suffix(b"\r\n\r\n").unwrap().to_vec();
        let record = WarcRecord { head, block };
        let length = record.block.len().to_string();
        assert_eq!(record.field("Content-Length"), Some(length.as_str()));
        let digest = |bytes: &[u8]| -> String {
            let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            format!("sha256:{digits}")
        };
        assert_eq!(record.field("WARC-Block-Digest"), Some(digest(&record.block).as_str()));
        let is_response = record.field("WARC-Type") == Some("response");
        let payload = is_response.then(|| digest(record.payload()));
        assert_eq!(record.field("WARC-Payload-Digest"), payload.as_deref());
        records.push(record);
    }
    records
}

/// Divides bytes at the first empty line.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (&bytes[..end], &bytes[end + 4..])
}
