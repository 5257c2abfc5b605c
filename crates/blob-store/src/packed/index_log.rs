//! The index log of a segment: its commits once more, in a file of their own, so that no segment has to be
//! searched.
//!
//! It begins with the key of its segment. Each commit is a frame: length and CRC-32 (4 bytes each,
//! little-endian) of what follows, the offset in the segment at which the commit ends (8 bytes), the content
//! of the commit. A frame is written after the commit is durable, and never synced. So a log can be short or
//! end in garbage. It is read up to there, and the segment is searched for the rest.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use flow::safe_file;

use super::{
    commit::{Commit, SegmentKey},
    segment::{self, read_up_to},
};

/// The length of a frame before the content of its commit, in bytes.
const FRAME_HEAD_BYTES: usize = 16;
/// The maximum length of the content of a commit, in bytes.
pub(super) const COMMIT_BYTES_MAX: usize = 64 << 20;
const KEY_BYTES: u64 = blake3::KEY_LEN as u64;
/// The number of bytes read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Reads the key at the beginning of the index log of a segment, if there is a log.
pub(super) fn read_key(directory: &Path, number: u32) -> io::Result<Option<SegmentKey>> {
    Ok(open(directory, number)?.map(|(_, key)| key))
}

/// Opens the file of a log, and reads its key. Returns `None` if there is none, or not all of the key.
fn open(directory: &Path, number: u32) -> io::Result<Option<(File, SegmentKey)>> {
    let file = match safe_file::open(&segment::index_path(directory, number)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut key = SegmentKey::default();
    Ok((read_up_to(&file, &mut key, 0)? == key.len()).then_some((file, key)))
}

/// Returns whether a segment has an index log, readable or not.
pub(super) fn exists(directory: &Path, number: u32) -> io::Result<bool> {
    match segment::index_path(directory, number).symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    }
}

/// Reads an index log, which may grow.
#[derive(Debug)]
pub(super) struct IndexLog {
    file: File,
    /// The end of the last whole frame.
    end: u64,
    /// The length of the file when it was last read.
    seen: u64,
    /// The end of the last commit in the segment.
    pub(super) segment_end: u64,
}

impl IndexLog {
    /// Opens the log of a segment. Returns `None` if there is none, or if it is that of another segment.
    pub(super) fn open(directory: &Path, number: u32, key: &SegmentKey) -> io::Result<Option<Self>> {
        let ours = open(directory, number)?.filter(|(_, found)| found == key);
        Ok(ours.map(|(file, _)| Self { file, end: KEY_BYTES, seen: 0, segment_end: 0 }))
    }

    /// Passes the commits of all frames that are new since the last time to `take`, with their ends in the
    /// segment.
    pub(super) fn follow(&mut self, mut take: impl FnMut(u64, Commit)) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.seen = length;
        let mut window = Vec::new();
        while self.end < length {
            window.resize(WINDOW_BYTES.min((length - self.end) as usize), 0);
            let filled = read_up_to(&self.file, &mut window, self.end)?;
            let taken = self.take_frames(&window[..filled], &mut take);
            if taken > 0 {
                continue;
            }
            // A frame that is longer than the window, or not whole.
            let Some(whole) = frame_length(&window[..filled]).filter(|whole| *whole > filled) else { break };
            window.resize(whole, 0);
            let filled = read_up_to(&self.file, &mut window, self.end)?;
            if self.take_frames(&window[..filled], &mut take) == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes all whole frames at the beginning of these bytes, and returns their number.
    fn take_frames(&mut self, mut bytes: &[u8], take: &mut impl FnMut(u64, Commit)) -> usize {
        let mut taken = 0;
        while let Some((segment_end, commit, length)) = read_frame(bytes) {
            take(segment_end, commit);
            self.segment_end = segment_end;
            self.end += length as u64;
            bytes = &bytes[length..];
            taken += 1;
        }
        taken
    }

    /// Returns the offset after the last whole frame, if something follows it.
    pub(super) fn unread_from(&self) -> io::Result<Option<u64>> {
        Ok((self.file.metadata()?.len() > self.end).then_some(self.end))
    }

    /// Returns whether the file has changed since it was last read.
    pub(super) fn has_changed(&self) -> io::Result<bool> {
        let found = self.file.metadata()?;
        Ok(found.len() != self.seen || found.nlink() == 0)
    }

    /// Returns whether another log has taken the place of this one.
    pub(super) fn is_replaced(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }
}

/// Appends to the index log of a segment, whose lock the process has.
#[derive(Debug)]
pub(super) struct IndexLogWriter {
    file: File,
    end: u64,
}

impl IndexLogWriter {
    /// Continues the log after the frames that `log` has read, and removes what follows these.
    pub(super) fn resume(directory: &Path, number: u32, log: &IndexLog) -> io::Result<Self> {
        let path = segment::index_path(directory, number);
        let file = safe_file::open_with(&path, File::options().read(true).write(true))?;
        file.set_len(log.end)?;
        Ok(Self { file, end: log.end })
    }

    /// Creates a log without frames, in place of one that cannot be used.
    pub(super) fn create(directory: &Path, number: u32, key: &SegmentKey) -> io::Result<Self> {
        let path = segment::index_path(directory, number);
        // Readers may have the old log open, so it is not emptied.
        safe_file::remove(&path)?;
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        file.write_all_at(key, 0)?;
        Ok(Self { file, end: KEY_BYTES })
    }

    /// Appends a commit that ends at an offset of the segment.
    pub(super) fn append(&mut self, segment_end: u64, content: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + content.len());
        frame.extend((8 + content.len() as u32).to_le_bytes());
        frame.extend([0; 4]);
        frame.extend(segment_end.to_le_bytes());
        frame.extend(content);
        let crc = crc32fast::hash(&frame[8..]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        if let Err(error) = self.file.write_all_at(&frame, self.end) {
            // A part of a frame would hide those after it.
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += frame.len() as u64;
        Ok(())
    }
}

fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (8..=COMMIT_BYTES_MAX).contains(&length).then_some(8 + length)
}

/// Returns the end of the commit in the segment, the commit, and the length of the frame.
fn read_frame(bytes: &[u8]) -> Option<(u64, Commit, usize)> {
    let length = frame_length(bytes)?;
    let frame = bytes.get(..length)?;
    let crc = u32::from_le_bytes(frame[4..8].try_into().ok()?);
    if crc32fast::hash(&frame[8..]) != crc {
        return None;
    }
    let segment_end = u64::from_le_bytes(frame[8..16].try_into().ok()?);
    Some((segment_end, Commit::from_bytes(&frame[FRAME_HEAD_BYTES..])?, length))
}
