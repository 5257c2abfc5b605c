//! Results on standard output, for people or as JSON.

use std::{
    io::{self, Write},
    time::Duration,
};

use flow::{clock::Millis, json_line};
use indicatif::{HumanCount, MultiProgress};
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

/// Returns a time in its largest unit, rounded down: `45s`, `12m`, `3h`, `2d`.
#[must_use]
pub fn short_span(ms: Millis) -> String {
    let seconds = ms / 1_000;
    match seconds {
        // The next unit begins at two of it, so that the rounding loses at most a half.
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        172_800.. => format!("{}d", seconds / 86_400),
    }
}

/// Returns seconds, rounded to a millisecond.
#[must_use]
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

/// Returns a number with its noun: `1 document`, `1,234 documents`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Returns the peak resident memory of this process in bytes, if the system reports it (`VmHWM` of proc(5)).
#[must_use]
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Returns a time in UTC: `2026-11-22T08:15:30Z`.
#[must_use]
pub fn timestamp(ms: Millis) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{ms} ms"), |at| format!("{at:.0}"))
}

/// Returns the time of the day in UTC: `08:15:30 UTC`.
#[must_use]
pub fn clock_time(ms: Millis) -> String {
    let time = timestamp(ms);
    match time.split_once('T').and_then(|(_, time)| time.strip_suffix('Z')) {
        Some(time) => format!("{time} UTC"),
        None => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_has_one_unit_and_two_digits_of_sense() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (31_536_000, "365d"),
        ] {
            assert_eq!(short_span(seconds * 1_000 + 999), text);
        }
    }
}
