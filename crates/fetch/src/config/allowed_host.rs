//! `--allow-host HOST[:PORT]`: hosts that may be contacted whatever their address.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// A host, and a port if only that one is allowed. The host is a name, an IPv4 address, or an IPv6 address in
/// brackets. A name allows only the name, not its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    port: Option<u16>,
}

/// The reason that a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a host: {why}. Write it as HOST or HOST:PORT, such as localhost:8080 or [::1]")]
pub struct InvalidHost {
    text: String,
    why: &'static str,
}

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let refuse = |why| InvalidHost { text: text.to_owned(), why };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        // Without brackets the last group of an IPv6 address would be taken for a port.
        if host.contains(':') && !host.starts_with('[') {
            return Err(refuse("an IPv6 address needs brackets"));
        }
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(_) => return Err(refuse("the port is not a number from 1 to 65535")),
        };
        let host = Host::parse(host).map_err(|_| refuse("it is neither a name nor an address"))?;
        Ok(Self { host: undotted(host), port })
    }
}

/// Removes the dot that may end a name.
fn undotted(host: Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => host,
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl AllowedHost {
    /// Returns whether this entry has the host and port of a URL. Without a port it has all of them; a URL
    /// without a port has the default port of its scheme. Names are compared as written, not resolved.
    /// `false` for a URL without a host.
    #[must_use]
    pub fn names(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| undotted(host.to_owned()) == self.host)
            && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(allowed: &str, url: &str) -> bool {
        allowed.parse::<AllowedHost>().unwrap().names(&url.parse().unwrap())
    }

    #[test]
    fn a_host_is_named_by_name_and_port() {
        assert!(names("localhost", "http://LOCALHOST.:99/x"));
        assert!(names("127.0.0.1:80", "http://0x7f.1/"));
        assert!(names("[::1]:8080", "http://[0::1]:8080/"));
        assert!(names("[::1]", "https://[::1]/"));
        assert!(!names("localhost", "http://127.0.0.1/"));
        assert!(!names("127.0.0.1:80", "https://127.0.0.1/"));
        assert!(!names("127.0.0.1:8080", "http://127.0.0.1:8081/"));
        assert!(!names("a.b", "http://x.a.b/"));
    }

    #[test]
    fn what_is_no_host_is_refused_with_the_reason() {
        for text in ["", "::1", "a:b", "a:0", "a:99999", "a b", "http://a", "a/b", "[::1", "a@b"] {
            let error = text.parse::<AllowedHost>().unwrap_err().to_string();
            assert!(error.contains("HOST:PORT"), "{error}");
        }
        for text in ["localhost", "10.0.0.1:81", "[::1]:80", "[fd00::1]"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
