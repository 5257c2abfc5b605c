//! One group of publications on its way into a segment: its records, then its commit.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IoSlice, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

use flow::blobs::{BlobError, BlobName, StagedFile};

use super::{
    catalog::Catalog,
    commit::{self, Commit, Op, Place, SegmentKey},
    segment::Segment,
    step::{Content, Record, Step},
    warc::{self, RECORD_END},
};

/// The number of bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;
/// The number of bytes from which pending bytes are written.
const PENDING_BYTES_MAX: u64 = 8 << 20;
/// The number of pieces that are written in one call (`IOV_MAX` of Linux).
const PIECES_MAX: usize = 1024;

/// A group that is being written at the end of a segment.
pub(super) struct Group<'a> {
    catalog: &'a Catalog,
    file: &'a File,
    segment: u32,
    /// The time of its changes.
    time: u64,
    /// The bytes that come next, in pieces.
    pieces: Vec<Vec<u8>>,
    /// The number of bytes in the pieces.
    pending: u64,
    /// The offset of the first of them in the segment.
    at: u64,
    commit: Commit,
    /// The places after the changes so far, of the blobs that have changed.
    changed: HashMap<BlobName, Option<Place>>,
    /// The files that were copied.
    copied: Vec<StagedFile>,
}

/// A group that was written.
pub(super) struct WrittenGroup {
    pub(super) commit: Commit,
    /// The bytes of the commit in the index log.
    pub(super) content: Vec<u8>,
    pub(super) end: u64,
    /// Whether it must be synced before it is acknowledged.
    pub(super) must_be_durable: bool,
    /// The staged files that are no longer needed when the group is durable.
    pub(super) copied: Vec<StagedFile>,
}

impl<'a> Group<'a> {
    /// Begins a group at an offset of a segment.
    pub(super) fn begin(catalog: &'a Catalog, file: &'a File, segment: u32, at: u64) -> Self {
        let time = catalog.next_time();
        let (commit, changed, copied) = (Commit::default(), HashMap::new(), Vec::new());
        let (pieces, pending) = (Vec::new(), 0);
        Self { catalog, file, segment, time, pieces, pending, at, commit, changed, copied }
    }

    /// Takes the steps of a publication, up to the first that fails. Removals come last.
    pub(super) fn take(&mut self, steps: Vec<Result<Step, BlobError>>) -> Result<(), BlobError> {
        let mut removed = Vec::new();
        for step in steps {
            match step? {
                Step::Place(record) => self.place(record)?,
                Step::Rename { from, to } => self.rename(from, to)?,
                Step::Remove(name) => removed.push(name),
                Step::Copy { op, from } => self.write_again(&op, from.as_deref())?,
                Step::Share { name, was, place } => {
                    // It may have been replaced since they were compared.
                    if self.current(&name) == Some(was) {
                        self.set(name, Some(place));
                    }
                }
            }
        }
        for name in removed {
            if self.current(&name).is_some() {
                self.set(name, None);
            }
        }
        Ok(())
    }

    /// Returns whether nothing has changed.
    pub(super) fn is_empty(&self) -> bool {
        self.commit.ops.is_empty()
    }

    /// Writes the commit and all that is pending.
    pub(super) fn finish(mut self, key: &SegmentKey, date: &str) -> io::Result<WrittenGroup> {
        let content = self.commit.to_bytes();
        let block = commit::seal(&content, key, self.end());
        self.push(warc::commit(&block, date));
        self.write()?;
        let Self { commit, at: end, copied, .. } = self;
        // A removal need not be durable.
        let must_be_durable = commit.ops.iter().any(|op| op.place.is_some());
        Ok(WrittenGroup { commit, content, end, must_be_durable, copied })
    }

