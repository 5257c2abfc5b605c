//! Decides from the head of a response whether its body is used, and as what.

use std::fmt;

use flow::{clock::Millis, failure::Reason};
use reqwest::{
    Response, StatusCode,
    header::{
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED, TRANSFER_ENCODING,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    coding::codings::Codings,
    credentials::strip_credentials,
    failure::{FetchFailure, HostSignal, Retry},
    response::{
        retry_after,
        validator::{ContentRange, Validator, single_value},
    },
};

/// The part of a text that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requested {
    Whole,
    /// The bytes after those of a partial body.
    Rest,
    /// The whole, unless it is the stored version.
    IfChanged,
}

/// The facts about a body that the head of its first response gives. Field names are part of the format of
/// part notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BodyInfo {
    /// The URL that responded, without user and password.
    pub(crate) url: String,
    /// `None` for a local file.
    pub(crate) status: Option<u16>,
    /// The announced length of the whole body in bytes, with its codings.
    pub(crate) total: Option<u64>,
    /// The media type without parameters, in lower case.
    pub(crate) content_type: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// The beginning of a body, kept from an earlier request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialBody {
    pub(crate) info: BodyInfo,
    pub(crate) validator: Validator,
    /// The number of bytes that are kept.
    pub(crate) offset: u64,
}

/// The head of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) url: &'a Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The announced length of this response's body, in bytes.
    pub(crate) length: Option<u64>,
}

/// The way in which a body is used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyPlan {
    /// The body is the whole text. It can be resumed later if it has a validator. A coded body has none,
    /// because the offsets of the server are not those of the decoded bytes.
    Whole { info: BodyInfo, validator: Option<Validator>, codings: Codings },
    /// The body is the rest of a partial body: `bytes` bytes after the first `offset`.
    Rest { info: BodyInfo, offset: u64, bytes: u64 },
}

/// The rule that determines where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOf {
    /// HTTP framing: the announced length, the last chunk, or the end of the connection.
    Message,
    /// The content coding. It has a checksum at its end, so an announced length may be wrong.
    Coding,
}

impl BodyPlan {
    /// Returns the rule that determines where the body ends. The length announced with a gzip stream is often
    /// the length of the text before compression, so the checksum of the stream takes precedence over it.
    pub(crate) fn end_of(&self) -> EndOf {
        match self {
            Self::Whole { info, codings, .. } if info.total.is_some() && codings.has_checked_end() => {
                EndOf::Coding
            }
            Self::Whole { .. } | Self::Rest { .. } => EndOf::Message,
        }
    }

    /// Returns the facts about the whole body.
    pub(crate) fn info(&self) -> &BodyInfo {
        match self {
            Self::Whole { info, .. } | Self::Rest { info, .. } => info,
        }
    }
}

impl<'a> ResponseHead<'a> {
    /// Returns the head of a response from `url`.
    pub(crate) fn new(url: &'a Url, response: &'a Response) -> Self {
        let (status, headers) = (response.status(), response.headers());
        Self { url, status, headers, length: response.content_length() }
    }

    /// Decides how the body is used. `part` is the partial body whose rest was requested.
    ///
    /// # Errors
    /// Returns the failure if the body cannot be used.
    pub(crate) fn plan_body(
        self,
        part: Option<&PartialBody>,
        requested: Requested,
        bytes_max: u64,
        now_ms: Millis,
    ) -> Result<BodyPlan, FetchFailure> {
        // The part does not count if its rest was not requested, for example after a redirect.
        let part = part.filter(|_| requested == Requested::Rest);
        match (self.status.as_u16(), part) {
            // First: if the end of the body is unclear, nothing else about it can be trusted.
            (200 | 203 | 206, _) if !self.has_one_framing() => {
                Err(self.permanent(Reason::HttpStatus, "Content-Length and Transfer-Encoding contradict"))
            }
            (200 | 203, _) if self.is_part() => Err(self.unrequested_part()),
            (200 | 203, _) => self.plan_whole(bytes_max),
            (206, Some(part)) => self.plan_rest(part),
            // For example, the text has become shorter than the part. The next attempt requests the whole.
            (304 | 412 | 416, Some(_)) => Err(self.restart("the server does not send the rest of the body")),
            (206, None) => Err(self.permanent(Reason::HttpStatus, "no part was requested")),
            (204 | 205, _) => Err(self.permanent(Reason::Empty, "the response has no body")),
            // Only statuses of conditions that pass. 501 and 505, for example, do not change with time.
            (408 | 425 | 429 | 500 | 502 | 503 | 504, _) => Err(self.busy(now_ms)),
            _ => Err(self.permanent(Reason::HttpStatus, "")),
        }
    }

    /// Returns whether the response says that the stored version is current (RFC 9110 §15.4.5).
    pub(crate) fn is_unchanged(self, requested: Requested) -> bool {
        // A 304 that no condition asked for says nothing about the stored version.
        requested == Requested::IfChanged && self.status == StatusCode::NOT_MODIFIED
    }

    fn plan_whole(self, bytes_max: u64) -> Result<BodyPlan, FetchFailure> {
        let (codings, info) = (self.codings()?, self.body_info());
        match info.total {
            Some(0) => Err(self.permanent(Reason::Empty, "the body is empty")),
            Some(length) if length > bytes_max => {
                let why =
                    format_args!("the body has {length} bytes, more than the limit of {bytes_max} bytes");
                Err(self.permanent(Reason::TooLarge, why))
            }
            _ => {
                let validator = Validator::strong(self.headers).filter(|_| codings.is_identity());
                Ok(BodyPlan::Whole { info, validator, codings })
            }
        }
    }

