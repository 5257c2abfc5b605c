//! From a listed URL to the one that is contacted, and the group that politeness counts it with.

use url::{Host, Url};

use crate::config::{
    allowed_host::{AllowedHost, InvalidHost},
    mirror::{self, Mirror},
};

/// The longest host name that is taken: RFC 1035 §2.3.4.
const HOST_BYTES_MAX: usize = 253;

/// The reason that a listed URL cannot be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot fetch '{listed}': {why}")]
pub struct InvalidCandidate {
    listed: String,
    why: String,
}

/// Parses a listed URL and applies the mirrors. Returns the URL that is contacted: `http`, `https` or `file`.
///
/// # Errors
/// Returns an error if it is not a URL, if its scheme is none of `http`, `https` and `file`, or if its host
/// name is too long.
pub fn parse(listed: &str, mirrors: &[Mirror]) -> Result<Url, InvalidCandidate> {
    let refuse = |why: String| InvalidCandidate { listed: listed.to_owned(), why };
    let url = Url::parse(listed).map_err(|error| refuse(format!("not a URL ({error})")))?;
    // Before the checks: what counts is the URL that is contacted.
    let url = mirror::rewrite(url, mirrors);
    match url.scheme() {
        "http" | "https" if url.host_str().unwrap_or_default().len() > HOST_BYTES_MAX => {
            Err(refuse("the host name is too long".to_owned()))
        }
        "http" | "https" | "file" => Ok(url),
        scheme => Err(refuse(format!("'{scheme}' is neither http, https nor file"))),
    }
}

/// Returns the group of a URL in the queue: its host, with the port if it is not the default one. `None` for
/// `file`.
#[must_use]
pub fn group_of_url(url: &Url) -> Option<String> {
    if url.scheme() == "file" {
        return None;
    }
    let host = match url.host()? {
        // `a.b.` and `a.b` are the same host, so their limits are shared.
        Host::Domain(name) => name.trim_end_matches('.').to_owned(),
        address @ (Host::Ipv4(_) | Host::Ipv6(_)) => address.to_string(),
    };
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// Returns the `host` that a fetch job for this listed URL must have. `None` for `file` and for URLs that
/// cannot be fetched.
#[must_use]
pub fn group_of(listed: &str, mirrors: &[Mirror]) -> Option<String> {
    group_of_url(&parse(listed, mirrors).ok()?)
}

/// Returns the group of the URLs with this host, written as `HOST` or `HOST:PORT` like an [`AllowedHost`].
/// The default ports, 80 and 443, are not part of a group.
///
/// # Errors
/// Returns an error if `text` is not a host.
pub fn group_of_host(text: &str) -> Result<String, InvalidHost> {
    let host: AllowedHost = text.parse()?;
    let written = host.to_string();
    let usual = [":80", ":443"].iter().find_map(|port| written.strip_suffix(port));
    Ok(usual.unwrap_or(&written).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_the_host_that_is_contacted() {
        let mirrors = ["http://a.b/x=http://m.example:81".parse().unwrap()];
        for (listed, group) in [
            ("http://A.b./y", Some("a.b")),
            ("https://u:p@a.b:443/y", Some("a.b")),
            ("http://a.b:443/", Some("a.b:443")),
            ("http://a.b/x/y", Some("m.example:81")),
            ("http://[::1]:8/", Some("[::1]:8")),
            ("http://2130706433/", Some("127.0.0.1")),
            ("file:///tmp/x", None),
            ("ftp://a.b/", None),
            ("nonsense", None),
        ] {
            assert_eq!(group_of(listed, &mirrors).as_deref(), group, "{listed}");
        }
    }

    #[test]
    fn a_host_is_named_as_its_group_is() {
        for (text, listed) in [
            ("A.b.", "http://a.b/x"),
            ("a.b:80", "http://a.b:80/x"),
            ("a.b:443", "https://a.b:443/x"),
            ("a.b:8443", "https://a.b:8443/x"),
            ("0x7f.1:8080", "http://127.0.0.1:8080/x"),
            ("[0::1]", "http://[::1]/x"),
            ("[::1]:8", "http://[::1]:8/x"),
            ("[::80]", "http://[::80]/x"),
            ("b\u{fc}cher.example", "http://xn--bcher-kva.example/"),
        ] {
            assert_eq!(group_of_host(text).ok(), group_of(listed, &[]), "{text}");
        }
        assert!(group_of_host("http://a.b/").is_err());
    }

    #[test]
    fn what_cannot_be_fetched_is_said_why() {
        let over_long = format!("http://{}/", "a.".repeat(150));
        for listed in ["ftp://a.b/", "nonsense", "http://", "data:text/plain,x", &over_long] {
            assert!(parse(listed, &[]).is_err(), "{listed}");
        }
    }
}
