//! `meta/ID.json`: where a text came from, and how it was made from the bytes as received.
//!
//! The record is the same for the same bytes from the same source, whatever the run, its threads and crashes;
//! so it holds no times, attempts or statuses. Those are in the [`Arrival`](crate::arrival::Arrival). A
//! document is stored if its meta exists. The meta is a stored format: a field may be added, but never
//! renamed or given another meaning.

use std::collections::BTreeMap;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    choices,
    document::DocumentId,
};
use serde::{Deserialize, Serialize};

use crate::{
    boilerplate::{RemovedSpan, Strip},
    records,
};

/// The origin and the form of a text. The record exists only if the text is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The id of the document.
    pub document: DocumentId,
    /// The URL in the source list.
    pub url: String,
    /// The URL that answered.
    pub final_url: String,
    /// The `Content-Type` without parameters.
    pub content_type: Option<String>,
    /// The `charset` parameter of the `Content-Type`.
    pub charset: Option<String>,
    /// The `ETag`.
    pub etag: Option<String>,
    /// The `Last-Modified`.
    pub last_modified: Option<String>,
    /// The bytes as received.
    pub raw: RawFacts,
    /// The text.
    pub text: TextFacts,
    /// The decoding of the bytes.
    pub encoding: EncodingFacts,
    /// The title in the header, otherwise the one in the source list.
    pub title: Option<String>,
    /// The author as written in the header, otherwise as written in the source list.
    pub author: Option<String>,
    /// The language as written in the header, otherwise as written in the source list.
    pub language: Option<String>,
    /// The release date as written in the header.
    pub release_date: Option<String>,
    /// The setting by which boilerplate was removed.
    #[serde(default)]
    pub strip: Strip,
    /// The lines that were removed, in order.
    pub cuts: Vec<RemovedSpan>,
    /// The further columns of the source list.
    pub listed: BTreeMap<String, String>,
    /// The first of the documents that have the same text, if this is another one.
    pub duplicate_of: Option<DocumentId>,
}

/// Facts about the bytes as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFacts {
    /// Their number.
    pub bytes: u64,
    /// Their BLAKE3 hash, as 64 hex digits.
    pub blake3: String,
    /// The fate of the bytes once their text is stored.
    #[serde(default, skip_serializing_if = "RawFate::is_kept")]
    pub fate: RawFate,
}

choices! {
    /// The fate of the bytes as received once their text is stored.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    RawFate {
        /// They are kept in `raw/`, so the text can be made again from them.
        #[default]
        Kept = "keep",
        /// They are removed. Only their length and hash are known afterwards.
        Dropped = "drop",
    }
}

impl RawFate {
    /// Returns whether the bytes are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// Facts about the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFacts {
    /// Its length in bytes of UTF-8.
    pub bytes: u64,
    /// Its BLAKE3 hash, as 64 hex digits.
    pub blake3: String,
    /// The number of its lines, including a last one without a line end.
    pub lines: u64,
}

/// Facts about the decoding of the bytes. Encodings have their names from the WHATWG Encoding Standard.
/// Encodings outside the standard have their names from IANA's list, or their usual names: `IBM850`,
/// `x-mac-ce`, `UTF-32LE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingFacts {
    /// The encoding that the source list or the user gives, as written there. It takes precedence over all
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// The encoding that HTTP declared, as received.
    pub declared_http: Option<String>,
    /// The encoding that the text declares in its header, as written there.
    pub declared_text: Option<String>,
    /// The encoding that was guessed, if the bytes prove none.
    pub detected: Option<String>,
    /// The encoding that was used.
    pub used: String,
    /// The certainty that this encoding is right. `None` in records of versions that did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Set if the bytes began with a byte order mark.
    pub bom: bool,
    /// The number of characters that could not be decoded and became U+FFFD.
    pub replacements: u64,
}

