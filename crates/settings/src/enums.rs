//! Settings that are one of a few names.

use std::{fmt, str::FromStr};

use clap::ValueEnum;

/// A value of an enum, read and shown by the name that clap gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: ValueEnum> FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        T::from_str(text, false)
            .map(Self)
            .map_err(|_| format!("use one of: {}", names::<T>().replace('|', ", ")))
    }
}

impl<T: ValueEnum> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&name(&self.0))
    }
}

/// Returns the name by which a value is chosen on the command line; empty for a skipped variant.
pub fn name<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|possible| possible.get_name().to_owned()).unwrap_or_default()
}

/// Returns the names of all values: `on|off`.
pub(crate) fn names<T: ValueEnum>() -> String {
    T::value_variants().iter().map(name).collect::<Vec<_>>().join("|")
}

/// Colours on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// If it is a terminal that shows them.
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The treatment of robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Robots {
    /// It is obeyed.
    On,
    /// It is not requested.
    Off,
}

/// The choice whether the events of a run are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventLogging {
    /// They are written to `logs/events.jsonl`.
    On,
    /// They are not.
    Off,
}

/// The reaction to a document that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Continue with the others.
    KeepGoing,
    /// Claim no more jobs and end.
    FailFast,
}

/// The effect of documents that failed before a run on its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldFailures {
    /// They count like new ones.
    Counted,
    /// They do not count.
    Accepted,
}

/// The permission to make requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Requests are allowed.
    Online,
    /// No request is made: documents that would have to be fetched wait.
    Offline,
}

/// The mode of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It does its work.
    Real,
    /// It prints what it would do.
    Dry,
}

/// The amount of output on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Progress, warnings and errors.
    Normal,
    /// More, from 1.
    Verbose(u8),
}

/// The display of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Bars on a terminal, plain lines elsewhere.
    Shown,
    /// None.
    Hidden,
}

/// The form of the result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}
