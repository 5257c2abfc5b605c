//! The payloads of the jobs of each lane: names and facts, and never the bytes of documents.
//!
//! They are stored as JSON. A field may be added with `#[serde(default)]`. It is never renamed, and its
//! meaning never changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    document::DocumentId,
    failure::Failure,
    job::{Group, NewJob, OnDuplicate},
    lane::Lane,
};

/// The payload of a fetch job: downloads one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchJob {
    /// The document's id.
    pub document: DocumentId,
    /// The candidate URLs as listed, at least one, in order of preference. `http`, `https` or `file`.
    pub urls: Vec<String>,
    /// The index in `urls` of the candidate for the next attempt.
    #[serde(default)]
    pub candidate: usize,
    /// The host of the candidate, which is the job's group. `None` for `file:`.
    #[serde(default)]
    pub host: Option<String>,
    /// The target of the candidate's last redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected: Option<Redirected>,
    /// The failure of the first candidate that will never return the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Failure>,
    /// Other facts from the source list.
    #[serde(default)]
    pub listed: Listed,
    /// The stored version, if the job asks whether the server still has the same. Such a job replaces one
    /// that has ended. If the document has changed, its follow-up jobs do so as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// The number of times that the bytes were fetched and then lost before they were stored. If it is not 0,
    /// the job and the jobs that follow from it replace jobs of this document that have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
}

impl FetchJob {
    /// Returns the rule for ended jobs of the document, here and downstream. A job that fetches a document
    /// again renews them.
    #[must_use]
    pub const fn on_duplicate(&self) -> OnDuplicate {
        if self.stored.is_some() || self.lost > 0 { OnDuplicate::Renew } else { OnDuplicate::Absorb }
    }
}

/// The stored version of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The BLAKE3 of the received bytes, as 64 hex digits.
    pub blake3: String,
    /// The URL that returned it, after `--mirror` and redirects, without user and password. The validators
    /// are valid for this URL only.
    pub final_url: String,
    /// The `ETag` field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// The target of redirects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirected {
    /// The URL for the next request, after `--mirror`, without user and password.
    pub url: String,
    /// The number of redirects up to there.
    pub count: u32,
    /// The number of attempts that failed before.
    #[serde(default)]
    pub failures: u32,
}

/// The facts in a source list about a document, besides its id and URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The required BLAKE3 of the received bytes, as 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// The required SHA-256 of the received bytes, as 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The encoding of the text, which takes precedence over what the server or the text itself says. It may
    /// be any name that the store reads: a label of the WHATWG Encoding Standard, `utf-32`, a code page of
    /// DOS or of the Macintosh, or another common spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Further columns, which are copied to `meta/`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

/// The payload of a store job: decodes and publishes one document, whose bytes are in `spool/` under its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreJob {
    /// The document's id.
    pub document: DocumentId,
    /// The facts of the download.
    pub fetched: Fetched,
    /// Other facts from the source list.
    #[serde(default)]
    pub listed: Listed,
    /// The rule if there is a job of this document already. A changed document replaces it.
    #[serde(default, skip_serializing_if = "is_absorbed")]
    pub known: OnDuplicate,
    /// The number of times that the bytes of this document were lost before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
}

impl StoreJob {
    /// Returns the job that fetches the lost bytes of this text again, from the same listed URL. Its group is
    /// determined when it is claimed.
    #[must_use]
    pub fn fetched_again(self) -> FetchJob {
        FetchJob {
            document: self.document,
            urls: vec![self.fetched.url],
            candidate: 0,
            host: None,
            redirected: None,
            refused: None,
            listed: self.listed,
            stored: None,
            lost: self.lost.saturating_add(1),
        }
    }
}

/// The facts of a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The URL as listed.
    pub url: String,
    /// The URL that returned the bytes, after `--mirror` and redirects, without user and password.
    pub final_url: String,
    /// The status code of the response. `None` for `file:`.
    pub status: Option<u16>,
    /// The time at which the last byte was received.
    pub at_ms: Millis,
    /// The duration of the last request.
    pub took_ms: Millis,
    /// The number of attempts, including this one.
    pub attempts: u32,
    /// The length of the body in bytes, after `Content-Encoding` was decoded.
    pub bytes: u64,
    /// The BLAKE3 of the same bytes, as 64 hex digits.
    pub blake3: String,
    /// The media type of `Content-Type` in lower case, without its parameters.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The `charset` parameter of `Content-Type`.
    #[serde(default)]
    pub charset: Option<String>,
    /// The `ETag` field.
    #[serde(default)]
    pub etag: Option<String>,
    /// The `Last-Modified` field.
    #[serde(default)]
    pub last_modified: Option<String>,
}

/// The payload of a process job: tokenises and counts one published text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessJob {
    /// The document's id.
    pub document: DocumentId,
    /// The BLAKE3 of the text, as 64 hex digits.
    pub text_blake3: String,
    /// The length of the text in bytes. `None` in jobs of older versions: then it is looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_bytes: Option<u64>,
    /// The rule if there is a job of this document already. A changed document replaces it.
    #[serde(default, skip_serializing_if = "is_absorbed")]
    pub known: OnDuplicate,
}

impl ProcessJob {
    /// Returns the job of a text, unless there is one already.
    #[must_use]
    pub const fn of_text(document: DocumentId, blake3: String, bytes: u64) -> Self {
        Self { document, text_blake3: blake3, text_bytes: Some(bytes), known: OnDuplicate::Absorb }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_absorbed(known: &OnDuplicate) -> bool {
    *known == OnDuplicate::Absorb
}

/// The payload of the follow-up jobs of the last stage, which has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {}

impl From<FetchJob> for NewJob {
    fn from(job: FetchJob) -> Self {
        let new = Self { known: job.on_duplicate(), ..Self::new(Lane::Fetch, job.document.as_str(), &job) };
        match job.host {
            Some(host) => new.in_group(Group(host)),
            None => new,
        }
    }
}

impl From<StoreJob> for NewJob {
    fn from(job: StoreJob) -> Self {
        Self { known: job.known, ..Self::new(Lane::Store, job.document.as_str(), &job) }
    }
}

impl From<ProcessJob> for NewJob {
    fn from(job: ProcessJob) -> Self {
        Self { known: job.known, ..Self::new(Lane::Process, job.document.as_str(), &job) }
    }
}

impl From<Nothing> for NewJob {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}
