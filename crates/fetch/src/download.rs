//! One body from a server into the spool.
//!
//! Nothing is published before the body is whole: a shorter one than announced, one over the size limit, one that is
//! not a text, one that stalls, drips or takes too long ends as a failure of its candidate. Three deadlines hold: one for
//! each wait, one for the rate, one for all of it.

use std::time::Duration;

use bytes::Bytes;
use flow::{blobs::BlobName, clock::Clock, meter::Meter, reason::Reason};
use reqwest::Response;
use tokio::time::error::Elapsed;
use url::Url;

use crate::{
    answer::{Facts, Head, Plan},
    candidate::shown,
    classify,
    config::FetchConfig,
    failed::{Failed, Hope, Trouble},
    hops::{Answer, Hops, Step},
    pace::{Pace, TooSlow},
    sniff::{self, Sniffer},
    spool::{Digest, Resumable, Spools},
    suspicion::Sign,
    writer::{Closed, Ending, Meant, Settled, Writer},
};

/// What a download needs.
#[derive(Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) config: &'a FetchConfig,
    pub(crate) hops: &'a Hops,
    pub(crate) spools: &'a Spools,
    pub(crate) meter: &'a Meter,
    pub(crate) clock: Clock,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Downloaded {
    /// A whole body, published.
    Whole(Facts, Digest),
    /// A whole body, from this URL, that the host gave for other texts too; it is gone.
    Suspected(Sign, String),
    /// The text is to be had elsewhere.
    Redirect(Url),
}

/// What has come, before it is published.
enum Transferred {
    Whole(Facts),
    Redirect(Url),
}

/// Why a transfer broke.
enum Broken {
    Candidate(Failed),
    Disk,
}

impl From<Failed> for Broken {
    fn from(failed: Failed) -> Self {
        Self::Candidate(failed)
    }
}

impl From<Closed> for Broken {
    fn from(Closed: Closed) -> Self {
        Self::Disk
    }
}

impl Download<'_> {
    /// Downloads and publishes, if the bytes are the expected ones.
    pub(crate) async fn run(self, url: &Url, name: BlobName, meant: Meant) -> Result<Downloaded, Trouble> {
        let (writer, part) = Writer::open(self.spools.clone(), name).await?;
        let transfer = tokio::time::timeout(self.config.max_time, self.transfer(url, part, &writer));
        let broken = match transfer.await {
            Ok(Ok(Transferred::Whole(facts))) => return publish(writer, facts, meant).await,
            Ok(Ok(Transferred::Redirect(to))) => {
                writer.finish(Ending::Suspend).await?;
                return Ok(Downloaded::Redirect(to));
            }
            Ok(Err(broken)) => broken,
            Err(_) => Broken::Candidate(timeout(url, "not done", self.config.max_time)),
        };
        match broken {
            Broken::Candidate(failed) => {
                let ending = match failed.hope {
                    Hope::Later { .. } => Ending::Suspend,
                    Hope::None | Hope::Afresh | Hope::Page => Ending::Discard,
                };
                writer.finish(ending).await?;
                Err(failed.into())
            }
            Broken::Disk => {
                writer.finish(Ending::Discard).await?;
                Err(Failed::for_now(Reason::Internal, "the spool closed early").into())
            }
        }
    }

    async fn transfer(
        &self,
        url: &Url,
        part: Option<Resumable>,
        writer: &Writer,
    ) -> Result<Transferred, Broken> {
        let Answer { response, url, asked } = match self.hops.ask(url, part.as_ref()).await? {
            Step::Answer(answer) => answer,
            Step::Redirect(to) => return Ok(Transferred::Redirect(to)),
        };
        let head = Head {
            url: &url,
            status: response.status(),
            headers: response.headers(),
            length: response.content_length(),
        };
        let plan = head.judge(part.as_ref(), asked, self.config.body_bytes_max, self.clock.now_ms())?;
        let (facts, mut body) = match plan {
            Plan::Whole { facts, validator } => {
                writer.begin(facts.clone(), validator).await?;
                let expected = facts.total;
                (facts, Body { url: &url, sniffer: Some(Sniffer::default()), before: 0, came: 0, expected })
            }
            Plan::Rest { facts, offset, bytes } => {
                writer.go_on().await?;
                (facts, Body { url: &url, sniffer: None, before: offset, came: 0, expected: Some(bytes) })
            }
        };
        self.stream(response, &mut body, writer).await?;
        Ok(Transferred::Whole(facts))
    }

    async fn stream(
        &self,
        mut response: Response,
        body: &mut Body<'_>,
        writer: &Writer,
    ) -> Result<(), Broken> {
        let mut pace = Pace::new(self.config.rate_min, self.config.rate_time);
        while let Some(chunk) = self.next(&mut response, body.url, &mut pace).await? {
            Meter::add(&self.meter.bytes, chunk.len() as u64);
            body.take(&chunk, self.config.body_bytes_max)?;
            writer.append(chunk).await?;
        }
        Ok(body.end()?)
    }

    async fn next(
        &self,
        response: &mut Response,
        url: &Url,
        pace: &mut Pace,
    ) -> Result<Option<Bytes>, Failed> {
        let next = tokio::time::timeout(self.config.idle_timeout, response.chunk());
        let length = |next: &Result<reqwest::Result<Option<Bytes>>, Elapsed>| match next {
            Ok(Ok(Some(chunk))) => chunk.len(),
            Ok(Ok(None) | Err(_)) | Err(_) => 0,
        };
        match pace.wait(next, length).await.map_err(|slow| too_slow(url, slow))? {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => {
                let why = classify::innermost(&error);
                Err(Failed::for_now(Reason::Truncated, format!("{}: the body broke off: {why}", shown(url))))
            }
            Err(_) => Err(timeout(url, "nothing came", self.config.idle_timeout)),
        }
    }
}

