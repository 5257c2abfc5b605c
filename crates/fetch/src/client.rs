//! The HTTP clients, and which of them contacts which host.
//!
//! * *guarded*: every name is resolved here and stands for public addresses only;
//! * *open*: for hosts that the user allowed by name;
//! * *proxied*: where the environment names a proxy for the URL (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`).
//!   The proxy resolves names, so the check of what a name stands for is the proxy's; hosts that are addresses are
//!   checked here all the same. This machine itself (loopback, `localhost`) is never contacted through a proxy.
//!
//! No client follows redirects, undoes encodings, keeps cookies or sends a referer.

use std::{sync::Arc, time::Duration};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Client, ClientBuilder,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
    redirect::Policy,
};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use url::{Host, Url};

use crate::{
    address::{GuardedResolver, OpenResolver, forbidden},
    allowed::AllowedHost,
    config::FetchConfig,
    error::FetchError,
};

/// How long an unused connection is kept: over the wait between two requests to one host, but not much longer, since
/// there may be many hosts.
const IDLE_CONNECTION_KEPT: Duration = Duration::from_secs(5);
/// Unused connections kept for one host.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// The clients.
#[derive(Debug)]
pub(crate) struct Clients {
    guarded: Client,
    open: Client,
    proxied: Client,
    proxies: Matcher,
    allow_hosts: Vec<AllowedHost>,
}

/// A host is, or stands for, an address that may not be contacted.
#[derive(Debug, thiserror::Error)]
#[error("'{host}' is {why}, and no --allow-host names it")]
pub(crate) struct ForbiddenHost {
    host: String,
    why: &'static str,
}

/// The way to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Guarded,
    Open,
    Proxied,
}

impl Clients {
    /// Makes the clients. Works on a machine without root certificates: then only `https` fails.
    pub(crate) fn new(config: &FetchConfig) -> Result<Self, FetchError> {
        let tls = tls()?;
        let base = |builder: ClientBuilder| builder.tls_backend_preconfigured(tls.clone());
        let direct = || base(builder(config)).no_proxy();
        Ok(Self {
            guarded: direct().dns_resolver(GuardedResolver).build().map_err(FetchError::Client)?,
            open: direct().dns_resolver(OpenResolver).build().map_err(FetchError::Client)?,
            proxied: base(builder(config)).dns_resolver(OpenResolver).build().map_err(FetchError::Client)?,
            proxies: Matcher::from_system(),
            allow_hosts: config.allow_hosts.clone(),
        })
    }

    /// The client for a URL.
    pub(crate) fn for_url(&self, url: &Url) -> Result<&Client, ForbiddenHost> {
        Ok(match way(url, &self.proxies, self.is_allowed(url))? {
            Way::Guarded => &self.guarded,
            Way::Open => &self.open,
            Way::Proxied => &self.proxied,
        })
    }

    /// Whether the user allowed the URL's host by name.
    pub(crate) fn is_allowed(&self, url: &Url) -> bool {
        self.allow_hosts.iter().any(|allowed| allowed.names(url))
    }
}

fn way(url: &Url, proxies: &Matcher, is_allowed: bool) -> Result<Way, ForbiddenHost> {
    let (why, is_here) = match url.host() {
        Some(Host::Ipv4(address)) => (forbidden(address.into()), address.is_loopback()),
        Some(Host::Ipv6(address)) => (forbidden(address.into()), address.to_canonical().is_loopback()),
        Some(Host::Domain(name)) if is_localhost(name) => (Some("loopback"), true),
        Some(Host::Domain(_)) | None => (None, false),
    };
    if let Some(why) = why.filter(|_| !is_allowed) {
        return Err(ForbiddenHost { host: url.host_str().unwrap_or_default().to_owned(), why });
    }
    let is_proxied = !is_here && url.as_str().parse().is_ok_and(|uri| proxies.intercept(&uri).is_some());
    Ok(match (is_proxied, is_allowed) {
        (true, _) => Way::Proxied,
        (false, true) => Way::Open,
        (false, false) => Way::Guarded,
    })
}

/// Names that stand for this machine whatever a name server says: RFC 6761 §6.3.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn builder(config: &FetchConfig) -> ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(config.accept_encoding.value()));
    Client::builder()
        .user_agent(&config.user_agent)
        .default_headers(headers)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(IDLE_CONNECTION_KEPT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
}

/// The platform's verifier, or, where the platform has no root certificates, one that trusts nobody.
fn tls() -> Result<ClientConfig, FetchError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut config = match verifier(provider) {
        Ok(verifier) => config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(error) => {
            tracing::debug!(%error, "no root certificates: https will not work");
            config.with_root_certificates(RootCertStore::empty())
        }
    }
    .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(provider: Arc<CryptoProvider>) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    rustls_platform_verifier::Verifier::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way_to(url: &str, is_allowed: bool, proxies: &Matcher) -> Result<Way, String> {
        way(&url.parse().unwrap(), proxies, is_allowed).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_checked_in_whatever_form_they_are_written() {
        let none = Matcher::builder().build();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "0",
            "10.0.0.1",
            "[fd00::1]",
            "0.0.0.0",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
        ] {
            let url = format!("http://{host}:8080/x");
            assert!(way_to(&url, false, &none).is_err(), "{host}");
            assert_eq!(way_to(&url, true, &none), Ok(Way::Open), "{host}");
        }
        assert_eq!(way_to("http://1.1.1.1/", false, &none), Ok(Way::Guarded));
        assert_eq!(way_to("http://a.example/", false, &none), Ok(Way::Guarded));
    }

    #[test]
    fn a_proxy_is_used_for_all_but_this_machine_and_hides_no_address() {
        let proxies = Matcher::builder().all("http://proxy.example:3128").no("direct.example").build();
        assert_eq!(way_to("http://a.example/", false, &proxies), Ok(Way::Proxied));
        assert_eq!(way_to("https://a.example/", true, &proxies), Ok(Way::Proxied));
        assert_eq!(way_to("http://direct.example/", false, &proxies), Ok(Way::Guarded));
        assert!(way_to("http://localhost:8/", false, &proxies).is_err());
        for here in ["http://localhost/", "http://x.localhost./", "http://127.0.0.1/", "http://[::1]/"] {
            assert_eq!(way_to(here, true, &proxies), Ok(Way::Open), "{here}");
        }
        assert!(way_to("http://10.0.0.1/", false, &proxies).is_err());
    }

    #[tokio::test]
    async fn a_name_that_stands_for_a_private_address_is_not_contacted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url =
            format!("http://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        let clients = Clients::new(&FetchConfig::default()).unwrap();
        let error = clients.guarded.get(url.clone()).send().await.unwrap_err();
        let failed = crate::classify::unanswered(&error, &url);
        assert_eq!(failed.failure.reason, flow::reason::Reason::ForbiddenAddress, "{}", failed.failure);
        assert_eq!(failed.hope, crate::failed::Hope::None);
    }
}
