//! The steps of a publication, prepared by the thread that publishes.

use std::{
    fs::File,
    io::{self, Read, Seek},
    sync::Arc,
};

use flow::blobs::{BlobError, BlobName, Change, StagedBlob, StagedBytes, StagedFile};
use tempfile::SpooledData;

use super::{
    commit::{Op, Place},
    segment::Segment,
    warc::{self, ContentHasher},
};

/// The number of bytes that are read at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// One step of a publication.
#[derive(Debug)]
pub(super) enum Step {
    /// Appends a record, and gives its blob this place.
    Place(Record),
    /// Gives the place of a blob to another.
    Rename { from: BlobName, to: BlobName },
    /// Removes a blob.
    Remove(BlobName),
    /// Gives a blob the place of another with the same bytes, if it is still where it was.
    Share { name: BlobName, was: Place, place: Place },
    /// Writes a change of another segment again, if it still counts. With the segment, its record is copied.
    Copy { op: Op, from: Option<Arc<Segment>> },
}

/// A record that is ready to be appended.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: BlobName,
    pub(super) head: Vec<u8>,
    pub(super) head_crc: u32,
    pub(super) content: Content,
    pub(super) crc: u32,
    pub(super) bytes: u64,
}

/// The content of a record.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Vec<u8>),
    Unnamed(File),
    Staged(StagedFile),
}

/// Prepares the changes of a publication, up to the first that fails.
pub(super) fn prepare(changes: Vec<Change>, date: &str) -> Vec<Result<Step, BlobError>> {
    let mut steps = Vec::with_capacity(changes.len());
    for change in changes {
        let step = match change {
            Change::Staged(blob) => record(blob, date).map(Step::Place),
            Change::Renamed { from, to } => Ok(Step::Rename { from, to }),
            Change::Removed(name) => Ok(Step::Remove(name)),
        };
        let is_failed = step.is_err();
        steps.push(step);
        // The changes before this one are made all the same, in their order.
        if is_failed {
            break;
        }
    }
    steps
}

fn record(blob: StagedBlob, date: &str) -> Result<Record, BlobError> {
    let (path, name) = (blob.path(), blob.name);
    let content = match blob.bytes {
        StagedBytes::File(staged) => Content::Staged(staged),
        StagedBytes::Memory(bytes) => Content::Memory(bytes),
        StagedBytes::Unnamed(staged) => match staged.into_inner() {
            SpooledData::InMemory(bytes) => Content::Memory(bytes.into_inner()),
            SpooledData::OnDisk(file) => Content::Unnamed(file),
        },
    };
    let mut hasher = ContentHasher::new(blob.blake3);
    let hashed = match &content {
        Content::Memory(bytes) => {
            hasher.update(bytes);
            Ok(())
        }
        Content::Unnamed(file) => hash(file, &mut hasher),
        Content::Staged(staged) => hash(&staged.file, &mut hasher),
    };
    hashed.map_err(|error| BlobError::at(&path, error))?;
    let digests = hasher.finish();
    let head = warc::blob_head(&name, &digests, date);
    let head_crc = crc32fast::hash(&head);
    Ok(Record { name, head, head_crc, content, crc: digests.crc, bytes: digests.bytes })
}

fn hash(mut file: &File, hasher: &mut ContentHasher) -> io::Result<()> {
    file.rewind()?;
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        match file.read(&mut window) {
            Ok(0) => return Ok(()),
            Ok(bytes) => hasher.update(&window[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
