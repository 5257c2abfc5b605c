//! Statuses: which are permanent, which may pass, and how long a server may ask to wait.

use std::time::{Duration, SystemTime};

use crate::hostile::{
    row::{ALL_TRIES, Row, answering, dead, fine, head, raw, status, stored, text, whole},
    server::Step,
};

pub(super) fn rows() -> Vec<Row> {
    [permanent(), passing(), waits()].into_iter().flatten().collect()
}

fn permanent() -> Vec<Row> {
    let refused = |name, line: &str| dead(name, "http_status", 1, vec![status(line, "")]);
    vec![
        refused("status_400", "400 Bad Request"),
        dead(
            "status_401",
            "http_status",
            1,
            vec![status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n")],
        ),
        refused("status_402", "402 Payment Required"),
        refused("status_403", "403 Forbidden"),
        refused("status_404", "404 Not Found"),
        refused("status_405", "405 Method Not Allowed"),
        refused("status_406", "406 Not Acceptable"),
        dead(
            "status_407",
            "http_status",
            1,
            vec![status("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"x\"\r\n")],
        ),
        refused("status_410", "410 Gone"),
        refused("status_418", "418 I'm a teapot"),
        refused("status_451", "451 Unavailable For Legal Reasons"),
        refused("status_499", "499 Hm"),
        refused("status_501", "501 Not Implemented"),
        refused("status_505", "505 HTTP Version Not Supported"),
        refused("status_511", "511 Network Authentication Required"),
        refused("status_599", "599 Hm"),
        refused("status_999", "999 Request Denied"),
        refused("status_201", "201 Created"),
        refused("status_202", "202 Accepted"),
        stored("status_203", 1, vec![raw(whole("203 Non-Authoritative Information", "", &text()))]),
        refused("status_207", "207 Multi-Status"),
        refused("status_299", "299 Hm"),
        dead("status_204", "empty", 1, vec![raw(head("204 No Content", ""))]),
        dead("status_205", "empty", 1, vec![raw(head("205 Reset Content", "Content-Length: 0\r\n"))]),
    ]
}

fn passing() -> Vec<Row> {
    let busy = |name, line: &str| dead(name, "http_status", ALL_TRIES, vec![status(line, "")]);
    vec![
        busy("status_408", "408 Request Timeout"),
        busy("status_425", "425 Too Early"),
        busy("status_429", "429 Too Many Requests"),
        busy("status_500", "500 Internal Server Error"),
        busy("status_502", "502 Bad Gateway"),
        busy("status_503", "503 Service Unavailable"),
        busy("status_504", "504 Gateway Timeout"),
        stored("status_500_once", 2, vec![status("500 Internal Server Error", ""), fine()]),
        stored("status_429_once", 2, vec![status("429 Too Many Requests", ""), fine()]),
        dead(
            "status_500_then_404",
            "http_status",
            2,
            vec![status("500 Internal Server Error", ""), status("404 Not Found", "")],
        ),
    ]
}

/// No try begins more than two minutes after the first failure: what a server asks for beyond that ends the
/// job.
fn waits() -> Vec<Row> {
    let asks = |wait: &str| status("429 Too Many Requests", &format!("Retry-After: {wait}\r\n"));
    let waits = |name, wait: &str| stored(name, 2, vec![asks(wait), fine()]);
    let asks_by_date = answering(|_| {
        #[expect(clippy::disallowed_methods, reason = "a server names a date by its own clock")]
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(4));
        let fields = format!("Retry-After: {soon}\r\n");
        Some(vec![Step::Send(whole("429 Too Many Requests", &fields, b""))])
    });
    vec![
        waits("retry_after_four_seconds", "4").pausing(4),
        // A date has no fractions.
        stored("retry_after_a_date", 2, vec![asks_by_date, fine()]).pausing(3),
        waits("retry_after_a_date_gone_by", "Sun, 06 Nov 1994 08:49:37 GMT"),
        waits("retry_after_zero", "0"),
        waits("retry_after_less_than_zero", "-5"),
        waits("retry_after_garbage", "soon; ask again"),
        waits("retry_after_nothing", ""),
        stored(
            "unavailable_with_retry_after",
            2,
            vec![status("503 Service Unavailable", "Retry-After: 1\r\n"), fine()],
        ),
        dead("retry_after_a_century", "http_status", 1, vec![asks("3155760000")]),
        dead("retry_after_more_than_64_bits", "http_status", 1, vec![asks("99999999999999999999999")]),
        dead("retry_after_a_far_date", "http_status", 1, vec![asks("Sat, 06 Nov 2094 08:40:00 GMT")]),
        dead(
            "retry_after_of_a_missing_text",
            "http_status",
            1,
            vec![status("404 Not Found", "Retry-After: 1\r\n")],
        ),
    ]
}
