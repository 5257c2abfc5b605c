//! The newest commit groups, on their way to the database.
//!
//! A commit appends its group to `queue/tail` and forces that to the medium: one write and one fdatasync over blocks that
//! are there already, where a commit to sled takes two threads, several writes and rewritten pages. When the tail is full,
//! what of it still counts is folded into the database, and the tail begins anew at the start of the file. Most of what
//! passes through a queue is over by then and never gets there.
//!
//! The file is records one after another: length of the group (u32), CRC-32 over the number of the last folded group (u64)
//! and all that follows (u32), number of the group (u64), number of the last group that was safe on the medium when this
//! one was written (u64), all little-endian; then the group. The first record has the number after the last that is
//! folded, each further one the next. What is left of an earlier round, acknowledged or not, has another checksum. A
//! record that is not whole was never acknowledged, and ends the tail; but where one behind it says that it was safe, the
//! file is damaged.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::RangeInclusive,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, safe_file};

/// How long the tail grows before it is folded.
const BYTES_FULL: u64 = 4 << 20;
const HEADER_BYTES: usize = 24;
/// By how much the file grows at a time: what is written over blocks that are there takes one flush of the medium, what
/// makes a file longer takes the file system's journal too.
const GROWTH: usize = 256 << 10;
/// How far ahead a number may be to be taken for one of this round.
const NUMBERS_AHEAD_MAX: u64 = 1 << 20;

/// Whether a commit must be forced to the medium before it is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fsync {
    /// It must survive the death of this process, not that of the machine.
    #[default]
    No,
    /// It must survive both, where durability is [`Durability::Power`].
    Yes,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Wal {
    path: PathBuf,
    durability: Durability,
    file: Option<File>,
    at: u64,
    length: u64,
    /// The last group that was folded when this round began.
    folded: u64,
    /// How long it grows before it is folded.
    pub(crate) bytes_full: u64,
    /// The last group that is safe.
    forced: u64,
    /// fdatasyncs so far.
    pub(crate) syncs: u64,
}

impl Wal {
    /// The tail in this directory. Touches nothing.
    pub(crate) fn of(directory: &Path, durability: Durability) -> Self {
        Self {
            path: directory.join("tail"),
            durability,
            file: None,
            at: 0,
            length: 0,
            folded: 0,
            bytes_full: BYTES_FULL,
            forced: 0,
            syncs: 0,
        }
    }

    /// Whether anything was ever written here.
    pub(crate) fn exists(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.len() > 0)
    }

    /// The groups that follow upon the last folded one, with their numbers.
    ///
    /// # Errors
    /// Those of the file system; [`io::ErrorKind::InvalidData`] where the file is damaged.
    pub(crate) fn read(&self, folded: u64) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let bytes = match safe_file::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let (mut groups, mut rest) = (Vec::new(), &bytes[..]);
        let mut next = folded + 1;
        while let Some(Record { group, .. }) = record(rest, folded, next..=next) {
            groups.push((next, group.to_vec()));
            rest = &rest[HEADER_BYTES + group.len()..];
            next += 1;
        }
        let vouches = |bytes| {
            record(bytes, folded, next..=next + NUMBERS_AHEAD_MAX).is_some_and(|later| later.forced >= next)
        };
        if (0..rest.len()).any(|at| vouches(&rest[at..])) {
            let why = format!("commit group {next} in '{}' is damaged", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(groups)
    }

    /// Opens it for writing, at its start; everything in it must have been folded.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(&mut self, folded: u64) -> io::Result<()> {
        let options = &mut OpenOptions::new();
        let file = safe_file::open_with(&self.path, options.create(true).truncate(false).write(true))?;
        if self.durability == Durability::Power {
            file.sync_all()?;
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        self.length = file.metadata()?.len();
        self.file = Some(file);
        self.restart(folded);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn write_to(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Begins anew at the start of the file, since everything up to this group was folded.
    pub(crate) const fn restart(&mut self, folded: u64) {
        (self.at, self.folded) = (0, folded);
    }

    /// Whether so many bytes more fit.
    pub(crate) const fn has_room(&self, bytes: usize) -> bool {
        self.file.is_some() && self.at + bytes as u64 <= self.bytes_full
    }

    /// Appends a group.
    ///
    /// # Errors
    /// Those of the file system; the tail must not be used any more.
    pub(crate) fn append(&mut self, number: u64, group: &[u8], force: Fsync) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut record = Vec::with_capacity(HEADER_BYTES + group.len());
        record.extend_from_slice(&crate::log::entry::place(group.len()).to_le_bytes());
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&self.forced.to_le_bytes());
        record.extend_from_slice(group);
        let checksum = checksum(self.folded, &record[8..]);
        record[4..8].copy_from_slice(&checksum.to_le_bytes());
        let end = self.at + record.len() as u64;
        if end > self.length {
            let zeros = vec![0; GROWTH + record.len()];
            match file.write_all_at(&zeros, self.length) {
                Ok(()) => self.length += zeros.len() as u64,
                // There may be room for the record all the same.
                Err(_) => file.set_len(self.length)?,
            }
        }
        file.write_all_at(&record, self.at)?;
        self.at = end;
        self.length = self.length.max(end);
        if force == Fsync::Yes && self.durability == Durability::Power {
            self.syncs += 1;
            file.sync_data()?;
            self.forced = number;
        }
        Ok(())
    }
}

