//! What an acknowledged write survives.

use std::{fmt, str::FromStr};

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Power loss: every acknowledged write was forced to the medium.
    #[default]
    Power,
    /// The death of the process only: the system writes back when it likes.
    Process,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Power => "power",
            Self::Process => "process",
        })
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "power" => Ok(Self::Power),
            "process" => Ok(Self::Process),
            _ => Err(format!("'{text}' is not a durability: use power or process")),
        }
    }
}
