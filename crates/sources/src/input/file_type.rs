//! Detects files that are not source lists by their first bytes: archives, pages, mailboxes, documents,
//! single JSON values.

use infer::MatcherType;

use crate::input::head::ListHead;

/// The number of bytes of a text that are examined.
const TEXT_BYTES: usize = 4096;
/// The headers that an e-mail message may begin with, separated by spaces.
const MAIL_HEADERS: &str =
    "received return-path delivered-to message-id mime-version from date subject x-mozilla-status";
const SAVE_TABLE: &str = "Save the column with the URLs as CSV";
const NAME_URLS: &str = "A list has one URL per line, or is a table with a column 'url'";

/// Returns the message about a file that is not a source list, with advice on what to do.
fn message(what: &str, advice: &str) -> String {
    format!("it is {what}, not a source list. {advice}")
}

/// Detects a file that is not a source list, and returns the message about it. Returns `None` if the file may
/// be a list.
pub(crate) fn detect(head: &ListHead) -> Option<String> {
    if head.bytes.starts_with(b"PAR1") {
        return Some(message("a Parquet file", SAVE_TABLE));
    }
    // A short signature may be the beginning of a path. Files with such a signature contain NUL, and lists do
    // not.
    if head.bytes.contains(&0)
        && let Some(kind) = infer::get(&head.bytes)
    {
        return Some(of_kind(&kind));
    }
    let start = &head.bytes[..head.bytes.len().min(TEXT_BYTES)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start().replace("\r\n", "\n").replace('\r', "\n");
    let text = text.as_str();
    of_text(text).or_else(|| json(text, head))
}

fn of_kind(kind: &infer::Type) -> String {
    let name = kind.extension().to_ascii_uppercase();
    match (kind.extension(), kind.matcher_type()) {
        ("pdf", _) => message("a PDF document", NAME_URLS),
        ("sqlite", _) => message("an SQLite database", SAVE_TABLE),
        ("xlsx" | "xls" | "ods", _) => message("a spreadsheet", SAVE_TABLE),
        ("msi", _) | (_, MatcherType::Doc) => message("an office document", "Save it as plain text"),
        ("gz" | "zst", _) => message("compressed more than once", "Decompress it once"),
        ("bz2" | "bz3" | "xz" | "lz" | "lz4" | "Z", _) => {
            message(&format!("compressed as {name}"), "Decompress it, or compress it with gzip or zstd")
        }
        ("zip" | "tar" | "rar" | "7z" | "ar" | "cpio" | "cab", _) => {
            let article = if name == "AR" { "an" } else { "a" };
            message(&format!("{article} {name} archive"), "Unpack it and use the directory with the texts")
        }
        (_, MatcherType::Book) => message("an e-book", "Save it as plain text"),
        (_, MatcherType::Image) => message("an image", NAME_URLS),
        (_, MatcherType::Audio) => message("an audio file", NAME_URLS),
        (_, MatcherType::Video) => message("a video", NAME_URLS),
        _ => message(&format!("a binary file ({})", kind.mime_type()), NAME_URLS),
    }
}

fn of_text(text: &str) -> Option<String> {
    let first = text.lines().next()?.trim_end();
    let starts =
        |start: &str| text.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start));
    if starts("%PDF-") {
        return Some(message("a PDF document", NAME_URLS));
    }
    if starts("{\\rtf") || starts("%!PS") {
        return Some(message("a formatted document", "Save it as plain text"));
    }
    if starts("WARC/") {
        return Some(message("a WARC archive", "Extract the texts and use their directory"));
    }
    if starts("<?xml") || is_tag(first) {
        let is_page = ["<!doctype html", "<html", "<head", "<body"].iter().any(|start| starts(start));
        let what =
            if is_page || text.to_ascii_lowercase().contains("<html") { "an HTML page" } else { "XML" };
        return Some(message(what, NAME_URLS));
    }
    mail(text, first)
}

/// Returns whether a line begins with a tag, a comment or a declaration. `<http://…>` is none of these.
fn is_tag(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('<') else { return false };
    let name_ends = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
    rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?')
        && !rest[..name_ends].contains("//")
}

