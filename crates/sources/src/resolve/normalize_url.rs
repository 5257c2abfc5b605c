//! Normalises URLs, so that a text with several equivalent URLs is fetched once.
//!
//! Parsing a URL already normalises the case of scheme and host, dot segments, the default port and the empty
//! path. This module adds the rest of RFC 3986 §6.2.2 and §6.2.3: percent-encodings are written in upper
//! case, and an encoded unreserved character is decoded (`%7e` becomes `~`; `%2f` becomes `%2F`, because it
//! is not a separator). The fragment, which is never sent to a server, is removed, and so is the dot at the
//! end of a host name.
//!
//! Unicode can compose some letters in two ways (é as one character or as e and an accent). These are
//! different octets to a server, so they are two URLs in a path: RFC 3986 §6.2.2 has no such equivalence, and
//! RFC 3987 §5.3.2.2 leaves it to the creator of the name. In a host name they are the same (UTS #46).
//!
//! Invariants: normalising twice changes nothing; a normalised URL requests the same resource from the same
//! server.

use url::Url;

/// Normalises an `http` or `https` URL.
pub(crate) fn normalize(mut url: Url) -> Url {
    url.set_fragment(None);
    let path = normalize_encodings(url.path());
    url.set_path(&path);
    let query = url.query().map(normalize_encodings);
    url.set_query(query.as_deref());
    // A host with more than one dot at its end is invalid and stays as it is, and so does a URL that cannot
    // be changed.
    let host = url.domain().and_then(|name| name.strip_suffix('.')).filter(|name| !name.ends_with('.'));
    if let Some(host) = host.map(str::to_owned) {
        let mut undotted = url.clone();
        if undotted.set_host(Some(&host)).is_ok() {
            return undotted;
        }
    }
    url
}

/// Normalises percent-encodings; an incomplete one stays as it is.
fn normalize_encodings(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, encoded)) = rest.split_once('%') {
        normal.push_str(before);
        match encoded.get(..2).and_then(octet) {
            Some(octet) if is_unreserved(octet) => normal.push(char::from(octet)),
            Some(octet) => normal.push_str(&format!("%{octet:02X}")),
            None => {
                normal.push('%');
                rest = encoded;
                continue;
            }
        }
        rest = &encoded[2..];
    }
    normal.push_str(rest);
    normal
}

fn octet(digits: &str) -> Option<u8> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Returns whether an octet is an unreserved character: RFC 3986 §2.3.
const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        normalize(Url::parse(text).expect(text)).into()
    }

    #[test]
    fn equivalent_spellings_meet() {
        for (text, expected) in [
            ("HTTP://Example.ORG.:80/A/./b/../c?q=1#part", "http://example.org/A/c?q=1"),
            ("https://example.org:443", "https://example.org/"),
            ("http://a.example/%7euser/%41%2d%2E%5f", "http://a.example/~user/A-._"),
            ("http://a.example/x%2fy%c3%bc?a=%7e%2f&b=%", "http://a.example/x%2Fy%C3%BC?a=~%2F&b=%"),
            ("http://a.example/%2e%2E/%2e/x", "http://a.example/x"),
            ("http://a.example/ü", "http://a.example/%C3%BC"),
            ("http://bu\u{308}cher.example/", "http://xn--bcher-kva.example/"),
            ("http://a.example/100%/%zz%4", "http://a.example/100%/%zz%4"),
            ("http://a.example/%25%37%65", "http://a.example/%257e"),
            ("http://127.0.0.1:8080/x?", "http://127.0.0.1:8080/x?"),
            ("http://[::1]:80/", "http://[::1]/"),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_equivalent_stays_apart() {
        for (one, other) in [
            ("http://a.example/x%2Fy", "http://a.example/x/y"),
            ("http://a.example/x", "http://a.example/X"),
            ("http://a.example/x", "http://a.example/x/"),
            ("http://a.example/x", "http://a.example/x?"),
            ("http://a.example/x", "https://a.example/x"),
            ("http://a.example/x%3Fq", "http://a.example/x?q"),
            ("http://a.example/%257E", "http://a.example/~"),
            ("http://a.example/", "http://a.example:81/"),
            ("http://a.example/caf\u{e9}", "http://a.example/cafe\u{301}"),
        ] {
            assert_ne!(of(one), of(other));
        }
    }

    /// A path that needs no encoding, as its segments' characters.
    fn plain_path() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-zA-Z0-9_~-]{1,8}", 1..5)
    }

    /// The same characters, each written as it is or encoded, in either case.
    fn respelled(segments: &[String], how: &[u8]) -> String {
        let mut how = how.iter().cycle();
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            if how.next() == Some(&0) {
                path.push_str("./x/%2e%2E/");
            }
            for c in segment.chars() {
                match how.next().unwrap_or(&0) % 3 {
                    0 => path.push(c),
                    1 => path.push_str(&format!("%{:02x}", u32::from(c))),
                    _ => path.push_str(&format!("%{:02X}", u32::from(c))),
                }
            }
        }
        path
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn normalising_twice_changes_nothing(text in "https?://[a-z0-9.]{1,12}(:[0-9]{1,4})?/[ -~äß]{0,40}") {
            if let Ok(url) = Url::parse(&text) {
                let once = normalize(url);
                prop_assert_eq!(normalize(once.clone()), once.clone());
                prop_assert_eq!(normalize(Url::parse(once.as_str()).expect("it was a URL")), once);
            }
        }

        #[test]
        fn every_spelling_of_a_path_gives_the_same_url(
            segments in plain_path(),
            how in prop::collection::vec(0..6_u8, 1..40),
            suffix in prop::sample::select(vec!["", ".", ":80", ".:80"]),
        ) {
            let plain = format!("http://a.example/{}", segments.join("/"));
            let other = format!("HTTP://A.Example{suffix}{}#f", respelled(&segments, &how));
            prop_assert_eq!(of(&other), plain);
        }
    }
}
