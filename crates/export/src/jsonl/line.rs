//! A document as one line of JSON. Its text is escaped part by part, so a long one takes no more memory than a short one.

use std::collections::BTreeMap;

use flow::document::DocumentId;
use serde::Serialize;
use url::Url;

use crate::{corpus::Document, error::ExportError};

/// What stands before the text.
#[derive(Serialize)]
struct Head<'m> {
    id: &'m DocumentId,
}

/// What stands after it.
#[derive(Serialize)]
struct Tail<'m> {
    source: String,
    added: Option<String>,
    created: Option<String>,
    metadata: Metadata<'m>,
}

#[derive(Serialize)]
struct Metadata<'m> {
    url: &'m str,
    final_url: &'m str,
    title: Option<&'m str>,
    author: Option<String>,
    language: Option<String>,
    encoding: &'m str,
    text_bytes: u64,
    text_blake3: &'m str,
    raw_bytes: u64,
    raw_blake3: &'m str,
    duplicate_of: Option<&'m DocumentId>,
    /// Further columns of the source list.
    listed: &'m BTreeMap<String, String>,
}

/// Hands the line over in parts, with its end.
pub(super) fn write(
    document: &Document<'_>,
    mut put: impl FnMut(&[u8]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let head = json(&Head { id: document.id() });
    put(&head[..head.len() - 1])?;
    put(b",\"text\":\"")?;
    document.text(|part| escaped(part, &mut put))?;
    put(b"\",")?;
    put(&json(&tail(document))[1..])?;
    put(b"\n")
}

fn tail<'d>(document: &'d Document<'_>) -> Tail<'d> {
    let meta = &document.meta;
    Tail {
        source: source(&meta.url),
        added: meta.changed(),
        created: meta.created(),
        metadata: Metadata {
            url: &meta.url,
            final_url: &meta.final_url,
            title: meta.title.as_deref(),
            author: meta.author_name(),
            language: meta.language(),
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

/// Where a text is from: its host, or `local` for a file.
fn source(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty());
    host.unwrap_or("local").to_owned()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records are structs of strings, numbers and maps")
}

/// A part of a string of UTF-8, escaped (RFC 8259 §7). No escape depends on its neighbours, so parts may end anywhere.
fn escaped(part: &[u8], put: &mut impl FnMut(&[u8]) -> Result<(), ExportError>) -> Result<(), ExportError> {
    let mut start = 0;
    for (at, byte) in part.iter().enumerate() {
        let code;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\t' => b"\\t",
            0..0x20 => {
                code = format!("\\u{byte:04x}");
                code.as_bytes()
            }
            _ => continue,
        };
        put(&part[start..at])?;
        put(escape)?;
        start = at + 1;
    }
    put(&part[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_reads_as_it_was_wherever_it_is_cut() {
        let all: String =
            (0..0x300).filter_map(char::from_u32).chain("雨\u{2028}\u{10ffff}".chars()).collect();
        for length in [1, 2, 7, all.len()] {
            let mut written = vec![b'"'];
            for part in all.as_bytes().chunks(length) {
                let mut put = |bytes: &[u8]| {
                    written.extend_from_slice(bytes);
                    Ok(())
                };
                escaped(part, &mut put).unwrap();
            }
            written.push(b'"');
            assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), all);
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
