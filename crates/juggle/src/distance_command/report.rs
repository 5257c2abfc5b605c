//! Renders distances for people.

use distance::{
    documents::{ManyComparison, PairComparison},
    histogram::{self, decimals},
    summary::DistanceSummary,
    token_sample::{LETTERS_MAX, SAMPLE_TOKENS_MAX, TokenStats},
};
use indicatif::HumanCount;

use crate::output::{align_right, counted, table};

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
    let histograms: String = compared.distances.iter().map(histogram::render).collect();
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
        told.push_str(&format!("\n{documents} without tokens skipped"));
    }
    if many.not_processed > 0 {
        let documents = counted(many.not_processed as u64, "document");
        told.push_str(&format!("\n{documents} not processed yet. To process them: juggle process"));
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
