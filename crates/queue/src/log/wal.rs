//! The write-ahead log: holds the newest commit groups until a checkpoint moves them to the database.
//!
//! A commit appends its group to the file `queue/tail` and forces it to the medium: one write and one
//! fdatasync over blocks that already exist, instead of the two threads, several writes and rewritten pages
//! of a commit to sled. When the file is full, a checkpoint moves the entries that still count to the
//! database, and the log begins again at the start of the file. Most jobs have ended by then and never reach
//! the database.
//!
//! The file holds one record after another. A record is, in little-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length of the group |
//! | 4 | CRC-32 over the number of the last checkpointed group (u64) and all bytes that follow this field |
//! | 8 | number of the group |
//! | 8 | number of the last group that was known to be on the medium when this one was written |
//! | … | the commit group |
//!
//! The first record has the number after the last checkpointed group, each further one the next number.
//! Records from before the checkpoint have another checksum. The first incomplete record ends the log: it was
//! never acknowledged. If a later record says that it had been on the medium, the file is damaged.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::RangeInclusive,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, safe_file};

use super::entry::offset_u32;

/// The name of the file. It stays as the first version of this format had it.
const FILE_NAME: &str = "tail";
/// The size at which a checkpoint is made.
const CAPACITY_BYTES: u64 = 4 << 20;
const HEADER_BYTES: usize = 24;
/// The number of bytes by which the file grows at a time. A write over blocks that already exist takes one
/// flush of the medium; one that makes the file longer takes the file system's journal too.
const GROWTH_BYTES: usize = 256 << 10;
/// The maximum distance from the next group's number to that of a later record. It bounds what garbage can
/// look like a record.
const NUMBERS_AHEAD_MAX: u64 = 1 << 20;

/// The choice to force a commit to the medium before it is acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fsync {
    /// It must survive the death of this process, not that of the machine.
    #[default]
    No,
    /// It must survive both, if durability is [`Durability::Power`].
    Yes,
}

/// The write-ahead log.
#[derive(Debug)]
pub(crate) struct Wal {
    path: PathBuf,
    durability: Durability,
    /// `None` until [`open`](Self::open).
    file: Option<File>,
    /// The offset of the next record.
    end: u64,
    file_bytes: u64,
    /// The last group that the latest checkpoint moved to the database.
    checkpoint: u64,
    /// The size at which a checkpoint is made.
    pub(crate) capacity_bytes: u64,
    /// The last group that is known to be on the medium.
    synced: u64,
    /// The number of fdatasyncs so far.
    pub(crate) syncs: u64,
}

impl Wal {
    /// Creates the log of a queue's directory. Does not touch the file.
    pub(crate) fn of(directory: &Path, durability: Durability) -> Self {
        Self {
            path: directory.join(FILE_NAME),
            durability,
            file: None,
            end: 0,
            file_bytes: 0,
            checkpoint: 0,
            capacity_bytes: CAPACITY_BYTES,
            synced: 0,
            syncs: 0,
        }
    }

