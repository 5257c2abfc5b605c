//! Accepts or refuses a body: its length as received, its codings, and whether it is a text. Blocks.
//!
//! Lengths and ranges count the received bytes. The size limit holds for the received and for the decoded
//! bytes. Whether the body is a text is decided from the decoded bytes. A body without codings goes to the
//! spool without a copy.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

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

/// A body that is about to arrive.
pub(crate) struct IncomingBody {
    /// Names the body in messages.
    pub(crate) label: String,
    pub(crate) plan: BodyPlan,
    pub(crate) bytes_max: u64,
}

/// The maximum length in bytes of a quick body. Its checks and its hash take some tens of microseconds.
const QUICK_BYTES_MAX: u64 = 64 << 10;

impl IncomingBody {
    /// Returns whether a body with this many received bytes is received at once: it is short, and has no
    /// codings. Nothing of it is on the disk.
    pub(crate) fn is_quick(&self, received: usize) -> bool {
        let BodyPlan::Whole { info, codings, .. } = &self.plan else { return false };
        received as u64 <= QUICK_BYTES_MAX
            && info.total.is_none_or(|total| total <= QUICK_BYTES_MAX)
            && codings.is_identity()
    }

    /// Returns the check of the received bytes.
    pub(crate) fn length_check(&self) -> LengthCheck {
        let (offset, expected) = match &self.plan {
            BodyPlan::Whole { info, .. } => (0, info.total),
            BodyPlan::Rest { offset, bytes, .. } => (*offset, Some(*bytes)),
        };
        let end_of = self.plan.end_of();
        let (label, bytes_max) = (self.label.clone(), self.bytes_max);
        LengthCheck { label, offset, received: 0, expected, end_of, bytes_max }
    }

    /// Reads all of `input`, decodes it, and appends it to the spool. The inner result has the error of
    /// `input`, if that fails.
    ///
    /// # Errors
    /// Returns the failure if the body is empty, not a text, over the size limit or cannot be decoded, and an
    /// error of the store if the disk fails.
    pub(crate) fn receive(
        self,
        input: impl BufRead,
        spool: &mut Spool,
    ) -> Result<io::Result<()>, DownloadError> {
        let Self { label, plan, bytes_max } = self;
        let sniffer = Sniffer::new(plan.info().content_type.as_deref());
        let mut text = TextCheck { label: &label, sniffer };
        let codings = match plan {
            BodyPlan::Whole { info, validator, codings } => {
                spool.begin(info, validator)?;
                codings
            }
            BodyPlan::Rest { .. } => {
                let mut checked = Ok(());
                spool.reread(|bytes| {
                    if checked.is_ok() {
                        checked = text.add(bytes);
                    }
                })?;
                checked?;
                // Only bodies without codings are resumed.
                Codings::default()
            }
        };
        let mut decoder = Decoder::new(&codings, bytes_max, input);
        loop {
            let bytes = match decoder.chunk() {
                Ok([]) => return Ok(Ok(text.check_end(spool.bytes())?)),
                Ok(bytes) => bytes,
                Err(Fault::Input(error)) => return Ok(Err(error)),
                Err(fault) => return Err(decoding_failure(&label, &fault).into()),
            };
            // Received bytes and each coding have checks of their own. This one is for local files, which
            // have neither.
            if spool.bytes() + bytes.len() as u64 > bytes_max {
                return Err(too_large(&label, bytes_max).into());
            }
            text.add(bytes)?;
            spool.append(bytes)?;
            let taken = bytes.len();
            decoder.consume(taken);
        }
    }
}

/// Returns the failure for a fault of the decoder. A truncated stream may arrive whole next time; a corrupt
/// one is stored that way on the server.
fn decoding_failure(label: &str, fault: &Fault) -> FetchFailure {
    let message = format!("{label}: {fault}");
    match fault {
        Fault::Truncated(_) => FetchFailure::restart(Reason::Truncated, message),
        Fault::Corrupt { .. } => FetchFailure::permanent(Reason::BadEncodingHeader, message),
        Fault::TooLarge { .. } | Fault::Bomb => FetchFailure::permanent(Reason::TooLarge, message),
        Fault::Input(_) => FetchFailure::transient(Reason::Truncated, message),
    }
}

fn too_large(label: &str, bytes_max: u64) -> FetchFailure {
    let message = format!("{label}: the text is larger than the limit of {bytes_max} bytes");
    FetchFailure::permanent(Reason::TooLarge, message)
}

fn empty(label: &str) -> FetchFailure {
    FetchFailure::permanent(Reason::Empty, format!("{label}: the text is empty"))
}

/// Checks whether decoded bytes are a text.
struct TextCheck<'a> {
    label: &'a str,
    sniffer: Sniffer,
}

impl TextCheck<'_> {
    fn add(&mut self, bytes: &[u8]) -> Result<(), FetchFailure> {
        let other = self.sniffer.feed(bytes);
        self.refuse(other)
    }

    fn check_end(&mut self, bytes: u64) -> Result<(), FetchFailure> {
        if bytes == 0 {
            return Err(empty(self.label));
        }
        let other = self.sniffer.end();
        self.refuse(other)
    }

    fn refuse(&self, other: Option<Cow<'static, str>>) -> Result<(), FetchFailure> {
        let Some(what) = other else { return Ok(()) };
        let message = format!("{}: {what} instead of a text", self.label);
        // A page may be a sign that the host blocks robots. Other file types are only wrong links.
        Err(match &*what {
            sniff::PAGE => FetchFailure::block_page(message),
            _ => FetchFailure::permanent(Reason::NotText, message),
        })
    }
}

/// Checks the number of received bytes.
pub(crate) struct LengthCheck {
    label: String,
    /// The number of bytes that an earlier request left.
    offset: u64,
    /// The number of bytes received so far.
    received: u64,
    /// The number of bytes that were announced.
    expected: Option<u64>,
    end_of: EndOf,
    bytes_max: u64,
}

impl LengthCheck {
    /// Counts received bytes.
    ///
    /// # Errors
    /// Returns a failure if there are more than were announced, or more than the size limit.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), FetchFailure> {
        self.received += bytes as u64;
        if let Some(expected) = self.expected.filter(|expected| self.received > *expected) {
            let message = format!("{}: the body is longer than announced ({expected} bytes)", self.label);
            return Err(FetchFailure::restart(Reason::Truncated, message));
        }
        if self.offset + self.received > self.bytes_max {
            return Err(too_large(&self.label, self.bytes_max));
        }
        Ok(())
    }

    /// Checks the number of bytes of a body that has ended.
    ///
    /// # Errors
    /// Returns a failure if there are fewer than were announced, or none.
    pub(crate) fn check_end(&self) -> Result<(), FetchFailure> {
        if self.end_of == EndOf::Message
            && let Some(expected) = self.missed()
        {
            let message =
                format!("{}: the body ended after {} of {expected} bytes", self.label, self.received);
            return Err(FetchFailure::transient(Reason::Truncated, message));
        }
        if self.offset + self.received == 0 {
            return Err(empty(&self.label));
        }
        Ok(())
    }

    /// Returns a warning for a body that was accepted with fewer bytes than were announced.
    pub(crate) fn warning(&self) -> Option<String> {
        self.missed().map(|expected| {
            format!(
                "{}: accepted {} bytes although Content-Length is {expected}: the gzip stream is complete and its \
                 checksum is right",
                self.label, self.received
            )
        })
    }

    /// Returns the announced number of bytes if fewer bytes arrived.
    fn missed(&self) -> Option<u64> {
        self.expected.filter(|expected| self.received < *expected)
    }
}
