//! Dates as texts and servers write them, as `2008-06-17T00:00:00.000Z`, the form of Dolma and FineWeb.

use jiff::{Timestamp, civil::Date, fmt::rfc2822, tz::TimeZone};

/// What headers of Project Gutenberg, and its catalogue, write: `June 17, 2008`, `2008-06-17`.
const FORMS: [&str; 5] = ["%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%B %d %Y"];

/// The day that a text names.
pub(crate) fn of_text(text: &str) -> Option<String> {
    let text = text.trim();
    let day = FORMS.iter().find_map(|form| Date::strptime(form, text).ok());
    // `June, 1993` is a month: its first day.
    let day = day.or_else(|| Date::strptime("%d %B, %Y", format!("1 {text}")).ok())?;
    Some(written(day.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// The time that an HTTP header names (RFC 9110 §5.6.7).
pub(crate) fn of_http(text: &str) -> Option<String> {
    rfc2822::parse(text.trim()).ok().map(|at| written(at.timestamp()))
}

fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers_are_read() {
        for text in ["June 17, 2008", "2008-06-17", " Jun 17, 2008", "17 June 2008", "June 17 2008"] {
            assert_eq!(of_text(text).as_deref(), Some("2008-06-17T00:00:00.000Z"), "{text}");
        }
        assert_eq!(of_text("June, 1993").as_deref(), Some("1993-06-01T00:00:00.000Z"));
        for text in ["", "soon", "June 41, 2008", "1993"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        let http = of_http("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http.as_deref(), Some("1994-11-06T08:49:37.000Z"));
        assert_eq!(of_http("yesterday"), None);
    }
}
