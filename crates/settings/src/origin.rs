//! The origins of values.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// The origin of a value, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The flag `--name`.
    Flag(&'static str),
    /// The variable of this name.
    Environment(String),
    /// This line of this file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The `settings.toml` of the run directory.
    Remembered,
    /// The default.
    Default,
}

impl Origin {
    /// Returns the rank; the value of a higher rank is used.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 4,
            Self::Environment(_) => 3,
            Self::File { .. } => 2,
            Self::Remembered => 1,
            Self::Default => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag --{name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Remembered => f.write_str("remembered"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One row of `juggle config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingRow {
    /// The name of the setting, with `host."NAME".` before it if it is of a single host.
    pub name: String,
    /// The values; more than one only if the setting can be repeated.
    pub values: Vec<String>,
    /// Their origin.
    pub origin: Origin,
}
