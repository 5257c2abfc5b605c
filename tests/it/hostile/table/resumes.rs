//! Bodies that were cut, and what the server makes of the request for the rest.

use crate::hostile::{
    row::{
        ALL_TRIES, Row, answering, cut, dead, fine, fine_if, found, head, ok, other_text, partial, raw,
        status, stored, stored_as, text, then, whole,
    },
    server::{Answer, Request, Step},
};

const V1: &str = "ETag: \"v1\"\r\n";

/// `Content-Range` of the rest.
fn rest(offset: usize) -> String {
    format!("{V1}Content-Range: bytes {offset}-3999/4000\r\n")
}

pub(super) fn rows() -> Vec<Row> {
    [honoured(), begun_anew(), lies(), unasked()].into_iter().flatten().collect()
}

/// Cut at 2,000 bytes of 4,000, with a strong validator.
fn once() -> Answer {
    raw(cut(V1, 2_000))
}

fn honoured() -> Vec<Row> {
    let dated = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Mon, 07 Nov 1994 08:49:37 GMT\r\n";
    let shorter = |request: &Request| {
        let offset = request.offset()?;
        let answer = whole("206 Partial Content", &rest(offset), &text()[offset..]);
        Some(vec![Step::Send(answer[..answer.len() - 500].to_vec())])
    };
    vec![
        stored("cut_once_and_range_honoured", 2, vec![once(), partial(rest)]),
        stored("cut_twice_and_range_honoured", 3, vec![once(), answering(shorter), partial(rest)]),
        stored(
            "reset_once_and_range_honoured",
            2,
            vec![
                then(cut(V1, 2_000), Step::Reset),
                answering(|request| {
                    // How much of the text was read before the reset is not for the server to know.
                    let offset = request.offset().unwrap_or(0);
                    let status = if offset == 0 { "200 OK" } else { "206 Partial Content" };
                    let fields = if offset == 0 { V1.to_owned() } else { rest(offset) };
                    Some(vec![Step::Send(whole(status, &fields, &text()[offset..]))])
                }),
            ],
        ),
        stored(
            "cut_once_and_range_honoured_by_date",
            2,
            vec![
                raw(cut(dated, 2_000)),
                partial(move |offset| format!("{dated}Content-Range: bytes {offset}-3999/4000\r\n")),
            ],
        ),
        stored(
            "chunks_cut_and_range_honoured",
            2,
            vec![
                raw([
                    head("200 OK", &format!("{V1}Transfer-Encoding: chunked\r\n")).as_slice(),
                    b"fa0\r\n",
                    &text()[..2_000],
                ]
                .concat()),
                partial(rest),
            ],
        ),
        stored(
            "the_rest_without_a_validator",
            2,
            vec![once(), partial(|offset| format!("Content-Range: bytes {offset}-3999/4000\r\n"))],
        ),
        stored("cut_once_and_range_ignored", 2, vec![once(), fine()]),
    ]
}

/// Downloads that cannot be resumed start over.
fn begun_anew() -> Vec<Row> {
    let no_range =
        || fine_if(|request| request.field("range").is_none() && request.field("if-range").is_none());
    vec![
        stored_as(
            "changed_between_tries",
            2,
            other_text(),
            vec![once(), ok("ETag: \"v2\"\r\n", other_text())],
        ),
        stored("a_weak_validator", 2, vec![raw(cut("ETag: W/\"v1\"\r\n", 2_000)), no_range()]),
        stored("no_validator", 2, vec![raw(cut("", 2_000)), no_range()]),
        stored(
            "a_date_that_is_too_young",
            2,
            vec![
                raw(cut(
                    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n",
                    2_000,
                )),
                no_range(),
            ],
        ),
        stored(
            "a_failure_between_cut_and_rest",
            3,
            vec![once(), status("503 Service Unavailable", ""), partial(rest)],
        ),
        stored("a_redirect_to_the_rest", 3, vec![once(), found("/cdn.txt"), no_range()]),
        stored(
            "not_satisfiable_after_a_cut",
            3,
            vec![once(), status("416 Range Not Satisfiable", "Content-Range: bytes */4000\r\n"), no_range()],
        ),
        stored("not_modified_after_a_cut", 3, vec![once(), raw(head("304 Not Modified", V1)), no_range()]),
    ]
}

