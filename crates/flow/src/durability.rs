//! The durability of acknowledged writes.

use std::{fmt, str::FromStr};

/// The failures that an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Power loss. Every acknowledged write was synced to the medium.
    #[default]
    Power,
    /// The death of the process. The operating system writes to the medium later.
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
            _ => Err(format!("unknown durability '{text}': use power or process")),
        }
    }
}
