//! Bodies with a `Content-Encoding`, asked for or not.

use std::io::Write;

use bytes::Bytes;
use fetch::config::AcceptEncoding;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use flow::{failure::Reason, payload::Listed};
use test_server::Script;

use crate::harness::{Harness, Raw, Then, fatal, reason, retry, text};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(bytes).unwrap();
    encoder.into_inner()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Lines that are not so regular that packing them twice looks like a bomb.
fn digits(lines: u32) -> Vec<u8> {
    let line = |n: u32| format!("{}\n", blake3::hash(&n.to_le_bytes()).to_hex());
    (0..lines).flat_map(|n| line(n).into_bytes()).collect()
}

fn coded(codings: &str, body: impl Into<Bytes>) -> Script {
    Script::bytes(body).header("content-encoding", codings)
}

/// An answer with these header lines and this body, as it is.
async fn raw(rig: &mut Harness, fields: &str, body: &[u8]) -> Raw {
    let answer = [format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), body].concat();
    let raw = Raw::start(&answer, Then::Close).await;
    rig.config.allow_hosts.push(raw.host.parse().unwrap());
    raw
}

#[tokio::test]
async fn every_coding_is_undone_though_it_was_not_asked_for() {
    let body = digits(40_000);
    for (codings, bytes) in [
        ("gzip", gzip(&body)),
        ("X-GZip", gzip(&body)),
        ("deflate", zlib(&body)),
        ("deflate", bare_deflate(&body)),
        ("br", brotli(&body)),
        ("zstd", zstd(&body)),
        ("identity, gzip, br", brotli(&gzip(&body))),
        ("Identity", body.clone()),
    ] {
        let rig = Harness::new();
        let came = bytes.len() as u64;
        let job = rig.scripted([coded(codings, bytes)]).await;
        let job = job.unwrap_or_else(|error| panic!("{codings}, {came} bytes: {error:?}"));
        assert!(rig.spooled(&job.fetched) == body, "{codings}");
        assert_eq!(rig.counters.bytes.get(), came);
        assert_eq!(rig.server.requests()[0].header("accept-encoding"), Some("identity"));
        assert_eq!(rig.part(), (0, false));
    }
}

#[tokio::test]
async fn a_length_that_is_not_announced_is_the_streams_own() {
    let rig = Harness::new();
    let body = text(3_000_000);
    let job = rig.scripted([coded("gzip", gzip(&body)).chunked()]).await.unwrap();
    assert!(rig.spooled(&job.fetched) == body);
}