    /// Returns whether there is a file that is not empty.
    pub(crate) fn exists(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.len() > 0)
    }

    /// Reads the commit groups after the last checkpointed one, with their numbers.
    ///
    /// # Errors
    /// Returns the errors of the file system, and [`io::ErrorKind::InvalidData`] if the file is damaged.
    pub(crate) fn read(&self, checkpoint: u64) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let bytes = match safe_file::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let (mut groups, mut rest) = (Vec::new(), &bytes[..]);
        let mut next = checkpoint + 1;
        while let Some(Record { group, .. }) = record(rest, checkpoint, next..=next) {
            groups.push((next, group.to_vec()));
            rest = &rest[HEADER_BYTES + group.len()..];
            next += 1;
        }
        // The bytes of a record that never reached the medium may be missing while later ones are there. So
        // any offset is tried: the length in a damaged header does not say where the next record begins.
        let proves_damage = |bytes| {
            record(bytes, checkpoint, next..=next + NUMBERS_AHEAD_MAX)
                .is_some_and(|later| later.synced >= next)
        };
        if (0..rest.len()).any(|at| proves_damage(&rest[at..])) {
            let why = format!("commit group {next} in '{}' is damaged", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(groups)
    }

    /// Opens the file for writing from its start. A checkpoint must have moved everything in it.
    ///
    /// # Errors
    /// Returns the errors of the file system.
    pub(crate) fn open(&mut self, checkpoint: u64) -> io::Result<()> {
        let options = &mut OpenOptions::new();
        let file = safe_file::open_with(&self.path, options.create(true).truncate(false).write(true))?;
        if self.durability == Durability::Power {
            // Appending forces bytes only, so the file's name must be on the medium before.
            file.sync_all()?;
            File::open(self.path.parent().expect("it is in the queue's directory"))?.sync_all()?;
        }
        self.file_bytes = file.metadata()?.len();
        self.file = Some(file);
        self.restart(checkpoint);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn write_to(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Begins again at the start of the file, after a checkpoint moved everything up to this group.
    pub(crate) const fn restart(&mut self, checkpoint: u64) {
        (self.end, self.checkpoint) = (0, checkpoint);
    }

    /// Returns whether a group of this size fits. Nothing fits before the file is open.
    pub(crate) const fn has_room(&self, bytes: usize) -> bool {
        self.file.is_some() && self.end + bytes as u64 <= self.capacity_bytes
    }

    /// Appends a commit group.
    ///
    /// # Errors
    /// Returns the errors of the file system. The log must not be used any more then: after a failed fsync,
    /// what the medium holds is unknown.
    pub(crate) fn append(&mut self, number: u64, group: &[u8], fsync: Fsync) -> io::Result<()> {
        let file = self.file.as_ref().expect("there is no room before the file is open");
        let mut record = Vec::with_capacity(HEADER_BYTES + group.len());
        record.extend_from_slice(&offset_u32(group.len()).to_le_bytes());
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&self.synced.to_le_bytes());
        record.extend_from_slice(group);
        let checksum = checksum(self.checkpoint, &record[8..]);
        record[4..8].copy_from_slice(&checksum.to_le_bytes());
        let end = self.end + record.len() as u64;
        if end > self.file_bytes {
            let zeros = vec![0; GROWTH_BYTES + record.len()];
            match file.write_all_at(&zeros, self.file_bytes) {
                Ok(()) => self.file_bytes += zeros.len() as u64,
                // A disk that is almost full may still have room for the record itself.
                Err(_) => file.set_len(self.file_bytes)?,
            }
        }
        file.write_all_at(&record, self.end)?;
        self.end = end;
        self.file_bytes = self.file_bytes.max(end);
        if fsync == Fsync::Yes && self.durability == Durability::Power {
            self.syncs += 1;
            file.sync_data()?;
            self.synced = number;
        }
        Ok(())
    }
}

/// The parts of a record that are not only for checking it.
struct Record<'a> {
    group: &'a [u8],
    synced: u64,
}

