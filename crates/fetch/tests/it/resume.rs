//! Downloads that are cut.

use flow::{blobs::BlobError, failure::Reason, stage::Attempt};
use test_server::Script;

use crate::harness::{Harness, Raw, Then, retry, run, text};

const BYTES: usize = 3_000_000;
const CUT: u64 = 1_200_000;

fn serving(body: &[u8]) -> Harness {
    let rig = Harness::new();
    std::fs::write(rig.root.path().join("x.txt"), body).unwrap();
    rig
}

/// A rig whose first try was cut, with how many bytes wait.
async fn cut(body: &[u8]) -> (Harness, u64) {
    let rig = serving(body);
    assert_eq!(retry(rig.scripted([Script::file().cut_after(CUT)]).await).0, Reason::Truncated);
    let (waiting, is_noted) = rig.part();
    assert!(is_noted && waiting > 0 && waiting <= CUT, "{waiting}");
    assert!(!rig.is_published());
    (rig, waiting)
}

#[tokio::test]
async fn only_the_rest_of_a_cut_download_is_asked_for() {
    let body = text(BYTES);
    let (rig, waiting) = cut(&body).await;
    let before = rig.counters.bytes.get();
    let job = rig.get("/x.txt").await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), body);
    assert_eq!(rig.counters.bytes.get() - before, BYTES as u64 - waiting);
    let again = &rig.server.requests()[1];
    assert_eq!((again.range(), again.status), (Some(&*format!("bytes={waiting}-")), 206));
    assert_eq!(again.header("if-range"), job.fetched.etag.as_deref());
    // What is recorded does not depend on whether the download was cut.
    assert_eq!(job.fetched.status, Some(200));
    assert_eq!(job.fetched.content_type.as_deref(), Some("text/plain"));
    assert!(job.fetched.last_modified.is_some());
    assert_eq!(rig.part(), (0, false));
}

#[tokio::test]
async fn a_download_is_cut_and_resumed_many_times() {
    let body = text(BYTES);
    let rig = serving(&body);
    rig.server.respond_once("/x.txt", (0..9).map(|_| Script::file().cut_after(300_000)));
    let mut result = rig.get("/x.txt").await;
    let mut tries = 1;
    while result.is_err() {
        assert_eq!(retry(result).0, Reason::Truncated);
        tries += 1;
        result = rig.get("/x.txt").await;
    }
    assert_eq!(rig.spooled(&result.unwrap().fetched), body);
    assert_eq!((tries, rig.server.request_count()), (10, 10));
    assert_eq!(rig.counters.bytes.get(), BYTES as u64);
}

#[tokio::test]
async fn a_text_that_changed_is_not_spliced() {
    let (rig, _) = cut(&text(BYTES)).await;
    let mut changed = text(BYTES + 10);
    changed.rotate_left(10);
    std::fs::write(rig.root.path().join("x.txt"), &changed).unwrap();
    let job = rig.get("/x.txt").await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), changed);
    assert!(rig.server.requests()[1].range().is_some());
    assert_eq!(rig.server.requests()[1].status, 200);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_read_from_the_beginning() {
    let body = text(BYTES);
    let (rig, _) = cut(&body).await;
    let job = rig.scripted([Script::file().without_ranges()]).await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), body);
}

#[tokio::test]
async fn a_part_that_was_not_asked_for_is_thrown_away() {
    let body = text(BYTES);
    let total = BYTES;
    for (name, value) in [
        ("content-range", format!("bytes 0-{}/{total}", total - 1)),
        ("content-range", format!("bytes 1-{}/{total}", total - 1)),
        ("content-range", String::new()),
        ("content-range", format!("bytes {CUT}-{total}/{}", total + 1)),
        ("content-range", format!("bytes {CUT}-{}/*", total - 1)),
        ("content-range", format!("bytes {CUT}-{}/{total}", total - 2)),
        ("etag", "\"another\"".to_owned()),
        ("content-type", "multipart/byteranges; boundary=x".to_owned()),
    ] {
        let (rig, waiting) = cut(&body).await;
        let value = value.replace(&CUT.to_string(), &waiting.to_string());
        // Chunked, so that the length does not give the lie away.
        let mut lie = Script::file().header(name, &value).chunked();
        if name == "content-type" {
            lie = lie.header("content-range", "");
        }
        assert_eq!(retry(rig.scripted([lie]).await).0, Reason::Truncated, "{name}: {value}");
        assert_eq!(rig.part(), (0, false));
        let job = rig.get("/x.txt").await.unwrap();
        assert_eq!(rig.spooled(&job.fetched), body);
        assert_eq!(rig.server.requests()[2].range(), None);
    }
}