#[tokio::test]
async fn codings_are_asked_for_where_the_user_wants_them() {
    let mut rig = Harness::new();
    rig.config.accept_encoding = AcceptEncoding::Compressed;
    rig.scripted([coded("gzip", gzip(b"words"))]).await.unwrap();
    assert_eq!(rig.server.requests()[0].header("accept-encoding"), Some("gzip, deflate, br, zstd"));
    // The rest of a body that came as it is can be had only as it is.
    std::fs::write(rig.root.path().join("y.txt"), text(3_000_000)).unwrap();
    rig.server.respond_once("/y.txt", [Script::file().cut_after(1_200_000)]);
    assert_eq!(retry(rig.get("/y.txt").await).0, Reason::Truncated);
    let job = rig.get("/y.txt").await.unwrap();
    assert!(rig.spooled(&job.fetched) == text(3_000_000));
    let rest = &rig.server.requests()[2];
    assert!(rest.range().is_some());
    assert_eq!(rest.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn repeated_fields_are_one_list() {
    let mut rig = Harness::new();
    let fields = "Content-Encoding: gzip\r\nContent-Encoding: br\r\n";
    let raw = raw(&mut rig, fields, &brotli(&gzip(b"words"))).await;
    assert_eq!(rig.spooled(&rig.fetch(&raw.url).await.unwrap().fetched), b"words");
}

#[tokio::test]
async fn codings_that_cannot_be_undone_get_one_request() {
    for codings in ["compress", "nonsense", "gzip, nonsense", "gzip, gzip, gzip, gzip"] {
        let rig = Harness::new();
        let result = rig.scripted([coded(codings, gzip(b"words"))]).await;
        assert_eq!(fatal(result), Reason::BadEncodingHeader, "{codings}");
        assert_eq!(rig.server.request_count(), 1);
        assert_eq!(rig.part(), (0, false));
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_truncated_though_its_length_is_right() {
    let body = text(3_000_000);
    for (codings, whole) in
        [("gzip", gzip(&body)), ("deflate", zlib(&body)), ("br", brotli(&body)), ("zstd", zstd(&body))]
    {
        for bytes in [whole.len() * 29 / 100, whole.len() - 1] {
            let rig = Harness::new();
            let result = rig.scripted([coded(codings, whole[..bytes].to_vec())]).await;
            assert_eq!(retry(result).0, Reason::Truncated, "{codings}");
            assert_eq!(rig.part(), (0, false));
            assert!(!rig.is_published());
            let job = rig.scripted([coded(codings, whole.clone())]).await.unwrap();
            assert!(rig.spooled(&job.fetched) == body, "{codings}");
        }
    }
}

#[tokio::test]
async fn a_corrupt_stream_is_never_published() {
    let body = text(300_000);
    let mut wrong = gzip(&body);
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    for bytes in [wrong, body.clone(), [gzip(&body), b"more".to_vec()].concat()] {
        let rig = Harness::new();
        assert_eq!(fatal(rig.scripted([coded("gzip", bytes)]).await), Reason::BadEncodingHeader);
        assert_eq!(rig.part(), (0, false));
        assert!(!rig.is_published());
        assert_eq!(rig.server.request_count(), 1);
    }
}

#[tokio::test]
async fn the_announced_length_counts_coded_bytes() {
    // A length that is too large is tested only for a coding without a checksum at its end. For gzip, the
    // checksum takes precedence over the length.
    let (packed, bare) = (gzip(&text(300_000)), bare_deflate(&text(300_000)));
    for (coding, whole, announced) in [
        ("gzip", &packed, packed.len() - 5),
        ("deflate", &bare, bare.len() - 5),
        ("deflate", &bare, bare.len() + 5),
    ] {
        let mut rig = Harness::new();
        let fields = format!("Content-Encoding: {coding}\r\nContent-Length: {announced}\r\n");
        let raw = raw(&mut rig, &fields, whole).await;
        assert_eq!(retry(rig.fetch(&raw.url).await).0, Reason::Truncated);
        assert_eq!(rig.part(), (0, false));
        assert!(!rig.is_published());
    }
}

#[tokio::test]
async fn a_bomb_is_refused_as_it_goes_off() {
    let zeros = gzip(&vec![b' '; 64 << 20]);
    let mut rig = Harness::new();
    rig.config.body_bytes_max = u64::MAX;
    for (codings, bytes) in [("gzip", zeros.clone()), ("gzip, br", brotli(&zeros))] {
        assert_eq!(fatal(rig.scripted([coded(codings, bytes)]).await), Reason::TooLarge);
        assert_eq!(rig.part(), (0, false));
        assert!(!rig.is_published());
    }
}

#[tokio::test]
async fn the_limit_counts_what_comes_and_what_it_decodes_to() {
    let mut rig = Harness::new();
    let body = text(300_000);
    rig.config.body_bytes_max = 299_999;
    assert_eq!(fatal(rig.scripted([coded("gzip", gzip(&body))]).await), Reason::TooLarge);
    let padded = [gzip(b"words"), vec![0; 300_000]].concat();
    assert_eq!(fatal(rig.scripted([coded("gzip", padded).chunked()]).await), Reason::TooLarge);
    rig.config.body_bytes_max = 300_000;
    assert!(rig.scripted([coded("gzip", gzip(&body))]).await.is_ok());
}

#[tokio::test]
async fn what_is_decoded_must_be_a_text() {
    let page = [b"<!DOCTYPE html><title>Are you human?".as_slice(), &text(2_000_000)].concat();
    for (codings, bytes) in [
        ("gzip", gzip(&page)),
        ("br", brotli(b"<html>")),
        ("gzip", gzip(&gzip(b"words"))),
        ("zstd", zstd(b"%PDF-1.7")),
    ] {
        let rig = Harness::new();
        assert_eq!(reason(rig.scripted([coded(codings, bytes)]).await), Reason::NotText, "{codings}");
        assert_eq!((rig.part(), rig.server.request_count()), ((0, false), 1));
    }
}

#[tokio::test]
async fn a_page_is_refused_before_the_rest_of_it_comes() {
    let rig = Harness::new();
    // Stored rather than packed, so that its first bytes can be decoded at once.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&[b"<html>".as_slice(), &text(2_000_000)].concat()).unwrap();
    let page = encoder.finish().unwrap();
    let result = rig.scripted([coded("gzip", page).stall_after(1_000_000)]).await;
    assert_eq!(reason(result), Reason::NotText);
}

#[tokio::test]
async fn nothing_coded_is_nothing() {
    for (codings, bytes) in
        [("gzip", Vec::new()), ("gzip", gzip(b"")), ("br", brotli(b"")), ("zstd", zstd(b""))]
    {
        let rig = Harness::new();
        assert_eq!(fatal(rig.scripted([coded(codings, bytes).chunked()]).await), Reason::Empty, "{codings}");
    }
}

#[tokio::test]
async fn a_coded_body_that_was_cut_begins_anew() {
    let body = text(9_000_000);
    let bytes = gzip(&body);
    let cut = bytes.len() as u64 - 1000;
    let rig = Harness::new();
    let script = || coded("gzip", bytes.clone());
    assert_eq!(retry(rig.scripted([script().cut_after(cut)]).await).0, Reason::Truncated);
    assert_eq!(rig.part(), (0, false));
    let job = rig.scripted([script()]).await.unwrap();
    assert!(rig.spooled(&job.fetched) == body);
    assert_eq!(rig.server.requests()[1].range(), None);
}

#[tokio::test]
async fn a_rest_that_comes_coded_is_thrown_away() {
    let body = text(3_000_000);
    let rig = Harness::new();
    std::fs::write(rig.root.path().join("x.txt"), &body).unwrap();
    assert_eq!(retry(rig.scripted([Script::file().cut_after(1_200_000)]).await).0, Reason::Truncated);
    assert!(rig.part().1);
    // All but the coding is as it should be.
    assert_eq!(
        retry(rig.scripted([Script::file().header("content-encoding", "gzip")]).await).0,
        Reason::Truncated
    );
    assert_eq!(rig.server.requests()[1].status, 206);
    assert_eq!(rig.part(), (0, false));
    assert!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched) == body);
    assert_eq!(rig.server.requests()[2].range(), None);
}

#[tokio::test]
async fn the_listed_blake3_is_that_of_the_decoded_bytes() {
    let rig = Harness::new();
    let listing = |bytes: &[u8]| {
        let mut job = rig.job(&[&rig.server.url("/x.txt")]);
        job.listed = Listed { blake3: Some(blake3::hash(bytes).to_hex().to_string()), ..Listed::default() };
        job
    };
    let bytes = gzip(b"words");
    rig.server.respond("/x.txt", coded("gzip", bytes.clone()));
    assert_eq!(fatal(rig.attempt(listing(&bytes), 0).await), Reason::NotText);
    assert!(rig.attempt(listing(b"words"), 0).await.is_ok());
}

#[tokio::test]
async fn a_complete_gzip_stream_is_taken_although_its_length_is_wrong() {
    let whole = text(40_000);
    let packed = gzip(&whole);
    let fields = |length: usize, coding: &str| {
        format!(
            "Content-Type: application/x-gzip\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n"
        )
    };
    let mut rig = Harness::new();
    // The usual mistake of servers is to send the length of the text before compression.
    for length in [packed.len() + 1, whole.len()] {
        let server = raw(&mut rig, &fields(length, "x-gzip"), &packed).await;
        assert_eq!(rig.spooled(&rig.fetch(&server.url).await.unwrap().fetched), whole);
        rig.blobs.remove(&Harness::name()).unwrap();
    }
    let mut corrupt = packed.clone();
    let last = corrupt.len() - 6;
    corrupt[last] ^= 1;
    for (length, coding, body) in [
        (whole.len(), "gzip", &packed[..packed.len() - 1]),
        (whole.len(), "gzip", &packed[..packed.len() / 2]),
        (packed.len() - 1, "gzip", &packed),
        (zlib(&whole).len() + 1, "deflate", &zlib(&whole)),
        (brotli(&whole).len() + 1, "br", &brotli(&whole)),
        (whole.len() + 1, "none", &whole),
    ] {
        let server = raw(&mut rig, &fields(length, coding), body).await;
        assert_eq!(reason(rig.fetch(&server.url).await), Reason::Truncated, "{coding} {length}");
    }
    let server = raw(&mut rig, &fields(whole.len(), "gzip"), &corrupt).await;
    assert_eq!(reason(rig.fetch(&server.url).await), Reason::BadEncodingHeader);
    assert!(!rig.is_published());
}

#[tokio::test]
async fn what_is_no_coding_leaves_the_text_as_it_is() {
    for coding in ["none", "UTF-8", "binary", "8bit", "text/plain", "iso-8859-1", "", "identity, none"] {
        let rig = Harness::new();
        let fetched = rig.scripted([coded(coding, "plain words")]).await.unwrap().fetched;
        assert_eq!(rig.spooled(&fetched), b"plain words", "{coding}");
    }
    for coding in ["compress", "sdch", "lzma", "cow"] {
        let rig = Harness::new();
        assert_eq!(fatal(rig.scripted([coded(coding, "plain words")]).await), Reason::BadEncodingHeader);
    }
}

#[tokio::test]
async fn a_label_of_the_coding_itself_is_no_second_coding() {
    let whole = text(4_000);
    for (label, coding, body) in [
        ("application/x-gzip", "gzip", gzip(&whole)),
        ("application/gzip", "x-gzip", gzip(&whole)),
        ("application/zstd", "zstd", zstd(&whole)),
    ] {
        let rig = Harness::new();
        let fetched =
            rig.scripted([coded(coding, body).header("content-type", label)]).await.unwrap().fetched;
        assert_eq!(rig.spooled(&fetched), whole, "{label}");
    }
    let rig = Harness::new();
    let twice = coded("gzip", gzip(&gzip(&digits(100)))).header("content-type", "application/gzip");
    assert_eq!(fatal(rig.scripted([twice]).await), Reason::NotText);
}
