//! Tables, and pictures with their tables.

use std::collections::BTreeMap;

use maud::{Markup, html};
use monitor::figures::{counted, grouped, percent};
use plot::Labels;

/// The maximum number of rows of a table. The others are summed up in one more row.
pub(crate) const ROWS_MAX: usize = 25;

/// A picture of counts, with its table.
pub(crate) fn bars(title: &str, x: &str, rows: &[(String, u64)]) -> Markup {
    let total: u64 = rows.iter().map(|row| row.1).sum();
    let largest = rows.iter().max_by_key(|row| row.1);
    let description = largest.map_or_else(String::new, |(label, count)| {
        format!("{} in all; most are in '{label}': {}.", counted(total, "document"), grouped(*count))
    });
    let values: Vec<_> = rows.iter().map(|(label, count)| (label.clone(), vec![*count])).collect();
    html! {
        figure style="margin:0" {
            (plot::stacked_bars(Labels { title, description: &description, x, y: "documents" }, &values))
            details {
                summary { "Table" }
                (full_table(&[x, "#Documents"], rows.iter().map(|(label, count)| vec![label.clone(), grouped(*count)]).collect()))
            }
        }
    }
}

/// A table of counts, the largest first, with one row for what is too much.
pub(crate) fn counts_table(name: &str, mut rows: Vec<(String, u64)>) -> Markup {
    let total: u64 = rows.iter().map(|row| row.1).sum();
    let rest = rows.split_off(rows.len().min(ROWS_MAX));
    if !rest.is_empty() {
        rows.push((format!("{} others", grouped(rest.len() as u64)), rest.iter().map(|row| row.1).sum()));
    }
    full_table(
        &[name, "#Documents", "#Share"],
        rows.into_iter().map(|(label, count)| vec![label, grouped(count), percent(count, total)]).collect(),
    )
}

/// A table with at most [`ROWS_MAX`] rows. Says how many are left out.
pub(crate) fn table(caption: Option<&str>, header: &[&str], mut rows: Vec<Vec<String>>) -> Markup {
    // A row that sums up the others stands after the last.
    let left_out = rows.split_off(rows.len().min(ROWS_MAX + 1)).len();
    html! {
        div class="wide" { (bare_table(caption, header, &rows)) }
        @if left_out > 0 { p { (counted(left_out as u64, "more row")) "." } }
    }
}

/// A table with all rows.
pub(crate) fn full_table(header: &[&str], rows: Vec<Vec<String>>) -> Markup {
    html! { div class="wide" { (bare_table(None, header, &rows)) } }
}

/// A column whose name begins with `#` has numbers.
pub(crate) fn bare_table(caption: Option<&str>, header: &[&str], rows: &[Vec<String>]) -> Markup {
    let class = |at: usize| header[at].starts_with('#').then_some("n");
    html! {
        table {
            @if let Some(caption) = caption { caption { (caption) } }
            thead { tr { @for (at, name) in header.iter().enumerate() { th scope="col" class=[class(at)] { (name.trim_start_matches('#')) } } } }
            tbody {
                @for row in rows {
                    tr { @for (at, cell) in row.iter().enumerate() { td class=[class(at)] { (cell) } } }
                }
            }
        }
    }
}

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
