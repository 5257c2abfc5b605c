//! Heals damaged segments: what is sound is copied to another segment, and the damaged one is removed.
//!
//! A damaged segment is marked by an empty file `segments/00001.damaged`. Every compaction includes marked
//! segments, whatever counts of them. A segment with a blob whose content is damaged is left as it is, until
//! the blob has been replaced: its bytes may be all that is left of it.

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{
    blobs::{BlobError, BlobName},
    safe_file,
};

use super::{
    PackedBlobs,
    check::{SegmentDamage, SegmentPart},
    commit::Place,
    compaction::{Compacted, Compaction, Held},
    index_log::IndexLogWriter,
    reader::RecordReader,
    segment::{self, Segment},
    warc::{self, ContentHasher},
};

impl PackedBlobs {
    /// Heals what [`check`](Self::check) has found. Leaves out segments that a process appends to, those with
    /// blobs whose content is damaged, and files with records that nobody knows. The next compaction tries it
    /// again.
    ///
    /// # Errors
    /// An error if a file cannot be read, written or removed.
    pub fn heal(&self, damage: &[SegmentDamage]) -> Result<Compacted, BlobError> {
        let is_index = |one: &&SegmentDamage| one.part == SegmentPart::Index;
        let damaged: BTreeSet<u32> = damage
            .iter()
            .filter(|one| !matches!(one.part, SegmentPart::Index | SegmentPart::Segment))
            .map(|one| one.number)
            .collect();
        for number in &damaged {
            self.mark(*number).map_err(|error| BlobError::at(&self.directory, error))?;
        }
        // The log of a damaged segment goes with it. Until then, it may be all that says where blobs are.
        for one in damage.iter().filter(is_index).filter(|one| !damaged.contains(&one.number)) {
            self.write_index_again(one.number)?;
        }
        self.compact(Compaction::OfDamaged)
    }

    fn mark(&self, number: u32) -> io::Result<()> {
        safe_file::create(&mark_path(&self.directory, number))?.sync_all()?;
        File::open(&self.directory)?.sync_all()
    }

    /// Replaces an index log by one of all commits that can be read.
    fn write_index_again(&self, number: u32) -> Result<(), BlobError> {
        let Some(held) = self.hold(number)? else { return Ok(()) };
        let path = segment::index_path(&self.directory, number);
        let mut commits = Vec::new();
        let read =
            held.segment.each_commit(&self.directory, |end, commit| commits.push((end, commit.to_bytes())));
        // Commits after those that can be read may be in the log alone.
        if commits.last().is_some_and(|(end, _)| *end < held.bytes) {
            return Ok(());
        }
        read.and_then(|_| {
            let mut log = IndexLogWriter::create(&self.directory, number, &held.segment.key)?;
            commits.iter().try_for_each(|(end, commit)| log.append(*end, commit))
        })
        .map_err(|error| BlobError::at(&path, error))
    }

    /// Returns whether no blob in a segment has a damaged content.
    pub(super) fn is_readable(&self, held: &Held) -> Result<bool, BlobError> {
        let placed = self.catalog.placed_in(held.segment.number);
        let places: HashSet<Place> = placed.iter().filter_map(|op| op.place).collect();
        for place in places {
            let mut content = RecordReader::new(Arc::clone(&held.segment), place);
            match io::copy(&mut content, &mut io::sink()) {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::info!(
                        "'{}' is damaged, and left as it is until its damaged documents are repaired",
                        held.segment.path.display()
                    );
                    return Ok(false);
                }
                read => read.map_err(|error| BlobError::at(&held.segment.path, error))?,
            };
        }
        Ok(true)
    }
}

/// Returns the path of the mark of a damaged segment.
pub(super) fn mark_path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:05}.damaged"))
}

/// Returns whether a segment is marked as damaged.
pub(super) fn is_marked(directory: &Path, number: u32) -> bool {
    mark_path(directory, number).symlink_metadata().is_ok()
}

/// Returns the head of the record of a blob for a copy of the record: a new one if it is damaged and the
/// content is not.
pub(super) fn head_of(from: &Segment, place: &Place, name: &BlobName, date: &str) -> io::Result<Vec<u8>> {
    let mut head = vec![0; place.head as usize];
    from.read_exact_at(&mut head, u64::from(place.record))?;
    if warc::is_whole_head(&head) {
        return Ok(head);
    }
    let mut hasher = ContentHasher::new(None);
    from.each_part(place.content(), place.content_end(), |bytes| hasher.update(bytes))?;
    let digests = hasher.finish();
    Ok(if digests.crc == place.crc { warc::blob_head(name, &digests, date) } else { head })
}
