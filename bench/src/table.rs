//! Results for people.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};

use crate::row::{Measured, Outcome, Row};

const HEADER: [&str; 8] = ["tool", "version", "median", "min", "max", "fsyncs/job", "RSS MiB", "juggle is"];

/// Tools beside each other, by shape, and below them what "durable" means for each and what it did, if
/// that is told. Empty without rows.
#[must_use]
pub fn compared(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let mut shape = None;
    let mut table = new_table();
    for row in rows {
        if shape.is_some_and(|before| before != (&row.work, &row.shape)) {
            push(&mut text, &table);
            table = new_table();
        }
        if shape != Some((&row.work, &row.shape)) {
            shape = Some((&row.work, &row.shape));
            text.push_str(&format!("{} ({}, {})\n", row.shape, row.work, row.unit));
        }
        table.add_row(cells(row));
    }
    push(&mut text, &table);
    let durable = |measured: &Measured| Some(measured.durability.clone()).filter(|it| !it.is_empty());
    text.push_str(&by_tool("What an acknowledgement survives", rows, durable));
    text.push_str(&by_tool("What was done", rows, |measured| measured.note.clone()));
    text
}

/// Formats rows of juggle alone, a line each, under this name. Empty if there are no rows.
#[must_use]
pub fn alone(name: &str, rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([name, "median", "min", "max", "unit", "RSS MiB"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (row, measured) in rows.iter().filter_map(|row| Some((row, row.measured()?))) {
        let [median, min, max] = [measured.median, measured.min, measured.max].map(number);
        let rss = measured.rss_mib.map_or_else(String::new, number);
        table.add_row([row.shape.clone(), median, min, max, row.unit.to_owned(), rss]);
    }
    format!("\n{}\n", table.trim_fmt())
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn push(text: &mut String, table: &Table) {
    text.push_str(&table.trim_fmt());
    text.push_str("\n\n");
}

fn cells(row: &Row) -> Vec<String> {
    let name = vec![row.tool.to_owned(), row.version.clone().unwrap_or_default()];
    let figures = match &row.outcome {
        Outcome::Measured(measured) => figures(measured),
        Outcome::Missing { install, .. } => vec![format!("missing: {install}")],
    };
    [name, figures].concat()
}

fn figures(measured: &Measured) -> Vec<String> {
    let or_none = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), number);
    let ratio = measured.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"));
    let all = [measured.median, measured.min, measured.max].map(number);
    [&all[..], &[or_none(measured.syncs_per_job), or_none(measured.rss_mib), ratio]].concat()
}

/// As many decimals as a small number needs, and none for a large one.
fn number(figure: f64) -> String {
    if figure.abs() < 100.0 { format!("{figure}") } else { grouped(figure.round() as u64) }
}

/// With commas between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A line for each tool of which this is known; empty where it is of none.
fn by_tool(title: &str, rows: &[Row], known: impl Fn(&Measured) -> Option<String>) -> String {
    let of_row = |row: &Row| Some((row.tool, known(row.measured()?)?));
    let by_tool: BTreeMap<&str, String> = rows.iter().filter_map(of_row).collect();
    if by_tool.is_empty() {
        return String::new();
    }
    let lines = by_tool.iter().map(|(tool, known)| format!("  {tool}: {known}\n"));
    format!("{title}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(0.003_906), "0.003906");
        assert_eq!(number(123.0), "123");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(99_999.0), "99,999");
    }
}
