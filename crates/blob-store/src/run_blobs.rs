//! The blob store of a run directory, in the layout that it has.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publisher, StagedBlob, StagedFile},
    document::DocumentId,
    durability::Durability,
};

use crate::{
    layout::{self, Layout},
    local::{LocalBlobs, SyncCounts, compression::Compression},
    packed::{Compacted, Compaction, PackedBlobs, SegmentDamage},
    parts::Parts,
};

/// The blobs of one run directory. Several processes may have the same one open.
#[derive(Debug)]
pub enum RunBlobs {
    /// Blobs as files.
    Files(LocalBlobs),
    /// Blobs in segments.
    Packed(PackedBlobs),
}

/// A lock that keeps others from changing all blobs of one kind. It is released when this is dropped or when
/// the process dies.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct KindLock {
    _locked: File,
}

impl RunBlobs {
    /// Opens a run directory in the layout that it has. Blobs of the kinds in `compression` are compressed
    /// when they are published as files. Blocking.
    ///
    /// # Errors
    /// The errors of [`LocalBlobs::open`] and [`PackedBlobs::open`].
    pub fn open(dir: &Path, durability: Durability, compression: Compression) -> Result<Self, BlobError> {
        // Until the directories are there: they say that the directory is no longer new.
        let _locked = match layout::lock(dir) {
            // Nobody chooses a layout for a directory that does not exist without creating it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            locked => Some(locked.map_err(|error| BlobError::at(dir, error))?),
        };
        Ok(match Layout::of(dir)? {
            Layout::Flat | Layout::Sharded => {
                Self::Files(LocalBlobs::open(dir, durability)?.compressing(compression))
            }
            Layout::Packed => Self::Packed(PackedBlobs::open(dir, durability)?),
        })
    }

    /// Returns the path of a blob below the run directory, or `None` if there is no such blob. A blob in a
    /// segment has the path that it would have as a file.
    ///
    /// # Errors
    /// An error if the blob cannot be looked at.
    pub fn find(&self, name: &BlobName) -> Result<Option<PathBuf>, BlobError> {
        match self {
            Self::Files(blobs) => blobs.find(name),
            Self::Packed(blobs) => Ok(blobs.len(name)?.map(|_| name.relative_path())),
        }
    }

    /// Returns the number of syncs since the start.
    #[must_use]
    pub fn sync_counts(&self) -> SyncCounts {
        match self {
            Self::Files(blobs) => blobs.sync_counts(),
            Self::Packed(blobs) => blobs.sync_counts(),
        }
    }

    /// Returns the documents whose download was begun and can be resumed.
    ///
    /// # Errors
    /// An error if the directory cannot be read.
    pub fn parts(&self) -> Result<Vec<DocumentId>, BlobError> {
        self.unfinished().list()
    }

    /// Removes the begun download of a document, with the file beside it. Nobody may be at work on it.
    ///
    /// # Errors
    /// An error if a file is there and cannot be removed.
    pub fn remove_part(&self, document: &DocumentId) -> Result<(), BlobError> {
        self.unfinished().remove(document)
    }

    /// Waits until no other process holds this kind's lock, then takes it. It keeps out other holders only:
    /// publishing goes on.
    ///
    /// # Errors
    /// An error if the file system cannot lock.
    pub fn lock(&self, kind: BlobKind) -> Result<KindLock, BlobError> {
        let locked = match self {
            Self::Files(blobs) => blobs.lock(kind),
            Self::Packed(blobs) => blobs.lock(),
        };
        Ok(KindLock { _locked: locked? })
    }

    /// Compacts segments of which little counts any more. Blobs in files need none.
    ///
    /// # Errors
    /// The errors of [`PackedBlobs::compact`].
    pub fn compact(&self, how: Compaction) -> Result<Compacted, BlobError> {
        match self {
            Self::Files(_) => Ok(Compacted::default()),
            Self::Packed(blobs) => blobs.compact(how),
        }
    }

    /// Checks segments and their index logs. Blobs in files have none.
    ///
    /// # Errors
    /// The errors of [`PackedBlobs::check`].
    pub fn check(&self) -> Result<Vec<SegmentDamage>, BlobError> {
        match self {
            Self::Files(_) => Ok(Vec::new()),
            Self::Packed(blobs) => blobs.check(),
        }
    }

    /// Heals segments and index logs as far as that is possible without their damaged documents.
    ///
    /// # Errors
    /// The errors of [`PackedBlobs::heal`].
    pub fn heal(&self, damage: &[SegmentDamage]) -> Result<Compacted, BlobError> {
        match self {
            Self::Files(_) => Ok(Compacted::default()),
            Self::Packed(blobs) => blobs.heal(damage),
        }
    }

    fn unfinished(&self) -> Parts {
        match self {
            Self::Files(blobs) => blobs.parts(),
            Self::Packed(blobs) => blobs.parts(),
        }
    }

    fn store(&self) -> &dyn BlobStore {
        match self {
            Self::Files(blobs) => blobs,
            Self::Packed(blobs) => blobs,
        }
    }
}

impl BlobStore for RunBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        self.store().stage(name)
    }

    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        self.store().resume(name)
    }

    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        self.store().publish_for(changes, publisher);
    }

    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.store().open(name)
    }

    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        self.store().len(name)
    }

    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.store().remove(name)
    }

    fn share(&self, original: &BlobName, copy: &BlobName) -> Result<bool, BlobError> {
        self.store().share(original, copy)
    }

    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.store().list(kind)
    }

    fn read(&self, name: &BlobName, bytes_max: u64) -> Result<Vec<u8>, BlobError> {
        self.store().read(name, bytes_max)
    }
}