    fn place(&mut self, record: Record) -> Result<(), BlobError> {
        let Record { name, head, head_crc, content, crc, bytes } = record;
        let at = |error| BlobError::at(&name.relative_path(), error);
        let record = u32::try_from(self.end()).map_err(|_| at(io::ErrorKind::FileTooLarge.into()))?;
        let place = Place { segment: self.segment, record, head: head.len() as u32, crc, bytes };
        self.push(head);
        match content {
            Content::Memory(bytes) => self.push(bytes),
            Content::Unnamed(mut file) => self.copy(&mut file, bytes).map_err(at)?,
            Content::Staged(mut staged) => {
                self.copy(&mut staged.file, bytes).map_err(at)?;
                self.copied.push(staged);
            }
        }
        self.push(RECORD_END.to_vec());
        if self.pending >= PENDING_BYTES_MAX {
            self.write().map_err(at)?;
        }
        let op = Op::new(&name, self.time, Some(place)).with_head(head_crc);
        self.commit.ops.push(op);
        self.changed.insert(name, Some(place));
        Ok(())
    }

    fn rename(&mut self, from: BlobName, to: BlobName) -> Result<(), BlobError> {
        let place = self.current(&from).ok_or_else(|| BlobError::NotFound(from.relative_path()))?;
        // The bytes are durable already, whoever has published them.
        if from != to {
            self.set(to, Some(place));
            self.set(from, None);
        }
        Ok(())
    }

    /// Writes a change again, with its record, if the blob has not changed since.
    fn write_again(&mut self, op: &Op, from: Option<&Segment>) -> Result<(), BlobError> {
        let Some(name) = op.name() else { return Ok(()) };
        if self.changed.contains_key(&name) || self.catalog.version(&name) != Some(op.version()) {
            return Ok(());
        }
        let (mut place, mut head) = (op.place, crc32fast::Hasher::new());
        if let (Some(from), Some(place)) = (from, &mut place) {
            let at = |error| BlobError::at(&from.path, error);
            let (record, bytes) = (u64::from(place.record), place.record_bytes());
            place.record = u32::try_from(self.end()).map_err(|_| at(io::ErrorKind::FileTooLarge.into()))?;
            place.segment = self.segment;
            // In windows: the file of the other segment has no position of its own for this.
            let mut window = vec![0; COPY_BYTES.min(bytes as usize)];
            let mut copied = 0;
            while copied < bytes {
                let length = window.len().min((bytes - copied) as usize);
                from.file.read_exact_at(&mut window[..length], record + copied).map_err(at)?;
                self.push(window[..length].to_vec());
                let of_head = u64::from(place.head).saturating_sub(copied).min(length as u64);
                head.update(&window[..of_head as usize]);
                copied += length as u64;
                if self.pending >= PENDING_BYTES_MAX {
                    self.write().map_err(at)?;
                }
            }
        }
        let copy = op.copied(place);
        self.commit.ops.push(if from.is_some() { copy.with_head(head.finalize()) } else { copy });
        self.changed.insert(name, place);
        Ok(())
    }

    fn set(&mut self, name: BlobName, place: Option<Place>) {
        self.commit.ops.push(Op::new(&name, self.time, place));
        self.changed.insert(name, place);
    }

    fn current(&self, name: &BlobName) -> Option<Place> {
        self.changed.get(name).copied().unwrap_or_else(|| self.catalog.place(name))
    }

    /// Returns the offset at which the next byte comes.
    fn end(&self) -> u64 {
        self.at + self.pending
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.pending += bytes.len() as u64;
        self.pieces.push(bytes);
    }

    /// Writes what is pending, without joining it in memory first.
    fn write(&mut self) -> io::Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        for some in pieces.chunks(PIECES_MAX) {
            let mut slices: Vec<IoSlice<'_>> = some.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut left = slices.as_mut_slice();
            // Empty pieces at the front would look like a write of nothing.
            IoSlice::advance_slices(&mut left, 0);
            while !left.is_empty() {
                match rustix::io::retry_on_intr(|| rustix::io::pwritev(self.file, left, self.at))? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    written => {
                        self.at += written as u64;
                        self.pending -= written as u64;
                        IoSlice::advance_slices(&mut left, written);
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies a file without a detour through memory, if the system can.
    fn copy(&mut self, from: &mut File, bytes: u64) -> io::Result<()> {
        self.write()?;
        let mut into = self.file;
        into.seek(SeekFrom::Start(self.at))?;
        from.rewind()?;
        let copied = io::copy(&mut from.take(bytes), &mut into)?;
        self.at += copied;
        // It was measured when its digests were computed.
        if copied == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
