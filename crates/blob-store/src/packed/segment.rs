//! Segment files: `segments/00001.warc`, numbered without an order that matters.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use flow::{locked_file::LockedFile, safe_file, temporary};

use super::{
    commit::{Commit, SegmentKey},
    error::GroupError,
    index_log::{self, IndexLog},
    search,
    warc::{self, HEAD_BYTES_MAX, SegmentInfo},
};

/// The size at which a segment takes no further group, in bytes.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// The maximum length of the record of a commit, in bytes.
pub(super) const COMMIT_RECORD_BYTES_MAX: u64 = (index_log::COMMIT_BYTES_MAX + HEAD_BYTES_MAX) as u64;
/// The number of bytes that are read at a time.
const PART_BYTES: u64 = 1 << 20;

/// A segment that can be read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) key: SegmentKey,
    /// The end of its first record, or `None` if that is damaged. Nothing is appended to such a segment.
    pub(super) info_end: Option<u64>,
}

impl Segment {
    /// Opens a segment for reading. Returns `None` if the file is no segment.
    ///
    /// The key stands in the first record, and once more in the index log. If one of them is damaged, the
    /// other counts.
    pub(super) fn open(directory: &Path, number: u32) -> io::Result<Option<Self>> {
        let path = directory.join(file_name(number));
        let file = safe_file::open(&path)?;
        let mut start = vec![0; HEAD_BYTES_MAX];
        let length = read_up_to(&file, &mut start, 0)?;
        let info = SegmentInfo::read(&start[..length]);
        let in_log = index_log::read_key(directory, number)?;
        let with = |key, info_end| Self { number, path, file, key, info_end };
        Ok(match (info, in_log) {
            (None, None) => None,
            (None, Some(key)) => Some(with(key, None)),
            (Some(SegmentInfo { key, end }), Some(other)) if key != other => {
                let first = with(key, Some(end));
                let has_commits = !search::commits_from(&first, 0)?.is_empty();
                Some(if has_commits { first } else { Self { key: other, info_end: None, ..first } })
            }
            (Some(SegmentInfo { key, end }), _) => Some(with(key, Some(end))),
        })
    }

    /// Creates an empty segment durably, with a number that no other segment has, and locks it for writing.
    pub(super) fn create(directory: &Path, date: &str) -> Result<(Self, LockedFile), GroupError> {
        let at = |error| GroupError::At(directory.to_owned(), error);
        let unsynced = |error| GroupError::Sync(directory.to_owned(), error);
        let mut key = SegmentKey::default();
        getrandom::fill(&mut key).map_err(|error| at(io::Error::other(error)))?;
        let mut number = numbers(directory).map_err(at)?.last().map_or(1, |last| last + 1);
        loop {
            let name = file_name(number);
            let path = directory.join(&name);
            let temporary = temporary::create(directory, &format!(".{name}."), ".tmp").map_err(at)?;
            let info = warc::segment_info(&name, &key, date);
            temporary.as_file().write_all_at(&info, 0).map_err(at)?;
            temporary.as_file().sync_all().map_err(unsynced)?;
            match temporary.persist_noclobber(&path) {
                Ok(file) => {
                    File::open(directory).map_err(at)?.sync_all().map_err(unsynced)?;
                    // It was locked before it had its name.
                    let locked = LockedFile::try_lock(file).map_err(at)?;
                    let locked = locked.ok_or_else(|| at(ErrorKind::ResourceBusy.into()))?;
                    let file = safe_file::open(&path).map_err(at)?;
                    let segment = Self { number, path, file, key, info_end: Some(info.len() as u64) };
                    return Ok((segment, locked));
                }
                // Another process was faster.
                Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(failed) => return Err(at(failed.error)),
            }
        }
    }

    /// Returns the end of the first record, if that is as it was written.
    pub(super) fn whole_info_end(&self) -> io::Result<Option<u64>> {
        let Some(end) = self.info_end else { return Ok(None) };
        let mut info = vec![0; end as usize];
        let length = read_up_to(&self.file, &mut info, 0)?;
        Ok((length == info.len() && warc::is_whole_record(&info)).then_some(end))
    }

    /// Reads bytes at an offset.
    pub(super) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    /// Passes the bytes between two offsets to `take`, in parts.
    pub(super) fn each_part(&self, mut from: u64, to: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut part = vec![0; PART_BYTES.min(to - from) as usize];
        while from < to {
            let length = (part.len() as u64).min(to - from) as usize;
            self.file.read_exact_at(&mut part[..length], from)?;
            take(&part[..length]);
            from += length as u64;
        }
        Ok(())
    }

    /// Passes each commit and its end to `take`, in order: those of the index log, and those that it does not
    /// have. Returns the log.
    pub(super) fn each_commit(
        &self,
        directory: &Path,
        mut take: impl FnMut(u64, &Commit),
    ) -> io::Result<Option<IndexLog>> {
        let mut log = IndexLog::open(directory, self.number, &self.key)?;
        if let Some(log) = &mut log {
            log.follow(|end, commit| take(end, &commit))?;
        }
        let missing = search::commits_from(self, log.as_ref().map_or(0, |log| log.segment_end))?;
        missing.iter().for_each(|found| take(found.end, &found.commit));
        Ok(log)
    }
}

/// Returns the file name of a segment.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:05}.warc")
}

/// Returns the path of the index log of a segment.
pub(super) fn index_path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:05}.index"))
}

/// Returns the numbers of the segments in a directory, which need not exist, in ascending order.
pub(super) fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".warc")?.parse().ok());
        // "+1" and "1" are numbers, too, but no segment has these names.
        numbers.extend(number.filter(|number| *file_name(*number) == *name));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads at an offset until the buffer is full or the file ends, and returns the number of bytes.
pub(super) fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
