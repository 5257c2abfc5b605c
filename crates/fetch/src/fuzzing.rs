//! Entry points for the fuzz targets: the checks of responses without a server.
//!
//! They exist only with the feature `fuzzing`, which only `fuzz/` enables. Each function calls the code that
//! the stage runs, and decides nothing itself.

use std::ops::RangeInclusive;

use flow::{
    clock::{Millis, millis},
    failure::Reason,
};
use reqwest::{StatusCode, header::HeaderMap};
use url::Url;

use crate::{
    coding::codings::Codings,
    failure::{FetchFailure, Retry},
    politeness::robots::{self, RobotsAccess},
    response::head::PartialBody,
    response::head::Requested,
    response::{
        head::{BodyInfo, BodyPlan, ResponseHead, parse_content_type},
        retry_after,
        validator::{ContentRange, Validator},
    },
    sniff::Sniffer,
};

/// Returns the longest wait that a server can ask for.
#[must_use]
pub fn retry_after_max_ms() -> Millis {
    millis(retry_after::RETRY_AFTER_MAX)
}

/// A part of a body that is there, of a version with a strong `ETag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its length.
    pub offset: u64,
    /// The announced length of the whole.
    pub total: Option<u64>,
    /// The `ETag`, with its quotes.
    pub etag: String,
}

/// The use of a body, decided from the head of its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The whole follows.
    Whole {
        /// Its codings.
        codings: Codings,
        /// The value of a later `If-Range`, if the body can be resumed.
        if_range: Option<String>,
    },
    /// So many bytes follow, behind those that are there.
    Rest {
        /// The number of bytes that are there.
        offset: u64,
        /// The number of bytes that follow.
        bytes: u64,
    },
    /// There is nothing to be had.
    Failed {
        /// The reason.
        reason: Reason,
        /// The wait that the server asked for, for this text.
        wait_ms: Option<Millis>,
        /// The pause that the server asked for, for all its texts.
        pause_ms: Millis,
    },
}

/// Judges the head of an answer to a request for the whole, or for the rest of a part.
#[must_use]
pub fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    part: Option<&Part>,
    bytes_max: u64,
    now_ms: Millis,
) -> Judged {
    let url = Url::parse("http://host.example/text").expect("it is a URL");
    let head = ResponseHead { url: &url, status, headers, length };
    let resumable = part.map(|part| resumable(part, &url));
    let asked = if part.is_some() { Requested::Rest } else { Requested::Whole };
    match head.plan_body(resumable.as_ref(), asked, bytes_max, now_ms) {
        Ok(BodyPlan::Whole { validator, codings, .. }) => {
            Judged::Whole { codings, if_range: validator.map(|validator| validator.if_range().to_owned()) }
        }
        Ok(BodyPlan::Rest { offset, bytes, .. }) => Judged::Rest { offset, bytes },
        Err(failed) => told(&failed),
    }
}

fn resumable(part: &Part, url: &Url) -> PartialBody {
    let info = BodyInfo {
        url: url.to_string(),
        status: Some(200),
        total: part.total,
        content_type: None,
        charset: None,
        etag: Some(part.etag.clone()),
        last_modified: None,
    };
    PartialBody { info, validator: Validator::Etag(part.etag.clone()), offset: part.offset }
}

fn told(failed: &FetchFailure) -> Judged {
    let (wait_ms, pause_ms) = match failed.retry {
        Retry::Later { after_ms, group_pause_ms } => (after_ms, group_pause_ms),
        Retry::Never | Retry::FromStart | Retry::BlockPage | Retry::Halt => (None, 0),
    };
    Judged::Failed { reason: failed.failure.reason, wait_ms, pause_ms }
}

/// `Content-Range`: which bytes an answer holds, and the length of the whole.
#[must_use]
pub fn content_range(headers: &HeaderMap) -> Option<(RangeInclusive<u64>, u64)> {
    ContentRange::parse(headers).map(|range| (range.first..=range.last, range.total))
}

/// `Retry-After` as of `now_ms`.
#[must_use]
pub fn retry_after_ms(headers: &HeaderMap, now_ms: Millis) -> Option<Millis> {
    retry_after::wait_ms(headers, now_ms)
}

/// A `Content-Type` as its media type and its charset.
#[must_use]
pub fn content_type(value: &str) -> (Option<String>, Option<String>) {
    parse_content_type(value)
}

/// Returns the value of `If-Range` for a response with a strong validator in these headers, and whether the
/// same headers contradict it.
#[must_use]
pub fn if_range(headers: &HeaderMap) -> Option<(String, bool)> {
    let validator = Validator::strong(headers)?;
    Some((validator.if_range().to_owned(), validator.is_contradicted(headers)))
}

/// Returns what a body with this media type is, if it is not a text. The body is read in chunks of
/// `chunk_bytes`.
#[must_use]
pub fn sniffed(body: &[u8], media_type: Option<&str>, chunk_bytes: usize) -> Option<String> {
    let mut sniffer = Sniffer::new(media_type);
    let fed = body.chunks(chunk_bytes.max(1)).find_map(|chunk| sniffer.feed(chunk));
    fed.or_else(|| sniffer.end()).map(Into::into)
}

/// Returns the access that a robots.txt gives to a program with this user agent.
#[must_use]
pub fn robots(text: &str, user_agent: &str, url: &Url) -> RobotsAccess {
    robots::says(text, user_agent, url)
}
