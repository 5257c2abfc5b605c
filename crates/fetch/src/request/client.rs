//! The HTTP clients, and the choice of one for each host.
//!
//! * *guarded*: names are resolved here, to public addresses only;
//! * *open*: for hosts that the user has allowed by name;
//! * *proxied*: if `--proxy` or the environment names a proxy for the URL
//!   ([`ProxyChoice`](crate::config::proxy)). The proxy resolves names, so it must check their addresses.
//!   Hosts that are addresses are checked here all the same. This machine itself (loopback, `localhost`) is
//!   never contacted through a proxy. The address of the proxy may be any.
//!
//! The [family](IpFamily) of addresses holds for the host, or for the proxy if there is one.
//!
//! Each client exists twice: one keeps connections for the next request, the other opens a new connection for
//! each request.
//!
//! No client follows redirects, removes content codings, keeps cookies or sends a `Referer`. All clients
//! parse responses as leniently as browsers do: white space before a colon and folded lines are accepted (RFC
//! 9112 §5.1, §5.2), and lines that are not header fields are skipped. NUL, a lone carriage return, and
//! contradictory lengths are still refused.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use flow::failure::Reason;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Client, ClientBuilder,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
    redirect::Policy,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use url::{Host, Url};

use crate::{
    config::{FetchConfig, allowed_host::AllowedHost, ip_family::IpFamily},
    error::FetchError,
    request::{
        address::{Resolver, forbidden},
        root_certs,
    },
};

/// The time for which an unused connection is kept: longer than the wait between two requests to one host,
/// but not much longer, because there may be many hosts.
const IDLE_CONNECTION_KEPT: Duration = Duration::from_secs(5);
/// The maximum number of unused connections to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// The maximum number of header fields in a response. A response with more fields is refused, and so is a
/// head of more than about 400 KiB.
const FIELDS_MAX: usize = 500;

/// The clients.
#[derive(Debug)]
pub(crate) struct Clients {
    guarded: ClientPair,
    open: ClientPair,
    proxied: ClientPair,
    proxies: Matcher,
    allow_hosts: Vec<AllowedHost>,
    family: IpFamily,
}

/// The two clients for one way to contact hosts.
#[derive(Debug)]
pub(crate) struct ClientPair {
    /// Reuses an open connection, if there is one.
    pub(crate) kept: Client,
    /// Opens a new connection for each request.
    pub(crate) fresh: Client,
}

impl ClientPair {
    /// Builds both clients from the settings of `builder`.
    fn new(builder: impl Fn() -> ClientBuilder) -> Result<Self, FetchError> {
        let kept =
            builder().pool_idle_timeout(IDLE_CONNECTION_KEPT).pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        let fresh = builder().pool_max_idle_per_host(0);
        let build = |builder: ClientBuilder| builder.build().map_err(FetchError::Client);
        Ok(Self { kept: build(kept)?, fresh: build(fresh)? })
    }
}

/// The reason that a host cannot be contacted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    /// The host is an address that may not be contacted.
    #[error("'{host}' is {why}. Use --allow-host to allow it")]
    Forbidden { host: String, why: &'static str },
    /// The host, or the proxy, is an address of the other family.
    #[error("'{host}' is not an {family} address, and no others are allowed")]
    IpFamily { host: String, family: IpFamily },
    /// The proxy in the environment is neither HTTP nor HTTPS.
    #[error(
        "the proxy {proxy} is neither http nor https. Use another proxy with --proxy, or use --proxy \
        off"
    )]
    Proxy { proxy: String },
}

impl RouteError {
    /// Returns the failure reason.
    pub(crate) const fn reason(&self) -> Reason {
        match self {
            Self::Forbidden { .. } | Self::IpFamily { .. } => Reason::ForbiddenAddress,
            Self::Proxy { .. } => Reason::Connect,
        }
    }
}

/// The clients for a host.
#[derive(Debug)]
pub(crate) struct SelectedClients<'c> {
    pub(crate) clients: &'c ClientPair,
    /// The proxy, without user and password.
    pub(crate) proxy: Option<String>,
}

/// The route to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Guarded,
    Open,
    /// By this proxy.
    Proxied(String),
}

