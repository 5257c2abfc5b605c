//! Redirects, allowed and forbidden ones.

use crate::hostile::{
    places::Places,
    row::{Row, dead, fine, fine_if, found, head, raw, status, stored, stored_as, text},
    server::Answer,
};

fn chain(hops: usize) -> Vec<Answer> {
    let redirects = (1..=hops).map(|hop| found(&format!("/hop{hop}")));
    redirects.chain([fine()]).collect()
}

/// Redirected to the text by this status.
fn moved(name: &'static str, line: &str) -> Row {
    stored(
        name,
        2,
        vec![status(line, "Location: /there.txt\r\n"), fine_if(|request| request.target() == "/there.txt")],
    )
}

/// Redirected so, which leads to this path of the same host.
fn leads(name: &'static str, location: &str, target: &'static str) -> Row {
    stored(name, 2, vec![found(location), fine_if(move |request| request.target() == target)])
}

/// Redirected so, which is not followed.
fn refused(name: &'static str, location: &str) -> Row {
    dead(name, "redirect", 1, vec![found(location)])
}

pub(super) fn rows(places: &Places) -> Vec<Row> {
    let other = places.other.at;
    let elsewhere = |name: &'static str, fields: &str| {
        let fields = fields.replace("{other}", &format!("{other}/{name}"));
        let text = Places::text_of_other(&format!("/{name}"));
        stored_as(name, 1, text, vec![status("302 Found", &fields)])
    };
    let mut rows = vec![
        moved("moved_301", "301 Moved Permanently"),
        moved("moved_302", "302 Found"),
        moved("moved_303", "303 See Other"),
        moved("moved_307", "307 Temporary Redirect"),
        moved("moved_308", "308 Permanent Redirect"),
        stored(
            "moved_with_an_endless_body",
            2,
            vec![
                raw([head("302 Found", "Location: /x\r\nContent-Length: 1000000000\r\n"), text()].concat()),
                fine(),
            ],
        ),
        leads("location_relative", "b/../c.txt", "/c.txt"),
        leads("location_upwards", "/../../../etc/passwd", "/etc/passwd"),
        leads("location_with_fragment", "/c.txt#part", "/c.txt"),
        leads("location_with_line_end", "/a%0d%0aX-Evil:%20y", "/a%0d%0aX-Evil:%20y"),
        dead("location_with_a_carriage_return", "http_status", 1, vec![found("/a\rX-Evil: y")]),
        leads("location_with_a_line_feed", "/a\nX-Evil: y", "/a"),
        leads("location_with_spaces", "/a b c.txt", "/a%20b%20c.txt"),
        stored(
            "location_in_latin_1",
            2,
            vec![
                raw(b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9.txt\r\nContent-Length: 0\r\n\r\n".as_slice()),
                fine_if(|request| request.target() == "/caf%E9.txt"),
            ],
        ),
        leads("location_in_utf_8", "/œuvre.txt", "/%C5%93uvre.txt"),
        refused("location_to_a_file", "file:///etc/passwd"),
        refused("location_to_ftp", "ftp://127.0.0.1/x"),
        refused("location_to_data", "data:text/plain,hello"),
        refused("location_to_javascript", "javascript:alert(1)"),
        refused("location_to_gopher", "gopher://127.0.0.1:6379/_FLUSHALL"),
        refused("location_to_no_host", "http://"),
        refused("location_to_a_bad_port", "http://127.0.0.1:99999/"),
        refused("location_to_a_bad_host", "http://a b/"),
        refused("location_of_16_kilobytes", &format!("/{}", "x".repeat(16_384)))
            .saying("without a readable Location"),
        refused("location_of_100_kilobytes", &format!("/{}", "x".repeat(100_000))),
        elsewhere("to_another_host", "Location: http://{other}\r\n"),
        elsewhere("to_another_host_without_scheme", "Location: //{other}\r\n"),
        elsewhere("to_another_host_with_a_user", "Location: http://user:secret@{other}\r\n"),
        elsewhere("to_another_host_with_a_cookie", "Location: http://{other}\r\nSet-Cookie: id=1\r\n"),
    ];
    rows.extend(leading_nowhere());
    rows.extend(failing_behind_redirects());
    rows
}

/// Returns rows of redirects in circles, too many redirects, redirects to invalid targets, and as many
/// redirects as are allowed.
fn leading_nowhere() -> Vec<Row> {
    vec![
        dead(
            "in_a_circle",
            "redirect",
            11,
            vec![found("/a"), found("/b"), found("/a"), found("/b"), found("/a")],
        ),
        dead("to_itself", "redirect", 11, vec![found("/to_itself.txt")]),
        stored("a_chain_of_ten", 11, chain(10)),
        dead("a_chain_of_eleven", "redirect", 11, chain(11)),
        dead("an_empty_location", "redirect", 11, vec![found("")]),
        dead("no_location", "redirect", 1, vec![status("302 Found", "")]),
        dead("two_locations", "redirect", 1, vec![status("302 Found", "Location: /a\r\nLocation: /b\r\n")]),
        dead(
            "choices",
            "http_status",
            1,
            vec![status("300 Multiple Choices", "Location: /a\r\nContent-Type: text/html\r\n")],
        ),
        dead(
            "use_a_proxy",
            "http_status",
            1,
            vec![status("305 Use Proxy", "Location: http://127.0.0.2/\r\n")],
        ),
    ]
}