#[tokio::test]
async fn a_rest_that_is_shorter_or_longer_than_it_says_is_not_published() {
    let body = text(BYTES);
    let rest = |from: u64, end: &[u8]| {
        let from = usize::try_from(from).unwrap();
        let range = format!("bytes {from}-{}/{BYTES}", BYTES - 1);
        let bytes = [&body[from..BYTES - 10], end].concat();
        Script::bytes(bytes).status(206).header("content-range", &range).header("etag", "").chunked()
    };
    let (rig, waiting) = cut(&body).await;
    assert_eq!(retry(rig.scripted([rest(waiting, b"")]).await).0, Reason::Truncated);
    assert_eq!(rig.part(), (BYTES as u64 - 10, true));
    assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), body);
    let (rig, waiting) = cut(&body).await;
    assert_eq!(retry(rig.scripted([rest(waiting, b"more than ten")]).await).0, Reason::Truncated);
    assert_eq!(rig.part(), (0, false));
    assert!(!rig.is_published());
}

#[tokio::test]
async fn a_range_that_is_not_there_means_beginning_anew() {
    let body = text(BYTES);
    let (rig, _) = cut(&body).await;
    assert_eq!(retry(rig.scripted([Script::empty(416)]).await).0, Reason::Truncated);
    let job = rig.get("/x.txt").await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), body);
}

#[tokio::test]
async fn without_a_strong_validator_nothing_is_kept() {
    let body = text(BYTES);
    for etag in ["W/\"weak\"", ""] {
        let rig = serving(&body);
        // The file is younger than a minute, so its date is no strong validator either.
        let script = Script::file().header("etag", etag).cut_after(CUT);
        assert_eq!(retry(rig.scripted([script]).await).0, Reason::Truncated);
        assert_eq!(rig.part(), (0, false));
        assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), body);
        assert_eq!(rig.server.requests()[1].range(), None);
    }
}

#[tokio::test]
async fn an_old_date_is_a_strong_validator() {
    let body = text(BYTES);
    let rig = serving(&body);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let dated = || Script::file().header("etag", "").header("last-modified", date);
    assert_eq!(retry(rig.scripted([dated().cut_after(CUT)]).await).0, Reason::Truncated);
    // The server itself knows another date, so it sends the whole; the request is what counts here.
    rig.scripted([dated()]).await.unwrap();
    assert_eq!(rig.server.requests()[1].header("if-range"), Some(date));
}

#[tokio::test]
async fn a_part_is_used_only_for_the_url_it_came_from() {
    let body = text(BYTES);
    let (rig, _) = cut(&body).await;
    std::fs::write(rig.root.path().join("y.txt"), &body).unwrap();
    let job = rig.get("/y.txt").await.unwrap();
    assert_eq!(rig.spooled(&job.fetched), body);
    assert_eq!(rig.server.requests()[1].range(), None);
}

#[tokio::test]
async fn a_busy_server_in_between_costs_nothing() {
    let body = text(BYTES);
    let (rig, waiting) = cut(&body).await;
    assert_eq!(retry(rig.scripted([Script::empty(503)]).await).0, Reason::HttpStatus);
    assert_eq!(rig.part(), (waiting, true));
    assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), body);
    assert_eq!(rig.counters.bytes.get(), BYTES as u64);
}

#[tokio::test]
async fn a_try_that_is_dropped_leaves_what_can_be_resumed() {
    let body = text(BYTES);
    let rig = serving(&body);
    rig.server.respond_once("/x.txt", [Script::file().stall_after(2_000_000)]);
    let stage = rig.stage();
    let job = rig.job(&[&rig.server.url("/x.txt")]);
    let came = async {
        while rig.counters.bytes.get() < 2_000_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = run(&stage, job, Attempt { number: 1, failures: 0 }) => panic!("{result:?}"),
        () = came => {}
    }
    while matches!(rig.blobs.resume(&Harness::name()), Err(BlobError::Busy(_))) {
        tokio::task::yield_now().await;
    }
    let (waiting, is_noted) = rig.part();
    assert!(is_noted && (1 << 20..=2_000_000).contains(&waiting), "{waiting}");
    assert_eq!(rig.spooled(&rig.get("/x.txt").await.unwrap().fetched), body);
    assert_eq!(rig.server.requests()[1].range(), Some(&*format!("bytes={waiting}-")));
}

#[tokio::test]
async fn what_is_always_cut_is_never_published() {
    let rig = serving(&text(BYTES));
    rig.server.respond("/x.txt", Script::file().cut_after(0));
    for _ in 0..3 {
        assert_eq!(retry(rig.get("/x.txt").await).0, Reason::Truncated);
        assert_eq!(rig.part(), (0, false));
    }
    assert!(!rig.is_published());
}

#[tokio::test]
async fn a_chunked_body_without_end_is_truncated() {
    let mut rig = Harness::new();
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n";
    let raw = Raw::start(answer, Then::Close).await;
    rig.config.allow_hosts.push(raw.host.parse().unwrap());
    assert_eq!(retry(rig.fetch(&raw.url).await).0, Reason::Truncated);
    assert!(!rig.is_published());
}
