//! Sends one request, and checks the redirect that it may lead to.
//!
//! A redirect is followed by a request of its own: it goes back through the queue under the host it leads to,
//! so that politeness and robots.txt hold for it. At most [`REDIRECTS_MAX`] are followed, to `http` and
//! `https` only. Each target goes through the mirrors, so that a mirrored run stays on its mirror, and its
//! address is checked like that of a source: a host that is allowed by name may not redirect to private
//! addresses. A redirect from `https` to `http` is followed only if the user has named the target host by
//! `--allow-host` or `--mirror`. User and password are sent only to the same scheme, host and port, and none
//! are taken from a redirect.

use std::time::Duration;

use flow::{failure::Reason, payload::Stored};
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
    },
};
use url::Url;

use crate::{
    config::{
        AcceptEncoding, FetchConfig,
        mirror::{self, Mirror},
    },
    credentials::{copy_credentials, strip_credentials},
    error::FetchError,
    failure::FetchFailure,
    request::{client::Clients, client_error, connection_log::ConnectionLog},
    response::head::{PartialBody, Requested},
};

/// The maximum number of redirects of a text.
pub(crate) const REDIRECTS_MAX: u32 = 10;

/// The size limit of `Location`. RFC 9110 §4.1 asks for 8,000 bytes at least.
const LOCATION_BYTES_MAX: usize = 8 << 10;

/// Sends requests.
#[derive(Debug)]
pub(crate) struct Requester {
    clients: Clients,
    kept: ConnectionLog,
    mirrors: Vec<Mirror>,
    answer_timeout: Duration,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum RequestOutcome {
    /// A response that is not a redirect.
    Response(ReceivedResponse),
    /// A redirect to a URL.
    Redirect {
        /// The URL.
        to: Url,
        /// The status of the response.
        status: StatusCode,
    },
}

/// A response that is not a redirect.
#[derive(Debug)]
pub(crate) struct ReceivedResponse {
    pub(crate) response: Response,
    /// The URL that responded.
    pub(crate) url: Url,
    /// The requested part.
    pub(crate) requested: Requested,
}

impl Requester {
    pub(crate) fn new(config: &FetchConfig) -> Result<Self, FetchError> {
        Ok(Self {
            clients: Clients::new(config)?,
            kept: ConnectionLog::default(),
            mirrors: config.mirrors.clone(),
            answer_timeout: config.connect_timeout.saturating_add(config.idle_timeout),
        })
    }

    /// Sends one request. If `part` came from this URL, only the rest is requested. Otherwise, if the stored
    /// version came from it, the whole is requested only if it has changed. If a kept connection closes
    /// before it responds, the request is sent once more on a new connection. To the server this is the same
    /// request.
    ///
    /// # Errors
    /// Returns the failure if the host may not be contacted or does not respond, or if the redirect may not
    /// be followed.
    pub(crate) async fn send(
        &self,
        url: &Url,
        part: Option<&PartialBody>,
        stored: Option<&Stored>,
    ) -> Result<RequestOutcome, FetchFailure> {
        let route = self.clients.for_url(url).map_err(|error| {
            FetchFailure::permanent(error.reason(), format!("{}: {error}", strip_credentials(url)))
        })?;
        let (request, requested) = add_conditions(route.clients.kept.get(url.clone()), url, part, stored);
        let mut sent = self.execute(request, url).await?;
        if let Err(error) = &sent
            && self.kept.has_closed(error)
        {
            tracing::debug!(url = %strip_credentials(url), "a kept connection closed; requested again on a new one");
            // Once only: if a new connection closes as well, the host is at fault.
            let (again, _) = add_conditions(route.clients.fresh.get(url.clone()), url, part, stored);
            sent = self.execute(again, url).await?;
        }
        let response =
            sent.map_err(|error| client_error::failed_request(&error, url, route.proxy.as_deref()))?;
        self.kept.answered(&response);
        if is_redirect(response.status()) {
            let status = response.status();
            return self.target(url, &response).map(|to| RequestOutcome::Redirect { to, status });
        }
        Ok(RequestOutcome::Response(ReceivedResponse { response, url: url.clone(), requested }))
    }

    /// Sends a request and waits for the head of its response.
    async fn execute(
        &self,
        request: RequestBuilder,
        url: &Url,
    ) -> Result<reqwest::Result<Response>, FetchFailure> {
        tokio::time::timeout(self.answer_timeout, request.send()).await.map_err(|_| {
            let why = format!("{}: no response in time", strip_credentials(url));
            FetchFailure::transient(Reason::Timeout, why)
        })
    }

