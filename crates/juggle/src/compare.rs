//! `juggle compare`: serial against concurrent against parallel, measured on this machine with the real
//! stages.

use std::{io, path::Path};

use compare::{
    chart,
    comparison::{ComparePlan, Comparison},
    error::CompareError,
    input_texts::InputTexts,
    measurement::time,
};
use flow::{atomic_file, shutdown::shutdown};
use indicatif::ProgressStyle;

use crate::{
    blocking::blocking,
    cli::compare::CompareArgs,
    exit::{CliError, Exit},
    output::{Out, align_right, table},
    progress::Show,
    sample, signals,
};
use settings::{enums::Run, resolved::Settings};
use tempfile::TempDir;

/// The width of the text below the table.
const WIDTH: usize = 100;

/// Runs `juggle compare`.
///
/// # Errors
/// Returns an error if there are no texts, the output directory cannot be written, or a stage fails.
pub async fn run(args: &CompareArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let directory = args.texts.clone();
    // The directory of the sample is removed when this is dropped, after the comparison.
    let (_sample, texts) = blocking(move || read_texts(directory.as_deref())).await??;
    let plan = ComparePlan {
        downloads: settings.max_concurrent_downloads as usize,
        threads: settings.threads,
        runs: args.runs,
        latency: args.latency.duration(),
        work_bytes: args.work.bytes(),
        fetch: settings.fetch_config(),
        output_dir: settings.output_dir.clone(),
    };
    // Before signals are caught: a dry run ends at once with the first Ctrl-C.
    if settings.run == Run::Dry {
        let rows = plan.rows();
        rows.iter()
            .try_for_each(|row| out.line(&format!("Would measure {} times: {}", args.runs, row.name)))?;
        return Ok(Exit::Done);
    }
    let (trigger, shutdown) = shutdown();
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let runs = plan.rows().len() as u64 * u64::from(args.runs);
    let bar = Show::of(settings, out).bar(runs, ProgressStyle::default_bar());
    let compared = plan.measure(texts, &shutdown, || bar.inc(1)).await?;
    // Cleared before anything is printed; a bar would be drawn into the table.
    bar.finish_and_clear();
    // A second signal. The figures of an incomplete comparison would mislead, so none are printed.
    let Some(comparison) = compared else { return Ok(Exit::Interrupted) };
    if let Some(file) = args.svg.clone() {
        let svg = chart::svg(&comparison);
        let writing = blocking(move || write_chart(&file, &svg));
        writing.await??;
    }
    print(&comparison, args.svg.as_deref(), out)?;
    Ok(Exit::Done)
}

/// Reads the texts of a directory, or of the bundled sample, which is written to a temporary directory.
fn read_texts(directory: Option<&Path>) -> Result<(Option<TempDir>, InputTexts), CliError> {
    if let Some(directory) = directory {
        return Ok((None, InputTexts::read(directory)?));
    }
    let unwritten = |error: io::Error| CliError::unwritten(&std::env::temp_dir(), &error);
    let sample = tempfile::Builder::new().prefix("juggle-sample-").tempdir().map_err(unwritten)?;
    sample::write_texts(sample.path()).map_err(unwritten)?;
    let texts = InputTexts::read(sample.path())?.of_the_sample();
    Ok((Some(sample), texts))
}

fn write_chart(file: &Path, svg: &str) -> Result<(), CliError> {
    atomic_file::write(file, svg).map_err(|error| CliError::unwritten(file, &error))
}

fn print(comparison: &Comparison, svg: Option<&Path>, out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(comparison);
    }
    let mut figures = table(&["", "mean", "deviation", "speed-up"]);
    for row in &comparison.rows {
        figures.add_row([row.name.clone(), time(row.mean), row.deviation(), format!("{:.2}×", row.speed_up)]);
    }
    align_right(&mut figures, 1..4);
    comparison.conditions().lines().try_for_each(|line| out.line(&wrapped(line)))?;
    out.line(&format!("\n{}\n", figures.trim_fmt()))?;
    out.line(&wrapped(&comparison.lesson))?;
    svg.map_or(Ok(()), |file| out.line(&format!("\nWrote chart {}", file.display())))
}

/// Breaks a paragraph into lines.
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

impl From<CompareError> for CliError {
    fn from(error: CompareError) -> Self {
        const NAME_ANOTHER: &str = "Name a directory with texts: juggle compare DIR";
        match error {
            CompareError::Blob(error) => error.into(),
            CompareError::Halted(error) => error.into(),
            CompareError::Write { path, source } => Self::unwritten(&path, &source).advise(
                "Use -o DIR to choose a directory that you can \
                    write to.",
            ),
            CompareError::Remove { .. } => Self::caused(Exit::File, &error).advise("Remove it."),
            CompareError::ReadTexts { .. } | CompareError::NoTexts(_) => {
                Self::caused(Exit::File, &error).advise(NAME_ANOTHER)
            }
            CompareError::Text(_) => Self::caused(Exit::File, &error)
                .advise("Remove it from the directory, or use another directory: juggle compare DIR"),
            CompareError::Start(_) => Self::caused(Exit::Bug, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = write_chart(Path::new("/nowhere/at/all/file"), "").err().unwrap().to_string();
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
