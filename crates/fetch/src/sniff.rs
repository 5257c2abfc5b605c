//! Whether what comes is a text: by `Content-Type`, then by its first bytes.
//!
//! The marks of HTML are those of the WHATWG MIME Sniffing Standard §7.1, read after a byte order mark and white space,
//! in UTF-8 or UTF-16.

/// How many first bytes decide.
pub(crate) const SNIFF_BYTES: usize = 512;

/// What a page is called.
pub(crate) const PAGE: &str = "an HTML or XML page";
const HTML: [&str; 19] = [
    "<!doctype html",
    "<html",
    "<head",
    "<script",
    "<iframe",
    "<h1",
    "<div",
    "<font",
    "<table",
    "<a",
    "<style",
    "<title",
    "<b",
    "<body",
    "<br",
    "<p",
    "<meta",
    "<!--",
    "<?xml",
];

const BINARY: [(&[u8], &str); 18] = [
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF-", "a PDF file"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"OggS\0", "an Ogg file"),
    (b"ID3\x03", "an MP3 file"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word document"),
];

const TYPES: [&str; 16] = [
    "text/html",
    "application/xhtml+xml",
    "application/zip",
    "application/epub+zip",
    "application/pdf",
    "application/gzip",
    "application/x-gzip",
    "application/x-bzip2",
    "application/x-xz",
    "application/zstd",
    "application/x-tar",
    "application/x-7z-compressed",
    "application/x-rar-compressed",
    "application/vnd.rar",
    "application/msword",
    "application/rtf",
];

const TYPE_FAMILIES: [&str; 5] = ["image/", "audio/", "video/", "font/", "multipart/"];

/// Whether a media type, in lower case and without parameters, is one that no text has.
pub(crate) fn is_refused_type(media_type: &str) -> bool {
    TYPES.contains(&media_type) || TYPE_FAMILIES.iter().any(|family| media_type.starts_with(family))
}

/// Whether a refused media type is that of a page, which a server may send in place of anything.
pub(crate) fn is_page_type(media_type: &str) -> bool {
    matches!(media_type, "text/html" | "application/xhtml+xml")
}

/// Collects the first bytes of a body until they can be judged.
#[derive(Debug, Default)]
pub(crate) struct Sniffer {
    head: Vec<u8>,
}

impl Sniffer {
    /// Takes the next bytes. Says what the body is, where it is not a text.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Option<&'static str> {
        let room = SNIFF_BYTES - self.head.len();
        if room == 0 {
            return None;
        }
        self.head.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if self.head.len() == SNIFF_BYTES { judge(&self.head) } else { None }
    }

    /// The same for a body that has ended.
    pub(crate) fn end(&self) -> Option<&'static str> {
        judge(&self.head)
    }
}

fn judge(head: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = BINARY.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    let text: Vec<u8> = match head {
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => {
            rest.iter().copied().filter(|b| *b != 0).collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        _ => head.to_vec(),
    };
    let text = text.trim_ascii_start();
    HTML.iter().any(|mark| begins_with(text, mark)).then_some(PAGE)
}

/// Whether the mark stands there, as a whole tag name.
fn begins_with(text: &[u8], mark: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(mark.len()) else { return false };
    start.eq_ignore_ascii_case(mark.as_bytes())
        && (mark.starts_with("<!--")
            || rest.first().is_none_or(|b| b.is_ascii_whitespace() || b"/>".contains(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(body: &[u8]) -> Option<&'static str> {
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
            assert_eq!(sniffed(page.as_bytes()), Some("an HTML or XML page"), "{page}");
            let wide: Vec<u8> = "\u{feff}"
                .encode_utf16()
                .chain(page.trim_start_matches('\u{feff}').encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect();
            assert!(sniffed(&wide).is_some(), "{page} in UTF-16");
        }
        assert_eq!(sniffed(b"\x1f\x8b\x08\0"), Some("gzip data"));
        assert_eq!(sniffed(&[b"%PDF-1.4\n".as_slice(), &[b'x'; 2000]].concat()), Some("a PDF file"));
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

    #[test]
    fn types_that_no_text_has_are_refused() {
        for refused in ["text/html", "application/xhtml+xml", "image/png", "application/pdf", "video/x"] {
            assert!(is_refused_type(refused), "{refused}");
        }
        for taken in ["text/plain", "application/octet-stream", "text/markdown", "application/json", ""] {
            assert!(!is_refused_type(taken), "{taken}");
        }
    }
}
