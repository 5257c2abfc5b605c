//! Results on standard output, for people or as JSON.

use std::{
    io::{self, Write},
    time::Duration,
};

use flow::json_line;
use indicatif::MultiProgress;
pub use monitor::figures::{clock_time, counted, short_span, timestamp};
use serde::Serialize;

use crate::exit::{CliError, Exit};
use settings::{
    enums::{ResultFormat, Verbosity},
    resolved::Settings,
};

/// The destination of results, and the progress bars that stand below the log.
#[derive(Debug, Clone)]
pub struct Out {
    format: ResultFormat,
    verbosity: Verbosity,
    bars: MultiProgress,
}

impl Out {
    /// Creates an output according to the settings. All bars of the program must be added to `bars`;
    /// otherwise a log line and a bar would overwrite each other.
    #[must_use]
    pub const fn new(settings: &Settings, bars: MultiProgress) -> Self {
        Self { format: settings.result_format, verbosity: settings.verbosity, bars }
    }

    /// Returns whether the result is JSON.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        matches!(self.format, ResultFormat::Json)
    }

    /// Returns whether only errors are wanted, so that lines for people are omitted.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        matches!((self.format, self.verbosity), (ResultFormat::Table, Verbosity::Quiet))
    }

    /// Returns whether details are wanted (`-v`).
    #[must_use]
    pub const fn is_verbose(&self) -> bool {
        matches!(self.verbosity, Verbosity::Verbose(_))
    }

    /// Returns the progress bars of the program.
    #[must_use]
    pub const fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes a line for people. Writes nothing with `--quiet`.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written. A closed pipe (`| head`) is no error.
    pub fn line(&self, text: &str) -> Result<(), CliError> {
        if self.verbosity == Verbosity::Quiet { Ok(()) } else { write(text.as_bytes()) }
    }

    /// Writes a value as JSON, also with `--quiet`.
    ///
    /// # Errors
    /// Returns the errors of [`line`](Self::line).
    pub fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_vec_pretty(value).expect("results are structs of strings and numbers");
        write(&json_line::escape(&text))
    }

    /// Writes a value as one line of JSON, also with `--quiet`.
    ///
    /// # Errors
    /// Returns the errors of [`line`](Self::line).
    pub fn json_line(&self, value: &impl Serialize) -> Result<(), CliError> {
        write(&json_line::to_vec(value).expect("results are structs of strings and numbers"))
    }
}

fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let written =
        stdout.write_all(bytes).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    match written {
        // The reader has all that it wanted, such as `head`: no reason for an error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::caused(Exit::File, &error).advise("Standard output cannot be written."))
        }
        _ => Ok(()),
    }
}

/// Creates a table without borders.
#[must_use]
pub fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    table
}

/// Aligns columns of numbers to the right.
pub fn align_right(table: &mut comfy_table::Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
}

/// Returns seconds, rounded to a millisecond.
#[must_use]
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

/// Returns the peak resident memory of this process in bytes, if the system reports it (`VmHWM` of proc(5)).
#[must_use]
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
