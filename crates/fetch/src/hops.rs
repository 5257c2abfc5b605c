//! From a URL to its answer, over redirects.
//!
//! At most [`REDIRECTS_MAX`] of them, to `http` and `https` only. Each target goes through the mirrors, so that a
//! mirrored run stays on its mirror, and its address is checked like a source's: that a host was allowed by name
//! does not extend to where it redirects to. From `https` a redirect leads to `http` only where the user named the
//! target's host by `--allow-host` or `--mirror`. User and password go to the same scheme, host and port only, and none
//! are taken from a redirect.

use std::time::Duration;

use flow::reason::Reason;
use reqwest::{
    Response, StatusCode,
    header::{IF_RANGE, LOCATION, RANGE},
};
use url::Url;

use crate::{
    candidate::shown,
    classify,
    client::Clients,
    config::FetchConfig,
    error::FetchError,
    failed::Failed,
    mirror::{self, Mirror},
    spool::Resumable,
    validator,
};

/// How many redirects are followed.
pub(crate) const REDIRECTS_MAX: usize = 10;

/// Follows redirects.
#[derive(Debug)]
pub(crate) struct Hops {
    clients: Clients,
    mirrors: Vec<Mirror>,
    answer_timeout: Duration,
}

/// An answer that is not a redirect.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// The URL that gave it.
    pub(crate) url: Url,
    /// Whether the rest of a body was asked for, rather than the whole.
    pub(crate) asked: Asked,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Whole,
    Rest,
}

impl Hops {
    pub(crate) fn new(config: &FetchConfig) -> Result<Self, FetchError> {
        Ok(Self {
            clients: Clients::new(config)?,
            mirrors: config.mirrors.clone(),
            answer_timeout: config.connect_timeout.saturating_add(config.idle_timeout),
        })
    }

    /// The answer to a URL. Where the redirects lead to the URL that the resumable part came from, only the rest is
    /// asked for.
    pub(crate) async fn follow(&self, start: &Url, part: Option<&Resumable>) -> Result<Answer, Failed> {
        let mut url = start.clone();
        for _ in 0..=REDIRECTS_MAX {
            let (response, asked) = self.ask(&url, part).await?;
            if !is_redirect(response.status()) {
                return Ok(Answer { response, url, asked });
            }
            url = self.target(&url, &response)?;
        }
        let message = format!("{}: more than {REDIRECTS_MAX} redirects", shown(start));
        Err(Failed::for_good(Reason::Redirect, message))
    }

    async fn ask(&self, url: &Url, part: Option<&Resumable>) -> Result<(Response, Asked), Failed> {
        let contact = self
            .clients
            .for_url(url)
            .map_err(|no_way| Failed::for_good(no_way.reason(), format!("{}: {no_way}", shown(url))))?;
        let mut request = contact.client.get(url.clone());
        let mut asked = Asked::Whole;
        if let Some(part) = part.filter(|part| part.facts.url == shown(url).as_str()) {
            request = request
                .header(RANGE, format!("bytes={}-", part.offset))
                .header(IF_RANGE, part.validator.if_range());
            asked = Asked::Rest;
        }
        match tokio::time::timeout(self.answer_timeout, request.send()).await {
            Ok(Ok(response)) => Ok((response, asked)),
            Ok(Err(error)) => Err(classify::unanswered(&error, url, contact.proxy.as_deref())),
            Err(_) => Err(Failed::for_now(
                Reason::Timeout,
                format!("{}: the server did not answer in time", shown(url)),
            )),
        }
    }

    fn target(&self, from: &Url, response: &Response) -> Result<Url, Failed> {
        let fail = |why: String| Failed::for_good(Reason::Redirect, format!("{}: {why}", shown(from)));
        let location = validator::text(response.headers(), &LOCATION).ok_or_else(|| {
            fail(format!("status {} without a readable Location", response.status().as_u16()))
        })?;
        let target =
            from.join(location).map_err(|error| fail(format!("redirected to '{location}': {error}")))?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err(fail(format!("redirected to '{target}', which is neither http nor https")));
        }
        let mirrored = mirror::rewrite(target.clone(), &self.mirrors);
        let is_named = mirrored != target || self.clients.is_allowed(&mirrored);
        if from.scheme() == "https" && mirrored.scheme() == "http" && !is_named {
            return Err(fail(format!("redirected from https to '{}'", shown(&mirrored))));
        }
        let mut next = shown(&mirrored);
        next.set_fragment(None);
        Ok(if next.origin() == from.origin() { with_user_of(from, next) } else { next })
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn with_user_of(from: &Url, to: Url) -> Url {
    let mut next = to.clone();
    let is_set = next.set_username(from.username()).is_ok() && next.set_password(from.password()).is_ok();
    if is_set { next } else { to }
}
