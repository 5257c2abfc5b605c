//! One group of publications on its way into a segment: its records, then its commit.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IoSlice, Read, Seek, SeekFrom},
};

use flow::blobs::{BlobError, BlobName, StagedFile};

use super::{
    catalog::Catalog,
    commit::{self, Commit, Op, Place, SegmentKey},
    healing,
    segment::Segment,
    step::{Content, Record, Step},
    warc::{self, RECORD_END, date},
};

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
    /// The first write that failed. The group fails with it: bytes of any of its publications may be missing.
    failed: Option<io::Error>,
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
        let (pieces, pending, failed) = (Vec::new(), 0, None);
        Self { catalog, file, segment, time, pieces, pending, at, commit, changed, copied, failed }
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

    /// Writes the commit and all that is pending. Fails if any write of the group has failed.
    pub(super) fn finish(mut self, key: &SegmentKey, date: &str) -> io::Result<WrittenGroup> {
        let content = self.commit.to_bytes();
        let block = commit::seal(&content, key, self.end());
        self.push(warc::commit(&block, date));
        self.write();
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Self { commit, at: end, copied, .. } = self;
        // A removal need not be durable. A copy of one must be, because the original is removed then.
        let must_be_durable = commit.ops.iter().any(|op| op.place.is_some() || op.is_copy());
        Ok(WrittenGroup { commit, content, end, must_be_durable, copied })
    }

    fn place(&mut self, record: Record) -> Result<(), BlobError> {
        let Record { name, head, head_crc, content, crc, bytes } = record;
        let at = |error| BlobError::at(&name.relative_path(), error);
        let record = u32::try_from(self.end()).map_err(|_| at(io::ErrorKind::FileTooLarge.into()))?;
        let place = Place { segment: self.segment, record, head: head.len() as u32, crc, bytes };
        self.push(head);
        let copied = match content {
            Content::Memory(bytes) => {
                self.push(bytes);
                Ok(())
            }
            Content::Unnamed(mut file) => self.copy(&mut file, bytes),
            Content::Staged(mut staged) => {
                let copied = self.copy(&mut staged.file, bytes);
                self.copied.extend(copied.is_ok().then_some(staged));
                copied
            }
        };
        if let Err(error) = copied {
            self.go_back_to(u64::from(record));
            return Err(at(error));
        }
        self.push(RECORD_END.to_vec());
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
        let (mut place, mut head_crc) = (op.place, None);
        if let (Some(from), Some(place)) = (from, &mut place) {
            let at = |error| BlobError::at(&from.path, error);
            let begun_at = self.end();
            let record = u32::try_from(begun_at).map_err(|_| at(io::ErrorKind::FileTooLarge.into()))?;
            let head = healing::head_of(from, place, &name, &date()).map_err(at)?;
            let (head_bytes, crc) = (head.len() as u32, crc32fast::hash(&head));
            self.push(head);
            let copied =
                from.each_part(place.content(), place.content_end(), |part| self.push(part.to_vec()));
            if let Err(error) = copied {
                self.go_back_to(begun_at);
                return Err(at(error));
            }
            self.push(RECORD_END.to_vec());
            (place.segment, place.record, place.head) = (self.segment, record, head_bytes);
            head_crc = Some(crc);
        }
        let copy = op.copied(place);
        self.commit.ops.push(match head_crc {
            Some(crc) => copy.with_head(crc),
            None => copy,
        });
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
        if self.pending >= PENDING_BYTES_MAX {
            self.write();
        }
    }

    /// Forgets all bytes from an offset on, which was the end before a record.
    fn go_back_to(&mut self, offset: u64) {
        while self.end() > offset {
            match self.pieces.pop() {
                Some(piece) => self.pending -= piece.len() as u64,
                // What was written is overwritten.
                None => (self.at, self.pending) = (offset, 0),
            }
        }
    }

    /// Writes what is pending. If that fails, the group will.
    fn write(&mut self) {
        if self.failed.is_none()
            && let Err(error) = write_all(self.file, &self.pieces, self.at)
        {
            self.failed = Some(error);
        }
        self.pieces.clear();
        self.at += std::mem::take(&mut self.pending);
    }

    /// Copies a file without a detour through memory, if the system can.
    fn copy(&mut self, from: &mut File, bytes: u64) -> io::Result<()> {
        self.write();
        let mut into = self.file;
        into.seek(SeekFrom::Start(self.at))?;
        from.rewind()?;
        let copied = io::copy(&mut from.take(bytes), &mut into)?;
        // It was measured when its digests were computed.
        if copied != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += copied;
        Ok(())
    }
}

