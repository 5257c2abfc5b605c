//! Tests that texts are accepted, and that other file types are refused.

use super::*;

fn sniffed(body: &[u8]) -> Option<Cow<'static, str>> {
    let mut sniffer = Sniffer::default();
    body.chunks(7).find_map(|chunk| sniffer.feed(chunk)).or_else(|| sniffer.end())
}

#[test]
fn pages_and_binaries_are_not_texts() {
    for page in [
        "<!DOCTYPE html><html>",
        "\u{feff} \r\n\t<HTML>",
        "<html lang=en>",
        "<head>",
        "<?xml version=\"1.0\"?>",
        "<!-- saved --> <html>",
        "<body\n>",
        "<p>Sorry",
    ] {
        assert_eq!(sniffed(page.as_bytes()), Some("an HTML or XML page".into()), "{page}");
        let wide: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(page.trim_start_matches('\u{feff}').encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(sniffed(&wide).is_some(), "{page} in UTF-16");
    }
    assert_eq!(sniffed(b"\x1f\x8b\x08\0"), Some("gzip data".into()));
    assert_eq!(sniffed(&[b"%PDF-1.4\n".as_slice(), &[b'x'; 2000]].concat()), Some("a PDF file".into()));
}

#[test]
fn texts_are_texts() {
    for text in [
        "",
        "<",
        "<Produced by>",
        "<about> this",
        "<break",
        "*** START OF",
        "Title: x",
        "BZ\n",
        "PK and others",
        "\u{feff}Ünïcode",
        "x <html>",
    ] {
        assert_eq!(sniffed(text.as_bytes()), None, "{text}");
    }
    assert_eq!(sniffed(&[0xff, 0xfe, b'T', 0, b'o', 0]), None);
    assert_eq!(sniffed(&[b'x'; 5000]), None);
}

fn labelled(label: &str, body: &[u8]) -> Option<String> {
    let sniff = |bytes: usize| {
        let mut sniffer = Sniffer::new(Some(label));
        let fed = body.chunks(bytes).find_map(|chunk| sniffer.feed(chunk));
        fed.or_else(|| sniffer.end()).map(Cow::into_owned)
    };
    assert_eq!(sniff(1), sniff(usize::MAX));
    sniff(7)
}

fn prose(bytes: usize) -> Vec<u8> {
    b"The river turned the mill, and a < b > c.\n".iter().copied().cycle().take(bytes).collect()
}

#[test]
fn a_text_behind_a_label_that_no_text_has_is_a_text() {
    for label in
        ["image/jpeg", "application/x-gzip", "application/msword", "video/x", "multipart/mixed", "font/woff"]
    {
        assert_eq!(labelled(label, b"plain words"), None, "{label}");
        assert_eq!(labelled(label, &prose(5_000)), None, "{label}");
        assert_eq!(labelled(label, b"caf\xe9, \x1b$B and \x0c\r\n\x1a"), None, "{label}");
        assert_eq!(labelled(label, b"\xff\xfew\0o\0r\0d\0"), None, "{label}");
        let noise: Vec<u8> = (0..=255).collect();
        assert_eq!(labelled(label, &noise).as_deref(), Some(label));
        assert_eq!(labelled(label, b"<!doctype html>").as_deref(), Some(PAGE));
        assert_eq!(labelled(label, b"%PDF-1.4 x").as_deref(), Some("a PDF file"));
    }
    for taken in ["text/plain", "application/octet-stream", "text/markdown", "application/json", ""] {
        assert_eq!(labelled(taken, b"a\0b"), None, "{taken}: the store judges it");
    }
    let parts = b"--x\r\nContent-Type: text/plain\r\n\r\nwords\r\n--x--\r\n";
    assert_eq!(labelled("multipart/mixed", parts).as_deref(), Some("multipart/mixed"));
}

#[test]
fn what_is_labelled_as_a_page_is_a_text_only_without_markup_and_longer_than_a_notice() {
    for label in ["text/html", "application/xhtml+xml"] {
        assert_eq!(labelled(label, &prose(5_000)), None);
        assert_eq!(labelled(label, b"Too many requests.").as_deref(), Some(PAGE));
        for markup in ["<p>", "</b>", "<br>", "<A HREF=x>"] {
            let marked = [&prose(3_000), markup.as_bytes(), &prose(3_000)].concat();
            assert_eq!(labelled(label, &marked).as_deref(), Some(PAGE), "{markup}");
            assert_eq!(labelled("text/plain", &marked), None, "{markup}");
        }
    }
}

#[test]
fn a_page_that_comes_late_is_a_page() {
    let page = [b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><p>", &*prose(4_000)].concat();
    let ends = ["</body></html>\n", "</HTML >\r\n\r\n", "</html><!-- by x --> <!-- y -->\n", "</body>"];
    let starts = [
        "Saved from the web.\n".to_owned(),
        format!("<!-- {} -->\n", "x ".repeat(9_000)),
        "\n".repeat(20),
        " ".repeat(4_096),
        "\u{feff}\r\n".to_owned() + &"\t\r\n".repeat(30_000),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".to_owned(),
        "Warning: line 3\n".repeat(20),
    ];
    for start in &starts {
        for end in ends {
            let body = [start.as_bytes(), &page, end.as_bytes()].concat();
            assert_eq!(labelled("text/plain", &body).as_deref(), Some(PAGE), "{start:.20} {end}");
        }
    }
    let wide: Vec<u8> = "\u{feff}A line.\r\n<html><p>words, and words</html>\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(labelled("text/plain", &wide).as_deref(), Some(PAGE));
}

#[test]
fn a_text_that_quotes_a_page_is_a_text() {
    let example = b"<!DOCTYPE html>\n<html><head><title>x</title></head><body>x</body></html>\n";
    for (before, after) in [(5_000, 5_000), (5_000, 0), (40_000, 0), (40, 60), (40, 60_000)] {
        let body = [prose(before), example.to_vec(), prose(after)].concat();
        assert_eq!(labelled("text/plain", &body), None, "{before} {after}");
    }
    assert_eq!(labelled("text/plain", b"Begin with <html and go on."), None);
    assert_eq!(labelled("text/plain", b"The tag <html> opens what </html> closes."), None);
}

#[test]
fn archives_of_texts_are_no_texts() {
    let warc = Some("a web archive (WARC)");
    let mbox = Some("a mailbox (mbox)");
    for (body, kind) in [
        ("WARC/1.0\r\nWARC-Type: warcinfo\r\n", warc),
        ("WARC/1.1\nContent-Length: 0\n", warc),
        ("WARC/0.18\r\nWARC-Type: response\r\n", warc),
        ("filedesc://x.arc 0.0.0.0 20100101000000 text/plain 75\n", warc),
        ("WARC/1.0 is a format of archives.\nIt has records.\n", None),
        ("WARC is a format.", None),
        ("From ann@example.org Mon Jan  4 10:00:00 2010\nFrom: ann@example.org\n\nx\n", mbox),
        ("From - Tue Mar 02 09:08 1999\r\nX-Mozilla-Status: 0001\r\n", mbox),
        ("From MAILER-DAEMON Fri Jul  8 12:08:34 2011 +0200\nReturn-Path: <x>\n", mbox),
        ("From the beginning of 2010, at 10:00 each day\nit rained.\n", None),
        ("From London, Mon Jan 4 10:00 1810\nDear Sir: it rains.\n", None),
        ("From: ann@example.org\nSubject: hello\n\nx\n", None),
    ] {
        assert_eq!(sniffed(body.as_bytes()).as_deref(), kind, "{body}");
    }
    let mut tar = vec![0; 600];
    tar[257..263].copy_from_slice(b"ustar\0");
    assert_eq!(sniffed(&tar).as_deref(), Some("a tar archive"));
    assert_eq!(sniffed(b"PK\x05\x06\0\0").as_deref(), Some("a ZIP archive"));
    assert_eq!(sniffed(b"\r\n%PDF-1.4\n").as_deref(), Some("a PDF file"));
}
