//! Checks segments and their index logs against their own checksums. Each segment is read once, from its
//! beginning to its end.
//!
//! The index log says where commits are, and the segment is searched for those that it does not have. The
//! records of a commit and the commit itself must follow each other without a gap. Bytes after the last
//! commit are of an incomplete group, which never happened.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobName},
    locked_file::LockedFile,
    safe_file,
};
use serde::Serialize;

use super::{
    DIRECTORY, PackedBlobs,
    commit::{Commit, Op, Place, unseal},
    index_log::{self, IndexLog},
    segment::{self, Segment, read_up_to},
    warc::{self, RECORD_END},
};

/// The number of bytes that are read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Damage to a segment or to its index log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDamage {
    /// The path of the file below the run directory.
    pub file: PathBuf,
    /// The offset of the damaged part in the file, in bytes.
    pub offset: u64,
    /// The damaged part.
    pub part: SegmentPart,
    /// The blob that is in the damaged record. `None` if no blob is in it.
    pub blob: Option<BlobName>,
    pub(super) number: u32,
}

/// A part of a segment or of its index log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentPart {
    /// The first record and the key, so that the file cannot be read at all.
    Segment,
    /// The first record.
    Info,
    /// The head of a record.
    Head,
    /// The content of a record.
    Content,
    /// The line ends after a record.
    End,
    /// The record of a commit.
    Commit,
    /// Bytes that belong to no known record.
    Unknown,
    /// The index log.
    Index,
}

/// A segment while it is checked.
struct Checker<'s> {
    segment: &'s Segment,
    window: Window<'s>,
    /// The end of the last record, unless the first one is damaged.
    end: Option<u64>,
    /// The offset of each damaged part, and the offset of the record if that is one of a blob.
    damaged: Vec<(SegmentPart, u64, Option<u32>)>,
}

/// A part of a file in memory.
struct Window<'f> {
    file: &'f File,
    bytes: Vec<u8>,
    offset: u64,
}

impl PackedBlobs {
    /// Reads all segments and index logs, and returns what is not as it was written. Segments may grow
    /// meanwhile.
    ///
    /// # Errors
    /// An error if a file cannot be read.
    pub fn check(&self) -> Result<Vec<SegmentDamage>, BlobError> {
        let numbers = segment::numbers(&self.directory);
        let mut damage = Vec::new();
        for number in numbers.map_err(|error| BlobError::at(&self.directory, error))? {
            match check_segment(&self.directory, number) {
                Ok(damaged) => damage.extend(self.named(number, damaged)?),
                // Compaction has removed it since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(BlobError::at(&self.directory.join(segment::file_name(number)), error));
                }
            }
        }
        Ok(damage)
    }

    /// Names the blobs in damaged records.
    fn named(
        &self,
        number: u32,
        damaged: Vec<(SegmentPart, u64, Option<u32>)>,
    ) -> Result<Vec<SegmentDamage>, BlobError> {
        if damaged.is_empty() {
            return Ok(Vec::new());
        }
        self.catalog.refresh()?;
        let placed = self.catalog.placed_in(number);
        let named = damaged.into_iter().map(|(part, offset, record)| {
            let is_in = |op: &&Op| record.is_some() && op.place.map(|place| place.record) == record;
            let file = match part {
                SegmentPart::Index => segment::index_path(Path::new(DIRECTORY), number),
                _ => Path::new(DIRECTORY).join(segment::file_name(number)),
            };
            SegmentDamage { file, offset, part, blob: placed.iter().find(is_in).and_then(Op::name), number }
        });
        Ok(named.collect())
    }
}

fn check_segment(directory: &Path, number: u32) -> io::Result<Vec<(SegmentPart, u64, Option<u32>)>> {
    let Some(segment) = Segment::open(directory, number)? else {
        return Ok(vec![(SegmentPart::Segment, 0, None)]);
    };
    // Nobody appends to it as long as this has the lock.
    let lock = LockedFile::try_lock(safe_file::open(&segment.path)?)?;
    let window = Window { file: &segment.file, bytes: Vec::new(), offset: 0 };
    let mut checker =
        Checker { segment: &segment, window, end: segment.whole_info_end()?, damaged: Vec::new() };
    checker.info();
    let mut failed = Ok(());
    let log = segment.each_commit(directory, |end, commit| {
        if failed.is_ok() {
            failed = checker.group(commit, end);
        }
    })?;
    failed?;
    let mut damaged = checker.damaged;
    // The last frame of a log that grows may be incomplete.
    if lock.is_some() {
        let wrong = index_damage(directory, &segment, log.as_ref())?;
        damaged.extend(wrong.map(|offset| (SegmentPart::Index, offset, None)));
    }
    Ok(damaged)
}

