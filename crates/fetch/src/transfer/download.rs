//! One body from a server into the spool.
//!
//! Nothing is published before the body is whole: a shorter one than announced, one over the size limit, one that is
//! not a text or cannot be decoded, one that stalls, drips or takes too long ends as a failure of its candidate. Here
//! chunks are handed on as they come, under three deadlines: one for each wait, one for the rate, one for all of it.
//! `body` judges them.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flow::{blobs::BlobName, clock::Clock, counters::Counters, failure::Reason, payload::Stored};
use reqwest::Response;
use tokio::time::error::Elapsed;
use url::Url;

use crate::{
    config::FetchConfig,
    credentials::strip_credentials,
    failure::{DownloadError, FetchFailure},
    politeness::soft_ban::SoftBanSign,
    request::{
        client_error,
        requester::{Answer, Requester, Step},
    },
    response::head::{BodyInfo, EndOf, ResponseHead},
    transfer::{
        body::Body,
        body_writer::{BodyWriter, Closed, Ending, Meant, Settled},
        checksum::ChecksumMismatch,
        min_rate::{MinRate, TooSlow},
        rate_limit::RateLimit,
        spool::{Digest, PartialBody, SpoolStore},
    },
};

/// What a download needs.
#[derive(Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) config: &'a FetchConfig,
    pub(crate) hops: &'a Requester,
    pub(crate) spools: &'a SpoolStore,
    pub(crate) counters: &'a Counters,
    pub(crate) throttle: &'a RateLimit,
    pub(crate) clock: Clock,
    pub(crate) before: Before,
    /// The time at which the request ended, with or without a complete response. The download sets it once.
    pub(crate) ended: &'a OnceLock<Instant>,
}

/// Whether something of the text may be in the spool already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// No: nobody has tried before.
    Nothing,
    /// Perhaps.
    Perhaps,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Downloaded {
    /// A whole body, published.
    Whole(BodyInfo, Digest),
    /// A whole body, from this URL, that the host gave for other texts too; it is gone.
    Suspected(SoftBanSign, String),
    /// The text is to be had elsewhere.
    Redirect(Url),
    /// The text is as it is stored; nothing was published.
    Unchanged,
}

/// What has come, before it is published.
enum Transferred {
    Whole(BodyInfo),
    Redirect(Url),
    Unchanged,
}

/// Why a transfer broke.
enum Broken {
    Candidate(FetchFailure),
    /// The writer has ended, and says why.
    Closed,
}

impl From<FetchFailure> for Broken {
    fn from(failed: FetchFailure) -> Self {
        Self::Candidate(failed)
    }
}

impl From<Closed> for Broken {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

impl Download<'_> {
    /// Downloads and publishes, if the bytes are the expected ones and not those that are stored.
    pub(crate) async fn run(
        self,
        url: &Url,
        name: BlobName,
        meant: Meant,
        stored: Option<&Stored>,
    ) -> Result<Downloaded, DownloadError> {
        let (mut writer, part) = match self.before {
            Before::Nothing if self.spools.has_room() => (BodyWriter::held(self.spools.clone(), name), None),
            Before::Nothing | Before::Perhaps => BodyWriter::open(self.spools.clone(), name).await?,
        };
        let transfer = self.transfer(url, part, stored, &mut writer);
        let transfer = tokio::time::timeout(self.config.max_time, transfer);
        let transferred = transfer.await;
        self.ended.get_or_init(Instant::now);
        let broken = match transferred {
            Ok(Ok(Transferred::Whole(facts))) => return publish(writer, facts, meant).await,
            Ok(Ok(Transferred::Redirect(to))) => {
                writer.finish(Ending::Suspend).await?;
                return Ok(Downloaded::Redirect(to));
            }
            Ok(Ok(Transferred::Unchanged)) => {
                writer.finish(Ending::Discard).await?;
                return Ok(Downloaded::Unchanged);
            }
            Ok(Err(broken)) => broken,
            Err(_) => Broken::Candidate(timeout(url, "not done", self.config.max_time)),
        };
        match broken {
            Broken::Candidate(failed) => match writer.finish(Ending::after(&failed)).await? {
                // What it found in earlier bytes counts.
                Settled::Refused(earlier) => Err(earlier.into()),
                Settled::Published(_)
                | Settled::Unchanged
                | Settled::Unexpected(_)
                | Settled::Suspected(_)
                | Settled::Unpublished => Err(failed.into()),
            },
            Broken::Closed => match writer.finish(Ending::Discard).await? {
                Settled::Refused(failed) => Err(failed.into()),
                Settled::Published(_)
                | Settled::Unchanged
                | Settled::Unexpected(_)
                | Settled::Suspected(_)
                | Settled::Unpublished => Err(closed().into()),
            },
        }
    }

