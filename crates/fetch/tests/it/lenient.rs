//! Tests responses that violate the standards, as real servers send them.

use flow::{failure::Reason, stage::Ending};

use crate::{
    harness::{Harness, Report, Result, fatal, reason, text},
    raw_server::{RawServer, Say, answer, ok},
};

const TEXT: &[u8] = b"The river turned the mill.\n";

/// Fetches one response, and returns the spooled text or the failure.
async fn fetched(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut rig = Harness::new();
    let talker = RawServer::start(&mut rig, move |_| Say::Close(bytes.clone())).await;
    let store = rig.fetch(&talker.url("/x.txt")).await?;
    Ok(rig.spooled(&store.fetched))
}

#[tokio::test]
async fn header_fields_that_browsers_accept_are_accepted() {
    let hundreds: String = (0..300).map(|n| format!("X-{n}: {n}\r\n")).collect();
    for fields in [
        &b"X-Note : hello\r\n"[..],
        b"X-Note\t: hello\r\n",
        b"X-Long: one,\r\n two\r\n\tthree\r\n",
        b"Set-Cookie: s=1; domain=\x7fwom.example\r\n",
        b"X-\x01: a\x02b\x1b\r\n",
        b"X-Caf\xe9: x\r\n",
        b"X-\xc5\x93: \xc5\x93\xe9\r\n",
        b"a line without a colon\r\n",
        b": no name\r\n",
        b"(comment): x\r\n",
        b"X Y: two words\r\n",
        hundreds.as_bytes(),
    ] {
        let came = fetched(ok(fields, TEXT)).await;
        assert_eq!(came.unwrap(), TEXT, "{}", String::from_utf8_lossy(fields));
    }
}

#[tokio::test]
async fn framing_and_charset_are_read_in_lenient_forms_too() {
    let mut rig = Harness::new();
    let body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Type:\r\n text/plain;\r\n\tcharset=koi8-r\r\n\r\n5\r\nwords\r\n0\r\n\r\n";
    let talker = RawServer::start(&mut rig, |_| Say::Close(body.to_vec())).await;
    let fetched = rig.fetch(&talker.url("/x.txt")).await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), b"words");
    assert_eq!(fetched.charset.as_deref(), Some("koi8-r"));
}

#[tokio::test]
async fn header_fields_that_may_smuggle_are_refused() {
    let too_many: String = (0..600).map(|n| format!("X-{n}: {n}\r\n")).collect();
    for fields in [
        "X: a\0b\r\n",
        "X\0: a\r\n",
        "X: a\rContent-Length: 3\r\n",
        "Content-Length : 3\r\n",
        "Content-Length:\r\n 3\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: 3, 4\r\n",
        &too_many,
    ] {
        assert_eq!(fatal(fetched(ok(fields, TEXT)).await), Reason::HttpStatus, "{fields:.60}");
    }
}

#[tokio::test]
async fn a_location_is_followed_by_the_bytes_it_has() {
    for (location, target) in [
        (&b"/ziel/caf\xe9.txt"[..], "/ziel/caf%E9.txt"),
        (b"ziel/caf\xe9.txt", "/d/ziel/caf%E9.txt"),
        (b"/\xd0\xba\xd0\xbd.txt?q=\xd0\xba", "/%D0%BA%D0%BD.txt?q=%D0%BA"),
        (b"/\xc3\x28.txt?\xff", "/%C3(.txt?%FF"),
        (b"/caf%E9 \xe9.txt", "/caf%E9%20%E9.txt"),
    ] {
        let mut rig = Harness::new();
        let talker = RawServer::start(&mut rig, move |asked| {
            let fields = [b"Location: ", location, b"\r\n"].concat();
            match asked.head.split(' ').nth(1) {
                Some("/d/a.txt") => Say::Close(answer("302 Found", fields, b"")),
                path => Say::Close(ok("", path.unwrap().as_bytes())),
            }
        })
        .await;
        let fetched = rig.fetch(&talker.url("/d/a.txt")).await.unwrap().fetched;
        assert_eq!(String::from_utf8(rig.spooled(&fetched)).unwrap(), target);
        assert_eq!((fetched.final_url, fetched.attempts), (talker.url(target), 1), "a redirect is no try");
    }
}

