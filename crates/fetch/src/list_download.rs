//! Downloads a source list from the web, outside of the queue, under the rules for texts: mirrors, address
//! checks, redirects, proxies, deadlines and the user agent.

use std::{io, io::Write};

use flow::failure::{Failure, Reason};
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, HeaderValue},
};
use url::Url;

use crate::{
    candidate::{self, InvalidCandidate},
    coding::codings::Codings,
    config::{AcceptEncoding, FetchConfig},
    credentials::strip_credentials,
    error::FetchError,
    failure::FetchFailure,
    request::{
        client_error,
        requester::{REDIRECTS_MAX, ReceivedResponse, Requester},
    },
    response::head::ResponseHead,
};

/// The size limit of a list in bytes, as received.
pub const LIST_BYTES_MAX: u64 = 256 << 20;

/// The reason that a list was not downloaded.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The URL cannot be fetched. The user must correct it.
    #[error(transparent)]
    Invalid(#[from] InvalidCandidate),
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Client(#[from] FetchError),
    /// The server did not send the list. A later attempt may succeed.
    #[error("download the list: {0}")]
    Failed(Failure),
    /// The list cannot be written.
    #[error("write the list {url}")]
    Keep {
        /// The URL of the list.
        url: String,
        /// The error of the system.
        source: io::Error,
    },
}

impl From<FetchFailure> for ListError {
    fn from(error: FetchFailure) -> Self {
        Self::Failed(error.failure)
    }
}

/// Downloads a list into `into` and returns the number of received bytes. A `Content-Encoding` of gzip is not
/// removed. After an error a part of the list may have been written.
///
/// # Errors
/// Returns an error if the list is not received as a whole within the configured deadlines, or has more than
/// [`LIST_BYTES_MAX`] bytes.
pub async fn download_list(
    config: &FetchConfig,
    url: &str,
    into: &mut (impl Write + Send),
) -> Result<u64, ListError> {
    let url = candidate::parse(url, &config.mirrors)?;
    // The reader of lists knows gzip only.
    let config = &FetchConfig { accept_encoding: AcceptEncoding::Identity, ..config.clone() };
    let requester = Requester::new(config)?;
    let transfer = transfer(config, &requester, &url, into);
    let came = tokio::time::timeout(config.max_time, transfer).await;
    came.unwrap_or_else(|_| Err(client_error::timeout(&url, "not complete", config.max_time).into()))
}

async fn transfer(
    config: &FetchConfig,
    requester: &Requester,
    start: &Url,
    into: &mut (impl Write + Send),
) -> Result<u64, ListError> {
    let answer = requester.follow(start.clone(), REDIRECTS_MAX).await?;
    let ReceivedResponse { mut response, url, .. } = answer
        .ok_or_else(|| broken(start, Reason::Redirect, format!("more than {REDIRECTS_MAX} redirects")))?;
    check_head(&url, &response)?;
    let too_large = || {
        broken(&url, Reason::TooLarge, format!("the list is larger than the limit of {LIST_BYTES_MAX} bytes"))
    };
    // The announced length may be missing, so received bytes are counted as well.
    if response.content_length().is_some_and(|length| length > LIST_BYTES_MAX) {
        return Err(too_large());
    }
    let mut bytes = 0;
    loop {
        let chunk = tokio::time::timeout(config.idle_timeout, response.chunk())
            .await
            .map_err(|_| client_error::timeout(&url, "no data received", config.idle_timeout))?
            .map_err(|error| client_error::broken_body(&url, &error))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        bytes += chunk.len() as u64;
        if bytes > LIST_BYTES_MAX {
            return Err(too_large());
        }
        into.write_all(&chunk)
            .map_err(|source| ListError::Keep { url: strip_credentials(&url).into(), source })?;
    }
}

/// Refuses a response that is not a whole list, either uncoded or coded with gzip. The reader of the list
/// decompresses gzip.
fn check_head(url: &Url, response: &Response) -> Result<(), ListError> {
    let (status, headers) = (response.status(), response.headers());
    if !matches!(status.as_u16(), 200 | 203) {
        return Err(broken(url, Reason::HttpStatus, status.to_string()));
    }
    if ResponseHead::new(url, response).is_part() {
        return Err(broken(url, Reason::Truncated, "the response is only a part of the list".to_owned()));
    }
    let codings = Codings::of_headers(headers)
        .map_err(|invalid| broken(url, Reason::BadEncodingHeader, invalid.to_string()))?;
    if codings.is_identity() || codings.is_gzip() {
        return Ok(());
    }
    let coding = headers.get(CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes).escape_ascii();
    Err(broken(url, Reason::BadEncodingHeader, format!("unsupported Content-Encoding '{coding}'")))
}

fn broken(url: &Url, reason: Reason, why: String) -> ListError {
    ListError::Failed(Failure::new(reason, format!("{}: {why}", strip_credentials(url))))
}
