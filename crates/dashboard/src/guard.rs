//! Refuses requests that do not come from the operator's own browser or script.
//!
//! Any page that is open in the operator's browser can send requests to an address of this machine. Three
//! checks stop it: the token, which such a page does not know; the `Host`, which has the name of the
//! attacker's host if that name was made to resolve to this machine; and the `Origin`, which browsers add. A
//! page of another site gets no cookie either, because the cookie is `SameSite=Strict`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::refusal::Refusal;

/// The header with the token.
pub(crate) const TOKEN_HEADER: &str = "x-juggle-token";
/// The time for a request, without the time in which its response is read.
const REQUEST_TIME: Duration = Duration::from_secs(30);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The token, host and origin that a request must have.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    token: blake3::Hash,
    address: SocketAddr,
    /// The name of the cookie. Browsers do not tell the ports of a host apart, so it has the port.
    cookie: String,
}

impl Guard {
    pub(crate) fn new(token: &str, address: SocketAddr) -> Self {
        Self { token: blake3::hash(token.as_bytes()), address, cookie: format!("juggle-{}", address.port()) }
    }

    /// Returns the value of `Set-Cookie` that gives a browser the token.
    pub(crate) fn set_cookie(&self, token: &str) -> String {
        format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// Returns whether this is the token. Takes the same time for any token of the same length.
    pub(crate) fn is_token(&self, token: &str) -> bool {
        blake3::hash(token.as_bytes()) == self.token
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = || text("authorization")?.strip_prefix("Bearer ");
        if let Some(token) = text(TOKEN_HEADER).or_else(bearer) {
            return self.is_token(token.trim());
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, token)| name == self.cookie && self.is_token(token))
    }

    /// Returns whether a host and port name this dashboard. A name that an attacker's server resolves is no
    /// address, so on all addresses every address is right.
    fn is_host(&self, host: &str) -> bool {
        let port = self.address.port();
        let (name, its_port) = match host.rsplit_once(':') {
            Some((name, its_port)) if !its_port.ends_with(']') => (name, its_port.parse().ok()),
            _ => (host, Some(80)),
        };
        if its_port != Some(port) {
            return false;
        }
        let ip = self.address.ip();
        let is_local = ip.is_loopback() || ip.is_unspecified();
        let named: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match named {
            Some(named) => named == ip || ip.is_unspecified(),
            None => is_local && name.eq_ignore_ascii_case("localhost"),
        }
    }

    fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_host(host))
    }

    /// Checks the host, the origin and the token of a request.
    ///
    /// # Errors
    /// Returns a refusal if one of them is missing or wrong.
    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let headers = request.headers();
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() || !host.is_some_and(|host| self.is_host(host)) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "this is not the host name of the dashboard"));
        }
        let is_foreign = |origin: &HeaderValue| !origin.to_str().is_ok_and(|origin| self.is_origin(origin));
        if headers.get_all(header::ORIGIN).iter().any(is_foreign) {
            let why = "a page of another site may not use the dashboard";
            return Err(Refusal::new(StatusCode::FORBIDDEN, why));
        }
        let begins = request.method() == Method::GET && request.uri().path() == "/";
        let in_query = request.uri().query().and_then(token_in);
        let is_known =
            self.has_token(headers) || (begins && in_query.is_some_and(|token| self.is_token(token)));
        let asked = "the token is missing or wrong; open the URL that juggle printed, or send the header \
            X-Juggle-Token";
        if is_known { Ok(()) } else { Err(Refusal::new(StatusCode::UNAUTHORIZED, asked)) }
    }
}

/// Returns the token in the query of a URL.
pub(crate) fn token_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

