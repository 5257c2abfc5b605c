//! Conditional requests: RFC 9110 §13.1.2, §13.1.3 and §13.2.2.

use hyper::{
    HeaderMap,
    header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};

/// Whether a GET or HEAD with these fields is answered by 304, where its answer would have those. `If-Modified-Since`
/// counts only where there is no `If-None-Match`.
pub(crate) fn is_unmodified(request: &HeaderMap, answer: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let Some(etag) = text(answer, &ETAG) else { return false };
        let named = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        return named
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || opaque(tag) == opaque(etag));
    }
    let date = |headers, name| httpdate::parse_http_date(text(headers, name)?).ok();
    match (date(request, &IF_MODIFIED_SINCE), date(answer, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// What weak comparison looks at.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(request: &[(HeaderName, &str)], answer: &[(HeaderName, &str)]) -> bool {
        let map = |fields: &[(HeaderName, &str)]| -> HeaderMap {
            fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        is_unmodified(&map(request), &map(answer))
    }

    #[test]
    fn tags_are_compared_weakly_and_outweigh_dates() {
        let (old, new) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT");
        let answer = [(ETAG, "\"a\""), (LAST_MODIFIED, new)];
        for (tags, expected) in [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true)] {
            assert_eq!(holds(&[(IF_NONE_MATCH, tags)], &answer), expected, "{tags}");
        }
        assert!(!holds(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, new)], &answer));
        assert!(holds(&[(IF_MODIFIED_SINCE, new)], &answer));
        assert!(!holds(&[(IF_MODIFIED_SINCE, old)], &answer));
        assert!(!holds(&[(IF_MODIFIED_SINCE, "no date")], &answer));
        assert!(!holds(&[(IF_NONE_MATCH, "\"a\"")], &[]));
        assert!(!holds(&[], &answer));
    }
}
