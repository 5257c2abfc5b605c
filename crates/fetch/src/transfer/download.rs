//! Downloads one body from a server.
//!
//! Chunks are handed on as they arrive, under three deadlines: one for each wait, one for the rate, one for
//! the whole request. Nothing is published before the body is whole.

use bytes::Bytes;
use flow::{blobs::BlobName, clock::Clock, counters::Counters, failure::Reason, payload::Stored};
use reqwest::Response;
use tokio::time::error::Elapsed;
use url::Url;

use crate::{
    config::FetchConfig,
    credentials::strip_credentials,
    failure::{DownloadError, FetchFailure},
    request::{
        client_error,
        requester::{ReceivedResponse, RequestOutcome, Requester},
        trace::RequestTrace,
    },
    response::head::{EndOf, PartialBody, ResponseHead},
    transfer::{
        body::IncomingBody,
        body_writer::{BodyWriter, closed_early},
        min_rate::{MinRate, TooSlow},
        publish::{Expectation, PartPolicy, TransferOutcome},
        rate_limit::RateLimit,
        spool::SpoolStore,
    },
};

/// One download, and what it shares with others.
#[derive(Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) config: &'a FetchConfig,
    pub(crate) requester: &'a Requester,
    pub(crate) spools: &'a SpoolStore,
    pub(crate) counters: &'a Counters,
    pub(crate) rate_limit: &'a RateLimit,
    pub(crate) clock: Clock,
    /// No earlier attempt can have left a part of the text in the spool.
    pub(crate) is_first_attempt: bool,
    /// Collects facts about the request.
    pub(crate) trace: &'a RequestTrace<'a>,
}

impl Download<'_> {
    /// Downloads the text at `url`, and publishes it if it is the expected one and not the stored version.
    ///
    /// # Errors
    /// Returns the failure if the text cannot be had from this URL, and an error of the store if the disk
    /// fails.
    pub(crate) async fn run(
        self,
        url: &Url,
        name: BlobName,
        expected: Expectation,
        stored: Option<&Stored>,
    ) -> Result<TransferOutcome, DownloadError> {
        let (mut writer, part) = if self.is_first_attempt && self.spools.has_room() {
            (BodyWriter::buffered(self.spools.clone(), name), None)
        } else {
            BodyWriter::open(self.spools.clone(), name).await?
        };
        let receiving = self.receive(url, part, stored, &mut writer);
        let received = tokio::time::timeout(self.config.max_time, receiving).await;
        // The pause of the host counts from here, not from the end of the writing.
        self.trace.end();
        let failure = match received {
            Ok(Ok(None)) => {
                // A body that is not short keeps its slot, so that few of them are in memory at a time.
                if writer.holds_quick_body() {
                    self.trace.settle();
                }
                return writer.publish(expected).await;
            }
            Ok(Ok(Some((outcome, policy)))) => {
                writer.abandon(policy).await?;
                return Ok(outcome);
            }
            Ok(Err(failure)) => failure,
            Err(_) => client_error::timeout(url, "not complete", self.config.max_time),
        };
        // A failure that the task found in the bytes before takes precedence.
        writer.abandon(PartPolicy::after(&failure)).await?;
        Err(failure.into())
    }

    /// Requests the text and forwards its body. Returns `None` if the body is whole. Otherwise there was
    /// none: returns the outcome, and what happens to a part of an earlier attempt.
    async fn receive(
        &self,
        url: &Url,
        part: Option<PartialBody>,
        stored: Option<&Stored>,
        writer: &mut BodyWriter,
    ) -> Result<Option<(TransferOutcome, PartPolicy)>, FetchFailure> {
        let response = match self.requester.send(url, part.as_ref(), stored).await? {
            RequestOutcome::Response(response) => response,
            RequestOutcome::Redirect { to, status } => {
                self.trace.set_status(status);
                // The part may have come from the target of this redirect.
                return Ok(Some((TransferOutcome::Redirect(to), PartPolicy::Keep)));
            }
        };
        let ReceivedResponse { response, url, requested } = response;
        self.trace.set_status(response.status());
        let head = ResponseHead::new(&url, &response);
        if head.is_unchanged(requested) {
            return Ok(Some((TransferOutcome::Unchanged, PartPolicy::Discard)));
        }
        let bytes_max = self.config.body_bytes_max;
        let plan = head.plan_body(part.as_ref(), requested, bytes_max, self.clock.now_ms())?;
        let end_of = plan.end_of();
        let label = strip_credentials(&url).to_string();
        writer.begin(IncomingBody { label, plan, bytes_max }).await?;
        match self.forward_chunks(response, &url, writer).await {
            // The coding determines where the body ends, and its checksum shows that the body is complete.
            Err(failure) if end_of == EndOf::Coding && failure.failure.reason == Reason::Truncated => {}
            forwarded => forwarded?,
        }
        Ok(None)
    }

    async fn forward_chunks(
        &self,
        mut response: Response,
        url: &Url,
        writer: &mut BodyWriter,
    ) -> Result<(), FetchFailure> {
        let mut min_rate = MinRate::new(self.config.rate_min, self.config.rate_time);
        loop {
            let chunk = tokio::select! {
                chunk = self.next_chunk(&mut response, url, &mut min_rate) => chunk?,
                // A refused body ends the download at once, even if the server is silent.
                () = writer.ended() => return Err(closed_early()),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            self.counters.bytes.add(chunk.len() as u64);
            self.trace.add_bytes(chunk.len() as u64);
            // Outside of the idle timeout: this wait is not the silence of the server.
            self.rate_limit.wait(chunk.len()).await;
            writer.append(chunk).await?;
        }
    }

    async fn next_chunk(
        &self,
        response: &mut Response,
        url: &Url,
        min_rate: &mut MinRate,
    ) -> Result<Option<Bytes>, FetchFailure> {
        let next = tokio::time::timeout(self.config.idle_timeout, response.chunk());
        let length = |next: &Result<reqwest::Result<Option<Bytes>>, Elapsed>| match next {
            Ok(Ok(Some(chunk))) => chunk.len(),
            Ok(Ok(None) | Err(_)) | Err(_) => 0,
        };
        match min_rate.wait(next, length).await.map_err(|slow| too_slow(url, slow))? {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(client_error::broken_body(url, &error)),
            Err(_) => Err(client_error::timeout(url, "no data received", self.config.idle_timeout)),
        }
    }
}

fn too_slow(url: &Url, TooSlow { bytes, window }: TooSlow) -> FetchFailure {
    let url = strip_credentials(url);
    FetchFailure::transient(Reason::Timeout, format!("{url}: too slow: {bytes} bytes in {window:?}"))
}
