//! The heads of WARC records.
//!
//! The id of a record is a UUID of version 8 (RFC 9562 §5.8) with the first bytes of the BLAKE3 of the other
//! fields. These include the digest of the block, so records with the same id are the same, and the id of a
//! record does not depend on the other documents of the corpus.

use std::fmt::{self, Write as _};

use flow::clock::Millis;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// The end of each record.
pub(super) const RECORD_END: &[u8] = b"\r\n\r\n";

/// The type of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordType {
    Warcinfo,
    Response,
    Resource,
    Conversion,
}

/// The id of a record. Its form is that in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordId(Uuid);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0.urn())
    }
}

/// The length of a block and its SHA-256, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockDigest {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl BlockDigest {
    pub(super) fn of(block: &[u8]) -> Self {
        Self { bytes: block.len() as u64, sha256: sha256_hex(Sha256::new_with_prefix(block)) }
    }
}

/// The head of a record, without the fields that do not count for its id.
#[derive(Debug)]
pub(super) struct RecordHead {
    lines: String,
    info: Option<RecordId>,
}

impl RecordHead {
    /// Begins the head of a record with this block. The date has seconds, as most readers expect.
    pub(super) fn new(
        record_type: RecordType,
        date_ms: Millis,
        block: &BlockDigest,
        content_type: &str,
    ) -> Self {
        let record_type = match record_type {
            RecordType::Warcinfo => "warcinfo",
            RecordType::Response => "response",
            RecordType::Resource => "resource",
            RecordType::Conversion => "conversion",
        };
        Self { lines: "WARC/1.1\r\n".to_owned(), info: None }
            .with("WARC-Type", record_type)
            .with("WARC-Date", &date(date_ms))
            .with("Content-Type", content_type)
            .with("Content-Length", &block.bytes.to_string())
            .with("WARC-Block-Digest", &format!("sha256:{}", block.sha256))
    }

    /// Adds a field.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        push_field(&mut self.lines, name, value);
        self
    }

    /// Adds the id of the record that describes the file.
    pub(super) fn described_by(self, info: RecordId) -> Self {
        Self { info: Some(info), ..self }
    }

    /// Returns the whole head and the id of its record.
    pub(super) fn finish(self) -> (String, RecordId) {
        let Self { mut lines, info } = self;
        let hash = blake3::hash(lines.as_bytes());
        let bytes = *hash.as_bytes().first_chunk().expect("a hash has more bytes than a UUID");
        let id = RecordId(Builder::from_custom_bytes(bytes).into_uuid());
        push_field(&mut lines, "WARC-Record-ID", &id.to_string());
        if let Some(info) = info {
            push_field(&mut lines, "WARC-Warcinfo-ID", &info.to_string());
        }
        lines.push_str("\r\n");
        (lines, id)
    }
}

/// Appends a field of a head. Control characters of the value become spaces, so it cannot end the line.
pub(super) fn push_field(head: &mut String, name: &str, value: &str) {
    let value = value.replace(char::is_control, " ");
    write!(head, "{name}: {value}\r\n").expect("a string takes all");
}

/// Returns the hexadecimal digits of a finished hash.
pub(super) fn sha256_hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes all");
        digits
    })
}

fn date(ms: Millis) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(date_ms: Millis) -> RecordHead {
        let block = BlockDigest::of(b"abc");
        RecordHead::new(RecordType::Resource, date_ms, &block, "text/plain").with("WARC-Target-URI", "a:b")
    }

    #[test]
    fn a_head_has_its_fields_and_an_id_made_from_them() {
        let (lines, id) = head(1_795_335_330_999).finish();
        let expected = "WARC/1.1\r\nWARC-Type: resource\r\nWARC-Date: 2026-11-22T08:15:30Z\r\n\
            Content-Type: text/plain\r\nContent-Length: 3\r\n\
            WARC-Block-Digest: sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n\
            WARC-Target-URI: a:b\r\n";
        assert_eq!(lines, format!("{expected}WARC-Record-ID: {id}\r\n\r\n"));
        assert_eq!((id.0.get_version_num(), id.0.get_variant()), (8, uuid::Variant::RFC4122));
        let (described, same) = head(1_795_335_330_999).described_by(id).finish();
        assert_eq!(same, id, "the id does not depend on the file");
        assert_eq!(described, format!("{expected}WARC-Record-ID: {id}\r\nWARC-Warcinfo-ID: {id}\r\n\r\n"));
        assert_ne!(head(1_795_335_331_000).finish().1, id);
    }

    #[test]
    fn a_value_ends_no_line() {
        let mut head = String::new();
        push_field(&mut head, "ETag", "\"a\r\nX: 1\u{0}\tb\u{85}\"");
        assert_eq!(head, "ETag: \"a  X: 1  b \"\r\n");
    }
}