impl Clients {
    /// Creates the clients. On a machine without root certificates only `https` fails.
    pub(crate) fn new(config: &FetchConfig) -> Result<Self, FetchError> {
        let tls = tls(config)?;
        let base = || builder(config).tls_backend_preconfigured(tls.clone());
        let family = config.family;
        let proxy = config.proxy.of_client().map_err(FetchError::Client)?;
        let proxied = || proxy.iter().cloned().fold(base(), ClientBuilder::proxy);
        Ok(Self {
            guarded: ClientPair::new(|| base().no_proxy().dns_resolver(Resolver::Guarded(family)))?,
            open: ClientPair::new(|| base().no_proxy().dns_resolver(Resolver::Open(family)))?,
            // This resolver gets the name of the proxy, which may have a private address.
            proxied: ClientPair::new(|| proxied().dns_resolver(Resolver::Open(family)))?,
            proxies: config.proxy.matcher(),
            allow_hosts: config.allow_hosts.clone(),
            family,
        })
    }

    /// Returns the clients for the host of a URL.
    pub(crate) fn for_url(&self, url: &Url) -> Result<SelectedClients<'_>, RouteError> {
        Ok(match route(url, &self.proxies, self.is_allowed(url), self.family)? {
            Route::Guarded => SelectedClients { clients: &self.guarded, proxy: None },
            Route::Open => SelectedClients { clients: &self.open, proxy: None },
            Route::Proxied(proxy) => SelectedClients { clients: &self.proxied, proxy: Some(proxy) },
        })
    }

    /// Returns whether the user has allowed the host of a URL by name.
    pub(crate) fn is_allowed(&self, url: &Url) -> bool {
        self.allow_hosts.iter().any(|allowed| allowed.names(url))
    }
}

fn route(url: &Url, proxies: &Matcher, is_allowed: bool, family: IpFamily) -> Result<Route, RouteError> {
    let (why, is_here) = match url.host() {
        Some(Host::Ipv4(address)) => (forbidden(address.into()), address.is_loopback()),
        // `::ffff:127.0.0.1` is this machine too.
        Some(Host::Ipv6(address)) => (forbidden(address.into()), address.to_canonical().is_loopback()),
        Some(Host::Domain(name)) if is_localhost(name) => (Some("loopback"), true),
        Some(Host::Domain(_)) | None => (None, false),
    };
    // Before the proxy is chosen: a proxy must not reach addresses that are refused here.
    if let Some(why) = why.filter(|_| !is_allowed) {
        return Err(RouteError::Forbidden { host: url.host_str().unwrap_or_default().to_owned(), why });
    }
    if let Some(proxy) = proxy_of(url, proxies).filter(|_| !is_here) {
        if !matches!(proxy.scheme(), "http" | "https") {
            return Err(RouteError::Proxy { proxy: proxy.into() });
        }
        check_family(&proxy, family)?;
        return Ok(Route::Proxied(proxy.into()));
    }
    check_family(url, family)?;
    Ok(if is_allowed { Route::Open } else { Route::Guarded })
}

/// The proxy for a URL, without user and password.
fn proxy_of(url: &Url, proxies: &Matcher) -> Option<Url> {
    let found = proxies.intercept(&url.as_str().parse().ok()?)?;
    Url::parse(&found.uri().to_string()).ok()
}

/// Checks the family of a host that is an address. The addresses of a name are checked when it is resolved.
fn check_family(url: &Url, family: IpFamily) -> Result<(), RouteError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if family.includes(address) {
        return Ok(());
    }
    Err(RouteError::IpFamily { host: address.to_string(), family })
}

/// Returns whether a name always resolves to this machine (RFC 6761 §6.3).
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
        // All three options are needed. With only the option that skips invalid lines, the parser would also
        // skip the continuation lines of a valid folded field.
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(FIELDS_MAX)
}

