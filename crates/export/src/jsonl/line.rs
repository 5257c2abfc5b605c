//! Writes a document as one line of JSON. The text is escaped in parts, so a long one takes no more memory
//! than a short one.
//!
//! A key without a value is omitted rather than null. Readers that infer the type of a column from the first
//! rows, and readers that declare a field as a string, reject a null.

use std::collections::BTreeMap;

use flow::{
    document::DocumentId,
    json_line::{self, LINE_ENDS},
};
use serde::Serialize;
use url::Url;

use crate::{corpus::Document, error::ExportError};

/// The fields after the text.
#[derive(Serialize)]
struct FieldsAfter<'m> {
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    metadata: Metadata<'m>,
}

/// The other facts about the document. Dolma leaves these fields open.
#[derive(Serialize)]
struct Metadata<'m> {
    url: &'m str,
    final_url: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    encoding: &'m str,
    text_bytes: u64,
    text_blake3: &'m str,
    raw_bytes: u64,
    raw_blake3: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<&'m DocumentId>,
    /// The other columns of the source list. If empty, it would be a structure without fields, which few
    /// table formats can hold.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    listed: &'m BTreeMap<String, String>,
}

/// Passes the line to `put` in parts, with its line feed.
pub(super) fn write(
    document: &Document<'_>,
    mut put: impl FnMut(&[u8]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    put(b"{\"id\":")?;
    put(&json(document.id()))?;
    put(b",\"text\":\"")?;
    let mut text = Escaper { held: Vec::new(), put: &mut put };
    document.read_text(|part| text.write(part))?;
    text.finish()?;
    put(b"\",")?;
    // Without its brace: the fields belong to the object that has begun.
    put(&json(&fields_after(document))[1..])?;
    put(b"\n")
}

fn fields_after<'d>(document: &'d Document<'_>) -> FieldsAfter<'d> {
    let (meta, bibliography) = (&document.meta, document.bibliography());
    FieldsAfter {
        source: source(&meta.url),
        added: bibliography.changed(),
        created: bibliography.created(),
        metadata: Metadata {
            url: &meta.url,
            final_url: &meta.final_url,
            title: meta.title.as_deref(),
            author: bibliography.author_name(),
            language: bibliography.language(),
            encoding: &meta.encoding.used,
            text_bytes: meta.text.bytes,
            text_blake3: &meta.text.blake3,
            raw_bytes: meta.raw.bytes,
            raw_blake3: &meta.raw.blake3,
            duplicate_of: meta.duplicate_of.as_ref(),
            listed: &meta.listed,
        },
    }
}

/// Returns the host of a URL, or `local` for a file.
fn source(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty());
    host.unwrap_or("local").to_owned()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    json_line::to_vec(value).expect("records are structs of strings, numbers and maps")
}

/// Escapes a UTF-8 string (RFC 8259 §7) that arrives in parts, which may end within a character.
struct Escaper<'p, P> {
    /// The end of the last part, if it may be the beginning of a line end.
    held: Vec<u8>,
    put: &'p mut P,
}

impl<P: FnMut(&[u8]) -> Result<(), ExportError>> Escaper<'_, P> {
    fn write(&mut self, part: &[u8]) -> Result<(), ExportError> {
        if self.held.is_empty() {
            return self.escape(part);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(part);
        self.escape(&joined)
    }

    /// Writes the bytes that are still held.
    fn finish(self) -> Result<(), ExportError> {
        (self.put)(&self.held)
    }

    fn escape(&mut self, part: &[u8]) -> Result<(), ExportError> {
        // The bytes from `start` on need no escape so far; they are written in one piece.
        let mut start = 0;
        for (at, byte) in part.iter().enumerate() {
            let control;
            let mut length = 1;
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\t' => b"\\t",
                0..0x20 => {
                    control = format!("\\u{byte:04x}");
                    control.as_bytes()
                }
                0xc2 | 0xe2 => {
                    // The first bytes of U+0085, U+2028 and U+2029, which some readers take for line ends.
                    let rest = &part[at..];
                    if LINE_ENDS.iter().any(|(raw, _)| rest.len() < raw.len() && raw.starts_with(rest)) {
                        // The rest decides whether it is one, so it waits for the next part.
                        (self.put)(&part[start..at])?;
                        self.held = rest.to_vec();
                        return Ok(());
                    }
                    let found = LINE_ENDS.iter().find(|(raw, _)| rest.starts_with(raw));
                    let Some((raw, escape)) = found else { continue };
                    length = raw.len();
                    escape
                }
                _ => continue,
            };
            (self.put)(&part[start..at])?;
            (self.put)(escape)?;
            start = at + length;
        }
        (self.put)(&part[start..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_text_is_one_line_and_reads_back_however_it_is_divided() {
        let all: String = (0..0x300)
            .filter_map(char::from_u32)
            .chain("雨\u{2028}\u{2029}\u{2027}\u{10ffff}\u{2028}".chars())
            .collect();
        for length in [1, 2, 3, 7, all.len()] {
            let mut written = vec![b'"'];
            let mut put = |bytes: &[u8]| {
                written.extend_from_slice(bytes);
                Ok(())
            };
            let mut text = Escaper { held: Vec::new(), put: &mut put };
            for part in all.as_bytes().chunks(length) {
                text.write(part).unwrap();
            }
            text.finish().unwrap();
            written.push(b'"');
            let line = str::from_utf8(&written).unwrap();
            assert!(!line.contains(|c: char| c < ' ' || "\u{85}\u{2028}\u{2029}".contains(c)), "{line:?}");
            assert_eq!(serde_json::from_str::<String>(line).unwrap(), all);
        }
    }

    #[test]
    fn a_source_is_a_host() {
        for (url, expected) in [
            ("https://www.gutenberg.org/cache/epub/84/pg84.txt", "www.gutenberg.org"),
            ("http://127.0.0.1:8000/a", "127.0.0.1"),
            ("file:///tmp/a.txt", "local"),
            ("no URL", "local"),
        ] {
            assert_eq!(source(url), expected);
        }
    }
}
