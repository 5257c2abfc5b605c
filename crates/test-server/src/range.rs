//! Which part of a body a request asks for: RFC 9110 §14, one range of bytes.

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Everything.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// Nothing: no byte of the range exists.
    Unsatisfiable,
}

/// Selects from a body of `total` bytes. A range that is not understood, or several, select everything.
pub(crate) fn select(range: Option<&str>, total: u64) -> Selected {
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return Selected::Whole;
    };
    match (number(first), number(last)) {
        (Some(first), _) if first >= total && is_end(last) => Selected::Unsatisfiable,
        (Some(first), None) if last.is_empty() => Selected::Part { first, last: total - 1 },
        (Some(first), Some(last)) if first <= last => Selected::Part { first, last: last.min(total - 1) },
        (None, Some(0)) if first.is_empty() => Selected::Unsatisfiable,
        (None, Some(_)) if first.is_empty() && total == 0 => Selected::Unsatisfiable,
        (None, Some(suffix)) if first.is_empty() => {
            Selected::Part { first: total.saturating_sub(suffix), last: total - 1 }
        }
        _ => Selected::Whole,
    }
}

fn is_end(last: &str) -> bool {
    last.is_empty() || number(last).is_some()
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_as_rfc_9110_says() {
        let part = |first, last| Selected::Part { first, last };
        for (range, selected) in [
            ("bytes=0-", part(0, 9)),
            ("bytes=3-", part(3, 9)),
            ("bytes=3-5", part(3, 5)),
            ("bytes=3-99", part(3, 9)),
            ("bytes=-4", part(6, 9)),
            ("bytes=-40", part(0, 9)),
            ("bytes=10-", Selected::Unsatisfiable),
            ("bytes=-0", Selected::Unsatisfiable),
            ("bytes=5-3", Selected::Whole),
            ("bytes=1-2,4-5", Selected::Whole),
            ("bytes=a-b", Selected::Whole),
            ("bytes=-", Selected::Whole),
            ("lines=1-", Selected::Whole),
        ] {
            assert_eq!(select(Some(range), 10), selected, "{range}");
        }
        assert_eq!(select(Some("bytes=0-"), 0), Selected::Unsatisfiable);
        assert_eq!(select(Some("bytes=-5"), 0), Selected::Unsatisfiable);
        assert_eq!(select(None, 10), Selected::Whole);
    }
}
