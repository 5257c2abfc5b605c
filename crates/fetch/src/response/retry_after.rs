//! `Retry-After`, RFC 9110 §10.2.3: seconds or a date.

use std::time::{Duration, UNIX_EPOCH};

use flow::clock::{Millis, millis};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that a server can ask for.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// Returns the wait from `now_ms` in milliseconds, at most [`RETRY_AFTER_MAX`]. `None` if the server asks for
/// none, or not clearly.
pub(crate) fn wait_ms(headers: &HeaderMap, now_ms: Millis) -> Option<Millis> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait_ms = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // Only a number that is too large fails to parse. It is capped below.
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000)
    } else {
        // A date that has passed asks for no wait.
        let date = httpdate::parse_http_date(text).ok()?;
        millis(date.duration_since(UNIX_EPOCH).ok()?).saturating_sub(now_ms)
    };
    Some(wait_ms.min(millis(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_capped() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            wait_ms(&headers, 784_111_777_000)
        };
        assert_eq!(wait("0"), Some(0));
        assert_eq!(wait(" 120 "), Some(120_000));
        assert_eq!(wait("99999999999999999999999"), Some(600_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT"), Some(23_000));
        assert_eq!(wait("Sunday, 06-Nov-94 08:50:00 GMT"), Some(23_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
        assert_eq!(wait("Sat, 06 Nov 2094 08:40:00 GMT"), Some(600_000));
        for unclear in ["", "-5", "1.5", "soon", "5 minutes"] {
            assert_eq!(wait(unclear), None, "{unclear}");
        }
        assert_eq!(wait_ms(&HeaderMap::new(), 0), None);
    }
}
