//! The layouts in which a run directory may keep its blobs.

use std::path::Path;

use corpus::meta::RawFate;
use flow::{blobs::BlobKind, durability::Durability};
use serde::{Deserialize, Serialize};
use store::{
    config::StoreConfig,
    local::{LocalBlobs, layout::Layout},
};

/// A layout, the same for all processes that work on a run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunLayout {
    /// Flat and plain, with the raw bytes: a download becomes them by a rename.
    Plain,
    /// Sharded and packed, with the raw bytes: a download is packed on its way to them, and removed last.
    Compressed,
    /// Flat and plain, without the raw bytes: a download is removed last.
    Dropped,
    /// Flat, with the raw bytes: plain or packed, as the process has it.
    Changing,
}

impl RunLayout {
    /// What the stage publishes, in its order.
    pub(crate) const fn stored(self) -> &'static [BlobKind] {
        const ALL: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Arrival, BlobKind::Meta];
        match self {
            Self::Plain | Self::Compressed | Self::Changing => &ALL,
            Self::Dropped => ALL.split_at(1).1,
        }
    }

    /// What is there when the download is in spool no more: the raw bytes where it may become them by a
    /// rename, else all.
    pub(crate) const fn outlives_the_download(self) -> &'static [BlobKind] {
        match self {
            Self::Plain | Self::Changing => &[BlobKind::Raw],
            Self::Compressed | Self::Dropped => self.stored(),
        }
    }

    /// Whether a download may be removed. Nothing forces that: a power cut may bring it back.
    pub(crate) const fn removes_the_download(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Compressed | Self::Dropped | Self::Changing => true,
        }
    }

    /// What the stage is asked for.
    pub(crate) fn config(self) -> StoreConfig {
        let raw = match self {
            Self::Plain | Self::Compressed | Self::Changing => RawFate::Kept,
            Self::Dropped => RawFate::Dropped,
        };
        StoreConfig { raw, ..StoreConfig::default() }
    }

    /// Opens a run directory; an empty one gets its layout. Where the layout changes, every other process
    /// packs, by its number.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) fn open(self, run: &Path, durability: Durability, process: u32) -> Result<LocalBlobs, String> {
        let (layout, compression) = match self {
            Self::Changing if !process.is_multiple_of(2) => (Layout::Flat, "zstd"),
            Self::Changing => (Layout::Flat, "none"),
            Self::Plain | Self::Dropped => (Layout::Flat, "none"),
            Self::Compressed => (Layout::Sharded, "zstd"),
        };
        layout.establish(run).map_err(|error| error.to_string())?;
        let blobs = LocalBlobs::open(run, durability).map_err(|error| error.to_string())?;
        Ok(blobs.compressing(compression.parse().unwrap()))
    }
}