fn checksum(checkpoint: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&checkpoint.to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

/// Decodes the record at the start of `bytes`, if it is complete, written after this checkpoint, and has one
/// of these numbers.
fn record(bytes: &[u8], checkpoint: u64, numbers: RangeInclusive<u64>) -> Option<Record<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (length, header) = header.split_first_chunk()?;
    let (written, header) = header.split_first_chunk()?;
    let (number, header) = header.split_first_chunk()?;
    // Before the checksum, which takes longer: this is called for every offset of a file.
    if !numbers.contains(&u64::from_le_bytes(*number)) {
        return None;
    }
    let group = rest.get(..u32::from_le_bytes(*length) as usize)?;
    let checksum = checksum(checkpoint, &bytes[8..HEADER_BYTES + group.len()]);
    let synced = u64::from_le_bytes(*header.first_chunk()?);
    (checksum == u32::from_le_bytes(*written)).then_some(Record { group, synced })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(numbers: RangeInclusive<u64>) -> (tempfile::TempDir, Wal) {
        let directory = tempfile::tempdir().unwrap();
        let mut wal = Wal::of(directory.path(), Durability::Power);
        wal.open(numbers.start() - 1).unwrap();
        for number in numbers {
            wal.append(number, &group(number), Fsync::Yes).unwrap();
        }
        (directory, wal)
    }

    fn group(number: u64) -> Vec<u8> {
        vec![u8::try_from(number).unwrap(); 10]
    }

    fn numbers(wal: &Wal, checkpoint: u64) -> Vec<u64> {
        let groups = wal.read(checkpoint).unwrap();
        assert!(groups.iter().all(|(number, bytes)| *bytes == group(*number)));
        groups.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn the_stored_bytes_of_the_log_do_not_change() {
        let (_directory, mut wal) = written(6..=6);
        wal.restart(6);
        wal.append(7, &group(7), Fsync::Yes).unwrap();
        let mut golden =
            vec![10, 0, 0, 0, 234, 205, 132, 227, 7, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        golden.extend([7; 10]);
        assert_eq!(std::fs::read(&wal.path).unwrap()[..golden.len()], golden);
    }

    #[test]
    fn the_log_goes_on_after_a_checkpoint_and_forgets_what_was_before() {
        let (_directory, mut wal) = written(5..=9);
        assert_eq!(numbers(&wal, 4), [5, 6, 7, 8, 9]);
        assert!(numbers(&wal, 9).is_empty());
        wal.restart(9);
        wal.append(10, &group(10), Fsync::Yes).unwrap();
        wal.append(11, &group(11), Fsync::No).unwrap();
        assert_eq!(numbers(&wal, 9), [10, 11]);
        assert_eq!((wal.syncs, numbers(&wal, 11)), (6, vec![]));
    }

    #[test]
    fn a_record_that_is_cut_off_ends_the_log_and_a_damaged_one_before_others_is_reported() {
        let (_directory, wal) = written(1..=4);
        let bytes = std::fs::read(&wal.path).unwrap();
        let record = HEADER_BYTES + 10;
        for length in 3 * record..4 * record {
            std::fs::write(&wal.path, &bytes[..length]).unwrap();
            assert_eq!(numbers(&wal, 0), [1, 2, 3], "{length}");
        }
        for flipped in record..2 * record {
            let mut damaged = bytes.clone();
            damaged[flipped] ^= 4;
            std::fs::write(&wal.path, damaged).unwrap();
            assert_eq!(wal.read(0).unwrap_err().kind(), io::ErrorKind::InvalidData, "{flipped}");
        }
    }

    #[test]
    fn a_record_from_before_a_checkpoint_is_not_read() {
        let (_directory, mut wal) = written(1..=4);
        let behind = 3 * (HEADER_BYTES + 10) - HEADER_BYTES;
        wal.restart(2);
        wal.append(3, &vec![3; behind], Fsync::Yes).unwrap();
        let groups = wal.read(2).unwrap();
        assert_eq!(groups, [(3, vec![3; behind])], "number 4 lies right behind it");
    }

    #[test]
    fn a_record_that_was_not_yet_forced_may_be_missing_before_others() {
        let (_directory, mut wal) = written(1..=2);
        wal.append(3, &group(3), Fsync::No).unwrap();
        wal.append(4, &group(4), Fsync::Yes).unwrap();
        let mut bytes = std::fs::read(&wal.path).unwrap();
        bytes[3 * (HEADER_BYTES + 10) - 1] ^= 1;
        std::fs::write(&wal.path, bytes).unwrap();
        assert_eq!(numbers(&wal, 0), [1, 2]);
    }
}
