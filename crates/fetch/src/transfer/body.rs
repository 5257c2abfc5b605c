//! The one place that judges a body: what comes over the wire, and what it decodes to. Blocking.
//!
//! Lengths and ranges count what comes; the size limit counts both what comes and what it decodes to; whether it is a
//! text is judged by what it decodes to. A body without codings goes to the spool as it came, uncopied.

use std::{borrow::Cow, io::BufRead};

use flow::failure::Reason;

use crate::{
    coding::{
        codings::Codings,
        decoder::{Decoder, Fault},
    },
    failure::{DownloadError, FetchFailure},
    response::head::{BodyPlan, EndOf},
    sniff::{self, Sniffer},
    transfer::spool::Spool,
};

/// A body that an answer began.
pub(crate) struct Body {
    /// Names it in messages.
    at: String,
    plan: BodyPlan,
    bytes_max: u64,
}

impl Body {
    pub(crate) fn new(at: String, plan: BodyPlan, bytes_max: u64) -> Self {
        Self { at, plan, bytes_max }
    }

    /// What is expected of the bytes as they come.
    pub(crate) fn wire(&self) -> Wire {
        let (before, expected) = match &self.plan {
            BodyPlan::Whole { facts, .. } => (0, facts.total),
            BodyPlan::Rest { offset, bytes, .. } => (*offset, Some(*bytes)),
        };
        let end_of = self.plan.end_of();
        Wire { at: self.at.clone(), before, came: 0, expected, end_of, bytes_max: self.bytes_max }
    }

    /// Reads all that comes, decodes it, and appends it to the spool.
    pub(crate) fn receive(self, input: impl BufRead, spool: &mut Spool) -> Result<(), DownloadError> {
        let sniffer = Sniffer::new(self.plan.facts().content_type.as_deref());
        let mut text = Text { at: &self.at, sniffer };
        let codings = match self.plan {
            BodyPlan::Whole { facts, validator, codings } => {
                spool.begin(facts, validator)?;
                codings
            }
            BodyPlan::Rest { .. } => {
                let mut judged = Ok(());
                spool.go_on(|bytes| {
                    judged = std::mem::replace(&mut judged, Ok(())).and_then(|()| text.judge(bytes))
                })?;
                judged?;
                Codings::default()
            }
        };
        let mut decoder = Decoder::new(&codings, self.bytes_max, input);
        loop {
            let bytes = decoder.chunk().map_err(|fault| undecodable(&self.at, &fault))?;
            if bytes.is_empty() {
                return Ok(text.end(spool)?);
            }
            text.judge(bytes)?;
            spool.append(bytes)?;
            let taken = bytes.len();
            decoder.consume(taken);
        }
    }
}

/// A stream that ends early may come whole another time; one that is corrupt will come so again.
fn undecodable(at: &str, fault: &Fault) -> FetchFailure {
    let message = format!("{at}: {fault}");
    match fault {
        Fault::Truncated(_) => FetchFailure::restart(Reason::Truncated, message),
        Fault::Corrupt { .. } => FetchFailure::permanent(Reason::BadEncodingHeader, message),
        Fault::TooLarge { .. } | Fault::Bomb => FetchFailure::permanent(Reason::TooLarge, message),
        Fault::Input(_) => FetchFailure::transient(Reason::Truncated, message),
    }
}

/// Decoded bytes: whether they are a text.
struct Text<'a> {
    at: &'a str,
    sniffer: Sniffer,
}

impl Text<'_> {
    fn judge(&mut self, bytes: &[u8]) -> Result<(), FetchFailure> {
        let sniffed = self.sniffer.feed(bytes);
        self.check(sniffed)
    }

    fn end(&mut self, spool: &Spool) -> Result<(), FetchFailure> {
        if spool.digest().bytes == 0 {
            return Err(FetchFailure::permanent(Reason::Empty, format!("{}: the body is empty", self.at)));
        }
        let sniffed = self.sniffer.end();
        self.check(sniffed)
    }

    fn check(&self, sniffed: Option<Cow<'static, str>>) -> Result<(), FetchFailure> {
        sniffed.map_or(Ok(()), |what| {
            let message = format!("{}: {what} where a text was expected", self.at);
            Err(match &*what {
                sniff::PAGE => FetchFailure::block_page(message),
                _ => FetchFailure::permanent(Reason::NotText, message),
            })
        })
    }
}

/// Bytes as they come: where they must end.
pub(crate) struct Wire {
    at: String,
    /// Bytes that were there before.
    before: u64,
    /// Bytes that have come.
    came: u64,
    /// Bytes that shall come, where that is known.
    expected: Option<u64>,
    end_of: EndOf,
    bytes_max: u64,
}

impl Wire {
    /// So many more bytes have come.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), FetchFailure> {
        self.came += bytes as u64;
        if self.expected.is_some_and(|expected| self.came > expected) {
            return Err(FetchFailure::restart(Reason::Truncated, self.told("more came than was announced")));
        }
        if self.before + self.came > self.bytes_max {
            let why = self.told(&format!("the body is over the limit of {} bytes", self.bytes_max));
            return Err(FetchFailure::permanent(Reason::TooLarge, why));
        }
        Ok(())
    }

    /// No more will come.
    pub(crate) fn end(&self) -> Result<(), FetchFailure> {
        if self.end_of == EndOf::Message
            && let Some(expected) = self.missed()
        {
            let why = self.told(&format!("the body ended after {} of {expected} bytes", self.came));
            return Err(FetchFailure::transient(Reason::Truncated, why));
        }
        if self.before + self.came == 0 {
            return Err(FetchFailure::permanent(Reason::Empty, self.told("the body is empty")));
        }
        Ok(())
    }

    /// Returns a warning if fewer bytes came than were announced. It is for a body that was accepted
    /// nevertheless.
    pub(crate) fn misannounced(&self) -> Option<String> {
        self.missed().map(|expected| {
            self.told(&format!(
                "Content-Length says {expected} bytes, but {} came; taken, since the gzip stream is complete and its \
                 checksum right",
                self.came
            ))
        })
    }

    /// Returns the announced number of bytes if fewer bytes came.
    fn missed(&self) -> Option<u64> {
        self.expected.filter(|expected| self.came < *expected)
    }

    fn told(&self, why: &str) -> String {
        format!("{}: {why}", self.at)
    }
}
