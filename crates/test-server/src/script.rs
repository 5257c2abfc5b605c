//! Scripted responses: how the server departs from serving a file as it is.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderName;

/// One scripted response. The default serves the file as it is.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<ScriptedBody>,
    pub(crate) chunked: bool,
    pub(crate) ranges_ignored: bool,
    pub(crate) conditions_ignored: bool,
    pub(crate) end: BodyEnd,
    pub(crate) rate: Option<Rate>,
    pub(crate) delay: Duration,
}

/// A body that replaces a file's.
#[derive(Debug, Clone)]
pub(crate) enum ScriptedBody {
    Bytes(Bytes),
    /// This many bytes of text lines, generated as they are sent.
    Generated(u64),
}

/// The end of the body. Numbers are bytes of this response's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    #[default]
    Complete,
    CutAfter(u64),
    StallAfter(u64),
}

/// A slow body: at most `bytes` after each `pause`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

impl Script {
    /// Serves the file as it is.
    #[must_use]
    pub fn file() -> Self {
        Self::default()
    }

    /// Sends this body in place of a file, with an ETag computed from it.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self { body: Some(ScriptedBody::Bytes(body.into())), ..Self::default() }
    }

    /// Sends a body of `bytes` bytes of generated text.
    #[must_use]
    pub fn generated(bytes: u64) -> Self {
        Self { body: Some(ScriptedBody::Generated(bytes)), ..Self::default() }
    }

    /// Sends an empty body with this status.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::bytes("").status(status).chunked()
    }

    /// Redirects with status 302. `location` is sent unchanged in `Location`.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::empty(302).header("location", location)
    }

    /// Sets the status. Ranges and conditions of the request are then ignored.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Replaces a header field of the server. An empty value removes the field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the body chunked, without `Content-Length`.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self { chunked: true, ..self }
    }

    /// Ignores `Range` and sends the whole body.
    #[must_use]
    pub fn without_ranges(self) -> Self {
        Self { ranges_ignored: true, ..self }
    }

    /// Ignores `If-None-Match` and `If-Modified-Since`.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self { conditions_ignored: true, ..self }
    }

    /// Closes the connection after `bytes` bytes of the body.
    #[must_use]
    pub fn cut_after(self, bytes: u64) -> Self {
        Self { end: BodyEnd::CutAfter(bytes), ..self }
    }

    /// Sends nothing more after `bytes` bytes of the body and keeps the connection open.
    #[must_use]
    pub fn stall_after(self, bytes: u64) -> Self {
        Self { end: BodyEnd::StallAfter(bytes), ..self }
    }

    /// Delays the response, to simulate a distant server.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Limits the rate: sends at most `bytes` bytes after each `pause`.
    #[must_use]
    pub fn throttle(self, bytes: usize, pause: Duration) -> Self {
        Self { rate: Some(Rate { bytes: bytes.max(1), pause }), ..self }
    }

    /// Returns whether this script sets or removes the header field `name`.
    pub(crate) fn sets(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|(set, _)| set.eq_ignore_ascii_case(name.as_str()))
    }
}
