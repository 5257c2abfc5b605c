//! Numbers, times and names as people read them.

use std::path::Path;

use flow::clock::Millis;
use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;

/// Returns the name of a run directory, also if it is given as `.`.
#[must_use]
pub fn run_name(run: &Path) -> String {
    let whole = std::fs::canonicalize(run).unwrap_or_else(|_| run.to_owned());
    whole.file_name().map_or_else(|| "corpus".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Returns a number with a separator between groups of three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Returns a number with its noun: `1 document`, `1,234 documents`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 || noun == "more" { "" } else { "s" })
}

/// Returns a size in its largest unit: `4 KiB`, `36.21 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    HumanBytes(count).to_string().replace(".00", "")
}

/// Returns a share with one decimal: `12.5 %`, or a dash if there is no whole.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

/// Returns a mean in milliseconds, rounded; 0 without values.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean for people"
)]
pub fn mean_ms(seconds: f64, count: u64) -> u64 {
    if count == 0 { 0 } else { (seconds * 1e3 / count as f64).round() as u64 }
}

/// Returns a time in UTC to the second.
#[must_use]
pub fn time(ms: Millis) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(
        || "an unknown time".to_owned(),
        |at| format!("{at:.0}").replace('T', " ").replace('Z', " UTC"),
    )
}

/// Returns a name in words: `StartMarker` becomes `start marker`.
#[must_use]
pub fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// Returns a time in its largest unit, rounded down: `45s`, `12m`, `3h`, `2d`.
#[must_use]
pub fn short_span(ms: Millis) -> String {
    let seconds = ms / 1_000;
    match seconds {
        // The next unit begins at two of it, so that the rounding loses at most a half.
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        172_800.. => format!("{}d", seconds / 86_400),
    }
}

/// Returns a time in UTC: `2026-11-22T08:15:30Z`.
#[must_use]
pub fn timestamp(ms: Millis) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{ms} ms"), |at| format!("{at:.0}"))
}

/// Returns the time of the day in UTC: `08:15:30 UTC`.
#[must_use]
pub fn clock_time(ms: Millis) -> String {
    let time = timestamp(ms);
    match time.split_once('T').and_then(|(_, time)| time.strip_suffix('Z')) {
        Some(time) => format!("{time} UTC"),
        None => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_has_one_unit_and_two_digits_of_sense() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (31_536_000, "365d"),
        ] {
            assert_eq!(short_span(seconds * 1_000 + 999), text);
        }
    }
}
