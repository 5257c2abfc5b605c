//! Connections, status lines and header fields.

use crate::hostile::{
    row::{
        ALL_TRIES, Row, cut, dead, drip, fine, fine_if, head, ok, other_text, raw, steps, stored, text, then,
        whole,
    },
    server::Step::{Forever, Next, Reset, Send, Stall},
};

pub(super) fn rows() -> Vec<Row> {
    [connections(), lines(), fields(), malformed(), unheeded(), interim()].into_iter().flatten().collect()
}

fn connections() -> Vec<Row> {
    let again = |fields: &str| whole("503 Service Unavailable", fields, b"");
    let desync = [again(""), whole("200 OK", "", &other_text())].concat();
    vec![
        dead("reset_before_the_answer", "connect", ALL_TRIES, vec![steps([Reset])]),
        stored("reset_once_before_the_answer", 2, vec![steps([Reset]), fine()]),
        dead("reset_in_the_head", "connect", ALL_TRIES, vec![then("HTTP/1.1 200 OK\r\nServer:", Reset)]),
        dead("reset_in_the_body", "truncated", ALL_TRIES, vec![then(cut("", 2_000), Reset)]),
        dead("closed_before_the_answer", "connect", ALL_TRIES, vec![steps([])]),
        dead("closed_in_the_head", "connect", ALL_TRIES, vec![raw("HTTP/1.1 200 OK\r\nServer: x\r\n")]),
        dead("stalls_before_the_answer", "timeout", ALL_TRIES, vec![steps([Stall])])
            .saying("no response in time"),
        stored("stalls_once", 2, vec![steps([Stall]), fine()]).hurried(),
        dead("stalls_in_the_head", "timeout", ALL_TRIES, vec![then("HTTP/1.1 200 OK\r\nServ", Stall)]),
        dead("stalls_in_the_body", "timeout", ALL_TRIES, vec![then(cut("", 2_000), Stall)]),
        stored("kept_alive", 2, vec![then(again(""), Next), fine()]),
        stored("kept_alive_and_closed_while_idle", 2, vec![raw(again("")), fine()]),
        stored("kept_alive_and_closed_at_the_next", 2..=3, vec![then(again(""), Next), steps([]), fine()]),
        stored(
            "kept_alive_and_reset_at_the_next",
            2..=3,
            vec![then(again(""), Next), steps([Reset]), fine()],
        ),
        stored(
            "closes_with_bytes_left_over",
            2,
            vec![raw([again("Connection: close\r\n"), other_text()].concat()), fine()],
        ),
        stored("an_answer_nobody_asked_for_follows", 2, vec![then(desync, Next), fine()]),
        stored("bytes_follow_the_body", 1, vec![raw([whole("200 OK", "", &text()), other_text()].concat())]),
    ]
}

fn lines() -> Vec<Row> {
    let body = "Content-Length: 4\r\n\r\ntext";
    vec![
        dead("garbage", "http_status", 1, vec![raw("Hello, here is your text.\r\n\r\n")]),
        dead("http_0_9", "http_status", 1, vec![raw(text())]),
        dead("binary_garbage", "http_status", 1, vec![raw([0u8, 255, 1, 254, 13, 10, 13, 10])]),
        dead("a_tls_alert", "http_status", 1, vec![raw([21u8, 3, 3, 0, 2, 2, 40])]),
        dead("an_ssh_greeting", "http_status", 1, vec![raw("SSH-2.0-OpenSSH_9.6\r\n")]),
        dead("http_2_preface", "http_status", 1, vec![raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]),
        dead("http_2_status_line", "http_status", 1, vec![raw(format!("HTTP/2 200 OK\r\n{body}"))]),
        dead("http_3_4", "http_status", 1, vec![raw(format!("HTTP/3.4 200 OK\r\n{body}"))]),
        dead("status_without_number", "http_status", 1, vec![raw(format!("HTTP/1.1 OK\r\n{body}"))]),
        dead("status_of_two_digits", "http_status", 1, vec![raw(format!("HTTP/1.1 20 OK\r\n{body}"))]),
        dead("status_of_four_digits", "http_status", 1, vec![raw(format!("HTTP/1.1 2000 OK\r\n{body}"))]),
        dead("status_000", "http_status", 1, vec![raw(format!("HTTP/1.1 000 OK\r\n{body}"))]),
        dead(
            "status_line_without_end",
            "http_status",
            1,
            vec![steps([Send(b"HTTP/1.1 200 ".to_vec()), Forever(vec![b'O'; 4096])])],
        ),
        stored(
            "status_without_words",
            1,
            vec![raw([b"HTTP/1.1 200\r\nContent-Length: 4000\r\n\r\n".as_slice(), &text()].concat())],
        ),
        stored(
            "line_feeds_alone",
            1,
            vec![raw([b"HTTP/1.1 200 OK\nContent-Length: 4000\n\n".as_slice(), &text()].concat())],
        ),
        stored(
            "http_1_0_without_length",
            1,
            vec![raw([b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &text()].concat())],
        ),
        stored("http_1_1_without_length", 1, vec![raw([head("200 OK", ""), text()].concat())]),
    ]
}

