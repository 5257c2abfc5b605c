//! Tells which blobs are stored, without changing anything in the run directory.

use std::{fs, io, path::Path};

use flow::blobs::{BlobError, BlobName};

use crate::{
    layout::{BlobPaths, Layout},
    packed::{self, catalog::Catalog},
};

/// The blobs of a run directory, which need not exist.
#[derive(Debug)]
pub struct StoredBlobs(View);

#[derive(Debug)]
enum View {
    Files(BlobPaths),
    Packed(Catalog),
    /// Packed, and nothing was published yet.
    None,
}

impl StoredBlobs {
    /// Looks at a run directory. Blocking.
    ///
    /// # Errors
    /// An error if the layout or a segment cannot be read.
    pub fn of(dir: &Path) -> Result<Self, BlobError> {
        let paths = BlobPaths::of(dir)?;
        if paths.layout() != Layout::Packed {
            return Ok(Self(View::Files(paths)));
        }
        let segments = dir.join(packed::DIRECTORY);
        Ok(Self(match fs::symlink_metadata(&segments) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => View::None,
            _ => View::Packed(Catalog::open(&segments)?),
        }))
    }

    /// Returns whether a blob, of a kind that is never compressed, is stored. One that cannot be looked at is
    /// not.
    #[must_use]
    pub fn has(&self, name: &BlobName) -> bool {
        match &self.0 {
            View::Files(paths) => fs::symlink_metadata(paths.path(name)).is_ok(),
            View::Packed(catalog) => catalog.place(name).is_some(),
            View::None => false,
        }
    }
}
