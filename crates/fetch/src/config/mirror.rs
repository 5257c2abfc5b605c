//! `--mirror BASE=BASE`: URLs below one base are fetched from another.

use std::{fmt, str::FromStr};

use url::Url;

use crate::credentials::strip_credentials;

/// A rewrite of a URL prefix. It applies if scheme, host and port are the same and the path continues at a
/// `/`, so `http://a.b` covers neither `http://a.bc` nor `http://a.b.c`. The query is kept. User and password
/// of the rewritten URL are dropped.
///
/// Displayed without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The prefix that is replaced.
    pub from: Url,
    /// The replacement.
    pub to: Url,
}

/// The reason that a text is not a mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a mirror: {why}. Write it as BASE=BASE, such as \
     https://www.gutenberg.org=https://mirror.example/pg"
)]
pub struct InvalidMirror {
    text: String,
    why: String,
}

impl FromStr for Mirror {
    type Err = InvalidMirror;

    fn from_str(text: &str) -> Result<Self, InvalidMirror> {
        // A password must not come back in a message.
        let told = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, host)| format!("…@{host}"));
        let refuse = |why: String| InvalidMirror { text: told.clone(), why };
        let at = ["=http://", "=https://"].into_iter().filter_map(|sign| text.find(sign)).min();
        let at = at.ok_or_else(|| refuse("there is no second http or https URL after '='".to_owned()))?;
        let from = base(&text[..at]).map_err(&refuse)?;
        let to = base(&text[at + 1..]).map_err(&refuse)?;
        if !from.username().is_empty() || from.password().is_some() {
            return Err(refuse("the first URL cannot have a user or password".to_owned()));
        }
        Ok(Self { from, to })
    }
}

fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("one of its parts is not a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("'{}' is neither http nor https", strip_credentials(&url)));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("'{}' has a query or fragment", strip_credentials(&url)));
    }
    Ok(url)
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, strip_credentials(&self.to))
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mirror({self})")
    }
}

impl Mirror {
    /// Returns the URL on the mirror if `url` is below [`from`](Self::from).
    #[must_use]
    pub fn rewrite(&self, url: &Url) -> Option<Url> {
        // The origin includes the port, so other services of the host are not rewritten.
        if url.origin() != self.from.origin() {
            return None;
        }
        let rest = url.path().strip_prefix(self.from.path().trim_end_matches('/'))?;
        // `/pg` is not a base of `/pgx`.
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let mut rewritten = self.to.clone();
        rewritten.set_path(&format!("{}{rest}", self.to.path().trim_end_matches('/')));
        rewritten.set_query(url.query());
        Some(rewritten)
    }
}

/// Applies the first mirror that matches.
pub(crate) fn rewrite(url: Url, mirrors: &[Mirror]) -> Url {
    mirrors.iter().find_map(|mirror| mirror.rewrite(&url)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(mirror: &str, url: &str) -> Option<String> {
        mirror.parse::<Mirror>().unwrap().rewrite(&url.parse().unwrap()).map(String::from)
    }

    #[test]
    fn a_prefix_ends_where_a_path_does() {
        for (mirror, url, expected) in [
            ("http://a.b=http://m", "http://a.b/x/y?q", Some("http://m/x/y?q")),
            ("http://a.b/=http://m:81/p/", "http://A.B:80/x", Some("http://m:81/p/x")),
            ("http://a.b/x=http://m", "http://a.b/x", Some("http://m/")),
            ("http://a.b/x/=http://m/y", "http://a.b/x/z", Some("http://m/y/z")),
            ("http://a.b/x=https://m", "http://u:p@a.b/x/z", Some("https://m/z")),
            ("http://a.b/x=http://m", "http://a.b/xy", None),
            ("http://a.b=http://m", "http://a.bc/x", None),
            ("http://a.b=http://m", "http://a.b.c/x", None),
            ("http://a.b=http://m", "https://a.b/x", None),
            ("http://a.b=http://m", "http://a.b:8080/x", None),
            ("http://a.b/k=v=http://m", "http://a.b/k=v/1", Some("http://m/1")),
        ] {
            assert_eq!(rewritten(mirror, url).as_deref(), expected, "{mirror} on {url}");
        }
    }

    #[test]
    fn a_mirror_that_is_none_is_refused_with_the_reason() {
        for text in [
            "",
            "http://a",
            "http://a=",
            "a=http://b",
            "ftp://a=http://b",
            "http://a?x=http://b",
            "http://a=file:///x",
        ] {
            let error = text.parse::<Mirror>().unwrap_err().to_string();
            assert!(error.contains("BASE=BASE"), "{error}");
        }
        let mirror: Mirror = "http://a.b/x=https://m/".parse().unwrap();
        assert_eq!(mirror.to_string().parse(), Ok(mirror));
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        let mirror: Mirror = "http://a.b/x=https://u:secret@m/".parse().unwrap();
        assert_eq!(mirror.to_string(), "http://a.b/x=https://m/");
        assert!(!format!("{mirror:?}").contains("secret"));
        assert_eq!(mirror.rewrite(&"http://a.b/x/1".parse().unwrap()).unwrap().password(), Some("secret"));
        for text in
            ["http://a=http://u:secret@b?q", "http://a=http://u:secret@", "http://a=http://u:secret@b:x"]
        {
            let error = text.parse::<Mirror>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
