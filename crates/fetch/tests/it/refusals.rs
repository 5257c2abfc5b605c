//! Answers that are not the text.

use std::{fs::OpenOptions, io::Read, sync::Arc};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Kept, Publisher, StagedBlob, StagedFile},
    document::DocumentId,
    failure::Reason,
    stage::Ending,
};
use test_server::Script;

use crate::harness::{Harness, Raw, Report, Then, fatal, reason, retry, text};

#[tokio::test]
async fn a_status_that_will_not_change_gets_one_request() {
    for status in [400, 401, 403, 404, 410, 451, 501, 206, 304, 300, 201, 416] {
        let rig = Harness::new();
        rig.server.respond("/x.txt", Script::empty(status));
        let Err(Report { ending: Ending::Dead(failure), .. }) = rig.get("/x.txt").await else {
            panic!("{status}")
        };
        assert_eq!(failure.reason, Reason::HttpStatus, "{status}");
        assert!(failure.message.contains(&status.to_string()), "{failure}");
        assert!(failure.message.contains(&rig.server.url("/x.txt")), "{failure}");
        assert_eq!(rig.server.request_count(), 1);
        assert_eq!(rig.part(), (0, false));
    }
}

#[tokio::test]
async fn a_status_that_may_change_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let rig = Harness::new();
        assert_eq!(
            retry(rig.scripted([Script::empty(status)]).await),
            (Reason::HttpStatus, None, 500),
            "{status}: and the host is asked slower"
        );
    }
    let rig = Harness::new();
    rig.server.respond_once("/x.txt", [Script::empty(500), Script::bytes("now")]);
    assert_eq!(retry(rig.get("/x.txt").await).0, Reason::HttpStatus);
    assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), b"now");
}

