//! Lanes: the three waiting lines of the dataflow.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A waiting line. The job's lane says which stage does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Texts to download.
    Fetch,
    /// Downloaded bytes to decode and publish.
    Store,
    /// Published texts to tokenise and count.
    Process,
}

impl Lane {
    /// All lanes, in the order in which a text passes through them.
    pub const ALL: [Self; 3] = [Self::Fetch, Self::Store, Self::Process];

    /// The name that people and JSON use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Store => "store",
            Self::Process => "process",
        }
    }

    /// The lane that this lane's follow-up jobs go to.
    #[must_use]
    pub const fn downstream(self) -> Option<Self> {
        match self {
            Self::Fetch => Some(Self::Store),
            Self::Store => Some(Self::Process),
            Self::Process => None,
        }
    }

    /// The lanes that can, directly or not, bring jobs into this one.
    #[must_use]
    pub fn upstream(self) -> &'static [Self] {
        match self {
            Self::Fetch => &[],
            Self::Store => &Self::ALL[..1],
            Self::Process => &Self::ALL[..2],
        }
    }

    /// Position in [`Lane::ALL`], for tables by lane.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Fetch => 0,
            Self::Store => 1,
            Self::Process => 2,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Lane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|lane| lane.name() == text)
            .ok_or_else(|| format!("no lane is called '{text}': use fetch, store or process"))
    }
}