async fn publish(writer: Writer, facts: Facts, meant: Meant) -> Result<Downloaded, Trouble> {
    match writer.finish(Ending::Publish(meant)).await? {
        Settled::Published(digest) => Ok(Downloaded::Whole(facts, digest)),
        Settled::Unexpected(digest) => Err(unexpected(&facts.url, digest).into()),
        Settled::Suspected(sign) => Ok(Downloaded::Suspected(sign, facts.url)),
        Settled::Unpublished => Err(Failed::for_now(Reason::Internal, "the spool closed early").into()),
    }
}

/// What came whole, but is not the text that the source list means.
pub(crate) fn unexpected(url: &str, digest: Digest) -> Failed {
    let message = format!("{url}: the BLAKE3 of what came is {}, not the listed one", digest.blake3);
    Failed::for_good(Reason::NotText, message)
}

fn too_slow(url: &Url, TooSlow { bytes, stretch }: TooSlow) -> Failed {
    let why = format!("{}: only {bytes} bytes came within {stretch:?}", shown(url));
    Failed::for_now(Reason::Timeout, why)
}

fn timeout(url: &Url, what: &str, after: Duration) -> Failed {
    Failed::for_now(Reason::Timeout, format!("{}: {what} within {after:?}", shown(url)))
}

/// A body under way: what it must not be, and where it must end.
struct Body<'a> {
    url: &'a Url,
    /// Judges the first bytes; none for the rest of a body, whose first bytes were judged when they came.
    sniffer: Option<Sniffer>,
    /// Bytes that were there before.
    before: u64,
    /// Bytes that have come.
    came: u64,
    /// Bytes that shall come, where that is known.
    expected: Option<u64>,
}

impl Body<'_> {
    fn take(&mut self, chunk: &[u8], bytes_max: u64) -> Result<(), Failed> {
        self.came += chunk.len() as u64;
        if self.expected.is_some_and(|expected| self.came > expected) {
            return Err(Failed::afresh(Reason::Truncated, self.told("more came than was announced")));
        }
        if self.before + self.came > bytes_max {
            let why = self.told(&format!("the body is over the limit of {bytes_max} bytes"));
            return Err(Failed::for_good(Reason::TooLarge, why));
        }
        let sniffed = self.sniffer.as_mut().and_then(|sniffer| sniffer.feed(chunk));
        self.check(sniffed)
    }

    fn end(&self) -> Result<(), Failed> {
        if let Some(expected) = self.expected.filter(|expected| self.came < *expected) {
            let why = self.told(&format!("the body ended after {} of {expected} bytes", self.came));
            return Err(Failed::for_now(Reason::Truncated, why));
        }
        if self.before + self.came == 0 {
            return Err(Failed::for_good(Reason::Empty, self.told("the body is empty")));
        }
        self.check(self.sniffer.as_ref().and_then(Sniffer::end))
    }

    fn check(&self, sniffed: Option<&'static str>) -> Result<(), Failed> {
        sniffed.map_or(Ok(()), |what| {
            let why = self.told(&format!("{what} where a text was expected"));
            Err(if what == sniff::PAGE { Failed::page(why) } else { Failed::for_good(Reason::NotText, why) })
        })
    }

    fn told(&self, why: &str) -> String {
        format!("{}: {why}", shown(self.url))
    }
}
