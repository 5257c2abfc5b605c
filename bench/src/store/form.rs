//! What is compared.

use std::{fmt, path::Path, str::FromStr};

use blob_store::{layout::Layout, local::compression::Compression, run_blobs::RunBlobs};
use corpus::meta::RawFate;
use flow::durability::Durability;
use store::config::StoreConfig;

/// A way in which the store stage is used, or the loop beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// As it is by default.
    Default,
    /// With 256 directories a kind.
    Sharded,
    /// In segments.
    Packed,
    /// With raw bytes and text compressed.
    Zstd,
    /// Without raw bytes.
    RawDropped,
    /// Without forcing anything to the medium.
    NotForced,
    /// A loop that writes the same files as the default, as durably, and does nothing else.
    BareFiles,
}

impl Form {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::Sharded,
        Self::Packed,
        Self::Zstd,
        Self::RawDropped,
        Self::NotForced,
        Self::BareFiles,
    ];

    /// The name in tables and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "juggle",
            Self::Sharded => "juggle --layout sharded",
            Self::Packed => "juggle --layout packed",
            Self::Zstd => "juggle --compress zstd",
            Self::RawDropped => "juggle --raw drop",
            Self::NotForced => "juggle --durability process",
            Self::BareFiles => "bare files",
        }
    }

    /// Durability of an acknowledged text.
    #[must_use]
    pub const fn durability(self) -> &'static str {
        match self {
            Self::Default | Self::Sharded | Self::Zstd | Self::RawDropped => {
                "power loss; files of a group are forced together"
            }
            Self::Packed => "power loss; a group shares one fsync",
            Self::NotForced => "the end of the process",
            Self::BareFiles => "power loss; 128 texts share a flush",
        }
    }

    /// Opens a directory in this form.
    ///
    /// # Errors
    /// If it cannot be made or opened.
    pub fn open(self, directory: &Path) -> anyhow::Result<RunBlobs> {
        match self {
            Self::Sharded => Layout::Sharded.establish(directory)?,
            Self::Packed => Layout::Packed.establish(directory)?,
            Self::Default | Self::Zstd | Self::RawDropped | Self::NotForced | Self::BareFiles => {}
        }
        let durability = if self == Self::NotForced { Durability::Process } else { Durability::Power };
        let compression = if self == Self::Zstd { "zstd".parse()? } else { Compression::default() };
        Ok(RunBlobs::open(directory, durability, compression)?)
    }

    /// Configuration of the stage.
    #[must_use]
    pub fn config(self) -> StoreConfig {
        let raw = if self == Self::RawDropped { RawFate::Dropped } else { RawFate::Kept };
        StoreConfig { raw, ..StoreConfig::default() }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|form| form.name() == name).ok_or_else(|| format!("unknown form '{name}'"))
    }
}