#[tokio::test]
async fn status_203_is_a_success() {
    assert_eq!(fetched(answer("203 Non-Authoritative Information", "", TEXT)).await.unwrap(), TEXT);
    let smuggled = answer("203 Hm", "Content-Length: 3\r\n", TEXT);
    assert_eq!(fatal(fetched(smuggled).await), Reason::HttpStatus);
    assert_eq!(fatal(fetched(answer("203 Hm", "", b"")).await), Reason::Empty);
}

#[tokio::test]
async fn a_part_is_never_taken_for_the_whole() {
    let whole = text(4_000);
    let fields = |range: &str| format!("Content-Range: {range}\r\n");
    for (range, body) in [
        ("bytes 1000-3999/4000", &whole[1_000..]),
        ("bytes 0-999/4000", &whole[..1_000]),
        ("bytes 0-3999/*", &whole),
        ("bytes */4000", &whole),
        ("bytes 0-3999/4000", &whole[..3_000]),
        ("lines 0-3999/4000", &whole),
        ("nonsense", &whole),
        ("bytes 0-3999/4000\r\nContent-Range: bytes 0-3999/4000", &whole),
    ] {
        for status in ["200 OK", "203 Hm"] {
            let Err(Report { ending: Ending::Retry { failure, .. }, .. }) =
                fetched(answer(status, fields(range), body)).await
            else {
                panic!("{range}")
            };
            assert_eq!(failure.reason, Reason::Truncated);
            assert!(failure.message.contains("only a part of the text"), "{failure}");
        }
    }
    let in_parts = "Content-Type: multipart/byteranges; boundary=x\r\n";
    assert_eq!(reason(fetched(ok(in_parts, &whole)).await), Reason::Truncated);
    assert_eq!(fetched(ok(fields("bytes 0-3999/4000"), &whole)).await.unwrap(), whole);
    let unasked = answer("206 Partial Content", fields("bytes 0-999/4000"), &whole[..1_000]);
    assert_eq!(fatal(fetched(unasked).await), Reason::HttpStatus);
}

#[tokio::test]
async fn a_rest_with_status_200_is_thrown_away_and_the_whole_asked_for() {
    let mut rig = Harness::new();
    let whole = text(4_000);
    let sent = whole.clone();
    let talker = RawServer::start(&mut rig, move |asked| {
        let head = asked.head.to_ascii_lowercase();
        let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
        Say::Close(match (asked.connection, range) {
            (1, _) => ok("ETag: \"1\"\r\n", &sent)[..2_000].to_vec(),
            (_, Some(range)) => {
                let from: usize = range.trim_end_matches('-').parse().unwrap();
                ok(format!("ETag: \"1\"\r\nContent-Range: bytes {from}-3999/4000\r\n"), &sent[from..])
            }
            (_, None) => ok("ETag: \"1\"\r\n", &sent),
        })
    })
    .await;
    let url = talker.url("/x.txt");
    assert_eq!(reason(rig.fetch(&url).await), Reason::Truncated);
    assert!(rig.part().1, "it may be resumed");
    assert_eq!(reason(rig.attempt(rig.job(&[&url]), 1).await), Reason::Truncated);
    assert_eq!(rig.part(), (0, false));
    let fetched = rig.attempt(rig.job(&[&url]), 2).await.unwrap().fetched;
    assert_eq!(rig.spooled(&fetched), whole);
}

#[tokio::test]
async fn a_page_that_comes_late_is_found_in_a_body_that_was_resumed_too() {
    let mut rig = Harness::new();
    let page = [b"Saved from the web.\n<html><body>\n", text(4_000).as_slice(), b"</body></html>\n"].concat();
    let talker = RawServer::start(&mut rig, move |asked| {
        let head = asked.head.to_ascii_lowercase();
        let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
        let last = page.len() - 1;
        Say::Close(match range {
            None => ok("ETag: \"1\"\r\n", &page)[..2_000].to_vec(),
            Some(range) => {
                let from: usize = range.trim_end_matches('-').parse().unwrap();
                let fields = format!("ETag: \"1\"\r\nContent-Range: bytes {from}-{last}/{}\r\n", page.len());
                answer("206 Partial Content", fields, &page[from..])
            }
        })
    })
    .await;
    let url = talker.url("/x.txt");
    assert_eq!(reason(rig.fetch(&url).await), Reason::Truncated);
    assert_eq!(reason(rig.attempt(rig.job(&[&url]), 1).await), Reason::NotText);
    assert!(!rig.is_published());
}