    fn plan_rest(self, part: &PartialBody) -> Result<BodyPlan, FetchFailure> {
        if !self.codings()?.is_identity() {
            return Err(self.restart("the requested part has a Content-Encoding"));
        }
        // A server may send less than the requested range (RFC 9110 §15.3.7). Only a rest that reaches the
        // end is used.
        let range = ContentRange::parse(self.headers).filter(|range| {
            range.first == part.offset
                && range.last + 1 == range.total
                && part.info.total.is_none_or(|total| total == range.total)
        });
        let Some(range) = range else {
            return Err(self.restart("the Content-Range is not the requested one"));
        };
        let bytes = range.total - range.first;
        // A server that ignores `If-Range` (RFC 9110 §13.1.5) may send the rest of another version.
        if part.validator.is_contradicted(self.headers) || self.length.is_some_and(|length| length != bytes) {
            return Err(self.restart("the text has changed since its first part was downloaded"));
        }
        Ok(BodyPlan::Rest { info: part.info.clone(), offset: part.offset, bytes })
    }

    /// Returns whether the body is only a part, whatever the status. A body is a part if its `Content-Range`
    /// does not cover the whole, or if its media type is `multipart/byteranges`. A `Content-Range` that
    /// cannot be read is not taken to cover the whole. RFC 9110 §14.4, §14.6.
    pub(crate) fn is_part(self) -> bool {
        let covers_all = |range: ContentRange| {
            range.first == 0
                && range.last + 1 == range.total
                && self.length.is_none_or(|length| length == range.total)
        };
        let is_multipart = single_value(self.headers, &CONTENT_TYPE)
            .and_then(|value| parse_content_type(value).0)
            .is_some_and(|name| name == "multipart/byteranges");
        let has_range = self.headers.contains_key(CONTENT_RANGE);
        is_multipart || has_range && !ContentRange::parse(self.headers).is_some_and(covers_all)
    }

    /// Returns whether the header fields agree on where the body ends. A length with chunks, or a transfer
    /// coding other than `chunked` alone, which was not requested, is a sign of response smuggling (RFC 9112
    /// §6.1, §6.3).
    fn has_one_framing(self) -> bool {
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        let Some(coding) = codings.next() else { return true };
        codings.next().is_none()
            && coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
            && !self.headers.contains_key(CONTENT_LENGTH)
    }

    fn codings(self) -> Result<Codings, FetchFailure> {
        Codings::of_headers(self.headers).map_err(|why| self.permanent(Reason::BadEncodingHeader, why))
    }

    /// Returns the failure of a server that is too busy to respond.
    pub(crate) fn busy(self, now_ms: Millis) -> FetchFailure {
        let after_ms = retry_after::wait_ms(self.headers, now_ms);
        // Only these two statuses speak for the whole host. Other errors may concern this text alone.
        let group_pause_ms = match self.status.as_u16() {
            429 | 503 => after_ms.unwrap_or(0),
            _ => 0,
        };
        let retry = Retry::Later { after_ms, group_pause_ms };
        FetchFailure { retry, signal: HostSignal::Busy, ..self.permanent(Reason::HttpStatus, "") }
    }

    fn permanent(self, reason: Reason, why: impl fmt::Display) -> FetchFailure {
        let failure = FetchFailure::permanent(reason, self.message(why));
        FetchFailure { signal: HostSignal::Healthy, ..failure }
    }

    fn restart(self, why: impl fmt::Display) -> FetchFailure {
        FetchFailure::restart(Reason::Truncated, self.message(why))
    }

    fn unrequested_part(self) -> FetchFailure {
        let range = single_value(self.headers, &CONTENT_RANGE).unwrap_or("unreadable");
        self.restart(format_args!("the body is only a part of the text (Content-Range: {range})"))
    }

    /// Returns `URL: STATUS REASON`, and `why` after it if it is not empty.
    fn message(self, why: impl fmt::Display) -> String {
        let reason = self.status.canonical_reason().unwrap_or("(unknown status)");
        let message = format!("{}: {} {reason}: {why}", strip_credentials(self.url), self.status.as_u16());
        message.strip_suffix(": ").unwrap_or(&message).to_owned()
    }

    fn body_info(self) -> BodyInfo {
        let text = |name| single_value(self.headers, name);
        let (content_type, charset) = text(&CONTENT_TYPE).map_or((None, None), parse_content_type);
        BodyInfo {
            url: strip_credentials(self.url).into(),
            status: Some(self.status.as_u16()),
            total: self.length.or_else(|| ContentRange::parse(self.headers).map(|range| range.total)),
            content_type,
            charset,
            etag: text(&ETAG).map(str::to_owned),
            last_modified: text(&LAST_MODIFIED).map(str::to_owned),
        }
    }
}

/// Splits a `Content-Type` into its media type and its charset (RFC 9110 §8.3).
pub(crate) fn parse_content_type(value: &str) -> (Option<String>, Option<String>) {
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().filter(|name| !name.is_empty()).map(str::to_ascii_lowercase);
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty() && !value.contains('"'))
            .then(|| value.to_owned())
    });
    (media_type, charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_taken_apart() {
        let read = |value| {
            let (media_type, charset) = parse_content_type(value);
            (media_type.unwrap_or_default(), charset.unwrap_or_default())
        };
        let of = |media_type: &str, charset: &str| (media_type.to_owned(), charset.to_owned());
        assert_eq!(read("Text/Plain; Charset=\"ISO-8859-1\""), of("text/plain", "ISO-8859-1"));
        assert_eq!(read("text/plain;x=y;charset=utf-8"), of("text/plain", "utf-8"));
        assert_eq!(read("text/plain; charset"), of("text/plain", ""));
        assert_eq!(read("text/plain; charset=\"UTF\"8\""), of("text/plain", ""));
        assert_eq!(read(""), of("", ""));
    }
}