struct Record<'a> {
    group: &'a [u8],
    forced: u64,
}

fn checksum(folded: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&folded.to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

/// The record at the start of these bytes, if it is whole, of this round, and has one of these numbers.
fn record(bytes: &[u8], folded: u64, numbers: RangeInclusive<u64>) -> Option<Record<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (length, header) = header.split_first_chunk()?;
    let (written, header) = header.split_first_chunk()?;
    let (number, header) = header.split_first_chunk()?;
    if !numbers.contains(&u64::from_le_bytes(*number)) {
        return None;
    }
    let group = rest.get(..u32::from_le_bytes(*length) as usize)?;
    let checksum = checksum(folded, &bytes[8..HEADER_BYTES + group.len()]);
    let forced = u64::from_le_bytes(*header.first_chunk()?);
    (checksum == u32::from_le_bytes(*written)).then_some(Record { group, forced })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(numbers: RangeInclusive<u64>) -> (tempfile::TempDir, Wal) {
        let directory = tempfile::tempdir().unwrap();
        let mut tail = Wal::of(directory.path(), Durability::Power);
        tail.open(numbers.start() - 1).unwrap();
        for number in numbers {
            tail.append(number, &group(number), Fsync::Yes).unwrap();
        }
        (directory, tail)
    }

    fn group(number: u64) -> Vec<u8> {
        vec![u8::try_from(number).unwrap(); 10]
    }

    fn numbers(tail: &Wal, folded: u64) -> Vec<u64> {
        let groups = tail.read(folded).unwrap();
        assert!(groups.iter().all(|(number, bytes)| *bytes == group(*number)));
        groups.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn the_stored_bytes_of_a_tail_do_not_change() {
        let (_directory, mut tail) = written(6..=6);
        tail.restart(6);
        tail.append(7, &group(7), Fsync::Yes).unwrap();
        let mut golden =
            vec![10, 0, 0, 0, 234, 205, 132, 227, 7, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        golden.extend([7; 10]);
        assert_eq!(std::fs::read(&tail.path).unwrap()[..golden.len()], golden);
    }

    #[test]
    fn a_tail_goes_on_from_what_is_folded_and_forgets_earlier_rounds() {
        let (_directory, mut tail) = written(5..=9);
        assert_eq!(numbers(&tail, 4), [5, 6, 7, 8, 9]);
        assert!(numbers(&tail, 9).is_empty());
        tail.restart(9);
        tail.append(10, &group(10), Fsync::Yes).unwrap();
        tail.append(11, &group(11), Fsync::No).unwrap();
        assert_eq!(numbers(&tail, 9), [10, 11]);
        assert_eq!((tail.syncs, numbers(&tail, 11)), (6, vec![]));
    }

    #[test]
    fn a_record_that_is_cut_off_ends_the_tail_and_a_damaged_one_before_others_is_told() {
        let (_directory, tail) = written(1..=4);
        let bytes = std::fs::read(&tail.path).unwrap();
        let record = HEADER_BYTES + 10;
        for length in 3 * record..4 * record {
            std::fs::write(&tail.path, &bytes[..length]).unwrap();
            assert_eq!(numbers(&tail, 0), [1, 2, 3], "{length}");
        }
        for flipped in record..2 * record {
            let mut damaged = bytes.clone();
            damaged[flipped] ^= 4;
            std::fs::write(&tail.path, damaged).unwrap();
            assert_eq!(tail.read(0).unwrap_err().kind(), io::ErrorKind::InvalidData, "{flipped}");
        }
    }

    #[test]
    fn a_record_of_a_round_that_was_lost_is_not_taken_for_one_of_this() {
        let (_directory, mut tail) = written(1..=4);
        let behind = 3 * (HEADER_BYTES + 10) - HEADER_BYTES;
        tail.restart(2);
        tail.append(3, &vec![3; behind], Fsync::Yes).unwrap();
        let groups = tail.read(2).unwrap();
        assert_eq!(groups, [(3, vec![3; behind])], "number 4 lies right behind it");
    }

    #[test]
    fn a_record_that_was_not_yet_safe_may_be_missing_before_others() {
        let (_directory, mut tail) = written(1..=2);
        tail.append(3, &group(3), Fsync::No).unwrap();
        tail.append(4, &group(4), Fsync::Yes).unwrap();
        let mut bytes = std::fs::read(&tail.path).unwrap();
        bytes[3 * (HEADER_BYTES + 10) - 1] ^= 1;
        std::fs::write(&tail.path, bytes).unwrap();
        assert_eq!(numbers(&tail, 0), [1, 2]);
    }
}
