//! Classifies the errors of the HTTP client.
//!
//! The chain of sources is searched from the outside in, with the inner errors of `io::Error`, which it does
//! not report as its source. The first rule that matches decides: a condition of this machine, a refused
//! address, name resolution, TLS, a timeout, the connection. What remains is a response that is not HTTP, or
//! a connection that closed before a response.

use std::{error::Error, io, time::Duration};

use flow::{failure::Reason, machine::MachineFailure};
use url::Url;

use crate::{
    credentials::strip_credentials,
    failure::FetchFailure,
    request::address::{ForbiddenName, Unresolved},
};

/// Returns the failure of a request without a response. `proxy` is the proxy of the request, without user and
/// password.
pub(crate) fn failed_request(error: &reqwest::Error, url: &Url, proxy: Option<&str>) -> FetchFailure {
    let at = strip_credentials(url);
    // First, because a lack of open files or memory makes any of the later steps fail.
    if let Some(condition) = machine(error) {
        return FetchFailure::machine(condition, at);
    }
    // Before name resolution: through a proxy, only the name of the proxy is resolved here.
    let why = innermost(error);
    if let Some(proxy) = proxy.filter(|_| is_of_the_way(error)) {
        return FetchFailure::transient(
            Reason::Connect,
            format!("{at}: cannot connect through the proxy {proxy}: {why}"),
        );
    }
    if let Some(forbidden) = find::<ForbiddenName>(error) {
        return FetchFailure::permanent(Reason::ForbiddenAddress, format!("{at}: {forbidden}"));
    }
    if let Some(unresolved) = find::<Unresolved>(error) {
        return FetchFailure::transient(Reason::Dns, format!("{at}: {unresolved}"));
    }
    if error.is_dns() {
        return FetchFailure::transient(Reason::Dns, format!("{at}: cannot resolve the host name: {why}"));
    }
    // Before `is_connect`, which a failed handshake also is.
    if let Some(tls) = find::<rustls::Error>(error) {
        return FetchFailure::permanent(Reason::Tls, format!("{at}: {tls}"));
    }
    if error.is_timeout() {
        return FetchFailure::transient(Reason::Timeout, format!("{at}: connection timeout"));
    }
    if error.is_connect() {
        return FetchFailure::transient(Reason::Connect, format!("{at}: cannot connect: {why}"));
    }
    if error.is_builder() {
        return FetchFailure::permanent(Reason::Internal, format!("{at}: invalid request: {why}"));
    }
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        return FetchFailure::permanent(Reason::HttpStatus, format!("{at}: the response is not HTTP: {why}"));
    }
    FetchFailure::transient(Reason::Connect, format!("{at}: the connection closed before a response: {why}"))
}

/// Returns the failure for an error while a body arrived.
pub(crate) fn broken_body(url: &Url, error: &reqwest::Error) -> FetchFailure {
    let message = format!("{}: the connection broke off: {}", strip_credentials(url), innermost(error));
    FetchFailure::transient(Reason::Truncated, message)
}

/// Returns the failure of a request that was not served in time. `what` says what did not happen.
pub(crate) fn timeout(url: &Url, what: &str, after: Duration) -> FetchFailure {
    let message = format!("{}: {what} within {after:?}", strip_credentials(url));
    FetchFailure::transient(Reason::Timeout, message)
}

/// Returns the condition of this machine that prevented a response, if there is one. A socket is an open file
/// too, so a limit on open files also stops connections.
fn machine(error: &reqwest::Error) -> Option<MachineFailure> {
    chain(error).filter_map(|error| error.downcast_ref()).find_map(MachineFailure::from_any_io)
}

/// Returns whether a request through a proxy failed on the way to the host: the proxy cannot be resolved,
/// does not respond, or refuses. An untrusted certificate is a failure of the host.
fn is_of_the_way(error: &reqwest::Error) -> bool {
    let is_untrusted = find::<rustls::Error>(error).is_some();
    !is_untrusted && (error.is_connect() || find::<Unresolved>(error).is_some())
}

/// Returns the message of the innermost error.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// Returns the first error of type `E` in the chain.
pub(crate) fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| wrapped(*error))
}

fn wrapped<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
