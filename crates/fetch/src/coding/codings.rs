//! The header field `Content-Encoding`, RFC 9110 §8.4.
//!
//! Servers also send names there that are not content codings: words for "no coding", charsets, languages,
//! media types, and transfer encodings of MIME. None of them changes the bytes, so they are ignored. A name
//! that is neither one of them nor a known coding is refused.

use std::fmt;

use encoding_rs::Encoding;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

/// The maximum number of codings of one body.
pub const CODINGS_MAX: usize = 3;
/// The maximum number of characters of an unknown coding in a message.
const TOLD_CHARS_MAX: usize = 40;

/// Names that servers send although the body has no coding: words for "no coding", encodings of MIME that
/// change nothing (RFC 2045 §6.2), and the signed upload encoding of Amazon S3, which S3 has already removed.
const NO_CODINGS: [&[u8]; 20] = [
    b"",
    b"identity",
    b"x-identity",
    b"none",
    b"no",
    b"off",
    b"false",
    b"null",
    b"nil",
    b"undefined",
    b"default",
    b"plain",
    b"text",
    b"raw",
    b"binary",
    b"7bit",
    b"8bit",
    b"unicode",
    b"chunked",
    b"aws-chunked",
];
/// The prefixes of charset names that end with a number, with or without a hyphen before it.
const CHARSET_FAMILIES: [&[u8]; 7] = [b"utf", b"iso-8859", b"iso8859", b"windows", b"cp", b"ibm", b"ucs"];

/// One coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` and `x-gzip`: RFC 1952.
    Gzip,
    /// `deflate`: zlib, RFC 1950, or, as some servers send it, bare RFC 1951.
    Deflate,
    /// `br`: RFC 7932.
    Brotli,
    /// `zstd`: RFC 8878.
    Zstd,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

/// The codings of a body, in the order in which they were applied; none for a body that is as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codings(Vec<Coding>);

/// The reason that codings cannot be removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCodings {
    /// A coding is unknown, or cannot be removed.
    #[error("unsupported Content-Encoding '{0}'")]
    Unknown(String),
    /// There are more than [`CODINGS_MAX`].
    #[error("Content-Encoding names more than {CODINGS_MAX} codings")]
    TooMany,
}

impl Codings {
    /// Parses the values of all fields of this name, in order. Ignores `identity`, empty elements and names
    /// that are not content codings.
    ///
    /// # Errors
    /// Returns an error if a coding is unknown, or if there are more than [`CODINGS_MAX`].
    pub fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Result<Self, InvalidCodings> {
        let mut codings = Vec::new();
        for name in values.into_iter().flat_map(|value| value.split(|&byte| byte == b',')) {
            let Some(coding) = named(name.trim_ascii())? else { continue };
            if codings.len() == CODINGS_MAX {
                return Err(InvalidCodings::TooMany);
            }
            codings.push(coding);
        }
        Ok(Self(codings))
    }

    /// Reads `Content-Encoding` from the header fields of a response. Errors are those of
    /// [`parse`](Self::parse).
    pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Self, InvalidCodings> {
        Self::parse(headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes))
    }

    /// Returns whether the body has no coding.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the only coding is gzip.
    #[must_use]
    pub fn is_gzip(&self) -> bool {
        self.0 == [Coding::Gzip]
    }

    /// Returns whether the received bytes end with a checksum that shows that all of them came.
    #[must_use]
    pub fn has_checked_end(&self) -> bool {
        self.0.last() == Some(&Coding::Gzip)
    }

    /// In the order in which they must be undone.
    pub(super) fn last_first(&self) -> impl Iterator<Item = Coding> {
        self.0.iter().rev().copied()
    }
}

fn named(name: &[u8]) -> Result<Option<Coding>, InvalidCodings> {
    Ok(match unquoted(&name.to_ascii_lowercase()) {
        name if is_no_coding(name) => None,
        b"gzip" | b"x-gzip" => Some(Coding::Gzip),
        b"deflate" => Some(Coding::Deflate),
        b"br" => Some(Coding::Brotli),
        b"zstd" => Some(Coding::Zstd),
        _ => {
            let told = String::from_utf8_lossy(name);
            let told = told.chars().take(TOLD_CHARS_MAX).flat_map(char::escape_debug).collect();
            return Err(InvalidCodings::Unknown(told));
        }
    })
}

