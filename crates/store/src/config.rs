//! What the store stage is asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text::boilerplate::removed_span::Strip;

/// What the store stage is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// How much of the boilerplate is cut.
    pub strip: Strip,
    /// What becomes of the bytes as received.
    pub raw: RawFate,
}

/// What becomes of the bytes as received when their text is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawFate {
    /// They are kept in `raw/`: the text can be made anew from them.
    #[default]
    Kept,
    /// They are removed. Only their length and hash are known afterwards.
    Dropped,
}

impl RawFate {
    /// Whether they are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// A word that names no [`RawFate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use one of: keep, drop")]
pub struct InvalidRawFate;

impl fmt::Display for RawFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kept => "keep",
            Self::Dropped => "drop",
        })
    }
}

impl FromStr for RawFate {
    type Err = InvalidRawFate;

    fn from_str(word: &str) -> Result<Self, InvalidRawFate> {
        match word {
            "keep" => Ok(Self::Kept),
            "drop" => Ok(Self::Dropped),
            _ => Err(InvalidRawFate),
        }
    }
}
