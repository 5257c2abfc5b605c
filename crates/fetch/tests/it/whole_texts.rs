//! Bodies that come whole.

use flow::{blobs::BlobKind, failure::Reason, payload::Listed, stage::Attempt};
use test_server::Script;

use crate::harness::{Harness, Raw, Then, fatal, run, text};

#[tokio::test]
async fn a_whole_text_is_published_with_all_that_is_known_of_it() {
    let rig = Harness::new();
    let body = text(3_000_000);
    std::fs::write(rig.root.path().join("a.txt"), &body).unwrap();
    let job = rig.get("/a.txt?q").await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), body);
    assert_eq!(job.document.as_str(), "x");
    let fetched = job.fetched;
    assert_eq!(fetched.url, rig.server.url("/a.txt?q"));
    assert_eq!(fetched.final_url, fetched.url);
    assert_eq!((fetched.status, fetched.attempts), (Some(200), 1));
    assert_eq!(fetched.content_type.as_deref(), Some("text/plain"));
    assert_eq!(fetched.charset, None);
    assert!(fetched.etag.is_some() && fetched.last_modified.is_some() && fetched.at_ms > 0);
    assert_eq!(rig.counters.bytes.get(), 3_000_000);
    assert_eq!(rig.part(), (0, false));
    let request = &rig.server.requests()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("juggle/"));
    assert_eq!((request.range(), request.header("cookie"), request.header("referer")), (None, None, None));
}

#[tokio::test]
async fn fetching_again_replaces_what_is_there() {
    let rig = Harness::new();
    rig.scripted([Script::bytes("first")]).await.unwrap();
    let again = rig.scripted([Script::bytes("second").chunked().header("content-type", "")]).await.unwrap();
    assert_eq!(rig.spooled(&again.fetched), b"second");
    assert_eq!(again.fetched.content_type, None);
}

#[tokio::test]
async fn type_and_charset_are_read_from_the_answer() {
    let rig = Harness::new();
    let script = Script::bytes("x").header("content-type", "Text/Plain; charset=ISO-8859-1");
    let fetched = rig.scripted([script]).await.unwrap().fetched;
    assert_eq!(fetched.content_type.as_deref(), Some("text/plain"));
    assert_eq!(fetched.charset.as_deref(), Some("ISO-8859-1"));
}

#[tokio::test]
async fn a_body_of_http_1_0_without_length_ends_with_the_connection() {
    let mut rig = Harness::new();
    let raw = Raw::start(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it", Then::Close).await;
    rig.config.allow_hosts.push(raw.host.parse().unwrap());
    let job = rig.fetch(&raw.url).await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), b"all of it");
}

#[tokio::test]
async fn the_listed_blake3_must_be_that_of_the_bytes() {
    let rig = Harness::new();
    rig.server.respond("/x.txt", Script::bytes("these bytes"));
    let listing = |blake3: String| {
        let mut job = rig.job(&[&rig.server.url("/x.txt")]);
        job.listed = Listed { blake3: Some(blake3), ..Listed::default() };
        job
    };
    let wrong = listing(blake3::hash(b"other bytes").to_hex().to_string());
    assert_eq!(fatal(rig.attempt(wrong, 0).await), Reason::NotText);
    assert!(!rig.is_published());
    let right = listing(blake3::hash(b"these bytes").to_hex().to_uppercase());
    let job = rig.attempt(right, 0).await.unwrap();
    assert!(job.listed.blake3.is_some());
    assert!(rig.is_published());
}

#[tokio::test]
async fn the_listed_sha256_must_be_that_of_the_bytes_too() {
    // As sha256sum says of "these bytes".
    const SHA256: &str = "32019911eab0ab6adf6223b68c49e17eb2e6586dc60c0c294979d8cfb4e23b46";
    let rig = Harness::new();
    rig.server.respond("/x.txt", Script::bytes("these bytes"));
    let listing = |blake3: &[u8], sha256: String| {
        let mut job = rig.job(&[&rig.server.url("/x.txt")]);
        let blake3 = Some(blake3::hash(blake3).to_hex().to_string());
        job.listed = Listed { blake3, sha256: Some(sha256), ..Listed::default() };
        job
    };
    for (blake3, sha256) in [
        (&b"these bytes"[..], "0".repeat(64)),
        (b"other bytes", SHA256.to_owned()),
        (b"other bytes", "0".repeat(64)),
    ] {
        assert_eq!(fatal(rig.attempt(listing(blake3, sha256), 0).await), Reason::NotText);
        assert!(!rig.is_published());
    }
    let right = listing(b"these bytes", SHA256.to_uppercase());
    let job = rig.attempt(right, 0).await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), b"these bytes");
}

#[tokio::test]
async fn many_downloads_at_a_time_share_one_stage() {
    let rig = Harness::new();
    let stage = rig.stage();
    for n in 0..40 {
        rig.server.respond(&format!("/{n}.txt"), Script::bytes(text(10_000 + n)));
    }
    let runs = (0..40).map(|n| {
        let mut job = rig.job(&[&rig.server.url(&format!("/{n}.txt"))]);
        job.document = format!("d{n}").parse().unwrap();
        run(&stage, job, Attempt { number: 1, failures: 0 })
    });
    for (n, result) in futures_util::future::join_all(runs).await.into_iter().enumerate() {
        assert_eq!(result.unwrap()[0].fetched.bytes, 10_000 + n as u64);
    }
    assert_eq!(rig.blobs.list(BlobKind::Spool).unwrap().len(), 40);
}
