//! The layouts of run directories.

use std::path::Path;

use blob_store::{layout::Layout, run_blobs::RunBlobs};
use corpus::meta::RawFate;
use flow::{blobs::BlobKind, durability::Durability};
use serde::{Deserialize, Serialize};
use store::config::StoreConfig;

/// A layout of a run directory, the same for all processes that work on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunLayout {
    /// Flat and plain, with raw bytes: a download becomes raw by a rename.
    Plain,
    /// Sharded and compressed, with raw bytes: a download is compressed into raw, and removed last.
    Compressed,
    /// Flat and plain, without raw bytes: a download is removed last.
    Dropped,
    /// Flat, with raw bytes: plain or compressed, by the number of the process.
    Changing,
    /// In segments, with raw bytes.
    Packed,
}

impl RunLayout {
    /// Returns the kinds that the stage publishes, in its order.
    pub(crate) const fn stored(self) -> &'static [BlobKind] {
        const ALL: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Arrival, BlobKind::Meta];
        match self {
            Self::Plain | Self::Compressed | Self::Changing | Self::Packed => &ALL,
            Self::Dropped => ALL.split_at(1).1,
        }
    }

    /// Returns the kinds that exist when the download has left spool: raw if it may be renamed, else all.
    pub(crate) const fn outlives_the_download(self) -> &'static [BlobKind] {
        match self {
            Self::Plain | Self::Changing | Self::Packed => &[BlobKind::Raw],
            Self::Compressed | Self::Dropped => self.stored(),
        }
    }

    /// Returns whether a download may be removed. A removal is not synced, so a power cut may bring it back.
    pub(crate) const fn removes_the_download(self) -> bool {
        match self {
            Self::Plain | Self::Packed => false,
            Self::Compressed | Self::Dropped | Self::Changing => true,
        }
    }

    /// Returns the configuration of the stage.
    pub(crate) fn config(self) -> StoreConfig {
        let raw = match self {
            Self::Plain | Self::Compressed | Self::Changing | Self::Packed => RawFate::Kept,
            Self::Dropped => RawFate::Dropped,
        };
        StoreConfig { raw, ..StoreConfig::default() }
    }

    /// Opens a run directory. An empty one gets its layout. With [`RunLayout::Changing`], processes with
    /// odd
    /// numbers compress.
    ///
    /// # Errors
    /// The message of the error if the directory cannot be opened.
    pub(crate) fn open(self, run: &Path, durability: Durability, process: u32) -> Result<RunBlobs, String> {
        let (layout, compression) = match self {
            Self::Changing if !process.is_multiple_of(2) => (Layout::Flat, "zstd"),
            Self::Changing => (Layout::Flat, "none"),
            Self::Plain | Self::Dropped => (Layout::Flat, "none"),
            Self::Compressed => (Layout::Sharded, "zstd"),
            Self::Packed => (Layout::Packed, "none"),
        };
        layout.establish(run).map_err(|error| error.to_string())?;
        RunBlobs::open(run, durability, compression.parse().unwrap()).map_err(|error| error.to_string())
    }
}