/// Creates the TLS configuration: the verifier of the platform with the configured roots in addition. If
/// there are no root certificates at all, no server is trusted.
fn tls(config: &FetchConfig) -> Result<ClientConfig, FetchError> {
    let extra =
        config.ca_certificate.as_deref().map(|path| root_certs::read(path).map(|roots| (path, roots)));
    let extra = extra.transpose()?;
    // Named here, so that the program need not install a default provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let (path, roots) = extra.unzip();
    let mut config = match Verifier::new_with_extra_roots(roots.into_iter().flatten(), provider) {
        Ok(verifier) => config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        // The user relies on these certificates. Without them, HTTPS would fail later and less clearly.
        Err(error) if path.is_some() => {
            let path = path.unwrap_or(Path::new("")).to_owned();
            return Err(FetchError::Roots { path, why: error.to_string() });
        }
        Err(error) => {
            // Plain HTTP works all the same.
            tracing::debug!(%error, "no root certificates: HTTPS will fail");
            config.with_root_certificates(RootCertStore::empty())
        }
    }
    .with_no_client_auth();
    // No client here speaks HTTP/2. A server that was offered it could choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_to(url: &str, is_allowed: bool, proxies: &Matcher) -> Result<Route, String> {
        route(&url.parse().unwrap(), proxies, is_allowed, IpFamily::Any).map_err(|error| error.to_string())
    }

    fn proxied() -> Result<Route, String> {
        Ok(Route::Proxied("http://proxy.example:3128/".to_owned()))
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
            assert!(route_to(&url, false, &none).is_err(), "{host}");
            assert_eq!(route_to(&url, true, &none), Ok(Route::Open), "{host}");
        }
        assert_eq!(route_to("http://1.1.1.1/", false, &none), Ok(Route::Guarded));
        assert_eq!(route_to("http://a.example/", false, &none), Ok(Route::Guarded));
    }

    #[test]
    fn a_proxy_is_used_for_all_but_this_machine_and_hides_no_address() {
        let proxies =
            Matcher::builder().all("http://user:secret@proxy.example:3128").no("direct.example").build();
        assert_eq!(route_to("http://a.example/", false, &proxies), proxied());
        assert_eq!(route_to("https://a.example/", true, &proxies), proxied());
        assert_eq!(route_to("http://direct.example/", false, &proxies), Ok(Route::Guarded));
        assert!(route_to("http://localhost:8/", false, &proxies).is_err());
        for here in ["http://localhost/", "http://x.localhost./", "http://127.0.0.1/", "http://[::1]/"] {
            assert_eq!(route_to(here, true, &proxies), Ok(Route::Open), "{here}");
        }
        assert!(route_to("http://10.0.0.1/", false, &proxies).is_err());
        let socks = Matcher::builder().all("socks5://user:secret@proxy.example").build();
        let refused = route_to("http://a.example/", false, &socks).unwrap_err();
        assert!(refused.contains("socks5://proxy.example") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn the_family_holds_for_whatever_is_connected_to() {
        let of = |url: &str, proxies: &Matcher, family| {
            route(&url.parse().unwrap(), proxies, true, family).map_err(|error| error.to_string())
        };
        let none = Matcher::builder().build();
        assert_eq!(of("http://127.0.0.1/", &none, IpFamily::V4), Ok(Route::Open));
        assert_eq!(of("http://[::1]/", &none, IpFamily::V6), Ok(Route::Open));
        assert_eq!(of("http://a.example/", &none, IpFamily::V6), Ok(Route::Open));
        assert_eq!(
            of("http://127.0.0.1/", &none, IpFamily::V6).unwrap_err(),
            "'127.0.0.1' is not an IPv6 address, and no others are allowed"
        );
        assert!(of("http://[::1]/", &none, IpFamily::V4).is_err());
        let proxies = Matcher::builder().all("http://192.0.2.1:3128").build();
        assert!(matches!(of("http://[2001:db8::1]/", &proxies, IpFamily::V4), Ok(Route::Proxied(_))));
        assert!(of("http://a.example/", &proxies, IpFamily::V6).unwrap_err().contains("'192.0.2.1'"));
    }

    #[tokio::test]
    async fn a_name_that_stands_for_a_private_address_is_not_contacted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url =
            format!("http://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        let clients = Clients::new(&FetchConfig::default()).unwrap();
        let error = clients.guarded.kept.get(url.clone()).send().await.unwrap_err();
        let failed = crate::request::client_error::failed_request(&error, &url, None);
        assert_eq!(failed.failure.reason, flow::failure::Reason::ForbiddenAddress, "{}", failed.failure);
        assert_eq!(failed.retry, crate::failure::Retry::Never);
    }
}
