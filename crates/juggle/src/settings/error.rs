//! What can be wrong with settings. All of it is a matter of usage: exit code 2.

use std::{io, path::PathBuf};

use super::origin::Origin;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("read the settings file {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of the settings file is wrong: no TOML, an unknown key, a value of the wrong type.
    #[error("understand {}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A value is not one of those allowed.
    #[error("use '{value}' for {name} ({origin}): {message}")]
    Value {
        /// The setting, as its flag is called.
        name: &'static str,
        /// What was given.
        value: String,
        /// Where.
        origin: Origin,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// Two settings say opposite things with equal force.
    #[error("use {first} ({first_origin}) together with {second} ({second_origin}): give one of them")]
    Contradiction {
        /// One setting.
        first: &'static str,
        /// Where it was given.
        first_origin: Origin,
        /// The other.
        second: &'static str,
        /// Where it was given.
        second_origin: Origin,
    },
}