/// All requests of a hopeless text are counted, those of its redirects too.
fn failing_behind_redirects() -> Vec<Row> {
    let busy = || status("503 Service Unavailable", "");
    let by_two = |number| if number % 3 == 2 { busy() } else { found("/next.txt") };
    let by_ten = (0..=10).map(|number| if number == 10 { busy() } else { found("/next.txt") });
    vec![
        dead("two_redirects_before_every_failure", "http_status", 12, (0..100).map(by_two).collect()),
        dead("ten_redirects_before_every_failure", "http_status", 12, by_ten.collect()),
    ]
}

/// Every way to write an address that no flag names. Nothing is sent there.
pub(super) fn forbidden(places: &Places) -> Vec<Row> {
    let (second, third, local) = (places.second.at.port(), places.third.at.port(), places.local.at.port());
    let six = places.six.as_ref().map_or(local, |host| host.at.port());
    let to = |name, location: String| dead(name, "forbidden_address", 1, vec![found(&location)]);
    let listed = |name, url: &str| dead(name, "forbidden_address", 0, vec![fine()]).listed(url);
    vec![
        to("to_loopback", format!("http://127.0.0.2:{second}/")),
        to("to_loopback_without_scheme", format!("//127.0.0.3:{third}/")),
        to("to_loopback_in_decimal", format!("http://2130706434:{second}/")),
        to("to_loopback_in_hex", format!("http://0x7f000002:{second}/")),
        to("to_loopback_in_octal", format!("http://0177.0.0.02:{second}/")),
        to("to_loopback_in_short", format!("http://127.2:{second}/")),
        to("to_loopback_mixed", format!("http://0x7f.0.0.3:{third}/")),
        to("to_loopback_with_a_dot", format!("http://127.0.0.2.:{second}/")),
        to("to_loopback_encoded", format!("http://%31%32%37.0.0.2:{second}/")),
        to("to_loopback_full_width", format!("http://１２７.0.0.2:{second}/")),
        to("to_loopback_with_ideographic_stops", format!("http://127。0。0。2:{second}/")),
        to("to_loopback_mapped", format!("http://[::ffff:127.0.0.2]:{second}/")),
        to("to_loopback_mapped_in_hex", format!("http://[::ffff:7f00:2]:{second}/")),
        to("to_loopback_compatible", format!("http://[::127.0.0.3]:{third}/")),
        to("to_loopback_by_nat64", format!("http://[64:ff9b::7f00:2]:{second}/")),
        to("to_loopback_by_6to4", format!("http://[2002:7f00:2::]:{second}/")),
        to("to_loopback_of_ipv6", format!("http://[::1]:{six}/")),
        to("to_loopback_of_ipv6_written_out", format!("http://[0:0:0:0:0:0:0:1]:{six}/")),
        to("to_the_allowed_address_mapped", format!("http://[::ffff:127.0.0.1]:{local}/")),
        to("to_unspecified", format!("http://0.0.0.0:{local}/")),
        to("to_unspecified_in_short", format!("http://0:{local}/")),
        to("to_unspecified_of_ipv6", format!("http://[::]:{six}/")),
        to("to_localhost", format!("http://localhost:{local}/")),
        to("to_localhost_in_capitals", format!("http://LOCALHOST.:{local}/")),
        to("to_a_name_below_localhost", format!("http://www.localhost:{local}/")),
        to("to_a_user_who_looks_like_a_host", format!("http://127.0.0.1:80@127.0.0.2:{second}/")),
        to("to_a_host_behind_backslashes", format!("http:\\\\127.0.0.2:{second}\\")),
        to("to_a_host_behind_slash_and_backslash", format!("/\\127.0.0.3:{third}/")),
        to("to_a_host_behind_many_slashes", format!("http://///127.0.0.2:{second}/")),
        to("to_a_host_behind_a_tab", format!("ht\ttp://127.0.0.2:{second}/")),
        to("to_a_private_address", "http://10.0.0.1/".to_owned()),
        to("to_a_private_address_172", "http://172.16.0.1/".to_owned()),
        to("to_a_private_address_192", "http://192.168.0.1/".to_owned()),
        to("to_a_shared_address", "http://100.64.0.1/".to_owned()),
        to("to_link_local", "http://[fe80::1]/".to_owned()),
        to("to_unique_local", "http://[fd00::1]/".to_owned()),
        to("to_multicast", "http://224.0.0.1/".to_owned()),
        to("to_broadcast", "http://255.255.255.255/".to_owned()),
        to("to_metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
        to("to_metadata_in_decimal", "http://2852039166/".to_owned()),
        to("to_metadata_in_hex", "http://0xa9fea9fe/".to_owned()),
        to("to_metadata_in_octal", "http://0251.0376.0251.0376/".to_owned()),
        to("to_metadata_mapped", "http://[::ffff:169.254.169.254]/".to_owned()),
        to("to_metadata_of_ipv6", "http://[fd00:ec2::254]/".to_owned()),
        to("to_metadata_of_alibaba", "http://100.100.100.200/".to_owned()),
        to("to_metadata_of_azure", "http://168.63.129.16/".to_owned()),
        listed("listed_loopback", &format!("http://127.0.0.2:{second}/")),
        listed("listed_loopback_in_decimal", &format!("http://2130706435:{third}/")),
        listed("listed_localhost", &format!("http://localhost:{local}/")),
        listed("listed_metadata", "http://169.254.169.254/latest/meta-data/"),
    ]
}
