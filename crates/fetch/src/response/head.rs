//! What the head of an answer means: go on, begin anew, or fail.

use flow::{clock::Millis, failure::Reason};
use reqwest::{
    StatusCode,
    header::{
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
        LAST_MODIFIED, TRANSFER_ENCODING,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    coding::codings::Codings,
    credentials::strip_credentials,
    failure::{FetchFailure, HostSignal, Retry},
    request::requester::Asked,
    response::{
        retry_after,
        validator::{ContentRange, Validator, text},
    },
    transfer::spool::PartialBody,
};

/// What is known of a body from the head of the answer that began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BodyInfo {
    /// The URL that answered, without user and password.
    pub(crate) url: String,
    /// None for a local file.
    pub(crate) status: Option<u16>,
    /// The length of the whole body as it comes, codings included, where it is announced.
    pub(crate) total: Option<u64>,
    /// Without parameters, in lower case.
    pub(crate) content_type: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) url: &'a Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The announced length of this answer's body.
    pub(crate) length: Option<u64>,
}

/// What to do with the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyPlan {
    /// It is the whole; it can be resumed where it has a strong validator, which is none where it is coded: the server's
    /// offsets are not those of the decoded bytes.
    Whole { facts: BodyInfo, validator: Option<Validator>, codings: Codings },
    /// It is what was missing: so many bytes, behind the `offset` that are there.
    Rest { facts: BodyInfo, offset: u64, bytes: u64 },
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
            Self::Whole { facts, codings, .. } if facts.total.is_some() && codings.has_checked_end() => {
                EndOf::Coding
            }
            Self::Whole { .. } | Self::Rest { .. } => EndOf::Message,
        }
    }

    /// What is known of the whole body.
    pub(crate) fn facts(&self) -> &BodyInfo {
        match self {
            Self::Whole { facts, .. } | Self::Rest { facts, .. } => facts,
        }
    }
}

