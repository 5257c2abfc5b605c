//! Declared and actual contents of bodies.

use crate::hostile::row::{Row, answering, dead, fine_if, ok, stored, stored_as, text, whole};
use crate::hostile::server::Step;

const PAGE: &str = "<!DOCTYPE html><html><title>Are you human?</title><p>Tell us.</html>";

pub(super) fn rows() -> Vec<Row> {
    [types(), codings(), bytes(), names()].into_iter().flatten().collect()
}

fn types() -> Vec<Row> {
    let typed = |name, value: &str| stored(name, 1, vec![ok(&format!("Content-Type: {value}\r\n"), text())]);
    vec![
        typed("type_garbage", ";;=/garbage"),
        typed("type_empty", ""),
        typed("type_octet_stream", "application/octet-stream"),
        typed("charset_garbage", "text/plain; charset=\"\\\"><script>../../etc/passwd"),
        typed("charset_unknown", "text/plain; charset=klingon-1"),
        typed("charset_empty", "text/plain; charset="),
        stored(
            "type_of_64_kilobytes",
            1,
            vec![ok(&format!("Content-Type: text/plain; x={}\r\n", "y".repeat(64_000)), text())],
        ),
        stored("two_types", 1, vec![ok("Content-Type: text/plain\r\nContent-Type: text/html\r\n", text())]),
        dead("type_html", "not_text", 1..=3, vec![ok("Content-Type: text/html\r\n", PAGE)]),
        dead(
            "type_html_for_a_notice",
            "not_text",
            1..=3,
            vec![ok("Content-Type: TEXT/HTML; charset=utf-8\r\n", "Too many requests.")],
        ),
        typed("type_html_for_a_text", "TEXT/HTML; charset=utf-8"),
        typed("type_image_for_a_text", "image/png"),
        typed("type_multipart_for_a_text", "multipart/mixed; boundary=x"),
        dead("type_image", "not_text", 1, vec![ok("Content-Type: image/png\r\n", "\u{1}\u{2}\u{3}")]),
        dead(
            "type_multipart",
            "not_text",
            1,
            vec![ok(
                "Content-Type: multipart/mixed; boundary=x\r\n",
                "--x\r\nContent-Type: text/plain\r\n\r\nwords\r\n--x--\r\n",
            )],
        ),
    ]
}

fn codings() -> Vec<Row> {
    let coded = |name, value: &str| {
        dead(name, "bad_encoding_header", 1, vec![ok(&format!("Content-Encoding: {value}\r\n"), text())])
    };
    vec![
        stored("coding_identity", 1, vec![ok("Content-Encoding: identity\r\n", text())]),
        stored("coding_none", 1, vec![ok("Content-Encoding: none\r\n", text())]),
        stored("coding_that_is_a_charset", 1, vec![ok("Content-Encoding: UTF-8\r\n", text())]),
        coded("coding_unknown", "cow"),
        coded("coding_unknown_within_a_known_one", "cow, gzip"),
        coded("coding_known_within_an_unknown_one", "gzip, cow"),
        coded("coding_garbage", "\"; rm -rf /"),
    ]
}

fn bytes() -> Vec<Row> {
    let page =
        |name, body: &[u8]| dead(name, "not_text", 1..=3, vec![ok("Content-Type: text/plain\r\n", body)]);
    let with_nuls = [text(), b"a\0b\0\0c".to_vec(), text()].concat();
    let upside_down: Vec<u8> = (0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    vec![
        page("a_page_as_plain_text", PAGE.as_bytes()),
        page("a_page_behind_a_line", format!("Saved.\n{PAGE}").as_bytes()),
        page("a_page_behind_much_white_space", format!("{}{PAGE}", "\r\n".repeat(4_000)).as_bytes()),
        dead("a_web_archive", "not_text", 1, vec![ok("", "WARC/1.0\r\nWARC-Type: response\r\n\r\n")])
            .saying("a web archive (WARC)"),
        page("a_page_behind_white_space", format!("\u{feff}\r\n\t {PAGE}").as_bytes()),
        dead("an_image_as_plain_text", "not_text", 1, vec![ok("", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")]),
        dead("gzip_as_plain_text", "not_text", 1, vec![ok("", b"\x1f\x8b\x08\0\0\0\0\0\0\x03")]),
        stored_as("only_a_byte_order_mark", 1, b"\xef\xbb\xbf", vec![ok("", b"\xef\xbb\xbf")]),
        stored_as("one_byte", 1, b"x", vec![ok("", b"x")]),
        stored_as("nuls_in_the_text", 1, with_nuls.clone(), vec![ok("", with_nuls)]),
        stored_as("binary_noise", 1, upside_down.clone(), vec![ok("", upside_down)]),
    ]
}

/// File names of servers, and spellings of URLs.
fn names() -> Vec<Row> {
    let named =
        |name, value: &str| stored(name, 1, vec![ok(&format!("Content-Disposition: {value}\r\n"), text())]);
    let long = format!("/{}", "long/".repeat(790));
    let (at_long, is_long) = (format!("http://{{at}}{long}"), long.clone());
    vec![
        named("name_upwards", "attachment; filename=\"../../../escaped.txt\""),
        named("name_absolute", "attachment; filename=\"/tmp/juggle-hostile-escaped.txt\""),
        named("name_at_home", "attachment; filename=~/escaped.txt"),
        named("name_encoded_upwards", "attachment; filename*=UTF-8''..%2F..%2Fescaped.txt"),
        named("name_with_nul_encoded", "attachment; filename*=UTF-8''escaped%00.txt"),
        named("name_of_a_device", "attachment; filename=\"/dev/stdout\""),
        named("name_in_windows", "attachment; filename=\"..\\\\..\\\\escaped.txt\""),
        named("name_of_another_document", "attachment; filename=\"name_upwards.spool\""),
        dead(
            "name_with_nul",
            "http_status",
            1,
            vec![ok("Content-Disposition: attachment; filename=\"a\0b\"\r\n", text())],
        ),
        stored("path_upwards", 1, vec![fine_if(|request| request.target() == "/escaped.txt")])
            .listed("http://{at}/a/../../%2e%2e/escaped.txt"),
        stored("path_with_nul", 1, vec![fine_if(|request| request.target() == "/a%00b.txt")])
            .listed("http://{at}/a%00b.txt"),
        stored("path_with_line_end", 1, vec![fine_if(|request| request.target() == "/a%0D%0AX:%20y")])
            .listed("http://{at}/a%0D%0AX:%20y"),
        stored("path_very_long", 1, vec![fine_if(move |request| request.target() == is_long)])
            .listed(&at_long),
        stored("path_of_slashes", 1, vec![fine_if(|request| request.target() == "//////")])
            .listed("http://{at}//////"),
        stored("no_path", 1, vec![fine_if(|request| request.target() == "/?x")]).listed("http://{at}?x"),
        stored(
            "fragment_is_not_sent",
            1,
            vec![answering(|request| {
                let is_so = request.target() == "/fragment.txt";
                is_so.then(|| vec![Step::Send(whole("200 OK", "", &text()))])
            })],
        )
        .listed("http://{at}/fragment.txt#part"),
    ]
}
