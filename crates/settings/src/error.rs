//! Errors of settings.

use std::{io, path::PathBuf};

use super::origin::Origin;

/// The reason why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("read the settings file {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of the settings file is wrong: no TOML, an unknown key, a value of the wrong type.
    #[error("parse {}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The mistake, and what is allowed.
        message: String,
    },
    /// A key cannot be changed in a run directory.
    #[error("change '{key}': {message}")]
    Key {
        /// The given key.
        key: String,
        /// The reason.
        message: String,
    },
    /// A value is not one of those allowed.
    #[error("use '{value}' for {name} ({origin}): {message}")]
    Value {
        /// The setting, as its flag is called.
        name: &'static str,
        /// The given value.
        value: String,
        /// The origin of the value.
        origin: Origin,
        /// The mistake, and what is allowed.
        message: String,
    },
    /// Two settings say opposite things with equal force.
    #[error("use {first} ({first_origin}) together with {second} ({second_origin}). Remove one of them")]
    Contradiction {
        /// One setting.
        first: &'static str,
        /// Its origin.
        first_origin: Origin,
        /// The other setting.
        second: &'static str,
        /// Its origin.
        second_origin: Origin,
    },
}