impl ResponseHead<'_> {
    /// Judges an answer to a request for the whole, or for the rest of `part`.
    pub(crate) fn judge(
        self,
        part: Option<&PartialBody>,
        asked: Asked,
        bytes_max: u64,
        now_ms: Millis,
    ) -> Result<BodyPlan, FetchFailure> {
        let part = part.filter(|_| asked == Asked::Rest);
        match (self.status.as_u16(), part) {
            (200 | 203 | 206, _) if !self.is_framed_clearly() => {
                Err(self.for_good(Reason::HttpStatus, "where the body ends is said in two ways"))
            }
            (200 | 203, _) if self.is_part() => Err(self.partial()),
            (200 | 203, _) => self.whole(bytes_max),
            (206, Some(part)) => self.rest(part),
            (304 | 412 | 416, Some(_)) => Err(self.afresh("the rest of the body is not to be had")),
            (206, None) => Err(self.for_good(Reason::HttpStatus, "a part came that was not asked for")),
            (204 | 205, _) => Err(self.for_good(Reason::Empty, "there is no body")),
            (408 | 425 | 429 | 500 | 502 | 503 | 504, _) => Err(self.busy(now_ms)),
            _ => Err(self.for_good(Reason::HttpStatus, "the server refuses")),
        }
    }

    /// Whether it says, as it was asked, that the text is as it is stored: RFC 9110 §15.4.5.
    pub(crate) fn is_unchanged(self, asked: Asked) -> bool {
        asked == Asked::IfChanged && self.status == StatusCode::NOT_MODIFIED
    }

    fn whole(self, bytes_max: u64) -> Result<BodyPlan, FetchFailure> {
        let codings = self.codings()?;
        let facts = self.facts();
        match facts.total {
            Some(0) => Err(self.for_good(Reason::Empty, "the body is empty")),
            Some(length) if length > bytes_max => {
                Err(self
                    .for_good(Reason::TooLarge, &format!("{length} bytes are over the limit of {bytes_max}")))
            }
            _ => {
                let validator = Validator::strong(self.headers).filter(|_| codings.is_identity());
                Ok(BodyPlan::Whole { facts, validator, codings })
            }
        }
    }

    fn rest(self, part: &PartialBody) -> Result<BodyPlan, FetchFailure> {
        if !self.codings()?.is_identity() {
            return Err(self.afresh("the part that came is coded"));
        }
        let range = ContentRange::of(self.headers).filter(|range| {
            range.first == part.offset
                && range.last + 1 == range.total
                && part.facts.total.is_none_or(|total| total == range.total)
        });
        let Some(range) = range else {
            return Err(self.afresh("the part that came is not the one that was asked for"));
        };
        let bytes = range.total - range.first;
        if part.validator.is_contradicted(self.headers) || self.length.is_some_and(|length| length != bytes) {
            return Err(self.afresh("the part that came is of another version"));
        }
        Ok(BodyPlan::Rest { facts: part.facts.clone(), offset: part.offset, bytes })
    }

    /// Returns whether the body is only a part, whatever the status. A body is a part if its `Content-Range`
    /// does not cover the whole, or if its media type is `multipart/byteranges`. A `Content-Range` that
    /// cannot be read is not taken to cover the whole. RFC 9110 §14.4, §14.6.
    pub(crate) fn is_part(self) -> bool {
        let is_all = |range: ContentRange| {
            range.first == 0
                && range.last + 1 == range.total
                && self.length.is_none_or(|length| length == range.total)
        };
        let is_in_parts = text(self.headers, &CONTENT_TYPE)
            .and_then(|value| media_type(value).0)
            .is_some_and(|name| name == "multipart/byteranges");
        let has_range = self.headers.contains_key(CONTENT_RANGE);
        is_in_parts || has_range && !ContentRange::of(self.headers).is_some_and(is_all)
    }

    /// Whether there is one way to say where the body ends. A length beside chunks, or a transfer coding that is not
    /// `chunked` alone and was not asked for, is how answers are smuggled: RFC 9112 §6.1, §6.3.
    fn is_framed_clearly(self) -> bool {
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        let Some(coding) = codings.next() else { return true };
        codings.next().is_none()
            && coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
            && !self.headers.contains_key(CONTENT_LENGTH)
    }

    /// Returns the announced length of the whole body. If no length is announced, it is taken from
    /// `Content-Range`.
    fn total(self) -> Option<u64> {
        self.length.or_else(|| ContentRange::of(self.headers).map(|range| range.total))
    }

    fn codings(self) -> Result<Codings, FetchFailure> {
        Codings::parse(self.headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes))
            .map_err(|invalid| self.for_good(Reason::BadEncodingHeader, &invalid.to_string()))
    }

    /// How a server fails that is too busy to answer.
    pub(crate) fn busy(self, now_ms: Millis) -> FetchFailure {
        let after_ms = retry_after::wait_ms(self.headers, now_ms);
        let group_pause_ms = match self.status.as_u16() {
            429 | 503 => after_ms.unwrap_or(0),
            _ => 0,
        };
        let retry = Retry::Later { after_ms, group_pause_ms };
        FetchFailure {
            retry,
            signal: HostSignal::Busy,
            ..self.for_good(Reason::HttpStatus, "the server cannot answer now")
        }
    }

    fn for_good(self, reason: Reason, why: &str) -> FetchFailure {
        FetchFailure { signal: HostSignal::Healthy, ..FetchFailure::permanent(reason, self.told(why)) }
    }

    fn afresh(self, why: &str) -> FetchFailure {
        FetchFailure::restart(Reason::Truncated, self.told(why))
    }

    fn partial(self) -> FetchFailure {
        let range = text(self.headers, &CONTENT_RANGE).unwrap_or("none that can be read");
        self.afresh(&format!("a part came, not the whole text (Content-Range: {range})"))
    }

    fn told(self, why: &str) -> String {
        format!("{}: status {}: {why}", strip_credentials(self.url), self.status.as_u16())
    }

    fn facts(self) -> BodyInfo {
        let (content_type, charset) = text(self.headers, &CONTENT_TYPE).map_or((None, None), media_type);
        BodyInfo {
            url: strip_credentials(self.url).into(),
            status: Some(self.status.as_u16()),
            total: self.total(),
            content_type,
            charset,
            etag: text(self.headers, &ETAG).map(str::to_owned),
            last_modified: text(self.headers, &LAST_MODIFIED).map(str::to_owned),
        }
    }
}

/// A `Content-Type` as its media type and its charset: RFC 9110 §8.3.
pub(crate) fn media_type(value: &str) -> (Option<String>, Option<String>) {
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
            let (media_type, charset) = media_type(value);
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
