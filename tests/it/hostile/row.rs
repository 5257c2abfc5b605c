//! A row of the table, and the functions that rows are written with.

use std::{ops::RangeInclusive, time::Duration};

use super::server::{Answer, Request, Step};

/// One behaviour, and what must come of it.
pub(super) struct Row {
    /// The document's id.
    pub(super) name: &'static str,
    /// The line of the source list; `{at}` is replaced by the host and port of this row.
    pub(super) listed: String,
    /// The answers of the host to the first request, the second and so on; the last answer repeats.
    pub(super) answers: Vec<Answer>,
    pub(super) ends: Ends,
    /// The number of requests that reach the host.
    pub(super) requests: RangeInclusive<usize>,
    /// A part of the message of its failure.
    pub(super) says: &'static str,
    /// The least time between the first two requests.
    pub(super) pause: Duration,
    pub(super) deadlines: Deadlines,
}

/// The deadlines that the program is given. Small ones are for servers that let one wait: a slow machine may
/// miss them where nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadlines {
    Generous,
    Small,
}

/// The end of a job.
pub(super) enum Ends {
    /// In the spool, with exactly these bytes.
    Stored(Vec<u8>),
    /// Given up, for this reason.
    Dead(&'static str),
}

/// A number of requests: exact, or a range if it depends on timing.
pub(super) trait Requests {
    fn range(self) -> RangeInclusive<usize>;
}

impl Requests for usize {
    fn range(self) -> RangeInclusive<usize> {
        self..=self
    }
}

impl Requests for RangeInclusive<usize> {
    fn range(self) -> RangeInclusive<usize> {
        self
    }
}

/// The default of `--retry`, and the first try.
pub(super) const ALL_TRIES: usize = 6;

/// The text comes, whole and unchanged.
pub(super) fn stored(name: &'static str, requests: impl Requests, answers: Vec<Answer>) -> Row {
    stored_as(name, requests, text(), answers)
}

/// These bytes come.
pub(super) fn stored_as(
    name: &'static str,
    requests: impl Requests,
    bytes: impl Into<Vec<u8>>,
    answers: Vec<Answer>,
) -> Row {
    let listed = format!("http://{{at}}/{name}.txt");
    let (ends, requests) = (Ends::Stored(bytes.into()), requests.range());
    Row {
        name,
        listed,
        answers,
        ends,
        requests,
        says: "",
        pause: Duration::ZERO,
        deadlines: Deadlines::Generous,
    }
}

/// Nothing comes, for this reason.
pub(super) fn dead(
    name: &'static str,
    reason: &'static str,
    requests: impl Requests,
    answers: Vec<Answer>,
) -> Row {
    let deadlines = if reason == "timeout" { Deadlines::Small } else { Deadlines::Generous };
    Row { ends: Ends::Dead(reason), deadlines, ..stored_as(name, requests, "", answers) }
}

impl Row {
    /// Listed so; `{at}` stands for the host and port of this row.
    pub(super) fn listed(self, listed: &str) -> Self {
        Self { listed: listed.to_owned(), ..self }
    }

    /// To be given up soon, and tried again.
    pub(super) fn hurried(self) -> Self {
        Self { deadlines: Deadlines::Small, ..self }
    }

    /// The message of its death says this.
    pub(super) fn saying(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// At least so many seconds pass between the first two requests.
    pub(super) fn pausing(self, seconds: u64) -> Self {
        Self { pause: Duration::from_secs(seconds), ..self }
    }
}

/// The text that all is about: 4,000 bytes in lines that all differ.
pub(super) fn text() -> Vec<u8> {
    let mut text: Vec<u8> = (0..400)
        .flat_map(|line| format!("{line} bottles of beer stand on the wall\n").into_bytes())
        .collect();
    text.truncate(4_000);
    text
}

/// Another text of the same length, which must never come instead or in part.
pub(super) fn other_text() -> Vec<u8> {
    text().to_ascii_uppercase()
}

/// The head and the first bytes of an answer that announces the whole text.
pub(super) fn cut(fields: &str, bytes: usize) -> Vec<u8> {
    let mut answer = head("200 OK", &format!("{fields}Content-Length: 4000\r\n"));
    answer.extend(&text()[..bytes]);
    answer
}

/// A status line and header fields, each with its line end.
pub(super) fn head(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n").into_bytes()
}

/// A whole answer, with its length.
pub(super) fn whole(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = head(status, &format!("{fields}Content-Length: {}\r\n", body.len()));
    answer.extend(body);
    answer
}

/// Always these steps, whatever is asked.
pub(super) fn steps(steps: impl Into<Vec<Step>>) -> Answer {
    let steps = steps.into();
    Box::new(move |_| steps.clone())
}

/// These bytes, then the end of the connection.
pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
    steps([Step::Send(bytes.into())])
}

/// These bytes, then another step.
pub(super) fn then(bytes: impl Into<Vec<u8>>, step: Step) -> Answer {
    steps([Step::Send(bytes.into()), step])
}

/// 200 with these fields and this body.
pub(super) fn ok(fields: &str, body: impl AsRef<[u8]>) -> Answer {
    raw(whole("200 OK", fields, body.as_ref()))
}

/// The text, as it should come.
pub(super) fn fine() -> Answer {
    ok("", text())
}

/// A status with a few words.
pub(super) fn status(status: &str, fields: &str) -> Answer {
    raw(whole(status, fields, b"no text"))
}

/// A redirect.
pub(super) fn found(location: &str) -> Answer {
    status("302 Found", &format!("Location: {location}\r\n"))
}

/// Dripped every so many milliseconds.
pub(super) fn drip(bytes: &[u8], pause_ms: u64) -> Step {
    Step::Drip(bytes.to_vec(), Duration::from_millis(pause_ms))
}

/// Answers `Range: bytes=N-` with the rest of the text, as 206 with the header fields that `fields` returns
/// for N. Without such a range the answer is one that no row expects.
pub(super) fn partial(fields: impl Fn(usize) -> String + Send + Sync + 'static) -> Answer {
    answering(move |request| {
        let offset = request.offset()?;
        Some(vec![Step::Send(whole("206 Partial Content", &fields(offset), &text()[offset..]))])
    })
}

/// The answer if the request is as expected, otherwise 418.
pub(super) fn answering(answer: impl Fn(&Request) -> Option<Vec<Step>> + Send + Sync + 'static) -> Answer {
    Box::new(move |request| {
        answer(request).unwrap_or_else(|| vec![Step::Send(whole("418 I'm a teapot", "", b"not so"))])
    })
}

/// The text if the request is as expected, otherwise 418.
pub(super) fn fine_if(is_so: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Answer {
    answering(move |request| is_so(request).then(|| vec![Step::Send(whole("200 OK", "", &text()))]))
}
