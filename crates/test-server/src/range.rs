//! Range requests for one range of bytes (RFC 9110 §14).

/// The part of a body to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelectedRange {
    /// The whole body.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// Nothing, because the range contains no byte of the body.
    Unsatisfiable,
}

/// Selects a range of a body of `total` bytes. An invalid range or several ranges select the whole body.
pub(crate) fn select(range: Option<&str>, total: u64) -> SelectedRange {
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return SelectedRange::Whole;
    };
    match (parse_number(first), parse_number(last)) {
        (Some(first), _) if first >= total && is_range_end(last) => SelectedRange::Unsatisfiable,
        (Some(first), None) if last.is_empty() => SelectedRange::Part { first, last: total - 1 },
        (Some(first), Some(last)) if first <= last => {
            SelectedRange::Part { first, last: last.min(total - 1) }
        }
        // The last 0 bytes of a body are no range (RFC 9110 §14.1.2).
        (None, Some(0)) if first.is_empty() => SelectedRange::Unsatisfiable,
        (None, Some(_)) if first.is_empty() && total == 0 => SelectedRange::Unsatisfiable,
        (None, Some(suffix)) if first.is_empty() => {
            SelectedRange::Part { first: total.saturating_sub(suffix), last: total - 1 }
        }
        // An invalid range may be ignored (RFC 9110 §14.2). Several ranges are not supported. A server may
        // ignore them too.
        _ => SelectedRange::Whole,
    }
}

fn is_range_end(last: &str) -> bool {
    last.is_empty() || parse_number(last).is_some()
}

fn parse_number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_as_rfc_9110_says() {
        let part = |first, last| SelectedRange::Part { first, last };
        for (range, selected) in [
            ("bytes=0-", part(0, 9)),
            ("bytes=3-", part(3, 9)),
            ("bytes=3-5", part(3, 5)),
            ("bytes=3-99", part(3, 9)),
            ("bytes=-4", part(6, 9)),
            ("bytes=-40", part(0, 9)),
            ("bytes=10-", SelectedRange::Unsatisfiable),
            ("bytes=-0", SelectedRange::Unsatisfiable),
            ("bytes=5-3", SelectedRange::Whole),
            ("bytes=1-2,4-5", SelectedRange::Whole),
            ("bytes=a-b", SelectedRange::Whole),
            ("bytes=-", SelectedRange::Whole),
            ("lines=1-", SelectedRange::Whole),
        ] {
            assert_eq!(select(Some(range), 10), selected, "{range}");
        }
        assert_eq!(select(Some("bytes=0-"), 0), SelectedRange::Unsatisfiable);
        assert_eq!(select(Some("bytes=-5"), 0), SelectedRange::Unsatisfiable);
        assert_eq!(select(None, 10), SelectedRange::Whole);
    }
}
