//! The figures, for people and as JSON.

use std::path::Path;

use flow::atomic_file;
use indicatif::{HumanBytes, HumanCount};

use super::{Comparison, interpretation::time, measurement::Measurement};
use crate::{
    exit::CliError,
    output::{Out, align_right, table},
};

/// How wide the lesson is.
const WIDTH: usize = 100;

/// Prints it.
///
/// # Errors
/// Where standard output cannot be written to.
pub(super) fn print(comparison: &Comparison, svg: Option<&Path>, out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(comparison);
    }
    let mut figures = table(&["", "mean", "deviation", "speed-up"]);
    for row in &comparison.rows {
        figures.add_row([row.name.clone(), time(row.mean), deviation(row), format!("{:.2}×", row.speed_up)]);
    }
    align_right(&mut figures, 1..4);
    out.line(&conditions(comparison))?;
    out.line(&format!("\n{}\n", figures.trim_fmt()))?;
    out.line(&wrapped(&comparison.lesson))?;
    svg.map_or(Ok(()), |file| out.line(&format!("\nchart in '{}'", file.display())))
}

/// What the figures hold for.
pub(super) fn conditions(comparison: &Comparison) -> String {
    let Comparison { texts, runs, cores, work_bytes, work_lines, .. } = comparison;
    let mut told = format!(
        "{} texts of '{}', {}; {} {} of each row, in turn, on {} {}\n",
        HumanCount(texts.len() as u64),
        texts.directory.display(),
        HumanBytes(texts.bytes),
        runs,
        if *runs == 1 { "run" } else { "runs" },
        cores,
        if *cores == 1 { "core" } else { "cores" }
    );
    if texts.left_out > 0 {
        told.push_str(&format!("{} more texts are left out\n", HumanCount(texts.left_out as u64)));
    }
    told.push_str(&format!(
        "fetched from loopback, each answer {} late (simulated: --latency); processed repeated, {} in {} lines; nothing forced \
         to the medium",
        time(comparison.latency_seconds),
        HumanBytes(*work_bytes),
        HumanCount(*work_lines)
    ));
    told
}

/// `± 1.2 ms`; a dash for one run.
pub(super) fn deviation(row: &Measurement) -> String {
    row.standard_deviation.map_or_else(|| "–".to_owned(), |deviation| format!("± {}", time(deviation)))
}

/// Writes the chart, whole or not at all. Blocking.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn write(file: &Path, svg: &str) -> Result<(), CliError> {
    atomic_file::write(file, svg).map_err(|error| CliError::unwritten(file, &error))
}

/// A paragraph in lines.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), 0);
    for word in text.split(' ') {
        let width = word.chars().count();
        if line > 0 && line + 1 + width > WIDTH {
            lines.push('\n');
            line = 0;
        } else if line > 0 {
            lines.push(' ');
            line += 1;
        }
        lines.push_str(word);
        line += width;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = write(Path::new("/nowhere/at/all/file"), "").err().unwrap().to_string();
        assert!(error.contains("'/nowhere/at/all/file'"), "{error}");
    }

    #[test]
    fn a_paragraph_is_broken_between_words() {
        let text = ["word"; 60].join(" ");
        let wrapped = wrapped(&text);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH), "{wrapped}");
        assert_eq!((wrapped.replace('\n', " "), wrapped.lines().count()), (text, 3));
    }
}
