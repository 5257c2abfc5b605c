//! Conditional requests (RFC 9110 §13.1.2, §13.1.3, §13.2.2).

use hyper::{
    HeaderMap,
    header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};

/// Returns whether a GET or HEAD request gets 304 in place of a response with the header fields `response`.
pub(crate) fn is_unmodified(request: &HeaderMap, response: &HeaderMap) -> bool {
    // `If-None-Match` overrides `If-Modified-Since`, also if it does not match: RFC 9110 §13.1.3.
    if request.contains_key(IF_NONE_MATCH) {
        let Some(etag) = text(response, &ETAG) else { return false };
        let wanted = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return wanted
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || opaque(tag) == opaque(etag));
    }
    let date = |headers, name| httpdate::parse_http_date(text(headers, name)?).ok();
    match (date(request, &IF_MODIFIED_SINCE), date(response, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Returns the part of an entity tag that weak comparison uses.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(request: &[(HeaderName, &str)], response: &[(HeaderName, &str)]) -> bool {
        let map = |fields: &[(HeaderName, &str)]| -> HeaderMap {
            fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        is_unmodified(&map(request), &map(response))
    }

    #[test]
    fn tags_are_compared_weakly_and_outweigh_dates() {
        let (old, new) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT");
        let response = [(ETAG, "\"a\""), (LAST_MODIFIED, new)];
        for (tags, expected) in [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true)] {
            assert_eq!(holds(&[(IF_NONE_MATCH, tags)], &response), expected, "{tags}");
        }
        assert!(!holds(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, new)], &response));
        assert!(holds(&[(IF_MODIFIED_SINCE, new)], &response));
        assert!(!holds(&[(IF_MODIFIED_SINCE, old)], &response));
        assert!(!holds(&[(IF_MODIFIED_SINCE, "no date")], &response));
        assert!(!holds(&[(IF_NONE_MATCH, "\"a\"")], &[]));
        assert!(!holds(&[], &response));
    }
}
