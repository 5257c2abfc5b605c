//! The header field `Content-Encoding`, RFC 9110 §8.4.

use std::fmt;

/// How many codings are undone, one within the other.
pub const CODINGS_MAX: usize = 3;
/// How much of an unknown coding is told.
const TOLD_CHARS_MAX: usize = 40;

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

/// Why codings cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCodings {
    /// One is not known.
    #[error("Content-Encoding '{0}' is unknown")]
    Unknown(String),
    /// There are more than [`CODINGS_MAX`].
    #[error("Content-Encoding names more than {CODINGS_MAX} codings")]
    TooMany,
}

impl Codings {
    /// Reads the values of all fields of this name, in their order. `identity` and empty elements mean nothing.
    ///
    /// # Errors
    /// Where a coding is unknown, or there are more than [`CODINGS_MAX`].
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

    /// Whether the body is as it is.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they must be undone.
    pub(super) fn last_first(&self) -> impl Iterator<Item = Coding> {
        self.0.iter().rev().copied()
    }
}

fn named(name: &[u8]) -> Result<Option<Coding>, InvalidCodings> {
    Ok(match name.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => None,
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
    }

    #[test]
    fn unknown_or_too_many_codings_are_refused() {
        for unknown in ["compress", "x-br", "gzip;q=1", "utf-8", "*", "gzip br"] {
            assert_eq!(parse(&["gzip", unknown]), Err(InvalidCodings::Unknown(unknown.to_owned())));
        }
        assert_eq!(parse(&["br,br", "identity,br,br"]), Err(InvalidCodings::TooMany));
        let Err(InvalidCodings::Unknown(told)) = parse(&["x".repeat(9_000).as_str()]) else { panic!() };
        assert_eq!(told.len(), TOLD_CHARS_MAX);
        assert_eq!(parse(&["x\u{9b}2J"]), Err(InvalidCodings::Unknown("x\\u{9b}2J".to_owned())));
    }
}
