//! The framing and the arrival of bodies.

use crate::hostile::{
    row::{ALL_TRIES, Row, cut, dead, drip, head, ok, raw, steps, stored, stored_as, text, then},
    server::{
        Answer,
        Step::{Forever, Send},
    },
};

pub(super) fn rows() -> Vec<Row> {
    [lengths(), transfer_codings(), chunks(), endless()].into_iter().flatten().collect()
}

/// 200 with these framing fields, then the text.
fn framed(fields: &str) -> Answer {
    raw([head("200 OK", fields), text()].concat())
}

/// 200 in chunks: these bytes stand for the body.
fn chunked(body: &[u8]) -> Answer {
    raw(chunked_head(body))
}

fn chunked_head(body: &[u8]) -> Vec<u8> {
    [head("200 OK", "Transfer-Encoding: chunked\r\n").as_slice(), body].concat()
}

/// The text as one chunk with this after its size, without what ends the body.
fn one_chunk(extension: &str) -> Vec<u8> {
    [format!("fa0{extension}\r\n").as_bytes(), &text(), b"\r\n"].concat()
}

fn lengths() -> Vec<Row> {
    vec![
        dead("always_truncated", "truncated", ALL_TRIES, vec![raw(cut("", 2_000))]),
        dead("length_too_long", "truncated", ALL_TRIES, vec![framed("Content-Length: 4001\r\n")]),
        stored_as("length_too_short", 1, &text()[..3_999], vec![framed("Content-Length: 3999\r\n")]),
        dead("length_negative", "http_status", 1, vec![framed("Content-Length: -1\r\n")]),
        dead("length_signed", "http_status", 1, vec![framed("Content-Length: +4000\r\n")]),
        dead("length_in_hex", "http_status", 1, vec![framed("Content-Length: 0xfa0\r\n")]),
        dead("length_empty", "http_status", 1, vec![framed("Content-Length: \r\n")]),
        dead("length_in_words", "http_status", 1, vec![framed("Content-Length: four thousand\r\n")]),
        dead(
            "length_over_64_bits",
            "http_status",
            1,
            vec![framed("Content-Length: 99999999999999999999\r\n")],
        ),
        dead(
            "length_of_all_64_bits",
            "http_status",
            1,
            vec![framed("Content-Length: 18446744073709551615\r\n")],
        ),
        stored("two_equal_lengths", 1, vec![framed("Content-Length: 4000\r\nContent-Length: 4000\r\n")]),
        dead("two_lengths", "http_status", 1, vec![framed("Content-Length: 4000\r\nContent-Length: 10\r\n")]),
        dead("two_lengths_in_one_field", "http_status", 1, vec![framed("Content-Length: 4000, 10\r\n")]),
    ]
}

/// Rows with something beside or instead of `Transfer-Encoding: chunked`.
fn transfer_codings() -> Vec<Row> {
    vec![
        dead(
            "length_and_chunks",
            "http_status",
            1,
            vec![raw([
                head("200 OK", "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n"),
                one_chunk(""),
                b"0\r\n\r\n".to_vec(),
            ]
            .concat())],
        ),
        dead(
            "chunks_and_length",
            "http_status",
            1,
            vec![raw([
                head("200 OK", "Transfer-Encoding: chunked\r\nContent-Length: 10\r\n"),
                one_chunk(""),
                b"0\r\n\r\n".to_vec(),
            ]
            .concat())],
        ),
        dead(
            "a_transfer_coding_that_is_unknown",
            "http_status",
            1,
            vec![framed("Transfer-Encoding: cow\r\n")],
        ),
        dead(
            "chunks_within_a_coding",
            "http_status",
            1,
            vec![framed("Transfer-Encoding: chunked, gzip\r\n")],
        ),
        dead(
            "a_transfer_coding_around_chunks",
            "http_status",
            1,
            vec![raw([
                head("200 OK", "Transfer-Encoding: gzip, chunked\r\n"),
                one_chunk(""),
                b"0\r\n\r\n".to_vec(),
            ]
            .concat())],
        ),
        dead(
            "chunks_in_http_1_0",
            "http_status",
            1,
            vec![raw([
                b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
                one_chunk(""),
                b"0\r\n\r\n".to_vec(),
            ]
            .concat())],
        ),
    ]
}