    async fn transfer(
        &self,
        url: &Url,
        part: Option<PartialBody>,
        stored: Option<&Stored>,
        writer: &mut BodyWriter,
    ) -> Result<Transferred, Broken> {
        let Answer { response, url, asked } = match self.hops.ask(url, part.as_ref(), stored).await? {
            Step::Answer(answer) => answer,
            Step::Redirect(to) => return Ok(Transferred::Redirect(to)),
        };
        let head = ResponseHead {
            url: &url,
            status: response.status(),
            headers: response.headers(),
            length: response.content_length(),
        };
        if head.is_unchanged(asked) {
            return Ok(Transferred::Unchanged);
        }
        let plan = head.judge(part.as_ref(), asked, self.config.body_bytes_max, self.clock.now_ms())?;
        let facts = plan.facts().clone();
        let end_of = plan.end_of();
        let at = strip_credentials(&url).to_string();
        writer.begin(Body::new(at, plan, self.config.body_bytes_max)).await?;
        match self.stream(response, &url, writer).await {
            // The coding determines where the body ends, and its checksum shows that the body is complete.
            Err(Broken::Candidate(failed))
                if end_of == EndOf::Coding && failed.failure.reason == Reason::Truncated => {}
            streamed => streamed?,
        }
        Ok(Transferred::Whole(facts))
    }

    async fn stream(&self, mut response: Response, url: &Url, writer: &mut BodyWriter) -> Result<(), Broken> {
        let mut pace = MinRate::new(self.config.rate_min, self.config.rate_time);
        loop {
            let chunk = tokio::select! {
                chunk = self.next(&mut response, url, &mut pace) => chunk?,
                Closed = writer.closed() => return Err(Broken::Closed),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            self.counters.bytes.add(chunk.len() as u64);
            self.throttle.pace(chunk.len()).await;
            writer.append(chunk).await?;
        }
    }

    async fn next(
        &self,
        response: &mut Response,
        url: &Url,
        pace: &mut MinRate,
    ) -> Result<Option<Bytes>, FetchFailure> {
        let next = tokio::time::timeout(self.config.idle_timeout, response.chunk());
        let length = |next: &Result<reqwest::Result<Option<Bytes>>, Elapsed>| match next {
            Ok(Ok(Some(chunk))) => chunk.len(),
            Ok(Ok(None) | Err(_)) | Err(_) => 0,
        };
        match pace.wait(next, length).await.map_err(|slow| too_slow(url, slow))? {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => {
                let why = client_error::innermost(&error);
                Err(FetchFailure::transient(
                    Reason::Truncated,
                    format!("{}: the body broke off: {why}", strip_credentials(url)),
                ))
            }
            Err(_) => Err(timeout(url, "nothing came", self.config.idle_timeout)),
        }
    }
}

async fn publish(writer: BodyWriter, facts: BodyInfo, meant: Meant) -> Result<Downloaded, DownloadError> {
    match writer.finish(Ending::Publish(meant)).await? {
        Settled::Published(digest) => Ok(Downloaded::Whole(facts, digest)),
        Settled::Unchanged => Ok(Downloaded::Unchanged),
        Settled::Unexpected(mismatch) => Err(unexpected(&facts.url, &mismatch).into()),
        Settled::Suspected(sign) => Ok(Downloaded::Suspected(sign, facts.url)),
        Settled::Refused(failed) => Err(failed.into()),
        Settled::Unpublished => Err(closed().into()),
    }
}

fn closed() -> FetchFailure {
    FetchFailure::transient(Reason::Internal, "the spool closed early")
}

/// What came whole, but is not the text that the source list means.
pub(crate) fn unexpected(url: &str, mismatch: &ChecksumMismatch) -> FetchFailure {
    let ChecksumMismatch { kind, came } = mismatch;
    let message = format!("{url}: the {kind} of what came is {came}, not the listed one");
    FetchFailure::permanent(Reason::NotText, message)
}

fn too_slow(url: &Url, TooSlow { bytes, stretch }: TooSlow) -> FetchFailure {
    let why = format!("{}: only {bytes} bytes came within {stretch:?}", strip_credentials(url));
    FetchFailure::transient(Reason::Timeout, why)
}

fn timeout(url: &Url, what: &str, after: Duration) -> FetchFailure {
    FetchFailure::transient(Reason::Timeout, format!("{}: {what} within {after:?}", strip_credentials(url)))
}
