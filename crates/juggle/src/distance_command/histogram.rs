//! Renders distances for people: tables and histograms.

use distance::{
    measure::Measure,
    summary::{Bucket, DistanceSummary},
    token_sample::{LETTERS_MAX, SAMPLE_TOKENS_MAX, TokenStats},
};
use indicatif::HumanCount;

use super::{ManyComparison, PairComparison};
use crate::output::{align_right, counted, table};

/// The length of the longest bar.
const BAR: usize = 40;

/// Renders two documents: the figures of each measure and its histogram.
pub(super) fn render_pair(two: &PairComparison) -> String {
    let PairComparison { compared, pairs, seed } = two;
    let mut figures = table(&["measure", "mean", "deviation", "min", "max"]);
    for summary in &compared.distances {
        let decimals = decimals(summary.measure);
        let measured = [summary.mean, summary.standard_deviation, summary.min, summary.max];
        let cells = measured.map(|figure| format!("{figure:.decimals$}"));
        figures.add_row([&[summary.measure.name().to_owned()], &cells[..]].concat());
    }
    align_right(&mut figures, 1..5);
    let documents = format!("{}\n{}", document(&compared.first), document(&compared.second));
    let histograms: String = compared.distances.iter().map(histogram).collect();
    let drawn = format!("{} token pairs, drawn with seed {seed}", HumanCount(*pairs));
    format!("{documents}\n{drawn}\n\n{}\n{}", figures.trim_fmt(), histograms.trim_end())
}

/// Renders many pairs of documents: the means of each measure, nearest first.
pub(super) fn render_many(many: &ManyComparison) -> String {
    let measures = many.compared.first().map(|compared| &compared.distances[..]).unwrap_or_default();
    let names = measures.iter().map(|summary| summary.measure.name());
    let header: Vec<&str> = ["document", "document"].into_iter().chain(names).collect();
    let mut means = table(&header);
    for compared in &many.compared {
        let ids = [&compared.first, &compared.second].map(|stats| stats.id.to_string());
        let mean = |summary: &DistanceSummary| format!("{:.*}", decimals(summary.measure), summary.mean);
        means.add_row(ids.into_iter().chain(compared.distances.iter().map(mean)).collect::<Vec<_>>());
    }
    align_right(&mut means, 2..header.len());
    format!("{}\n{}", means.trim_fmt(), describe(many))
}

/// Describes the table of pairs.
fn describe(many: &ManyComparison) -> String {
    let compared = many.compared.len() as u64;
    let of = if compared < many.possible_pairs {
        format!(" of {}, drawn with seed {} (--max-pairs)", HumanCount(many.possible_pairs), many.seed)
    } else {
        String::new()
    };
    let mut told = format!(
        "Means of {} document pairs{of}; {} token pairs each, seed {}",
        HumanCount(compared),
        HumanCount(many.pairs),
        many.seed
    );
    if !many.without_tokens.is_empty() {
        let documents = counted(many.without_tokens.len() as u64, "document");
        told.push_str(&format!("\n{documents} without tokens left out"));
    }
    if many.not_processed > 0 {
        let documents = counted(many.not_processed as u64, "document");
        told.push_str(&format!("\n{documents} not processed yet; run 'juggle process'"));
    }
    told
}

fn document(stats: &TokenStats) -> String {
    let (tokens, distinct) = (HumanCount(stats.tokens), HumanCount(stats.distinct_tokens));
    let mut line = format!("{}: {tokens} tokens, {distinct} distinct", stats.id);
    if stats.held_tokens < stats.tokens {
        line.push_str(&format!("; of a sample of {}", HumanCount(SAMPLE_TOKENS_MAX as u64)));
    }
    if stats.cut_tokens > 0 {
        let cut = HumanCount(stats.cut_tokens);
        line.push_str(&format!("; {cut} cut to {LETTERS_MAX} letters"));
    }
    line
}

/// Renders a histogram, one line a bucket.
fn histogram(summary: &DistanceSummary) -> String {
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

/// Returns the number of decimals that are printed.
const fn decimals(measure: Measure) -> usize {
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
        assert_eq!(histogram(&summary), expected);
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