fn chunks() -> Vec<Row> {
    let ends = |end: &str| chunked(&[one_chunk(""), end.as_bytes().to_vec()].concat());
    let long_trailer = format!("0\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    let many_trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(2_000));
    let long_extension = format!(";{}", "x".repeat(1 << 20));
    let by_bytes: Vec<u8> =
        text().iter().flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']).collect();
    vec![
        stored("chunks", 1, vec![ends("0\r\n\r\n")]),
        stored("chunks_of_one_byte", 1, vec![chunked(&[by_bytes, b"0\r\n\r\n".to_vec()].concat())]),
        stored(
            "chunks_with_extensions",
            1,
            vec![chunked(&[one_chunk(";name=value;x=\"y\""), b"0;end\r\n\r\n".to_vec()].concat())],
        ),
        stored("chunks_with_trailers", 1, vec![ends("0\r\nX-Sum: 1\r\nExpires: never\r\n\r\n")]),
        stored(
            "chunks_with_trailers_that_lie",
            1,
            vec![ends(
                "0\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\nContent-Encoding: gzip\r\nLocation: http://127.0.0.2/\r\nContent-Type: text/html\r\n\r\n",
            )],
        ),
        dead("chunks_with_a_huge_trailer", "truncated", ALL_TRIES, vec![ends(&long_trailer)]),
        dead("chunks_with_very_many_trailers", "truncated", ALL_TRIES, vec![ends(&many_trailers)]),
        dead(
            "chunks_with_a_huge_extension",
            "truncated",
            ALL_TRIES,
            vec![chunked(&one_chunk(&long_extension))],
        ),
        dead("chunks_without_end", "truncated", ALL_TRIES, vec![ends("")]),
        dead("chunks_with_half_an_end", "truncated", ALL_TRIES, vec![ends("0\r\n")]),
        dead("chunks_cut_within", "truncated", ALL_TRIES, vec![chunked(&one_chunk("")[..2_000])]),
        dead(
            "a_chunk_size_that_is_no_number",
            "truncated",
            ALL_TRIES,
            vec![chunked(b"five\r\nhello\r\n0\r\n\r\n")],
        ),
        dead("a_chunk_size_that_is_empty", "truncated", ALL_TRIES, vec![chunked(b"\r\nhello\r\n0\r\n\r\n")]),
        dead("a_chunk_size_below_zero", "truncated", ALL_TRIES, vec![chunked(b"-5\r\nhello\r\n0\r\n\r\n")]),
        dead(
            "a_chunk_size_over_64_bits",
            "truncated",
            ALL_TRIES,
            vec![chunked(b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n")],
        ),
        dead(
            "a_huge_chunk_size",
            "truncated",
            ALL_TRIES,
            vec![chunked(b"7fffffffffffffff\r\nhello\r\n0\r\n\r\n")],
        ),
        dead(
            "a_chunk_longer_than_its_size",
            "truncated",
            ALL_TRIES,
            vec![chunked(b"5\r\nhello, world\r\n0\r\n\r\n")],
        ),
    ]
}

/// The size limit is 1 MiB, the least rate 100 bytes a second over 3 s.
fn endless() -> Vec<Row> {
    let line = b"a line of an endless text\n".repeat(160);
    let chunk = [b"1040\r\n".as_slice(), &line, b"\r\n"].concat();
    vec![
        dead(
            "a_body_without_end",
            "too_large",
            1,
            vec![steps([Send(head("200 OK", "")), Forever(line.clone())])],
        ),
        dead(
            "a_body_of_a_terabyte",
            "too_large",
            1,
            vec![steps([Send(head("200 OK", "Content-Length: 1099511627776\r\n")), Forever(line)])],
        ),
        dead("chunks_that_never_end", "too_large", 1, vec![steps([Send(chunked_head(b"")), Forever(chunk)])]),
        dead("one_byte_a_second", "timeout", ALL_TRIES, vec![then(cut("", 0), drip(b"x", 1_000))])
            .saying("bytes in 3s"),
        dead(
            "one_byte_a_second_in_chunks",
            "timeout",
            ALL_TRIES,
            vec![then(chunked_head(b""), drip(b"1\r\nx\r\n", 1_000))],
        )
        .saying("bytes in 3s"),
        dead(
            "steady_but_never_done",
            "timeout",
            ALL_TRIES,
            vec![then(head("200 OK", "Content-Length: 1000000\r\n"), drip(&[b'x'; 400], 200))],
        )
        .saying("not complete within 9s"),
        dead("an_empty_body", "empty", 1, vec![ok("", "")]),
        dead("no_chunks", "empty", 1, vec![chunked(b"0\r\n\r\n")]),
        dead("no_body_before_the_end", "empty", 1, vec![raw(head("200 OK", ""))]),
    ]
}
