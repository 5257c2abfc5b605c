//! Where a value comes from.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// Where the value of a setting comes from, the strongest first.
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
    /// Nothing was found.
    Default,
}

impl Origin {
    /// Higher wins.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 3,
            Self::Environment(_) => 2,
            Self::File { .. } => 1,
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
    /// The setting, as its flag is called; before it `host."NAME".` where it is of a single host.
    pub name: String,
    /// Its values as they are understood; more than one only where a setting may be repeated.
    pub values: Vec<String>,
    /// Where they come from.
    pub origin: Origin,
}
