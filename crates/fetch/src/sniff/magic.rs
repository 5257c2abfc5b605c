//! Detects other file types by their first bytes.

const BINARY: [(&[u8], &str); 31] = [
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"PK\x07\x08", "a ZIP archive"),
    (b"%PDF-", "a PDF file"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"LZIP\x01", "lzip data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"OggS\0", "an Ogg file"),
    (b"fLaC\0", "a FLAC file"),
    (b"ID3\x02", "an MP3 file"),
    (b"ID3\x03", "an MP3 file"),
    (b"ID3\x04", "an MP3 file"),
    (b"\0\0\0\x18ftyp", "an MP4 file"),
    (b"\0\0\0\x1cftyp", "an MP4 file"),
    (b"\0\0\0\x20ftyp", "an MP4 file"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"AT&TFORM", "a DjVu document"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS-Adobe-", "a PostScript document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word document"),
];

/// Magic bytes at an offset, with the offset in bytes.
const BINARY_WITHIN: [(usize, &[u8], &str); 4] = [
    (257, b"ustar\0", "a tar archive"),
    (257, b"ustar  \0", "a tar archive"),
    (60, b"BOOKMOBI", "a Mobipocket book"),
    (8, b"WEBPVP8", "a WebP image"),
];

/// Returns the file type that the first bytes of a body show, if it is not a text.
pub(super) fn kind(head: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = BINARY.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    let stands = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, _, what)) = BINARY_WITHIN.iter().find(|(at, magic, _)| stands(*at, magic)) {
        return Some(what);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"%PDF-") {
        return Some("a PDF file");
    }
    if is_web_archive(text) {
        return Some("a web archive (WARC)");
    }
    is_mailbox(text).then_some("a mailbox (mbox)")
}

/// Returns whether a text is a WARC or ARC file. A WARC begins with its version on a line of its own,
/// followed by a named field (ISO 28500 §4). An ARC, the older format, begins with `filedesc://`.
fn is_web_archive(text: &[u8]) -> bool {
    let mut lines = lines(text);
    let version = lines.next().and_then(|line| line.strip_prefix(b"WARC/"));
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    version.is_some_and(is_number) && lines.next().is_none_or(|line| line.is_empty() || is_field(line))
        || text.starts_with(b"filedesc://")
}

/// Returns whether a text is a mailbox. A mailbox begins with a line of `From `, the sender and the date,
/// which must have a time with hours and minutes and a year. Then come the header fields of the first mail,
/// or an escaped `>From ` line (RFC 4155).
fn is_mailbox(text: &[u8]) -> bool {
    let mut lines = lines(text);
    let Some(sent) = lines.next().and_then(|line| line.strip_prefix(b"From ")) else { return false };
    let mut words = sent.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let is_year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    let is_time = |word: &[u8]| {
        let mut parts = word.split(|b| *b == b':');
        let is_part = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_digit);
        parts.next().is_some_and(is_part) && parts.next().is_some_and(is_part)
    };
    let has_date = words.clone().any(is_time) && words.any(is_year);
    has_date && lines.next().is_some_and(|line| is_field(line) || line.starts_with(b">From "))
}

/// Returns whether a line is a header field (`Name: value`) of a mail: RFC 5322 §2.2.
fn is_field(line: &[u8]) -> bool {
    let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
    colon > 0 && line[..colon].iter().all(u8::is_ascii_graphic)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Returns whether the first bytes contain a binary data byte of the WHATWG MIME Sniffing Standard §3. The
/// DOS end-of-file mark is allowed as the last byte. Texts in UTF-16 contain NUL, so bytes that begin with
/// the byte order mark of UTF-16 are not binary.
pub(super) fn is_binary(head: &[u8]) -> bool {
    // UTF-16 has a zero byte in each ASCII character.
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return false;
    }
    let head = head.strip_suffix(b"\x1a").unwrap_or(head);
    head.iter().any(|b| matches!(b, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f))
}

/// Returns whether the first bytes contain the beginning of a part of a multipart body: a line with `--` and
/// at least one more byte, and after it a line that begins with `Content-`, in upper or lower case.
pub(super) fn is_in_parts(head: &[u8]) -> bool {
    let mut lines = lines(head);
    let begins_part = |line: &[u8]| line.starts_with(b"--") && line.len() > 2;
    lines.any(begins_part) && lines.any(|line| line.to_ascii_lowercase().starts_with(b"content-"))
}
