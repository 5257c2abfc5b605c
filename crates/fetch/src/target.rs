//! The URL that a job contacts now: a candidate after the mirrors, or the target of its redirect.

use flow::payload::{FetchJob, Redirected};
use url::Url;

use crate::{
    candidate::{self, InvalidCandidate, group_of_url},
    config::mirror::Mirror,
    credentials::{copy_credentials, strip_credentials},
    request::requester::REDIRECTS_MAX,
};

/// The URL that a job contacts now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As listed.
    pub(crate) listed: String,
    pub(crate) url: Url,
    /// The number of redirects of the candidate that led to this URL.
    pub(crate) redirects: u32,
}

impl Target {
    /// Returns the target of a job whose candidate is `listed`.
    pub(crate) fn of(job: &FetchJob, listed: &str, mirrors: &[Mirror]) -> Result<Self, InvalidCandidate> {
        let url = candidate::parse(listed, mirrors)?;
        let listed = listed.to_owned();
        let Some(Redirected { url: to, count, failures: _ }) = &job.redirected else {
            return Ok(Self { listed, url, redirects: 0 });
        };
        // It has been through the mirrors; they are not applied twice.
        let to = candidate::parse(to, &[])?;
        // The job holds the redirect without user and password.
        let to = if to.origin() == url.origin() { copy_credentials(&url, to) } else { to };
        Ok(Self { listed, url: to, redirects: *count })
    }

    /// Returns the group of the host that is contacted. `None` for `file`.
    pub(crate) fn group(&self) -> Option<String> {
        group_of_url(&self.url)
    }

    /// Returns the job after a redirect and this number of failures. `None` after too many redirects.
    pub(crate) fn redirected(&self, job: FetchJob, failures: u32, to: &Url) -> Option<FetchJob> {
        let count = self.redirects + 1;
        let before = job.redirected.as_ref().map_or(0, |before| before.failures);
        let failures = before.saturating_add(failures);
        let redirected = Some(Redirected { url: strip_credentials(to).into(), count, failures });
        (count <= REDIRECTS_MAX).then(|| FetchJob { host: group_of_url(to), redirected, ..job })
    }
}
