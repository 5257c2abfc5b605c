//! Numbers, times and names as people read them.

use std::collections::BTreeMap;

use flow::clock::Millis;
use indicatif::HumanBytes;
use jiff::Timestamp;
use plot::grouped;

/// Returns the counts by step, with the steps between them that have none.
pub(crate) fn filled(
    counts: &BTreeMap<u32, u64>,
    step: u32,
    label: impl Fn(u32) -> String,
) -> Vec<(String, u64)> {
    let (Some((first, _)), Some((last, _))) = (counts.first_key_value(), counts.last_key_value()) else {
        return Vec::new();
    };
    let steps = (0..=(last - first) / step).map(|n| first + n * step);
    steps.map(|at| (label(at), counts.get(&at).copied().unwrap_or(0))).collect()
}

pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 || noun == "more" { "" } else { "s" })
}

/// Returns a size in its largest unit: `4 KiB`, `36.21 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string().replace(".00", "")
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean for people"
)]
pub(crate) fn mean_ms(seconds: f64, count: u64) -> u64 {
    if count == 0 { 0 } else { (seconds * 1e3 / count as f64).round() as u64 }
}

/// Returns a time in UTC to the second.
pub(crate) fn time(ms: Millis) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(
        || "an unknown time".to_owned(),
        |at| format!("{at:.0}").replace('T', " ").replace('Z', " UTC"),
    )
}

/// Returns a name in words: `StartMarker` becomes `start marker`.
pub(crate) fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}
