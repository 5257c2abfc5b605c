//! What the jobs of each lane say. Names and facts, never bytes of texts.
//!
//! Stored as JSON; a field may be added with `#[serde(default)]`, never renamed or given another meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    document::DocumentId,
    failure::Failure,
    job::{Group, NewJob, OnDuplicate},
    lane::Lane,
};

/// Download one text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchJob {
    /// The text's id.
    pub document: DocumentId,
    /// Where it can be had, as listed: one URL or more, in order of preference. `http`, `https` or `file`.
    pub urls: Vec<String>,
    /// The one of `urls` to try now.
    #[serde(default)]
    pub candidate: usize,
    /// The host of that one, as the queue groups by it; none for `file:`.
    #[serde(default)]
    pub host: Option<String>,
    /// Where a redirect of the present candidate has led.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected: Option<Redirected>,
    /// How the first candidate failed that will never give the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Failure>,
    /// What the source list says of it besides.
    #[serde(default)]
    pub listed: Listed,
    /// What is stored of it, where the job asks whether that is still what the server has. Such a job takes the place of
    /// one that has ended, and so do those that follow on it where the text has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// The number of times that the bytes were fetched and then lost before they were stored. If it is not 0,
    /// the job and the jobs that follow from it replace jobs of this document that have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
}

/// What is stored of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The BLAKE3 of its bytes as they were received, as 64 hex digits.
    pub blake3: String,
    /// The URL that gave it, after `--mirror` and redirects, without user and password. The validators hold for no other.
    pub final_url: String,
    /// `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Where redirects have led.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirected {
    /// The URL to ask next, without user and password; after `--mirror`.
    pub url: String,
    /// How many redirects led there.
    pub count: u32,
    /// How many tries failed on the way.
    #[serde(default)]
    pub failures: u32,
}

/// What a source list says of a text besides id and URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The BLAKE3 that its bytes must have, as 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// The SHA-256 that its bytes must have, as 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The encoding of the text, which takes precedence over what the server or the text itself says. It may
    /// be any name that the store reads: a label of the WHATWG Encoding Standard, `utf-32`, a code page of
    /// DOS or of the Macintosh, or another common spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Further columns, carried into `meta/`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

/// Publish one downloaded text, which lies in `spool/` under its document id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreJob {
    /// The text's id.
    pub document: DocumentId,
    /// How it came.
    pub fetched: Fetched,
    /// What the source list says of it.
    #[serde(default)]
    pub listed: Listed,
    /// What becomes of the job where one of this text has ended: a changed text renews it.
    #[serde(default, skip_serializing_if = "is_absorbed")]
    pub known: OnDuplicate,
    /// The number of times that bytes of this text were lost before.
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

/// How a text came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The URL as listed.
    pub url: String,
    /// The URL that answered, after `--mirror` and redirects, without user and password.
    pub final_url: String,
    /// The status that the answer began with; none for `file:`.
    pub status: Option<u16>,
    /// When the last byte had come.
    pub at_ms: Millis,
    /// How long the last request took.
    pub took_ms: Millis,
    /// Attempts, this one included.
    pub attempts: u32,
    /// Bytes of the body, after `Content-Encoding` was undone.
    pub bytes: u64,
    /// BLAKE3 of the same bytes, as 64 hex digits.
    pub blake3: String,
    /// `Content-Type` without its parameters, lower-cased.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The `charset` parameter of `Content-Type`.
    #[serde(default)]
    pub charset: Option<String>,
    /// `ETag`.
    #[serde(default)]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(default)]
    pub last_modified: Option<String>,
}

/// Tokenise and count one published text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessJob {
    /// The text's id.
    pub document: DocumentId,
    /// BLAKE3 of the text, as 64 hex digits.
    pub text_blake3: String,
    /// What becomes of the job where one of this text has ended: a changed text renews it.
    #[serde(default, skip_serializing_if = "is_absorbed")]
    pub known: OnDuplicate,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_absorbed(known: &OnDuplicate) -> bool {
    *known == OnDuplicate::Absorb
}

/// What follows on the last stage: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {}

impl From<FetchJob> for NewJob {
    fn from(job: FetchJob) -> Self {
        let renews = job.stored.is_some() || job.lost > 0;
        let known = if renews { OnDuplicate::Renew } else { OnDuplicate::Absorb };
        let new = Self { known, ..Self::new(Lane::Fetch, job.document.as_str(), &job) };
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