/// Returns the offset from which an index log cannot be read, if there is one.
fn index_damage(directory: &Path, segment: &Segment, log: Option<&IndexLog>) -> io::Result<Option<u64>> {
    match log {
        Some(log) => log.unread_from(),
        // It is missing, or that of another segment.
        None => Ok(index_log::exists(directory, segment.number)?.then_some(0)),
    }
}

impl Checker<'_> {
    fn info(&mut self) {
        if self.end.is_none() {
            self.damaged.push((SegmentPart::Info, 0, None));
        }
    }

    /// Checks the records of a commit, and its own record, which has this end.
    fn group(&mut self, commit: &Commit, end: u64) -> io::Result<()> {
        let number = self.segment.number;
        let of_group = |op: &Op| Some((op.place.filter(|place| place.segment == number)?, op.head_crc()?));
        let mut records: Vec<_> = commit.ops.iter().filter_map(of_group).collect();
        records.sort_unstable_by_key(|(place, _)| place.record);
        for (place, head_crc) in records {
            self.skip_to(u64::from(place.record));
            self.record(place, head_crc)?;
        }
        // Without the end of the first record, that of a commit without records has no known beginning.
        if let Some(begin) = self.end
            && !self.is_commit(begin, end, commit)?
        {
            self.damaged.push((SegmentPart::Commit, begin, None));
        }
        self.end = Some(end);
        Ok(())
    }

    fn skip_to(&mut self, offset: u64) {
        if let Some(end) = self.end.filter(|end| *end != offset) {
            self.damaged.push((SegmentPart::Unknown, end, None));
        }
    }

    fn record(&mut self, place: Place, head_crc: u32) -> io::Result<()> {
        let (begin, content, content_end) = (u64::from(place.record), place.content(), place.content_end());
        let mut damaged = |part, offset| self.damaged.push((part, offset, Some(place.record)));
        if self.window.get(begin, u64::from(place.head))?.map(crc32fast::hash) != Some(head_crc) {
            damaged(SegmentPart::Head, begin);
        }
        if self.window.crc(content, content_end)? != Some(place.crc) {
            damaged(SegmentPart::Content, content);
        }
        if self.window.get(content_end, RECORD_END.len() as u64)? != Some(RECORD_END) {
            damaged(SegmentPart::End, content_end);
        }
        self.end = Some(begin + place.record_bytes());
        Ok(())
    }

    fn is_commit(&mut self, begin: u64, end: u64, commit: &Commit) -> io::Result<bool> {
        let Some(length) =
            end.checked_sub(begin).filter(|length| *length <= segment::COMMIT_RECORD_BYTES_MAX)
        else {
            return Ok(false);
        };
        let Some(record) = self.window.get(begin, length)? else { return Ok(false) };
        let content = warc::split_record(record)
            .filter(|_| warc::is_whole_record(record))
            .and_then(|(_, block)| unseal(block, &self.segment.key, begin));
        Ok(content.and_then(Commit::from_bytes).as_ref() == Some(commit))
    }
}

impl Window<'_> {
    /// Returns bytes of the file, or `None` if it ends before.
    fn get(&mut self, offset: u64, length: u64) -> io::Result<Option<&[u8]>> {
        let length = length as usize;
        let is_there = |window: &Self| {
            let from = usize::try_from(offset.checked_sub(window.offset)?).ok()?;
            (from.checked_add(length)? <= window.bytes.len()).then_some(from)
        };
        if is_there(self).is_none() {
            self.bytes.resize(length.max(WINDOW_BYTES), 0);
            let filled = read_up_to(self.file, &mut self.bytes, offset)?;
            self.bytes.truncate(filled);
            self.offset = offset;
        }
        Ok(is_there(self).map(|from| &self.bytes[from..from + length]))
    }

    /// Returns the CRC-32 of the bytes between two offsets, or `None` if the file ends before.
    fn crc(&mut self, mut from: u64, to: u64) -> io::Result<Option<u32>> {
        let mut hasher = crc32fast::Hasher::new();
        while from < to {
            let length = (to - from).min(WINDOW_BYTES as u64);
            let Some(bytes) = self.get(from, length)? else { return Ok(None) };
            hasher.update(bytes);
            from += length;
        }
        Ok(Some(hasher.finalize()))
    }
}

impl fmt::Display for SegmentDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at byte {}", self.file.display(), self.part, self.offset)?;
        match (&self.blob, self.part) {
            (Some(blob), _) => write!(f, ", {}", blob.relative_path().display()),
            (None, SegmentPart::Head | SegmentPart::Content | SegmentPart::End) => {
                f.write_str(", no longer needed")
            }
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for SegmentPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Segment => "no readable segment",
            Self::Info => "first record changed",
            Self::Head => "head of a record changed",
            Self::Content => "content of a record changed",
            Self::End => "line ends after a record changed",
            Self::Commit => "record of a commit changed",
            Self::Unknown => "bytes of no known record",
            Self::Index => "index log wrong",
        })
    }
}
