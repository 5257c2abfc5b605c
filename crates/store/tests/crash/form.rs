//! The forms in which a run directory may keep its blobs.

use std::path::Path;

use flow::{blobs::BlobKind, durability::Durability};
use serde::{Deserialize, Serialize};
use store::{
    config::{RawFate, StoreConfig},
    local::{LocalBlobs, layout::Layout},
};

/// A form, the same for all processes that work on a run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// Flat and plain, with the raw bytes: a download becomes them by a rename.
    Plain,
    /// Sharded and packed, with the raw bytes: a download is packed on its way to them, and removed last.
    Packed,
    /// Flat and plain, without the raw bytes: a download is removed last.
    Dropped,
}

impl Form {
    /// What the stage publishes, in its order.
    pub(crate) const fn stored(self) -> &'static [BlobKind] {
        const ALL: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Arrival, BlobKind::Meta];
        match self {
            Self::Plain | Self::Packed => &ALL,
            Self::Dropped => ALL.split_at(1).1,
        }
    }

    /// Whether the download is removed once all else is durable. Nothing forces that: a power cut may bring it back.
    pub(crate) const fn removes_the_download(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Packed | Self::Dropped => true,
        }
    }

    /// What the stage is asked for.
    pub(crate) fn config(self) -> StoreConfig {
        let raw = match self {
            Self::Plain | Self::Packed => RawFate::Kept,
            Self::Dropped => RawFate::Dropped,
        };
        StoreConfig { raw, ..StoreConfig::default() }
    }

    /// Opens a run directory; an empty one gets its layout.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) fn open(self, run: &Path, durability: Durability) -> Result<LocalBlobs, String> {
        let (layout, packing) = match self {
            Self::Plain | Self::Dropped => (Layout::Flat, "none"),
            Self::Packed => (Layout::Sharded, "zstd"),
        };
        layout.settle(run).map_err(|error| error.to_string())?;
        let blobs = LocalBlobs::open(run, durability).map_err(|error| error.to_string())?;
        Ok(blobs.packing(packing.parse().unwrap()))
    }
}
