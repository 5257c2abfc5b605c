//! What is written down about a text: `meta/PG84.json` and `logs/arrival/PG84.json`.
//!
//! The meta is the same for the same bytes from the same source, whatever the run, its threads and crashes; so it has
//! no times, attempts or statuses. Those are the arrival, which differs from run to run. Both are JSON with a line end
//! after it, and a checksum of itself ([`flow::record`]). Both are stored formats: a field may be added, but
//! never renamed or given another
//! meaning.

use std::collections::BTreeMap;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    payload::{Fetched, StoreJob},
    record,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::{RawFate, StoreConfig},
    convert::Converted,
    text::boilerplate::removed_span::{RemovedSpan, Strip},
};

/// The columns of a source list that name the author, in any case. The first that is not empty is used. The
/// second is the column's name in a catalogue of Project Gutenberg.
const AUTHOR_COLUMNS: [&str; 2] = ["author", "authors"];
/// The columns of a source list that name the language, in any case. The first that is not empty is used.
const LANGUAGE_COLUMNS: [&str; 2] = ["language", "lang"];

/// The largest meta or arrival that is read, in bytes. A job's payload, which listed columns come from, has at most
/// 64 KiB; the rest is short.
pub const META_BYTES_MAX: u64 = 1024 * 1024;

/// Provenance and form of a text. That it is there says that the text is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The text's id.
    pub document: DocumentId,
    /// The URL as listed.
    pub url: String,
    /// The URL that answered.
    pub final_url: String,
    /// `Content-Type` without parameters.
    pub content_type: Option<String>,
    /// The `charset` parameter of `Content-Type`.
    pub charset: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// The bytes as received.
    pub raw: RawFacts,
    /// The text.
    pub text: TextFacts,
    /// How the one became the other.
    pub encoding: EncodingFacts,
    /// From the header, else from the source list.
    pub title: Option<String>,
    /// From the header, else from the source list, as written there.
    pub author: Option<String>,
    /// From the header, else from the source list, as written there.
    pub language: Option<String>,
    /// From the header, as written there.
    pub release_date: Option<String>,
    /// How much of the boilerplate was to be cut.
    #[serde(default)]
    pub strip: Strip,
    /// What was cut, in order of lines.
    pub cuts: Vec<RemovedSpan>,
    /// Further columns of the source list.
    pub listed: BTreeMap<String, String>,
    /// The first of the documents that have the same text, if this is another.
    pub duplicate_of: Option<DocumentId>,
}

/// Facts about the bytes as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFacts {
    /// How many.
    pub bytes: u64,
    /// Their BLAKE3, as 64 hex digits.
    pub blake3: String,
    /// Whether they are still there.
    #[serde(default, skip_serializing_if = "RawFate::is_kept")]
    pub fate: RawFate,
}

/// Facts about the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFacts {
    /// Its length in UTF-8.
    pub bytes: u64,
    /// Its BLAKE3, as 64 hex digits.
    pub blake3: String,
    /// Its lines; a last one without line end counts.
    pub lines: u64,
}

/// Facts about how the bytes were decoded. Encodings have their names from the WHATWG Encoding Standard.
/// Encodings outside the standard have their names from IANA's list, or their usual names: `IBM850`,
/// `x-mac-ce`, `UTF-32LE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingFacts {
    /// What the source list gives, as it stands there. It is used whatever else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// What HTTP declared, as it came.
    pub declared_http: Option<String>,
    /// What the text declares in its header, as it stands there.
    pub declared_text: Option<String>,
    /// What the bytes look like, where they prove nothing.
    pub detected: Option<String>,
    /// What was used.
    pub used: String,
    /// How sure that is. Not told of texts that were stored before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Whether there was a byte order mark.
    pub bom: bool,
    /// Characters that did not decode and became U+FFFD.
    pub replacements: u64,
}

/// How sure it is that a text is in the encoding that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The source list gives it.
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

/// When and how a text came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When the last byte had come, as in RFC 3339.
    pub at: String,
    /// How long the last request took.
    pub took_ms: u64,
    /// Attempts, the good one included.
    pub attempts: u32,
    /// The status of the answer; none for a file.
    pub status: Option<u16>,
}

impl Meta {
    pub(crate) fn new(job: &StoreJob, config: StoreConfig, refined: Converted) -> Self {
        let StoreJob { document, fetched, listed, known: _, lost: _ } = job;
        let header = refined.trimmed.header;
        Self {
            document: document.clone(),
            url: fetched.url.clone(),
            final_url: fetched.final_url.clone(),
            content_type: fetched.content_type.clone(),
            charset: fetched.charset.clone(),
            etag: fetched.etag.clone(),
            last_modified: fetched.last_modified.clone(),
            raw: RawFacts { fate: config.raw, ..refined.raw },
            text: refined.text,
            encoding: refined.encoding,
            title: header.title.or_else(|| listed.title.clone()),
            author: header.author.or_else(|| column(&listed.columns, &AUTHOR_COLUMNS).map(str::to_owned)),
            language: header.language.or_else(|| listed_language(&listed.columns).map(str::to_owned)),
            release_date: header.release_date,
            strip: config.strip,
            cuts: refined.trimmed.removed,
            listed: listed.columns.clone(),
            duplicate_of: None,
        }
    }

    /// Whether all files of the document are there, by their lengths: the text, and the bytes as received unless they were
    /// dropped.
    ///
    /// # Errors
    /// Where the blobs cannot be looked at.
    pub fn is_whole(&self, blobs: &dyn BlobStore) -> Result<bool, BlobError> {
        let length = |kind| blobs.len(&BlobName::new(kind, self.document.clone()));
        let has_raw = !self.raw.fate.is_kept() || length(BlobKind::Raw)? == Some(self.raw.bytes);
        Ok(has_raw && length(BlobKind::Text)? == Some(self.text.bytes))
    }

    /// Whether this is what becomes of a job, though its download is gone.
    pub(crate) fn is_of(&self, job: &StoreJob, config: StoreConfig) -> bool {
        self.document == job.document
            && self.raw.blake3.eq_ignore_ascii_case(&job.fetched.blake3)
            && self.strip == config.strip
            && self.encoding.given == job.listed.encoding
    }
}

impl Arrival {
    pub(crate) fn of(fetched: &Fetched) -> Self {
        let at_ms = i64::try_from(fetched.at_ms).unwrap_or(i64::MAX);
        Self {
            at: Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX).to_string(),
            took_ms: fetched.took_ms,
            attempts: fetched.attempts,
            status: fetched.status,
        }
    }
}

/// Returns the first cell of these columns that is not empty, without white space around it.
fn column<'c>(columns: &'c BTreeMap<String, String>, names: &[&str]) -> Option<&'c str> {
    let cell = |name: &&str| {
        columns.iter().find(|(column, value)| column.eq_ignore_ascii_case(name) && !value.trim().is_empty())
    };
    names.iter().find_map(cell).map(|(_, value)| value.trim())
}

/// Returns the language that the source list gives.
pub(crate) fn listed_language(columns: &BTreeMap<String, String>) -> Option<&str> {
    column(columns, &LANGUAGE_COLUMNS)
}

/// Serialises a record, with its checksum.
pub(crate) fn to_bytes(record: &impl Serialize) -> Vec<u8> {
    record::to_bytes(record).expect("records are structs of strings, numbers and lists")
}

/// The record in the bytes.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}