fn fields() -> Vec<Row> {
    let many: String = (0..99).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let hundreds: String = (0..200).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let too_many: String = (0..600).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let long = |bytes| format!("X: {}\r\n", "y".repeat(bytes));
    vec![
        stored("ninety_nine_fields", 1, vec![ok(&many, text())]),
        stored("two_hundred_fields", 1, vec![ok(&hundreds, text())]),
        dead("six_hundred_fields", "http_status", 1, vec![ok(&too_many, text())]).saying("too large"),
        stored("a_field_of_60_kilobytes", 1, vec![ok(&long(60_000), text())]),
        dead("a_field_of_a_megabyte", "http_status", 1, vec![ok(&long(1 << 20), text())]).saying("too large"),
        dead(
            "fields_without_end",
            "http_status",
            1,
            vec![steps([Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Forever(b"X: y\r\n".repeat(512))])],
        )
        .saying("too large"),
        dead(
            "a_field_without_end",
            "http_status",
            1,
            vec![steps([Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Forever(vec![b'y'; 4096])])],
        )
        .saying("too large"),
        dead(
            "fields_dripped_without_end",
            "timeout",
            ALL_TRIES,
            vec![steps([Send(b"HTTP/1.1 200 OK\r\n".to_vec()), drip(b"X: y\r\n", 500)])],
        ),
    ]
}

fn malformed() -> Vec<Row> {
    vec![
        dead("nul_in_a_field", "http_status", 1, vec![ok("X: a\0b\r\n", text())]),
        dead("nul_in_a_name", "http_status", 1, vec![ok("X\0Y: a\r\n", text())]),
        dead("carriage_return_in_a_field", "http_status", 1, vec![ok("X: a\rContent-Length: 9\r\n", text())]),
        stored("a_folded_field", 1, vec![ok("X: a\r\n b\r\n", text())]),
        stored("a_space_before_the_colon", 1, vec![ok("X : a\r\n", text())]),
        dead(
            "a_second_length_with_a_space_before_the_colon",
            "http_status",
            1,
            vec![ok("Content-Length : 10\r\n", text())],
        ),
        dead(
            "a_second_length_that_is_folded",
            "http_status",
            1,
            vec![ok("Content-Length:\r\n 10\r\n", text())],
        ),
        dead(
            "chunks_with_a_space_before_the_colon",
            "http_status",
            1,
            vec![ok("Transfer-Encoding : chunked\r\n", text())],
        ),
        stored("a_control_character_in_a_field", 1, vec![ok("Set-Cookie: a=\u{7f}b\r\n", text())]),
        stored("a_field_without_colon", 1, vec![ok("nonsense\r\n", text())]),
        stored("an_empty_name", 1, vec![ok(": a\r\n", text())]),
        stored("a_name_in_utf_8", 1, vec![ok("Œuvre: a\r\n", text())]),
        stored(
            "latin_1_in_a_field",
            1,
            vec![raw([
                b"HTTP/1.1 200 OK\r\nServer: caf\xe9\r\nContent-Length: 4000\r\n\r\n".as_slice(),
                &text(),
            ]
            .concat())],
        ),
        stored(
            "utf_8_in_a_field",
            1,
            vec![ok("Server: œuvre 雨\r\nETag: \"œ\"\r\nContent-Type: text/œ\r\n", text())],
        ),
    ]
}

/// Fields that ask for something.
fn unheeded() -> Vec<Row> {
    vec![
        stored(
            "cookies_are_not_kept",
            2,
            vec![
                then(
                    whole("503 Service Unavailable", "Set-Cookie: id=1; Path=/\r\nSet-Cookie2: x=y\r\n", b""),
                    Next,
                ),
                fine_if(|request| request.field("cookie").is_none()),
            ],
        ),
        stored(
            "tags_and_types_of_100_kilobytes",
            1,
            vec![{
                let long = "y".repeat(100_000);
                ok(
                    &format!(
                        "ETag: \"{long}\"\r\nContent-Type: text/plain; charset={long}\r\nLast-Modified: {long}\r\n"
                    ),
                    text(),
                )
            }],
        ),
        stored(
            "an_upgrade_is_offered",
            1,
            vec![ok("Upgrade: h2c, websocket\r\nAlt-Svc: h3=\":443\"\r\n", text())],
        ),
        stored(
            "hints_are_not_followed",
            1,
            vec![ok("Link: </x>; rel=preload\r\nRefresh: 0; url=/y\r\nContent-Location: /z\r\n", text())],
        ),
    ]
}

fn interim() -> Vec<Row> {
    let hints = [
        head("100 Continue", ""),
        head("102 Processing", ""),
        head("103 Early Hints", "Link: </x>; rel=preload\r\n"),
    ];
    vec![
        stored(
            "interim_answers_come_first",
            1,
            vec![raw([hints.concat(), whole("200 OK", "", &text())].concat())],
        ),
        stored(
            "an_unknown_interim_answer",
            1,
            vec![raw([head("199 Hm", ""), whole("200 OK", "", &text())].concat())],
        ),
        dead(
            "interim_answers_without_end",
            "timeout",
            ALL_TRIES,
            vec![steps([drip(&head("100 Continue", ""), 100)])],
        ),
        dead(
            "a_flood_of_interim_answers",
            "timeout",
            1..=ALL_TRIES,
            vec![steps([drip(&head("103 Early Hints", "").repeat(1_000), 20)])],
        ),
        dead(
            "switches_protocols_unasked",
            "http_status",
            1,
            vec![raw([
                head("101 Switching Protocols", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
                text(),
            ]
            .concat())],
        ),
    ]
}