fn lies() -> Vec<Row> {
    let lie = |name, fields: fn(usize) -> String| stored(name, 3, vec![once(), partial(fields), fine()]);
    vec![
        lie("a_rest_that_starts_too_early", |offset| {
            format!("{V1}Content-Range: bytes {}-3999/4000\r\n", offset - 1)
        }),
        lie("a_rest_that_starts_too_late", |offset| {
            format!("{V1}Content-Range: bytes {}-3999/4000\r\n", offset + 1)
        }),
        lie("a_rest_that_ends_too_early", |offset| {
            format!("{V1}Content-Range: bytes {offset}-3998/4000\r\n")
        }),
        lie("a_rest_of_another_whole", |offset| format!("{V1}Content-Range: bytes {offset}-4999/5000\r\n")),
        lie("a_rest_of_an_unknown_whole", |offset| format!("{V1}Content-Range: bytes {offset}-3999/*\r\n")),
        lie("a_rest_of_all_64_bits", |offset| {
            format!("{V1}Content-Range: bytes {offset}-18446744073709551614/18446744073709551615\r\n")
        }),
        lie("a_rest_over_64_bits", |offset| {
            format!("{V1}Content-Range: bytes {offset}-99999999999999999998/99999999999999999999\r\n")
        }),
        lie("a_rest_in_another_unit", |offset| format!("{V1}Content-Range: lines {offset}-3999/4000\r\n")),
        lie("a_rest_backwards", |offset| format!("{V1}Content-Range: bytes 3999-{offset}/4000\r\n")),
        lie("a_rest_with_two_ranges", |offset| {
            format!("{V1}{0}{0}", format!("Content-Range: bytes {offset}-3999/4000\r\n"))
        }),
        lie("a_rest_without_a_range", |_| V1.to_owned()),
        lie("a_rest_of_another_version", |offset| rest(offset).replace("v1", "v2")),
        lie("a_rest_of_a_weak_version", |offset| rest(offset).replace("\"v1\"", "W/\"v1\"")),
        lie("a_rest_in_parts", |_| format!("{V1}Content-Type: multipart/byteranges; boundary=x\r\n")),
        stored(
            "a_rest_longer_than_its_range",
            2..=3,
            vec![
                once(),
                answering(|request| {
                    let offset = request.offset()?;
                    let body = [&text()[offset..], b"and more"].concat();
                    Some(vec![Step::Send(whole("206 Partial Content", &rest(offset), &body))])
                }),
                fine(),
            ],
        ),
        stored(
            "a_rest_shorter_than_its_range",
            3,
            vec![
                once(),
                answering(|request| {
                    let offset = request.offset()?;
                    Some(vec![Step::Send(whole(
                        "206 Partial Content",
                        &rest(offset),
                        &text()[offset..3_900],
                    ))])
                }),
                fine(),
            ],
        ),
        stored(
            "a_rest_without_length_that_goes_on",
            3,
            vec![
                once(),
                answering(|request| {
                    let offset = request.offset()?;
                    let head = head("206 Partial Content", &rest(offset));
                    Some(vec![Step::Send([head.as_slice(), &text()[offset..], b"and more"].concat())])
                }),
                fine(),
            ],
        ),
        dead(
            "lies_about_the_rest_for_ever",
            "truncated",
            ALL_TRIES,
            vec![answering(|request| {
                let lie = |offset: usize| whole("206 Partial Content", &rest(offset + 1), &text()[offset..]);
                Some(vec![Step::Send(request.offset().map_or_else(|| cut(V1, 2_000), lie))])
            })],
        ),
    ]
}

fn unasked() -> Vec<Row> {
    vec![
        dead(
            "a_part_as_the_whole",
            "truncated",
            ALL_TRIES,
            vec![ok("Content-Range: bytes 2000-3999/4000\r\n", &text()[2_000..])],
        )
        .saying("only a part of the text"),
        stored("all_of_it_as_a_range", 1, vec![ok("Content-Range: bytes 0-3999/4000\r\n", text())]),
        dead(
            "a_part_unasked",
            "http_status",
            1,
            vec![raw(whole("206 Partial Content", "Content-Range: bytes 0-3999/4000\r\n", &text()))],
        ),
        dead("not_modified_unasked", "http_status", 1, vec![raw(head("304 Not Modified", V1))]),
        dead("not_satisfiable_unasked", "http_status", 1, vec![status("416 Range Not Satisfiable", "")]),
        stored("ranges_are_offered", 1, vec![ok("Accept-Ranges: bytes\r\nETag: \"v1\"\r\n", text())]),
    ]
}
