//! A line of the log.

use std::{fmt, time::Duration};

use flow::{
    clock::Millis,
    events::{Event, EventKind, RequestFacts},
    failure::Reason,
    lane::Lane,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A line of the log. It never has users and passwords, or the query of a URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The time in UTC, to the millisecond.
    pub time: Timestamp,
    /// The event.
    pub event: Kind,
    /// The lane. `None` for [`Kind::Missing`], and for jobs of several lanes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// The id of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The host of the request, with the port if the URL names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The URL of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The received bytes of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The duration of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The number of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The reason of a failure or a move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The number of lines that could not be written, with [`Kind::Missing`]; otherwise of jobs that a person
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The job is done.
    Done,
    /// It failed and will be tried again.
    Retry,
    /// It continues elsewhere.
    Moved,
    /// It could not be done yet.
    Requeued,
    /// It failed for good.
    Dead,
    /// Another worker has it.
    Lost,
    /// The machine cannot continue.
    Halted,
    /// A person put failed jobs back into the queue.
    Retried,
    /// A person removed jobs from the queue.
    Dropped,
    /// A person paused a lane.
    Paused,
    /// A person resumed a lane.
    Resumed,
    /// Lines are missing before this one.
    Missing,
}

impl Kind {
    /// Returns the name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Moved => "moved",
            Self::Requeued => "requeued",
            Self::Dead => "dead",
            Self::Lost => "lost",
            Self::Halted => "halted",
            Self::Retried => "retried",
            Self::Dropped => "dropped",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Missing => "missing",
        }
    }
}

impl From<EventKind> for Kind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Done => Self::Done,
            EventKind::Retry => Self::Retry,
            EventKind::Moved => Self::Moved,
            EventKind::Requeued => Self::Requeued,
            EventKind::Dead => Self::Dead,
            EventKind::Lost => Self::Lost,
            EventKind::Halted => Self::Halted,
        }
    }
}

impl Line {
    /// Returns the line of an event.
    #[must_use]
    pub fn of(event: Event, at_ms: Millis) -> Self {
        let Event { lane, key, attempt, took_ms, what, failure, request } = event;
        let request = request.map(|RequestFacts { url, status, bytes }| (public(&url), status, bytes));
        let (reason, message) = failure.map(|failure| (failure.reason, public(&failure.message))).unzip();
        Self {
            lane: Some(lane),
            document: Some(key),
            host: request.as_ref().and_then(|(url, ..)| host(url)).map(str::to_owned),
            status: request.as_ref().and_then(|(_, status, _)| *status),
            bytes: request.as_ref().map(|(.., bytes)| *bytes),
            url: request.map(|(url, ..)| url),
            seconds: Some(Duration::from_millis(took_ms).as_secs_f64()),
            attempt: Some(attempt),
            reason,
            message,
            ..Self::bare(what.into(), at_ms)
        }
    }

    /// Returns the line of a change that a person made, with the number of jobs if it is one of jobs.
    #[must_use]
    pub fn by_person(event: Kind, lane: Option<Lane>, count: Option<u64>, at_ms: Millis) -> Self {
        Self { lane, count, ..Self::bare(event, at_ms) }
    }

    /// Returns a line that says how many lines are missing before it.
    #[must_use]
    pub fn missing(count: u64, at_ms: Millis) -> Self {
        Self { count: Some(count), ..Self::bare(Kind::Missing, at_ms) }
    }

    fn bare(event: Kind, at_ms: Millis) -> Self {
        let at_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        Self {
            time: Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH),
            event,
            lane: None,
            document: None,
            host: None,
            url: None,
            status: None,
            bytes: None,
            seconds: None,
            attempt: None,
            reason: None,
            message: None,
            count: None,
        }
    }
}

impl fmt::Display for Line {
    /// Writes the line for people, without its time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Kind::Missing, Some(count)) = (self.event, self.count) {
            return write!(f, "{count} lines of the log are missing here");
        }
        if let Some(lane) = self.lane {
            write!(f, "{:7} ", lane.name())?;
        }
        write!(f, "{:8} {}", self.event.name(), self.document.as_deref().unwrap_or("by a person"))?;
        if let Some(count) = self.count {
            write!(f, ", jobs: {count}")?;
        }
        if let Some(attempt) = self.attempt.filter(|attempt| *attempt > 1) {
            write!(f, " attempt {attempt}")?;
        }
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes > 0) {
            write!(f, " {bytes} B")?;
        }
        if let Some(seconds) = self.seconds {
            write!(f, " {seconds:.3} s")?;
        }
        match (self.reason, &self.message, &self.url) {
            (Some(reason), Some(message), _) => write!(f, " {}: {message}", reason.name()),
            (_, _, Some(url)) => write!(f, " {url}"),
            _ => Ok(()),
        }
    }
}

/// Returns a text without the users, passwords and queries of the URLs in it.
#[must_use]
pub fn public(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        result.push_str(before);
        let end = after.find([' ', '\'', '"', '<', '>']).unwrap_or(after.len());
        let (url, next) = after.split_at(end);
        let (place, query) = match url.find('?') {
            // Punctuation after a URL is not a part of its query.
            Some(at) => (&url[..at], if url.ends_with(':') { "?…:" } else { "?…" }),
            None => (url, ""),
        };
        let authority = place.find('/').unwrap_or(place.len());
        let host = place[..authority].rfind('@').map_or(0, |at| at + 1);
        result.push_str(&place[host..]);
        result.push_str(query);
        rest = next;
    }
    result.push_str(rest);
    result
}

/// Returns the host and port of a URL.
fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().unwrap_or(rest);
    (scheme.starts_with("http") && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use flow::failure::Failure;

    use super::*;

    fn event() -> Event {
        Event {
            lane: Lane::Fetch,
            key: "PG84".into(),
            attempt: 2,
            took_ms: 1_234,
            what: EventKind::Retry,
            failure: Some(Failure::new(
                Reason::HttpStatus,
                "https://me:pw@a.example:8080/b?key=secret: 429 Too Many Requests",
            )),
            request: Some(RequestFacts {
                url: "https://a.example:8080/b?key=secret".into(),
                status: Some(429),
                bytes: 12,
            }),
        }
    }

    #[test]
    fn a_line_has_the_request_and_no_secrets() {
        let line = Line::of(event(), 1_764_490_000_123);
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(
            json,
            r#"{"time":"2025-11-30T08:06:40.123Z","event":"retry","lane":"fetch","document":"PG84","host":"a.example:8080","url":"https://a.example:8080/b?…","status":429,"bytes":12,"seconds":1.234,"attempt":2,"reason":"http_status","message":"https://a.example:8080/b?…: 429 Too Many Requests"}"#
        );
        assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
        let text = line.to_string();
        assert!(text.contains("PG84 attempt 2 429 12 B 1.234 s http_status: https://a.example"), "{text}");
    }

    #[test]
    fn users_passwords_and_queries_are_left_out_of_any_text() {
        for (text, expected) in [
            ("no URL", "no URL"),
            ("to 'http://u:p@h/x?t=1' and https://h2?q#f then", "to 'http://h/x?…' and https://h2?… then"),
            ("http://h/a@b", "http://h/a@b"),
            ("file:///home/me/a?b", "file:///home/me/a?…"),
            ("ftp://u:p@h", "ftp://h"),
        ] {
            assert_eq!(public(text), expected);
        }
    }

    #[test]
    fn names_are_those_of_json() {
        for kind in [
            Kind::Done,
            Kind::Retry,
            Kind::Moved,
            Kind::Requeued,
            Kind::Dead,
            Kind::Lost,
            Kind::Dropped,
            Kind::Missing,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
