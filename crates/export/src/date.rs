//! Converts dates of texts and servers to `2008-06-17T00:00:00.000Z`, the form in Dolma and FineWeb.

use jiff::{Timestamp, civil::Date, fmt::rfc2822, tz::TimeZone};

/// The date formats of Project Gutenberg's headers and catalogue, such as `June 17, 2008` and `2008-06-17`. A
/// month (`October 1997`) or a year (`1998`) stands for its first day. The formats of months and years
/// precede those that would read `19` as the day. Numeric dates such as `05/12/2003` are not accepted,
/// because the order of day and month is unknown.
const FORMATS: [(&str, Part); 14] = [
    ("%Y-%m-%d", Part::Year),
    ("%Y-%m-%d", Part::Day),
    ("%Y-%m-%d", Part::MonthOfYear),
    ("%d %B %Y", Part::Month),
    ("%d %B, %Y", Part::Month),
    ("%d %b %Y", Part::Month),
    ("%d %b, %Y", Part::Month),
    ("%B %d, %Y", Part::Day),
    ("%b %d, %Y", Part::Day),
    ("%d %B %Y", Part::Day),
    ("%d %b %Y", Part::Day),
    ("%B %d %Y", Part::Day),
    ("%d %B, %Y", Part::Day),
    ("%d %b, %Y", Part::Day),
];

/// The years in which a text can have been released.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// The precision of a date in a text.
#[derive(Debug, Clone, Copy)]
enum Part {
    Day,
    /// A year alone, with four digits.
    Year,
    /// A month followed by its year.
    Month,
    /// A year followed by its month.
    MonthOfYear,
}

/// Returns the day that a text names, or `None` if it names no day in [`YEARS`].
pub(crate) fn parse_text(text: &str) -> Option<String> {
    let text =
        text.split_whitespace().filter(|word| *word != "of").map(normalize).collect::<Vec<_>>().join(" ");
    let mut days = FORMATS.iter().filter_map(|(format, part)| {
        let full = match part {
            Part::Day => text.clone(),
            Part::Year if text.len() != "1998".len() => return None,
            Part::Year => format!("{text}-01-01"),
            Part::Month => format!("1 {text}"),
            Part::MonthOfYear => format!("{text}-01"),
        };
        Date::strptime(format, full).ok()
    });
    let day = days.find(|day| YEARS.contains(&day.year()))?;
    Some(format(day.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// Returns a word of a date in the spelling of [`FORMATS`]: `1st` as `1`, `Sept.` as `Sep`.
fn normalize(word: &str) -> String {
    let (core, comma) = word.strip_suffix(',').map_or((word, ""), |core| (core, ","));
    let core = core.strip_suffix('.').unwrap_or(core);
    let core = if core.eq_ignore_ascii_case("sept") { "Sep" } else { core };
    let day = ["st", "nd", "rd", "th"].iter().find_map(|ending| core.strip_suffix(ending));
    // `August` ends in `st` as well, so only digits may precede the ending.
    let is_number = |day: &&str| !day.is_empty() && day.bytes().all(|byte| byte.is_ascii_digit());
    format!("{}{comma}", day.filter(is_number).unwrap_or(core))
}

/// Returns the time in an HTTP header (RFC 9110 §5.6.7).
pub(crate) fn parse_http(text: &str) -> Option<String> {
    rfc2822::parse(text.trim()).ok().map(|at| format(at.timestamp()))
}

fn format(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers_are_read() {
        for text in ["June 17, 2008", "2008-06-17", " Jun 17, 2008", "17 June 2008", "June 17 2008"] {
            assert_eq!(parse_text(text).as_deref(), Some("2008-06-17T00:00:00.000Z"), "{text}");
        }
        for text in ["June, 1993", "June 1993", "Jun 1993", " Jun,  1993", "1993-06"] {
            assert_eq!(parse_text(text).as_deref(), Some("1993-06-01T00:00:00.000Z"), "{text}");
        }
        for text in ["June 17th, 2008", "17th of June 2008", "Jun. 17, 2008", "June 17, 2008."] {
            assert_eq!(parse_text(text).as_deref(), Some("2008-06-17T00:00:00.000Z"), "{text}");
        }
        for text in ["Sept. 2, 1999", "Sept 2nd, 1999", "2 September, 1999", "Sep 2, 1999"] {
            assert_eq!(parse_text(text).as_deref(), Some("1999-09-02T00:00:00.000Z"), "{text}");
        }
        for text in ["1993", " 1993.", "January 1993"] {
            assert_eq!(parse_text(text).as_deref(), Some("1993-01-01T00:00:00.000Z"), "{text}");
        }
        for text in ["", "soon", "June 41, 2008", "05/12/2003", "1850", "19", "199", "19931", "of", "the 1st"]
        {
            assert_eq!(parse_text(text), None, "{text}");
        }
        for text in [
            "June 17, 1850",
            "June '97",
            "June 97",
            "June 17, 97",
            "June 19 97",
            "0097-06-17",
            "February 30, 2001",
        ] {
            assert_eq!(parse_text(text), None, "{text}: no text was released then");
        }
        let http = parse_http("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http.as_deref(), Some("1994-11-06T08:49:37.000Z"));
        assert_eq!(parse_http("yesterday"), None);
    }
}