    /// Returns the response to a request for robots.txt or a source list, after its redirects, outside of the
    /// queue. `None` after more than `redirects_max` redirects.
    ///
    /// # Errors
    /// Returns the failure of the first request that fails.
    pub(crate) async fn follow(
        &self,
        start: Url,
        redirects_max: u32,
    ) -> Result<Option<ReceivedResponse>, FetchFailure> {
        let mut at = start;
        for _ in 0..=redirects_max {
            match self.send(&at, None, None).await? {
                RequestOutcome::Response(answer) => return Ok(Some(answer)),
                RequestOutcome::Redirect { to, .. } => at = to,
            }
        }
        Ok(None)
    }

    fn target(&self, from: &Url, response: &Response) -> Result<Url, FetchFailure> {
        let fail = |why: String| {
            FetchFailure::permanent(Reason::Redirect, format!("{}: {why}", strip_credentials(from)))
        };
        let location = location(response.headers())
            .ok_or_else(|| fail(format!("{} without a readable Location", response.status())))?;
        let target =
            from.join(&location).map_err(|error| fail(format!("redirected to '{location}': {error}")))?;
        if !matches!(target.scheme(), "http" | "https") {
            let target = strip_credentials(&target);
            return Err(fail(format!("redirected to '{target}', which is neither http nor https")));
        }
        if target.as_str().len() > LOCATION_BYTES_MAX {
            return Err(fail(format!("redirected to a URL of {} bytes", target.as_str().len())));
        }
        // The checks from here on concern the URL that is contacted.
        let mirrored = mirror::rewrite(target.clone(), &self.mirrors);
        let is_named = mirrored != target || self.clients.is_allowed(&mirrored);
        if from.scheme() == "https" && mirrored.scheme() == "http" && !is_named {
            return Err(fail(format!("redirected from https to '{}'", strip_credentials(&mirrored))));
        }
        // A server must not choose the user and password of the next request.
        let mut next = strip_credentials(&mirrored);
        // A fragment is never sent, and would make equal URLs differ.
        next.set_fragment(None);
        Ok(if next.origin() == from.origin() { copy_credentials(from, next) } else { next })
    }
}

/// Returns the value of `Location`, if it was sent once and is not too long. Bytes outside ASCII, which the
/// standard does not allow there, are percent-encoded unchanged. Whatever encoding they are in, the server
/// that sent them gets the same bytes back.
fn location(headers: &HeaderMap) -> Option<String> {
    let mut locations = headers.get_all(LOCATION).iter();
    let location = locations.next().filter(|location| location.len() <= LOCATION_BYTES_MAX)?;
    // Of two targets nobody knows which one counts.
    if locations.next().is_some() {
        return None;
    }
    let encoded = |&byte: &u8| match byte {
        0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    Some(location.as_bytes().iter().map(encoded).collect())
}

/// Adds the conditions for a partial body or a stored version to a request.
fn add_conditions(
    request: RequestBuilder,
    url: &Url,
    part: Option<&PartialBody>,
    stored: Option<&Stored>,
) -> (RequestBuilder, Requested) {
    let at = strip_credentials(url);
    // A part from another URL may be of another version of the text.
    if let Some(part) = part.filter(|part| part.info.url == at.as_str()) {
        let request = request
            .header(RANGE, format!("bytes={}-", part.offset))
            .header(IF_RANGE, part.validator.if_range())
            // The part is not coded, so its rest must not be coded either.
            .header(ACCEPT_ENCODING, AcceptEncoding::Identity.value());
        return (request, Requested::Rest);
    }
    let Some(stored) = stored.filter(|stored| stored.final_url == at.as_str()) else {
        return (request, Requested::Whole);
    };
    let conditions =
        [(IF_NONE_MATCH, &stored.etag), (IF_MODIFIED_SINCE, &stored.last_modified)].map(|(name, value)| {
            // What cannot be sent back is no condition.
            let value = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok());
            value.map(|value| (name, value))
        });
    let conditions: HeaderMap = conditions.into_iter().flatten().collect();
    let requested = if conditions.is_empty() { Requested::Whole } else { Requested::IfChanged };
    (request.headers(conditions), requested)
}

fn is_redirect(status: StatusCode) -> bool {
    // 300 leaves the choice to the user (RFC 9110 §15.4.1), and 304 is the answer to a condition.
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