/// Checks a request, gives it a bounded time, and sets the headers of its response.
pub(crate) async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = match guard.check(&request) {
        Err(refusal) => refusal.at(&path),
        Ok(()) => tokio::time::timeout(REQUEST_TIME, next.run(request))
            .await
            .unwrap_or_else(|_| Refusal::unavailable("the answer takes too long; try again").at(&path)),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn status(listen: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let guard = Guard::new(TOKEN, listen.parse().unwrap());
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.check(&request.body(Body::empty()).unwrap()).err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn the_token_is_in_a_header_the_cookie_or_the_first_url() {
        let get = |path: &str, headers: &[(&str, &str)]| {
            status("127.0.0.1:7000", "GET", path, &[&[("host", "127.0.0.1:7000")], headers].concat())
        };
        let bearer = format!("Bearer {TOKEN}");
        let cookies = format!("other=1; juggle-7000={TOKEN}");
        for headers in
            [&[("x-juggle-token", TOKEN)], &[("authorization", &*bearer)], &[("cookie", &*cookies)]]
        {
            assert_eq!(get("/api/status", headers), None);
        }
        assert_eq!(get(&format!("/?token={TOKEN}"), &[]), None);
        for (path, headers) in [
            ("/", &[][..]),
            ("/?token=0123456789abcde", &[]),
            ("/?token=", &[]),
            ("/", &[("x-juggle-token", "")]),
            ("/", &[("x-juggle-token", "0123456789abcdeF")]),
            ("/", &[("cookie", "juggle-7001=0123456789abcdef")]),
            ("/", &[("authorization", TOKEN)]),
            // A wrong header is not made right by a cookie: a program sent it.
            ("/", &[("x-juggle-token", "x"), ("cookie", "juggle-7000=0123456789abcdef")]),
        ] {
            assert_eq!(get(path, headers), Some(401), "{path} {headers:?}");
        }
        assert_eq!(get(&format!("/hosts?token={TOKEN}"), &[]), Some(401));
        let host = ("host", "127.0.0.1:7000");
        assert_eq!(status("127.0.0.1:7000", "POST", &format!("/?token={TOKEN}"), &[host]), Some(401));
    }

    #[test]
    fn other_hosts_and_origins_are_refused() {
        let get = |listen: &str, headers: &[(&str, &str)]| {
            status(listen, "GET", "/", &[&[("x-juggle-token", TOKEN)], headers].concat())
        };
        for (listen, host) in [
            ("127.0.0.1:7000", "127.0.0.1:7000"),
            ("127.0.0.1:7000", "LocalHost:7000"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:7000", "[::1]:7000"),
            ("[::1]:80", "[::1]"),
            ("0.0.0.0:7000", "192.0.2.7:7000"),
            ("192.0.2.7:7000", "192.0.2.7:7000"),
        ] {
            assert_eq!(get(listen, &[("host", host)]), None, "{listen} {host}");
        }
        for (listen, host) in [
            ("127.0.0.1:7000", "127.0.0.1"),
            ("127.0.0.1:7000", "127.0.0.1:7001"),
            ("127.0.0.1:7000", "evil.example:7000"),
            ("127.0.0.1:7000", "localhost.evil.example:7000"),
            ("127.0.0.1:7000", "127.0.0.2:7000"),
            ("192.0.2.7:7000", "localhost:7000"),
            ("0.0.0.0:7000", "evil.example:7000"),
            ("[::1]:7000", "[::2]:7000"),
            ("127.0.0.1:7000", ""),
        ] {
            assert_eq!(get(listen, &[("host", host)]), Some(403), "{listen} {host}");
        }
        let here = ("host", "127.0.0.1:7000");
        assert_eq!(get("127.0.0.1:7000", &[]), Some(403));
        assert_eq!(get("127.0.0.1:7000", &[here, here]), Some(403));
        assert_eq!(get("127.0.0.1:7000", &[here, ("origin", "http://127.0.0.1:7000")]), None);
        for origin in ["null", "http://evil.example", "https://127.0.0.1:7000", "http://127.0.0.1:7001", ""] {
            assert_eq!(get("127.0.0.1:7000", &[here, ("origin", origin)]), Some(403), "{origin}");
        }
    }
}
