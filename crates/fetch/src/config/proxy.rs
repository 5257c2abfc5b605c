//! The setting `--proxy`.

use std::{fmt, str::FromStr};

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::credentials::strip_credentials;

/// The environment variables that list hosts to contact without a proxy. The first that is set counts.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The choice of a proxy. Shown without user and password.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// The proxy that the environment names for the URL, if any: `http_proxy`, `https_proxy`, `all_proxy`,
    /// except for the hosts of `no_proxy`.
    #[default]
    Environment,
    /// No proxy, whatever the environment says.
    Off,
    /// This proxy, except for the hosts of `no_proxy`: an `http` or `https` URL, perhaps with user and
    /// password.
    At(Url),
}

/// The reason that a text is not a proxy. It does not repeat the text, which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}. Write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT (https too), or off")]
pub struct InvalidProxy {
    why: &'static str,
}

impl FromStr for ProxyChoice {
    type Err = InvalidProxy;

    /// A URL without a scheme is `http`, as curl has it.
    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        let refuse = |why| InvalidProxy { why };
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&full).map_err(|_| refuse("it is not a URL"))?;
        match url.scheme() {
            "http" | "https" => {}
            "socks4" | "socks4a" | "socks5" | "socks5h" => {
                return Err(refuse("SOCKS proxies are not supported"));
            }
            _ => return Err(refuse("it is neither http nor https")),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a proxy has no path, query or fragment"));
        }
        Ok(Self::At(url))
    }
}

impl fmt::Display for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::Off => f.write_str("off"),
            Self::At(proxy) => fmt::Display::fmt(&strip_credentials(proxy), f),
        }
    }
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ProxyChoice {
    /// Returns whether a URL is requested through a proxy.
    #[must_use]
    pub fn is_asked_for(&self, url: &Url) -> bool {
        url.as_str().parse().is_ok_and(|uri| self.matcher().intercept(&uri).is_some())
    }

    /// Returns the matcher that finds the proxy of a URL.
    pub(crate) fn matcher(&self) -> Matcher {
        match self {
            Self::Environment => Matcher::from_system(),
            Self::Off => Matcher::builder().build(),
            Self::At(proxy) => {
                let not = NO_PROXY.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
                Matcher::builder().all(proxy.as_str()).no(not).build()
            }
        }
    }

    /// Returns the proxy for a client that is used only for URLs that have one. `None` if the client reads
    /// the environment itself.
    pub(crate) fn of_client(&self) -> reqwest::Result<Option<reqwest::Proxy>> {
        match self {
            Self::Environment | Self::Off => Ok(None),
            Self::At(proxy) => {
                reqwest::Proxy::all(proxy.as_str()).map(Some).map_err(reqwest::Error::without_url)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_user_and_password() {
        for (text, shown) in [
            ("off", "off"),
            ("OFF", "off"),
            ("http://u:secret@p.example:3128", "http://p.example:3128/"),
            ("u:secret@p.example:3128", "http://p.example:3128/"),
            ("https://p.example/", "https://p.example/"),
            ("[::1]:3128", "http://[::1]:3128/"),
        ] {
            let proxy: ProxyChoice = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_repeated() {
        for text in [
            "socks5://u:secret@p:1",
            "ftp://u:secret@p",
            "http://u:secret@p/x",
            "http://u:secret@",
            "u:secret@",
            "",
        ] {
            let error = text.parse::<ProxyChoice>().unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("http://HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_asked_for_http_and_https() {
        let asks = |choice: &ProxyChoice, url: &str| {
            let found =
                choice.matcher().intercept(&url.parse().unwrap()).map(|found| found.uri().to_string());
            assert_eq!(choice.is_asked_for(&url.parse().unwrap()), found.is_some());
            found
        };
        let at: ProxyChoice = "http://u:p@p.example:1".parse().unwrap();
        for url in ["http://a.example/x", "https://a.example/x"] {
            assert_eq!(asks(&at, url).as_deref(), Some("http://p.example:1/"));
            assert_eq!(asks(&ProxyChoice::Off, url), None);
        }
    }
}