/// Writes pieces one after the other, without joining them in memory first.
fn write_all(file: &File, pieces: &[Vec<u8>], mut at: u64) -> io::Result<()> {
    for some in pieces.chunks(PIECES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = some.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        // Empty pieces at the front would look like a write of nothing.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::retry_on_intr(|| rustix::io::pwritev(file, left, at))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use flow::{
        blobs::{BlobKind, Change, StagedBlob},
        testing::blob_contract::name,
    };

    use super::{super::step, *};

    const KEY: SegmentKey = [7; 32];

    fn placed(document: &str, bytes: usize) -> Vec<Result<Step, BlobError>> {
        let name = name(BlobKind::Raw, document);
        let mut blob = StagedBlob::in_memory(name, usize::MAX, &std::env::temp_dir());
        blob.write_all(&vec![b'x'; bytes]).unwrap();
        step::prepare(vec![Change::Staged(blob)], "2026-11-30T00:00:00Z")
    }

    /// The steps of a blob in a file that has become shorter since it was hashed.
    fn cut_off(document: &str, dir: &std::path::Path) -> Vec<Result<Step, BlobError>> {
        let mut blob = StagedBlob::in_memory(name(BlobKind::Raw, document), 1, dir);
        blob.write_all(b"more than one byte").unwrap();
        let steps = step::prepare(vec![Change::Staged(blob)], "2026-11-30T00:00:00Z");
        let Some(Ok(Step::Place(record))) = steps.first() else { panic!("a blob is placed") };
        let Content::Unnamed(file) = &record.content else { panic!("it is in a file") };
        file.set_len(5).unwrap();
        steps
    }

    #[test]
    fn a_write_that_fails_fails_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(dir.path()).unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let unwritable = File::open(&path).unwrap();
        let mut group = Group::begin(&catalog, &unwritable, 1, 0);
        // The small one is lost with the large one, and all that come after.
        group.take(placed("small", 10)).unwrap();
        group.take(placed("large", PENDING_BYTES_MAX as usize)).unwrap();
        group.take(placed("later", 10)).unwrap();
        assert!(group.finish(&KEY, "").is_err());
    }

    #[test]
    fn a_blob_that_cannot_be_copied_leaves_nothing_in_the_group() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(dir.path()).unwrap();
        let path = dir.path().join("file");
        let written = |documents: &[&str]| {
            let file =
                File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            let mut group = Group::begin(&catalog, &file, 1, 0);
            for document in documents {
                match *document {
                    "cut-off" => assert!(group.take(cut_off("cut-off", dir.path())).is_err()),
                    document => group.take(placed(document, 10)).unwrap(),
                }
            }
            let end = group.finish(&KEY, "").unwrap().end;
            assert_eq!(file.metadata().unwrap().len(), end);
            end
        };
        assert_eq!(written(&["one", "cut-off", "two"]), written(&["one", "two"]));
        assert_eq!(written(&["cut-off", "one"]), written(&["one"]));
    }

    #[test]
    fn the_copy_of_a_removal_must_be_durable_and_a_removal_need_not() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(dir.path()).unwrap();
        let file = tempfile::tempfile_in(dir.path()).unwrap();
        let (spool, time) = (name(BlobKind::Spool, "PG84"), catalog.next_time());
        let removal = Op::new(&spool, time, None);
        catalog.apply(1, &Commit { ops: vec![removal.clone()] }, 0);
        let mut group = Group::begin(&catalog, &file, 2, 0);
        group.take(vec![Ok(Step::Copy { op: removal, from: None })]).unwrap();
        assert!(group.finish(&KEY, "").unwrap().must_be_durable);

        let place = Place { segment: 1, record: 0, head: 1, crc: 0, bytes: 1 };
        catalog.apply(1, &Commit { ops: vec![Op::new(&spool, time + 1, Some(place))] }, 0);
        let mut group = Group::begin(&catalog, &file, 2, 0);
        group.take(vec![Ok(Step::Remove(spool))]).unwrap();
        assert!(!group.finish(&KEY, "").unwrap().must_be_durable);
    }
}