fn mail(text: &str, first: &str) -> Option<String> {
    let header = |line: &str| line.split_once(':').map(|(name, _)| name.to_ascii_lowercase());
    let is_header =
        |line: &str| header(line).is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    let second = text.lines().nth(1).unwrap_or_default();
    let ends_with_year = first.len() > 4 && first.bytes().rev().take(4).all(|byte| byte.is_ascii_digit());
    if first.starts_with("From ") && (ends_with_year || is_header(second)) {
        return Some(message("a mailbox (mbox)", "Save its messages as texts and use their directory"));
    }
    let is_mail = header(first).is_some_and(|name| MAIL_HEADERS.split(' ').any(|other| other == name));
    (is_mail && (is_header(second) || second.starts_with([' ', '\t'])))
        .then(|| message("an e-mail message", "Save its text as a separate file"))
}

/// Detects one JSON object over several lines. An object on one line is a line of JSON Lines.
fn json(text: &str, head: &ListHead) -> Option<String> {
    let start = head.bytes.iter().position(|byte| *byte == b'{').filter(|_| text.starts_with('{'))?;
    let bytes = &head.bytes[start..];
    let first_line = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<serde::de::IgnoredAny>();
    let is_object = match values.next()? {
        Ok(_) => values.byte_offset() > first_line,
        Err(error) => error.is_eof() && !head.is_whole(),
    };
    let advice = "Write one object per line (JSON Lines), for example with jq -c .";
    is_object.then(|| message("a JSON object over several lines", advice))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn told(bytes: impl AsRef<[u8]>) -> Option<String> {
        let head = ListHead::read(Box::new(Cursor::new(bytes.as_ref().to_vec()))).expect("memory reads");
        detect(&head)
    }

    #[test]
    fn a_file_that_is_not_a_list_is_named_by_its_type() {
        let mut tar = vec![0; 600];
        tar[..5].copy_from_slice(b"a.txt");
        tar[257..265].copy_from_slice(b"ustar\x0000");
        for (bytes, what) in [
            (&b"PK\x03\x04\x14\0\0\0\x08\0rest"[..], "a ZIP archive"),
            (&tar, "a TAR archive"),
            (b"BZh91AY&SY\0\0", "compressed as BZ2"),
            (b"\xfd7zXZ\0\0\x04", "compressed as XZ"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7Z archive"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image"),
            (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF document"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"PAR1\x15\x04", "a Parquet file"),
            (b"WARC/1.0\r\nWARC-Type: warcinfo\r\n", "a WARC archive"),
            (b"From mill@example.org Mon Jan  5 10:00:00 2026\nSubject: x\n", "a mailbox"),
            (b"From MAILER-DAEMON\nReceived: from x\n", "a mailbox"),
            (b"Received: from a\r\n\tby b\r\n", "an e-mail message"),
            (b"Return-Path: <a@b>\r\nReceived: from a\r\n", "an e-mail message"),
            (b"\n <!DOCTYPE html>\n<html>", "an HTML page"),
            ("\u{feff}<HTML lang=de>".as_bytes(), "an HTML page"),
            (b"<?xml version=\"1.0\"?><html xmlns=''>", "an HTML page"),
            (b"<?xml version='1.0'?>\n<TEI>", "XML"),
            (b"<rss version='2.0'>", "XML"),
            (b"{\\rtf1\\ansi", "a formatted document"),
            (b"{\n  \"url\": \"http://a/\"\n}\n", "a JSON object over several lines"),
        ] {
            let message = told(bytes).unwrap_or_else(|| "NONE".to_owned());
            assert!(message.contains(what), "{message}, not {what}");
        }
    }

    #[test]
    fn lists_are_not_taken_for_anything_else() {
        for list in [
            "",
            "BM-report.txt\nMZ01.txt\nPK.txt\n",
            "# From here on\nhttps://a.example/1\n",
            "From my shelf.txt\n",
            "<https://a.example/1>\n",
            "{\"url\":\"https://a.example/1\"}\n{\"url\":\"https://a.example/2\"}\n",
            "{\"url\":\"https://a.example/1\n{\"url\":\"https://a.example/2\"}\n",
            "{\"url\":\n{\"url\":\"https://a.example/2\"}\n",
            "{\"url\":\"https://a.example/1\"}\r{\"url\":\"https://a.example/2\"}\r",
            &format!("{{\"url\":\"https://a.example/1\",\"x\":\"{}\"}}\n{{}}\n", "x".repeat(9_000)),
            "url,from\nhttps://a.example/1,x\n",
            "date:x\n",
        ] {
            assert_eq!(told(list), None, "{list}");
        }
        assert_eq!(told(b"a\0\nb\xff\nhttps://a.example/1\n"), None);
    }
}