#[tokio::test]
async fn retry_after_is_honoured_and_pauses_the_host() {
    let rig = Harness::new();
    let asking = |status, value: &str| Script::empty(status).header("retry-after", value);
    let http = Reason::HttpStatus;
    assert_eq!(retry(rig.scripted([asking(429, "7")]).await), (http, Some(7_000), 7_000));
    assert_eq!(retry(rig.scripted([asking(503, "99999")]).await), (http, Some(600_000), 600_000));
    assert_eq!(retry(rig.scripted([asking(500, "7")]).await), (http, Some(7_000), 500));
    let past = asking(503, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(retry(rig.scripted([past]).await), (http, Some(0), 500));
    let future = asking(503, "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(retry(rig.scripted([future]).await), (http, Some(600_000), 600_000));
}

#[tokio::test]
async fn nothing_is_not_a_text() {
    let rig = Harness::new();
    assert_eq!(fatal(rig.scripted([Script::bytes("")]).await), Reason::Empty);
    assert_eq!(fatal(rig.scripted([Script::bytes("").chunked()]).await), Reason::Empty);
    assert_eq!(fatal(rig.scripted([Script::empty(204)]).await), Reason::Empty);
    assert!(!rig.is_published());
}

#[tokio::test]
async fn a_page_or_a_binary_is_not_a_text() {
    let rig = Harness::new();
    let bytes = |body: &'static str| Script::bytes(body);
    let typed = |name: &str| Script::bytes("plain words").header("content-type", name);
    for script in [
        bytes("<!DOCTYPE html><title>Are you human?"),
        bytes("\u{feff}\n <HTML>").header("content-type", ""),
        bytes("<?xml version='1.0'?>").chunked(),
        bytes("%PDF-1.7").header("content-type", "application/octet-stream"),
        Script::bytes([b"<html>".as_slice(), &text(5_000_000)].concat()),
        typed("text/html; charset=utf-8"),
        typed("application/xhtml+xml"),
        Script::bytes("\0\x01").header("content-type", "image/png"),
        Script::bytes("PK\x03\x04").header("content-type", "text/plain"),
    ] {
        assert_eq!(reason(rig.scripted([script]).await), Reason::NotText);
        assert_eq!(rig.part(), (0, false));
    }
    assert!(!rig.is_published());
    for label in ["application/octet-stream", "image/png", "application/zip", "application/x-gzip", ""] {
        assert!(rig.scripted([typed(label)]).await.is_ok(), "{label}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_head_or_as_it_comes() {
    let mut rig = Harness::new();
    rig.config.body_bytes_max = 2_000_000;
    assert_eq!(fatal(rig.scripted([Script::generated(2_000_001)]).await), Reason::TooLarge);
    assert_eq!(rig.counters.bytes.get(), 0);
    assert_eq!(fatal(rig.scripted([Script::generated(u64::MAX).chunked()]).await), Reason::TooLarge);
    assert_eq!(rig.part(), (0, false));
    assert!(rig.scripted([Script::generated(2_000_000)]).await.is_ok());
}

#[tokio::test]
async fn a_body_without_end_is_refused_at_the_limit() {
    let mut rig = Harness::new();
    rig.config.body_bytes_max = 200 << 20;
    assert_eq!(fatal(rig.scripted([Script::generated(u64::MAX).chunked()]).await), Reason::TooLarge);
    assert_eq!(rig.part(), (0, false));
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    for (answer, is_final) in [
        (&b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\nx"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx", true),
        (b"220 ftp.example ready\r\n", true),
        (b"", false),
        (b"HTTP/1.1 200 OK\r\nContent-Le", false),
    ] {
        let mut rig = Harness::new();
        let raw = Raw::start(answer, Then::Close).await;
        rig.config.allow_hosts.push(raw.host.parse().unwrap());
        let result = rig.fetch(&raw.url).await;
        if is_final {
            assert_eq!(fatal(result), Reason::HttpStatus, "{}", String::from_utf8_lossy(answer));
        } else {
            assert_eq!(retry(result).0, Reason::Connect);
        }
    }
}

#[tokio::test]
async fn failures_to_connect_are_told_apart() {
    let mut rig = Harness::new();
    let raw = Raw::start(b"HTTP/1.1 400 Bad Request\r\n\r\n", Then::Close).await;
    rig.config.allow_hosts.push(raw.host.parse().unwrap());
    assert_eq!(fatal(rig.fetch(&format!("https://{}/", raw.host)).await), Reason::Tls);
    drop(raw);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    rig.config.allow_hosts.push(port.to_string().parse().unwrap());
    assert_eq!(retry(rig.fetch(&format!("http://{port}/")).await).0, Reason::Connect);
    // A label of 64 bytes is no host name, so no name server is asked.
    let nowhere = format!("http://{}.example/", "x".repeat(64));
    assert_eq!(retry(rig.fetch(&nowhere).await).0, Reason::Dns);
}

/// A store on a disk without room.
struct FullDisk(tempfile::TempDir);

impl BlobStore for FullDisk {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        self.resume(name).map(Into::into)
    }
    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        let file = OpenOptions::new().read(true).append(true).open("/dev/full").unwrap();
        Ok(StagedFile { name: name.clone(), path: self.0.path().join("part"), file, kept: Kept::Yes })
    }
    fn publish_for(&self, _: Vec<Change>, _: Publisher) {
        panic!("nothing was written that could be published")
    }
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        Err(BlobError::NotFound(name.relative_path()))
    }
    fn len(&self, _: &BlobName) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }
    fn remove(&self, _: &BlobName) -> Result<(), BlobError> {
        Ok(())
    }
    fn list(&self, _: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_full_disk_halts_the_worker_and_leaves_nothing() {
    let mut rig = Harness::new();
    let disk = tempfile::tempdir().unwrap();
    let place = disk.path().to_owned();
    rig.blobs = Arc::new(FullDisk(disk));
    let local = rig.root.path().join("local.txt");
    std::fs::write(&local, "words").unwrap();
    for url in [rig.server.url("/x.txt"), format!("file://{}", local.display())] {
        rig.server.respond_once("/x.txt", [Script::bytes(text(3_000_000))]);
        let Err(Report { ending: Ending::Halt(failure), .. }) = rig.fetch(&url).await else {
            panic!("{url}")
        };
        assert_eq!(failure.reason, Reason::DiskFull);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }
}