/// Returns whether a name in lower case is not a content coding, so that the bytes are unchanged.
fn is_no_coding(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"charset=").unwrap_or(name);
    let name = unquoted(name);
    NO_CODINGS.contains(&name) || is_charset(name) || is_language(name) || is_media_type(name)
}

fn unquoted(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
}

/// Returns whether a name is `en`, or a language with its country (`de-at`) as in `Content-Language`. Other
/// words of two letters may be codings, so they are not accepted.
fn is_language(name: &[u8]) -> bool {
    let is_letters = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_alphabetic);
    name == b"en" || (name.len() == 5 && name[2] == b'-' && is_letters(&name[..2]) && is_letters(&name[3..]))
}

fn is_charset(name: &[u8]) -> bool {
    let has_number = |prefix: &&[u8]| {
        let number = name.strip_prefix(*prefix).map(|rest| rest.strip_prefix(b"-").unwrap_or(rest));
        number.and_then(|number| number.first()).is_some_and(u8::is_ascii_digit)
    };
    Encoding::for_label(name).is_some() || CHARSET_FAMILIES.iter().any(has_number)
}

/// Returns whether a name is a media type (`type/subtype`) as in `Content-Type`, of the type `text` or
/// `application`.
fn is_media_type(name: &[u8]) -> bool {
    let media_type = name.split(|byte| *byte == b';').next().unwrap_or_default();
    [&b"text/"[..], b"application/"].iter().any(|family| {
        let subtype = media_type.strip_prefix(*family).unwrap_or_default();
        !subtype.is_empty()
            && subtype.iter().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Vec<Coding>, InvalidCodings> {
        Codings::parse(values.iter().map(|value| value.as_bytes())).map(|codings| codings.0)
    }

    #[test]
    fn lists_and_repeated_fields_are_one_list() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        assert_eq!(parse(&[]), Ok(vec![]));
        assert_eq!(parse(&["identity", "", " , Identity"]), Ok(vec![]));
        assert_eq!(parse(&["gzip, br"]), Ok(vec![Gzip, Brotli]));
        assert_eq!(parse(&["X-GZIP", "deflate ,identity,\tzstd"]), Ok(vec![Gzip, Deflate, Zstd]));
        assert_eq!(parse(&["br,br,br"]), Ok(vec![Brotli; 3]));
        assert_eq!(parse(&["\"gzip\""]), Ok(vec![Gzip]));
    }

    #[test]
    fn what_is_no_coding_means_nothing() {
        for name in [
            "none",
            "None",
            "null",
            "UTF-8",
            "utf8",
            "utf-16",
            "utf-32",
            "ISO-8859-1",
            "latin1",
            "us-ascii",
            "ascii",
            "windows-1252",
            "cp437",
            "shift_jis",
            "gbk",
            "koi8-r",
            "binary",
            "8bit",
            "7BIT",
            "text",
            "plain",
            "text/plain",
            "text/plain; charset=utf-8",
            "application/octet-stream",
            "charset=utf-8",
            "\"utf-8\"",
            "en",
            "pt-BR",
            "aws-chunked",
            "chunked",
        ] {
            assert_eq!(parse(&[name]), Ok(vec![]), "{name}");
            assert_eq!(parse(&[name, "gzip"]), Ok(vec![Coding::Gzip]), "{name}");
        }
    }

    #[test]
    fn unknown_or_too_many_codings_are_refused() {
        for unknown in [
            "compress",
            "x-compress",
            "sdch",
            "lzma",
            "xz",
            "base64",
            "x-br",
            "gzip;q=1",
            "*",
            "gzip br",
            "cow",
            "utf-x",
        ] {
            assert_eq!(parse(&["gzip", unknown]), Err(InvalidCodings::Unknown(unknown.to_owned())));
        }
        assert_eq!(parse(&["br,br", "identity,br,br"]), Err(InvalidCodings::TooMany));
        let Err(InvalidCodings::Unknown(told)) = parse(&["x".repeat(9_000).as_str()]) else { panic!() };
        assert_eq!(told.len(), TOLD_CHARS_MAX);
        assert_eq!(parse(&["x\u{9b}2J"]), Err(InvalidCodings::Unknown("x\\u{9b}2J".to_owned())));
    }
}
