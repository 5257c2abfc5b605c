//! One line of a result, as JSON has it.

use anyhow::Context;
use serde::Serialize;
use std::{fs, path::Path};

use crate::{machine::Machine, tool::Tool};

/// The result of one tool at one piece of work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the work.
    pub work: String,
    /// In which way.
    pub shape: String,
    /// With which tool.
    pub tool: &'static str,
    /// The tool's version; none where it is missing.
    pub version: Option<String>,
    /// Unit of the figures.
    pub unit: &'static str,
    /// The figures, or why there are none.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The machine.
    pub machine: Machine,
}

/// Figures, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It was measured.
    Measured(Measured),
    /// It is not installed.
    Missing {
        /// Always true.
        missing: bool,
        /// The command that installs it.
        install: &'static str,
    },
}

/// Figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The middle run.
    pub median: f64,
    /// The least of all runs.
    pub min: f64,
    /// The most of all runs.
    pub max: f64,
    /// Number of runs.
    pub runs: usize,
    /// The figures of all runs, in their order.
    pub figures: Vec<f64>,
    /// The most memory that the process with the queue had in any run.
    pub rss_mib: Option<f64>,
    /// Ratio of juggle's median to this one, above 1 if juggle is better; `None` if juggle was not measured.
    pub ratio: Option<f64>,
    /// fsyncs and fdatasyncs for each job; none if they were not counted.
    pub syncs_per_job: Option<f64>,
    /// Note on the work of this tool, if tools differ in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Durability of an acknowledgement.
    pub durability: String,
}

/// Direction in which figures get better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Times and sizes.
    Lower,
}

impl Better {
    /// Above 1 if `ours` is better than `theirs`, whatever the unit.
    #[must_use]
    pub fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::Higher => ours / theirs,
            Self::Lower => theirs / ours,
        }
    }
}

/// The middle of some figures; of the two in the middle, their mean. None of none.
#[must_use]
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, *upper))
}

impl Measured {
    /// Of the figures of all runs; none of none.
    #[must_use]
    pub fn of(figures: &[f64], rss_kib: Option<u64>, durability: &str) -> Option<Self> {
        Some(Self {
            median: rounded(median(figures)?),
            min: rounded(figures.iter().copied().fold(f64::INFINITY, f64::min)),
            max: rounded(figures.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            runs: figures.len(),
            figures: figures.iter().copied().map(rounded).collect(),
            rss_mib: rss_kib.map(|kib| rounded(kib as f64 / 1024.0)),
            ratio: None,
            syncs_per_job: None,
            note: None,
            durability: durability.to_owned(),
        })
    }
}

/// To four figures; more are noise.
#[must_use]
pub fn rounded(figure: f64) -> f64 {
    if figure == 0.0 || !figure.is_finite() {
        return figure;
    }
    let digits = 3 - figure.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits.max(0));
    (figure * scale).round() / scale
}

/// Fills in how much better juggle is, for rows that share work, shape and unit.
pub fn compare(rows: &mut [Row], better: Better) {
    let ours: Vec<(String, String, f64)> = rows
        .iter()
        .filter(|row| row.tool == Tool::Juggle.name())
        .filter_map(|row| Some((row.work.clone(), row.shape.clone(), row.measured()?.median)))
        .collect();
    for row in rows {
        let of_same = ours.iter().find(|(work, shape, _)| *work == row.work && *shape == row.shape);
        if let (Some((_, _, ours)), Outcome::Measured(measured)) = (of_same, &mut row.outcome) {
            measured.ratio = Some(rounded(better.ratio(*ours, measured.median)));
        }
    }
}

impl Row {
    /// The figures, if there are any.
    #[must_use]
    pub const fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Missing { .. } => None,
        }
    }
}

/// Writes all rows as a JSON list, whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let temporary = file.with_extension("json.tmp");
    fs::write(&temporary, serde_json::to_vec_pretty(rows)?)
        .and_then(|()| fs::rename(&temporary, file))
        .with_context(|| format!("failed to write '{}'", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(tool: Tool, figures: &[f64]) -> Row {
        let missing = Outcome::Missing { missing: true, install: tool.install() };
        let outcome = Measured::of(figures, Some(2048), "none").map_or(missing, Outcome::Measured);
        let machine = Machine::here(Path::new("/"));
        let (work, shape) = ("queue".to_owned(), "a shape".to_owned());
        Row { work, shape, tool: tool.name(), version: None, unit: "lifecycles/s", outcome, machine }
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[5.0]), Some(5.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_ratio_above_one_means_that_juggle_is_better() {
        assert_eq!(Better::Higher.ratio(200.0, 100.0), 2.0);
        assert_eq!(Better::Lower.ratio(1.0, 4.0), 4.0);
        let mut rows = [row(Tool::Juggle, &[300.0, 100.0, 200.0]), row(Tool::Redis, &[50.0])];
        compare(&mut rows, Better::Higher);
        assert_eq!(rows.map(|row| row.measured().unwrap().ratio), [Some(1.0), Some(4.0)]);
    }

    #[test]
    fn figures_are_kept_to_four_digits() {
        assert_eq!(rounded(1.234_56), 1.235);
        assert_eq!(rounded(0.000_123_456), 0.000_123_5);
        assert_eq!(rounded(123_456.7), 123_457.0);
        assert_eq!(rounded(0.0), 0.0);
    }

    #[test]
    fn json_has_the_fields_that_scripts_rely_on() {
        let value = |row: &Row| serde_json::to_value(row).unwrap();
        let measured = value(&row(Tool::Juggle, &[1.0, 3.0]));
        for (name, expected) in
            [("median", json!(2.0)), ("min", json!(1.0)), ("max", json!(3.0)), ("runs", json!(2))]
        {
            assert_eq!(measured[name], expected, "{name}");
        }
        assert_eq!(measured["rss_mib"], json!(2.0));
        for name in ["work", "shape", "tool", "version", "unit", "ratio"] {
            assert!(measured.get(name).is_some(), "{name}");
        }
        let missing = value(&row(Tool::Redis, &[]));
        assert_eq!(missing["missing"], json!(true));
        assert_eq!(missing["install"], json!("apt-get install redis-server"));
        assert_eq!(missing.get("median"), None::<&Value>);
    }
}
