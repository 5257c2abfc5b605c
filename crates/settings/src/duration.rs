//! Parses times.

use std::{fmt, str::FromStr, time::Duration};

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const TIME_SPAN_MS_MAX: u64 = 366 * 86_400_000;

/// The minimum of timeouts.
pub(super) const MS: TimeSpan = TimeSpan::from_ms(1);
/// The maximum of timeouts.
pub(super) const DAY: TimeSpan = TimeSpan::from_ms(86_400_000);

/// A time of whole milliseconds, at most 366 days.
///
/// Written as a decimal number, in seconds or with a unit: `10`, `0.5`, `500ms`, `2.5s`, `15m`, `1h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(u64);

impl TimeSpan {
    /// Creates a time of whole milliseconds.
    pub(crate) const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns the time as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// The error for a text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use a time from 0 to 366 days, in seconds or with a unit: 10, 0.5, 500ms, 2.5s, 15m, 1h, 1d")]
pub struct InvalidTimeSpan;

impl FromStr for TimeSpan {
    type Err = InvalidTimeSpan;

    fn from_str(text: &str) -> Result<Self, InvalidTimeSpan> {
        let text = text.trim();
        let end = text.bytes().position(|byte| byte.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit_ms = match unit {
            "" => 1_000,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidTimeSpan)?.1,
        };
        let ms = scaled(number, unit_ms).ok_or(InvalidTimeSpan)?;
        if ms > TIME_SPAN_MS_MAX { Err(InvalidTimeSpan) } else { Ok(Self(ms)) }
    }
}

/// Returns `number` × `unit`, or `None` if that is no whole number or too large.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| {
        // At most 15 digits, so that a fraction times a unit and its power of ten fit into their types.
        let valid = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| text.parse::<u64>().ok())?
    };
    let tenths = u128::from(digits(fraction)?) * u128::from(unit);
    let power = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    // A fraction of a millisecond is refused, because it would be rounded silently.
    let part = tenths.is_multiple_of(power).then(|| tenths / power)?;
    digits(whole)?.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?)
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, ms): &&(&str, u64)| self.0.is_multiple_of(*ms);
        // The largest unit that divides the time without a rest, so that the text parses to the same time.
        match UNITS.iter().rev().find(whole) {
            Some((unit, ms)) if self.0 > 0 => f.pad(&format!("{}{unit}", self.0 / ms)),
            Some(_) | None => f.pad("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        for (text, ms, written) in [
            ("0", 0, "0s"),
            ("10", 10_000, "10s"),
            ("0.5", 500, "500ms"),
            ("500ms", 500, "500ms"),
            ("2.5s", 2_500, "2500ms"),
            ("90", 90_000, "90s"),
            ("15m", 900_000, "15m"),
            ("0.25h", 900_000, "15m"),
            ("1h", 3_600_000, "1h"),
            ("366d", TIME_SPAN_MS_MAX, "366d"),
        ] {
            let span: TimeSpan = text.parse().expect(text);
            assert_eq!((span.duration(), span.to_string().as_str()), (Duration::from_millis(ms), written));
            assert_eq!(written.parse(), Ok(span));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-1",
            "+1",
            "1 s x",
            "s",
            ".5",
            "5.",
            "1.2.3",
            "1e3",
            "inf",
            "NaN",
            "10min",
            "1S",
            "0.0001",
            "367d",
            "99999999999999999999",
            "999999999999999d",
            "1_000",
            "１",
        ] {
            assert_eq!(text.parse::<TimeSpan>(), Err(InvalidTimeSpan), "{text:?}");
        }
    }
}
