//! The blob store packed into segments.
//!
//! A segment is a WARC 1.1 file to which one process appends: `segments/00001.warc`. Disk format and
//! invariants:
//!
//! * Publications are appended in *groups*. A group is the records of its blobs, and then one record with its
//!   commit (`commit.rs`), which says which blobs have changed and where they are. So a publication is
//!   visible as a whole or not at all, and renaming moves no bytes.
//! * A group is synced before the next one begins, and before its publications end. So only the last group of
//!   a segment can be incomplete, and nothing of it was acknowledged.
//! * Changes carry a logical time. Of two changes of a blob the later counts, in whatever segment it is. A
//!   process reads what the others have committed before it commits.
//! * Whoever appends to a segment holds its lock (`flock`). If that process dies, the next one that publishes
//!   continues the segment, after it has cut off an incomplete group.
//! * `segments/00001.index` has the commits once more, so that opening reads no segment. It is a cache: what
//!   is missing is searched in the segment (`search.rs`).
//! * Each content has a CRC-32 in its commit, and each read compares it. So has each head; and heads of
//!   commits have a checksum of their own, in their ids (`warc.rs`). So `check.rs` finds any damage, and
//!   `healing.rs` marks damaged segments, which compaction copies.
//!
//! Downloads that can be resumed are files in `spool/` until they are published.

pub(crate) mod catalog;
mod check;
mod commit;
mod committer;
mod compaction;
mod error;
mod group;
mod healing;
mod index;
mod index_log;
mod reader;
mod search;
mod segment;
mod step;
mod warc;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publisher, StagedBlob, StagedFile},
    document::DocumentId,
    durability::Durability,
    safe_file,
    temporary::{self, Sweep},
};

use self::{
    catalog::Catalog, commit::Place, committer::Committer, reader::RecordReader, segment::SEGMENT_BYTES_MAX,
    step::Step, warc::date,
};
pub use self::{
    check::{SegmentDamage, SegmentPart},
    compaction::{Compacted, Compaction},
};
use crate::{
    local::{SyncCounts, directories, hard_links, staging},
    parts::Parts,
};

/// The directory of the segments in a run directory.
pub const DIRECTORY: &str = "segments";
/// The number of bytes up to which a staged blob is in memory.
const MEMORY_MAX: usize = 1 << 20;

/// The blobs of one run directory. Several processes may have the same one open.
#[derive(Debug)]
pub struct PackedBlobs {
    directory: PathBuf,
    spool: PathBuf,
    catalog: Arc<Catalog>,
    committer: Committer,
}

impl PackedBlobs {
    /// Opens a run directory. Creates the directory and those of segments and downloads if they do not exist.
    /// Starts the thread that commits publications; it ends when the value is dropped. Several processes may
    /// have the same directory open. Blocking.
    ///
    /// # Errors
    /// Returns an error if a directory can be neither created nor opened, or a segment not read.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        Self::with_segments_of(SEGMENT_BYTES_MAX, dir, durability)
    }

    /// Does the same as [`open`](Self::open), with segments that take nothing more from this size on.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub fn with_segments_of(bytes_max: u64, dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        let (directory, spool) = (dir.join(DIRECTORY), dir.join(BlobKind::Spool.directory()));
        for path in [&directory, &spool] {
            directories::create(path, durability)?;
            safe_file::must_be_directory(path).map_err(|error| BlobError::at(path, error))?;
        }
        // A segment has a temporary name until its first record is durable.
        temporary::sweep(&directory, Sweep::Remove, |name| name.ends_with(".tmp"))
            .map_err(|error| BlobError::at(&directory, error))?;
        let catalog = Arc::new(Catalog::with_segments_of(bytes_max, &directory, durability)?);
        let committer = Committer::start(Arc::clone(&catalog), durability)?;
        Ok(Self { directory, spool, catalog, committer })
    }

    /// Returns the number of syncs since the start.
    #[must_use]
    pub fn sync_counts(&self) -> SyncCounts {
        self.committer.sync_counts()
    }

    /// Returns the downloads that can be resumed.
    pub(crate) fn parts(&self) -> Parts {
        Parts { spool: self.spool.clone() }
    }

    /// Locks the store for those who change many records. Publishing goes on.
    pub(crate) fn lock(&self) -> Result<File, BlobError> {
        let locked = File::open(&self.spool).and_then(|opened| opened.lock().map(|()| opened));
        locked.map_err(|error| BlobError::at(&self.spool, error))
    }

    /// Opens the gate: whoever commits a group holds a shared lock on it, and whoever removes a segment an
    /// exclusive one. So no commit leads to a segment that is being removed.
    fn open_gate(&self) -> Result<File, BlobError> {
        File::open(&self.directory).map_err(|error| BlobError::at(&self.directory, error))
    }

    fn reader(&self, name: &BlobName) -> Result<RecordReader, BlobError> {
        let (place, segment) =
            self.catalog.find(name)?.ok_or_else(|| BlobError::NotFound(name.relative_path()))?;
        Ok(RecordReader::new(segment, place))
    }

    fn place(&self, name: &BlobName) -> Result<Option<Place>, BlobError> {
        Ok(self.catalog.find(name)?.map(|(place, _)| place))
    }

    /// Returns whether two blobs have the same bytes. One that is damaged has others than it had.
    fn are_same(&self, one: &BlobName, other: &BlobName) -> Result<bool, BlobError> {
        match hard_links::are_same(self.reader(one)?, self.reader(other)?) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
            same => same.map_err(|error| BlobError::at(&self.directory, error)),
        }
    }
}

impl BlobStore for PackedBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        Ok(StagedBlob::in_memory(name.clone(), MEMORY_MAX, &self.spool))
    }

    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        staging::resume(name, &self.spool.join(name.file_name()))
    }

    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        self.committer.publish_for(step::prepare(changes, &date()), publisher);
    }

    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        Ok(Box::new(self.reader(name)?))
    }

    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        match self.place(name) {
            // A damaged blob has no length that anybody may rely on, so it counts as missing.
            Err(BlobError::Damaged { .. }) => Ok(None),
            found => Ok(found?.map(|place| place.bytes)),
        }
    }

    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.catalog.refresh()?;
        if self.catalog.place(name).is_none() {
            return Ok(());
        }
        self.committer.begin_publishing(vec![Ok(Step::Remove(name.clone()))]).wait()
    }

    /// Gives the copy the place of the original.
    fn share(&self, original: &BlobName, copy: &BlobName) -> Result<bool, BlobError> {
        let (Some(place), Some(was)) = (self.place(original)?, self.place(copy)?) else { return Ok(false) };
        if place == was
            || (place.bytes, place.crc) != (was.bytes, was.crc)
            || !self.are_same(original, copy)?
        {
            return Ok(false);
        }
        let step = Step::Share { name: copy.clone(), was, place };
        self.committer.begin_publishing(vec![Ok(step)]).wait()?;
        Ok(self.place(copy)? == Some(place))
    }

    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.catalog.list(kind)
    }

    fn read(&self, name: &BlobName, bytes_max: u64) -> Result<Vec<u8>, BlobError> {
        let (place, segment) =
            self.catalog.find(name)?.ok_or_else(|| BlobError::NotFound(name.relative_path()))?;
        if place.bytes > bytes_max {
            return Err(BlobError::TooLarge { path: name.relative_path(), bytes_max });
        }
        RecordReader::new(segment, place)
            .read_whole()
            .map_err(|error| BlobError::at(&name.relative_path(), error))
    }
}

#[cfg(test)]
mod tests;
