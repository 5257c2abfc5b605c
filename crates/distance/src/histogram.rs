//! Renders a histogram of distances as text.

use crate::{
    measure::Measure,
    summary::{Bucket, DistanceSummary},
};

/// The length of the longest bar.
const BAR: usize = 40;

/// Renders a histogram, one line a bucket.
#[must_use]
pub fn render(summary: &DistanceSummary) -> String {
    // At least 1: an empty histogram must not divide by zero.
    let most = summary.histogram.iter().map(|bucket| bucket.pairs).max().unwrap_or(0).max(1);
    let ranges: Vec<String> = summary.histogram.iter().map(|bucket| range(summary.measure, bucket)).collect();
    let width = ranges.iter().map(|range| range.chars().count()).max().unwrap_or(0);
    let mut lines = format!("\n{}\n", summary.measure.name());
    for (bucket, range) in summary.histogram.iter().zip(&ranges) {
        let share = bucket.pairs as f64 / summary.pairs.max(1) as f64 * 100.0;
        let line = format!("  {range:>width$} {share:>5.1} % {}", bar(bucket.pairs, most));
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

/// Returns the range of a bucket: `3` or `4 to 7` for whole numbers, otherwise `1 to <2`.
fn range(measure: Measure, bucket: &Bucket) -> String {
    let Some(below) = bucket.below else { return format!("{} and more", bucket.from) };
    match measure {
        Measure::Letters | Measure::Levenshtein if below - bucket.from <= 1.0 => format!("{}", bucket.from),
        Measure::Letters | Measure::Levenshtein => format!("{} to {}", bucket.from, below - 1.0),
        Measure::LettersPerPosition => format!("{} to <{below}", bucket.from),
        Measure::JaroWinkler => format!("{:.2} to <{below:.2}", bucket.from),
    }
}

/// Renders a bar in eighths of a character. A bar that is not empty is visible.
fn bar(pairs: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (pairs as f64 / most as f64 * (8 * BAR) as f64).round() as usize;
    // At least one eighth, so that a rare value is distinguishable from none.
    let eighths = if pairs > 0 { eighths.max(1) } else { 0 };
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// Returns the number of decimals that a mean is printed with.
#[must_use]
pub const fn decimals(measure: Measure) -> usize {
    match measure {
        Measure::Letters | Measure::LettersPerPosition | Measure::Levenshtein => 2,
        Measure::JaroWinkler => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_drawn_to_scale_and_hides_nothing() {
        let bucket = |from: f64, below, pairs| Bucket { from, below, pairs };
        let summary = DistanceSummary {
            measure: Measure::Levenshtein,
            pairs: 1_601,
            mean: 0.0,
            standard_deviation: 0.0,
            min: 0.0,
            max: 0.0,
            histogram: vec![
                bucket(0.0, Some(1.0), 800),
                bucket(1.0, Some(2.0), 400),
                bucket(2.0, Some(3.0), 0),
                bucket(3.0, None, 401),
            ],
        };
        let half = "█".repeat(BAR / 2);
        let expected = format!(
            "\nlevenshtein\n           0  50.0 % {half}{half}\n           1  25.0 % {half}\n           2   0.0 %\n  3 and more  25.0 % {half}\n"
        );
        assert_eq!(render(&summary), expected);
        assert_eq!(bar(1, 1_000_000), "▏");
    }

    #[test]
    fn ranges_say_what_lies_in_them() {
        for (measure, from, below, expected) in [
            (Measure::Letters, 0.0, Some(1.0), "0"),
            (Measure::Letters, 4.0, Some(8.0), "4 to 7"),
            (Measure::LettersPerPosition, 0.0, Some(1.0), "0 to <1"),
            (Measure::JaroWinkler, 0.95, None, "0.95 and more"),
            (Measure::JaroWinkler, 0.4, Some(0.45), "0.40 to <0.45"),
        ] {
            assert_eq!(range(measure, &Bucket { from, below, pairs: 1 }), expected);
        }
    }
}