/// The certainty that a text is in the encoding that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The source list or the user gives the encoding.
    Given,
    /// The bytes prove it: a byte order mark, escapes, or bytes that are valid in no other encoding.
    Proven,
    /// It is declared, the whole text decodes in it, and nothing indicates another encoding.
    Declared,
    /// It was guessed, and at least 99 of 100 such guesses are right.
    Likely,
    /// It was guessed with less certainty, or it is declared but the bytes look like another encoding: look
    /// at the text.
    Doubtful,
}

impl Meta {
    /// Reads the meta of a document. Returns `None` if it is missing, cannot be parsed, or belongs to another
    /// document. Does not compare it with its checksum.
    ///
    /// # Errors
    /// Returns the errors of [`records::read`].
    pub fn read(blobs: &dyn BlobStore, document: &DocumentId) -> Result<Option<Self>, BlobError> {
        // A file that somebody copied or renamed describes another document.
        let meta = records::read::<Self>(blobs, BlobKind::Meta, document)?;
        Ok(meta.filter(|meta| meta.document == *document))
    }

    /// Returns whether all files of the document exist with their lengths: the text, and the bytes as
    /// received unless they were dropped.
    ///
    /// # Errors
    /// Returns the errors of [`BlobStore::len`].
    pub fn is_complete(&self, blobs: &dyn BlobStore) -> Result<bool, BlobError> {
        // Only lengths are compared, because reading all bytes takes long. Verifying compares hashes.
        let length = |kind| blobs.len(&BlobName::new(kind, self.document.clone()));
        let has_raw = !self.raw.fate.is_kept() || length(BlobKind::Raw)? == Some(self.raw.bytes);
        Ok(has_raw && length(BlobKind::Text)? == Some(self.text.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boilerplate::Rule;

    fn meta() -> Meta {
        let some = |text: &str| Some(text.to_owned());
        Meta {
            document: "PG84".parse().unwrap(),
            url: "https://example.org/84.txt".to_owned(),
            final_url: "https://mirror.example.org/84.txt".to_owned(),
            content_type: some("text/plain"),
            charset: some("iso-8859-1"),
            etag: some("\"e\""),
            last_modified: some("Sat, 21 Nov 2026 08:15:30 GMT"),
            raw: RawFacts { bytes: 400, blake3: "00".repeat(32), fate: RawFate::Dropped },
            text: TextFacts { bytes: 33, blake3: "11".repeat(32), lines: 2 },
            encoding: EncodingFacts {
                given: some("latin1"),
                declared_http: some("iso-8859-1"),
                declared_text: some("ISO-8859-1"),
                detected: None,
                used: "windows-1252".to_owned(),
                confidence: Some(Confidence::Given),
                bom: false,
                replacements: 1,
            },
            title: some("A Night in June"),
            author: some("Jane Roe"),
            language: some("English"),
            release_date: some("May 12, 2009"),
            strip: Strip::Full,
            cuts: vec![RemovedSpan { rule: Rule::StartMarker, first_line: 1, last_line: 11, bytes: 229 }],
            listed: BTreeMap::from([("shelf".to_owned(), "7".to_owned())]),
            duplicate_of: Some("PG10".parse().unwrap()),
        }
    }

    #[test]
    fn the_stored_bytes_of_a_meta_do_not_change() {
        let golden = include_str!("golden/meta.json");
        assert_eq!(String::from_utf8(flow::record::to_bytes(&meta()).unwrap()).unwrap(), golden);
        assert_eq!(serde_json::from_str::<Meta>(golden).unwrap(), meta());
    }

    #[test]
    fn fields_that_earlier_versions_did_not_write_have_defaults() {
        let mut fields = serde_json::to_value(meta()).unwrap();
        fields.as_object_mut().unwrap().remove("strip");
        for (object, field) in [("raw", "fate"), ("encoding", "given"), ("encoding", "confidence")] {
            fields[object].as_object_mut().unwrap().remove(field);
        }
        let read: Meta = serde_json::from_value(fields).unwrap();
        assert_eq!((read.strip, read.raw.fate), (Strip::Full, RawFate::Kept));
        assert_eq!((read.encoding.given, read.encoding.confidence), (None, None));
    }
}
