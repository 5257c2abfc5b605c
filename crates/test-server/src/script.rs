//! What the server does instead of serving a file as it is.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderName;

/// One scripted answer. The default is the file as it is.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
    pub(crate) length: Length,
    pub(crate) ranges: Ranges,
    pub(crate) end: End,
    pub(crate) pace: Option<Pace>,
    pub(crate) late: Duration,
    pub(crate) conditions: Conditions,
}

/// A body that is not a file's.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// These bytes.
    Bytes(Bytes),
    /// Lines of text, so many bytes in all, made as they are sent.
    Generated(u64),
}

/// Whether the length of the body is announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Length {
    #[default]
    Announced,
    Chunked,
}

/// Whether requests for a part are honoured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ranges {
    #[default]
    Honoured,
    Ignored,
}

/// Whether `If-None-Match` and `If-Modified-Since` are honoured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Conditions {
    #[default]
    Honoured,
    Ignored,
}

/// How the body ends; counted in bytes of this answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Whole,
    CutAfter(u64),
    StallAfter(u64),
}

/// So many bytes at a time, with a pause before each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) bytes: usize,
    pub(crate) every: Duration,
}

impl Script {
    /// The file as it is.
    #[must_use]
    pub fn file() -> Self {
        Self::default()
    }

    /// This body in place of a file, with an ETag of its own.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self { body: Some(Body::Bytes(body.into())), ..Self::default() }
    }

    /// A body of so many bytes of text.
    #[must_use]
    pub fn generated(bytes: u64) -> Self {
        Self { body: Some(Body::Generated(bytes)), ..Self::default() }
    }

    /// An empty answer with this status.
    #[must_use]
    pub fn answer(status: u16) -> Self {
        Self::bytes("").status(status).chunked()
    }

    /// A redirect to a place, given as it shall stand in `Location`.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::answer(302).header("location", location)
    }

    /// With this status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// With this header field, in place of the one that the server would send; an empty value takes it away.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without announcing the length of the body.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self { length: Length::Chunked, ..self }
    }

    /// As if requests for a part were not understood.
    #[must_use]
    pub fn without_ranges(self) -> Self {
        Self { ranges: Ranges::Ignored, ..self }
    }

    /// As if the conditions of a request were not understood.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self { conditions: Conditions::Ignored, ..self }
    }

    /// Breaking the connection after so many bytes of the body.
    #[must_use]
    pub fn cut_after(self, bytes: u64) -> Self {
        Self { end: End::CutAfter(bytes), ..self }
    }

    /// Sending nothing more after so many bytes of the body, and not ending it.
    #[must_use]
    pub fn stall_after(self, bytes: u64) -> Self {
        Self { end: End::StallAfter(bytes), ..self }
    }

    /// Whether conditions of a request count: only where it would be answered well.
    pub(crate) fn honours_conditions(&self) -> bool {
        self.conditions == Conditions::Honoured && self.status.is_none()
    }

    /// Whether a header field is sent as scripted, or left out.
    pub(crate) fn sets(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|(set, _)| set.eq_ignore_ascii_case(name.as_str()))
    }

    /// Beginning so much later, as if the server were far away.
    #[must_use]
    pub fn late(self, late: Duration) -> Self {
        Self { late, ..self }
    }

    /// So many bytes at a time, with a pause before each.
    #[must_use]
    pub fn pace(self, bytes: usize, every: Duration) -> Self {
        Self { pace: Some(Pace { bytes: bytes.max(1), every }), ..self }
    }
}
