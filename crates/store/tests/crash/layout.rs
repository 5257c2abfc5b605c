//! The layouts of run directories.

use std::path::Path;

use blob_store::{
    layout::Layout,
    packed::{Compaction, PackedBlobs},
    run_blobs::RunBlobs,
};
use corpus::meta::RawFate;
use flow::{blobs::BlobKind, durability::Durability};
use serde::{Deserialize, Serialize};
use store::config::StoreConfig;

/// The size from which a small segment takes nothing more.
const SMALL_SEGMENT_BYTES: u64 = 12_000;

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
    /// In small segments, which each process compacts as it begins.
    Compacted,
}

impl RunLayout {
    /// Returns whether blobs are in segments.
    pub(crate) const fn is_packed(self) -> bool {
        matches!(self, Self::Packed | Self::Compacted)
    }

    /// Returns the kinds that the stage publishes, in its order.
    pub(crate) const fn stored(self) -> &'static [BlobKind] {
        const ALL: [BlobKind; 4] = [BlobKind::Raw, BlobKind::Text, BlobKind::Arrival, BlobKind::Meta];
        match self {
            Self::Plain | Self::Compressed | Self::Changing | Self::Packed | Self::Compacted => &ALL,
            Self::Dropped => ALL.split_at(1).1,
        }
    }

    /// Returns the kinds that exist when the download has left spool: raw if it may be renamed, else all.
    pub(crate) const fn outlives_the_download(self) -> &'static [BlobKind] {
        match self {
            Self::Plain | Self::Changing | Self::Packed | Self::Compacted => &[BlobKind::Raw],
            Self::Compressed | Self::Dropped => self.stored(),
        }
    }

    /// Returns whether a download may be removed. A removal is not synced, so a power cut may bring it back.
    pub(crate) const fn removes_the_download(self) -> bool {
        match self {
            Self::Plain | Self::Packed | Self::Compacted => false,
            Self::Compressed | Self::Dropped | Self::Changing => true,
        }
    }

    /// Returns the configuration of the stage.
    pub(crate) fn config(self) -> StoreConfig {
        let raw = match self {
            Self::Plain | Self::Compressed | Self::Changing | Self::Packed | Self::Compacted => RawFate::Kept,
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
            Self::Packed | Self::Compacted => (Layout::Packed, "none"),
        };
        layout.establish(run).map_err(|error| error.to_string())?;
        let opened = if self == Self::Compacted {
            PackedBlobs::with_segments_of(SMALL_SEGMENT_BYTES, run, durability)
                .and_then(|blobs| blobs.compact(Compaction::Make).map(|_| RunBlobs::Packed(blobs)))
        } else {
            RunBlobs::open(run, durability, compression.parse().unwrap())
        };
        opened.map_err(|error| error.to_string())
    }
}
