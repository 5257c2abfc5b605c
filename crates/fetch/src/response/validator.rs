//! The validators of a response, which tell one version of a body from another, and its `Content-Range`.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

/// The age that a modification must have for its date to be a strong validator. It allows for a difference
/// between two clocks.
const LAST_MODIFIED_AGE_MIN: Duration = Duration::from_secs(60);

/// The size limit of a header field. Its value goes into jobs and records.
const FIELD_BYTES_MAX: usize = 1_024;

/// A strong validator: two bodies with the same one are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Validator {
    /// A strong `ETag`, with its quotes.
    Etag(String),
    /// `Last-Modified`, as it was sent.
    LastModified(String),
}

impl Validator {
    /// Returns the strong validator of a response: an `ETag` that is not weak (RFC 9110 §8.8.1), or a
    /// `Last-Modified` that is at least a minute older than `Date` (§8.8.2.2).
    pub(crate) fn strong(headers: &HeaderMap) -> Option<Self> {
        // A weak tag is not replaced by the date, which is less precise still.
        if let Some(etag) = single_value(headers, &ETAG) {
            return is_strong(etag).then(|| Self::Etag(etag.to_owned()));
        }
        let modified = single_value(headers, &LAST_MODIFIED)?;
        // Both dates come from the server, so the clock of this machine does not matter.
        let age = httpdate::parse_http_date(single_value(headers, &DATE)?)
            .ok()?
            .duration_since(httpdate::parse_http_date(modified).ok()?)
            .ok()?;
        (age >= LAST_MODIFIED_AGE_MIN).then(|| Self::LastModified(modified.to_owned()))
    }

    /// Returns the value of `If-Range`.
    pub(crate) fn if_range(&self) -> &str {
        match self {
            Self::Etag(value) | Self::LastModified(value) => value,
        }
    }

    /// Returns whether a response says that it is of another version. A response without the field does not.
    pub(crate) fn is_contradicted(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Etag(etag) => single_value(headers, &ETAG).is_some_and(|other| other != etag),
            Self::LastModified(date) => {
                single_value(headers, &LAST_MODIFIED).is_some_and(|other| other != date)
            }
        }
    }
}

/// Returns whether a value is one entity tag, strong and not empty (RFC 9110 §8.8.3). A list of tags is not.
fn is_strong(etag: &str) -> bool {
    let tag = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.is_some_and(|tag| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

/// Returns the value of a header field that is sent once, is ASCII and not too long.
pub(crate) fn single_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|value| value.len() <= FIELD_BYTES_MAX)?;
    // Of two values nobody knows which one counts.
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// `Content-Range: bytes FIRST-LAST/TOTAL`, RFC 9110 §14.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) total: u64,
}

impl ContentRange {
    /// Parses the field. `None` if it is missing, of another form, or impossible.
    pub(crate) fn parse(headers: &HeaderMap) -> Option<Self> {
        let (range, total) =
            single_value(headers, &CONTENT_RANGE)?.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = Self { first: number(first)?, last: number(last)?, total: number(total)? };
        (range.first <= range.last && range.last < range.total).then_some(range)
    }
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_strong_validators_count() {
        let etag = |value: &str| Validator::strong(&headers(&[("etag", value)]));
        assert_eq!(etag("\"x\""), Some(Validator::Etag("\"x\"".to_owned())));
        for weak in ["W/\"x\"", "x", "\"\"", "\"", "\"a\", \"b\"", "\"a b\"", "\"a\"b\""] {
            assert_eq!(etag(weak), None, "{weak}");
        }
        let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
        let dated = |date: &str| Validator::strong(&headers(&[("last-modified", modified), ("date", date)]));
        assert_eq!(
            dated("Sun, 06 Nov 1994 08:50:37 GMT"),
            Some(Validator::LastModified(modified.to_owned()))
        );
        assert_eq!(dated("Sun, 06 Nov 1994 08:50:36 GMT"), None);
        assert_eq!(dated("Sun, 06 Nov 1994 08:00:00 GMT"), None);
        assert_eq!(Validator::strong(&headers(&[("last-modified", modified)])), None);
    }

    #[test]
    fn an_answer_of_another_version_contradicts() {
        let etag = Validator::Etag("\"x\"".to_owned());
        assert!(etag.is_contradicted(&headers(&[("etag", "\"y\"")])));
        assert!(etag.is_contradicted(&headers(&[("etag", "W/\"x\"")])));
        assert!(!etag.is_contradicted(&headers(&[("etag", "\"x\"")])));
        assert!(!etag.is_contradicted(&headers(&[])));
    }

    #[test]
    fn a_content_range_is_exact_or_none() {
        let of = |value: &str| ContentRange::parse(&headers(&[("content-range", value)]));
        assert_eq!(of("bytes 2-9/10"), Some(ContentRange { first: 2, last: 9, total: 10 }));
        for bad in [
            "bytes 2-10/10",
            "bytes 9-2/10",
            "bytes 2-9/*",
            "bytes */10",
            "2-9/10",
            "bytes 2-9",
            "bytes +2-9/10",
            "",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
