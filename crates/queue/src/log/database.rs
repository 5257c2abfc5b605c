//! Where the log is written: a sled database that survives power loss.
//!
//! sled 0.34.7 alone does not: `flush` does not fsync, values above a size go to files it never fsyncs, and opening
//! renames files that were never synced. Three rules make it safe:
//!
//! 1. **Write** = one batch, `flush`, then fdatasync of the data file through an own handle, before anything else is
//!    written. After a failed fsync nothing is acknowledged any more.
//! 2. **Small values**: every value is written as chunks of at most 6,500 bytes.
//! 3. **Copy and switch at every start**: the newest `db.N` is copied, the copy opened, read whole, flushed and synced
//!    file by file, and only then renamed to `db.N+1`. Whatever happens meanwhile, `db.N` is untouched.
//!
//! Keys: `g` + number of the group (u64) + part (u16), big-endian: the chunks of a group, packed by LZ4 with its length
//! before it (u32, little-endian) · `m`: the last group that counts
//! (u64, big-endian) · others: settings, one small value each. Groups after `m` were cut off while they were written; what
//! they hold is in the tail.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    io,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, machine::MachineFailure, queue::QueueError, safe_file};

use crate::{
    log::chunks::{self, CHUNK_BYTES, Joined},
    log::manifest::Manifest,
};

/// Chunks that are written before they are forced to the medium: less than sled's buffers hold, so that no buffer
/// vouches for one that is not safe yet.
pub(crate) const CHUNKS_FORCED_MAX: usize = 16;
/// Chunks that are removed in one batch.
pub(crate) const CHUNKS_REMOVED_MAX: usize = 64;

const OPENING: &str = "db.opening";
const GROUP: u8 = b'g';
const FOLDED: &[u8] = b"m";

/// The open database.
#[derive(Debug)]
pub struct Database {
    tree: sled::Tree,
    db: sled::Db,
    data_file: File,
    pub(crate) durability: Durability,
    /// The run's `queue/`.
    directory: PathBuf,
    /// The databases that this one replaces; the newest is what it was copied from.
    replaced: BTreeMap<u64, PathBuf>,
    /// The group that was read last, with its number; 0 for none.
    unpacked: RefCell<(u64, Vec<u8>)>,
    /// fdatasyncs so far.
    pub(crate) syncs: u64,
}

/// What a group has become on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupChunks {
    /// Its chunks.
    pub(crate) parts: u16,
    /// Of its packed bytes.
    pub(crate) checksum: u32,
}

/// A commit group as it lies on the disk.
#[derive(Debug)]
pub(crate) struct StoredGroup {
    pub(crate) number: u64,
    pub(crate) parts: u16,
    pub(crate) content: Joined,
}

fn chunk_key(group: u64, part: u16) -> [u8; 11] {
    let mut key = [GROUP; 11];
    key[1..9].copy_from_slice(&group.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

impl Database {
    /// Opens a copy of the newest database below `directory`, or a new one. The caller must hold the queue's lock, read
    /// the copy whole, check it, and switch to it: [`Ledger::load`](crate::ledger::Ledger::load).
    ///
    /// # Errors
    /// [`QueueError::DiskFull`]; [`QueueError::Damaged`] where the database does not open; it is left as it is.
    pub fn open(directory: &Path, durability: Durability) -> Result<Self, QueueError> {
        let replaced = generations(directory).map_err(|error| failed("read", directory, &error))?;
        let opening = directory.join(OPENING);
        remove_tree(&opening)?;
        let newest = replaced.last_key_value().map(|(_, path)| path.clone());
        match &newest {
            Some(current) => copy_database(current, &opening)?,
            None => fs::create_dir(&opening).map_err(|error| failed("create", &opening, &error))?,
        }
        let (tree, db) = open_sled(&opening).map_err(|failure| failure.of(newest.as_deref()))?;
        if newest.is_some() && !db.was_recovered() {
            return Err(damaged(newest.as_deref(), "it opens empty"));
        }
        let data_file =
            safe_file::open(&opening.join("db")).map_err(|error| failed("open", &opening, &error))?;
        let directory = directory.to_owned();
        let unpacked = RefCell::default();
        Ok(Self { tree, db, data_file, durability, directory, replaced, unpacked, syncs: 0 })
    }

    /// Puts the copy in the place of what it was copied from, once it was read whole and the tail was folded into it.
    ///
    /// # Errors
    /// As [`write_group`](Self::write_group); [`QueueError::Damaged`] where groups are missing. What it was copied from is
    /// untouched then.
    pub(crate) fn switch(&mut self, folded: u64) -> Result<(), QueueError> {
        let opening = self.directory.join(OPENING);
        self.db.flush().map_err(|error| sled_failed(&error))?;
        Manifest::Open { folded }.write(&opening).map_err(|error| failed("seal", &opening, &error))?;
        sync_tree(&opening, self.durability).map_err(|error| failed("sync", &opening, &error))?;
        let next = self.serving();
        fs::rename(&opening, &next).map_err(|error| failed("rename", &opening, &error))?;
        sync(&self.directory, self.durability).map_err(|error| failed("sync", &self.directory, &error))?;
        for old in self.replaced.values() {
            remove_tree(old)?;
        }
        self.syncs = 0;
        Ok(())
    }

    /// Whether there was no database before.
    pub(crate) fn is_new(&self) -> bool {
        self.replaced.is_empty()
    }

    /// Compares what was copied with its seal.
    ///
    /// # Errors
    /// [`QueueError::Damaged`] where something is missing.
    pub(crate) fn check(&self, folded: u64, checksums: &BTreeMap<u64, u32>) -> Result<(), QueueError> {
        if self.is_new() {
            return Ok(());
        }
        match Manifest::read(&self.directory.join(OPENING)) {
            Ok(seal) => seal.check(folded, checksums).map_err(|why| self.damaged(why)),
            Err(error) if MachineFailure::from_own_io(&error).is_some() => {
                Err(failed("read the seal in", &self.directory.join(OPENING), &error))
            }
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    fn serving(&self) -> PathBuf {
        let number = self.replaced.last_key_value().map_or(1, |(number, _)| number + 1);
        self.directory.join(format!("db.{number}"))
    }

    /// Says of what it was opened from that it is damaged.
    pub(crate) fn damaged(&self, why: &str) -> QueueError {
        damaged(self.replaced.last_key_value().map(|(_, path)| path.as_path()), why)
    }

    /// Returns the error for a failed read of sled: a condition of the machine, or damage.
    fn unreadable(&self, error: &sled::Error) -> QueueError {
        if is_of_the_machine(error) { sled_failed(error) } else { self.damaged(&error.to_string()) }
    }

    /// Writes a group. It counts only once [`fold`](Self::fold) says so.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: this value must not be used any more.
    pub(crate) fn write_group(&mut self, number: u64, group: &[u8]) -> Result<GroupChunks, QueueError> {
        let packed = lz4_flex::compress_prepend_size(group);
        let framed = chunks::frame(&packed);
        let parts: Vec<_> = (0_u16..).zip(framed.chunks(CHUNK_BYTES)).collect();
        for some in parts.chunks(CHUNKS_FORCED_MAX) {
            let mut batch = sled::Batch::default();
            for (part, chunk) in some {
                batch.insert(&chunk_key(number, *part)[..], *chunk);
            }
            self.apply(batch)?;
        }
        let count = u16::try_from(parts.len()).expect("groups are bounded to some thousand chunks");
        Ok(GroupChunks { parts: count, checksum: crc32fast::hash(&packed) })
    }

    /// Says, in one step, that groups up to this one count, sets settings, and removes groups (number and chunks, at most
    /// [`CHUNKS_REMOVED_MAX`] in all unless one alone has more).
    ///
    /// # Errors
    /// As [`write_group`](Self::write_group).
    pub(crate) fn fold(
        &mut self,
        folded: u64,
        settings: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        removed: &[(u64, u16)],
    ) -> Result<(), QueueError> {
        let mut batch = sled::Batch::default();
        batch.insert(FOLDED, &folded.to_be_bytes());
        for (key, value) in settings {
            batch.insert(key, value);
        }
        for (number, parts) in removed {
            (0..*parts).for_each(|part| batch.remove(&chunk_key(*number, part)[..]));
        }
        self.apply(batch)
    }

    /// The last group that counts.
    pub(crate) fn folded(&self) -> Result<u64, QueueError> {
        let stored = self.tree.get(FOLDED).map_err(|error| self.unreadable(&error))?;
        let number = |bytes: sled::IVec| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?));
        stored.map_or(Some(0), number).ok_or_else(|| self.damaged("it does not say how far it goes"))
    }

    fn apply(&mut self, batch: sled::Batch) -> Result<(), QueueError> {
        self.tree.apply_batch(batch).map_err(|error| sled_failed(&error))?;
        self.force()
    }

    /// Forces everything to the medium. Nothing may be written on top of what is not: sled says in each buffer how far
    /// the ones before are safe, and takes a log that breaks such a promise for damaged.
    fn force(&mut self) -> Result<(), QueueError> {
        self.db.flush().map_err(|error| sled_failed(&error))?;
        if self.durability == Durability::Power {
            self.syncs += 1;
            self.data_file.sync_data().map_err(|error| failed("sync", Path::new("queue/db"), &error))?;
        }
        Ok(())
    }

    /// Where the run's queue lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Seals it at a good end.
    ///
    /// # Errors
    /// As [`write_group`](Self::write_group). What was acknowledged is safe all the same.
    pub(crate) fn close(&mut self, folded: u64, checksums: &BTreeMap<u64, u32>) -> Result<(), QueueError> {
        let path = self.serving();
        Manifest::closed(folded, checksums)
            .write(&path)
            .and_then(|()| sync(&path, self.durability))
            .map_err(|error| failed("seal", &path, &error))
    }

    /// All groups in the order of their numbers.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Result<StoredGroup, QueueError>> + use<'_> {
        let mut items = self.tree.scan_prefix([GROUP]).peekable();
        std::iter::from_fn(move || {
            let (first, chunk) = match items.next()? {
                Ok(item) => item,
                Err(error) => return Some(Err(self.unreadable(&error))),
            };
            let mut parts = vec![chunk];
            while let Some(Ok((_, chunk))) =
                items.next_if(|item| item.as_ref().is_ok_and(|(key, _)| key[..9] == first[..9]))
            {
                parts.push(chunk);
            }
            Some(self.stored(&first, &parts))
        })
    }

    fn stored(&self, first: &[u8], parts: &[sled::IVec]) -> Result<StoredGroup, QueueError> {
        let named = first.get(1..9).and_then(|number| Some(u64::from_be_bytes(number.try_into().ok()?)));
        let number = named.ok_or_else(|| self.damaged("a key in it has the wrong length"))?;
        let content =
            unpack(parts).map_err(|why| self.damaged(&format!("commit group {number} is damaged: {why}")))?;
        let parts = u16::try_from(parts.len()).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(StoredGroup { number, parts, content })
    }

    /// Bytes of a group that is known to be whole. Neighbours are often read one after another, so the group of the last
    /// ones stays unpacked.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where they are not there.
    pub(crate) fn read(&self, group: u64, offset: u32, length: u32) -> Result<Vec<u8>, QueueError> {
        let mut unpacked = self.unpacked.borrow_mut();
        if unpacked.0 != group {
            *unpacked = (group, self.group(group)?);
        }
        let bytes = unpacked.1.get(offset as usize..).and_then(|rest| rest.get(..length as usize));
        bytes
            .map(<[u8]>::to_vec)
            .ok_or_else(|| QueueError::Broken(format!("commit group {group} is shorter than it was")))
    }

    /// A group, whole.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where it is not there any more, or damaged.
    pub(crate) fn group(&self, group: u64) -> Result<Vec<u8>, QueueError> {
        let mut parts = Vec::new();
        for item in self.tree.scan_prefix(&chunk_key(group, 0)[..9]) {
            parts.push(item.map_err(|error| sled_failed(&error))?.1);
        }
        match unpack(&parts) {
            Ok(Joined::Complete(bytes, _)) => Ok(bytes),
            Ok(Joined::Partial) => Err(QueueError::Broken(format!("commit group {group} is not whole"))),
            Err(why) => Err(QueueError::Broken(format!("commit group {group} is damaged: {why}"))),
        }
    }

    /// All settings: key and value.
    pub(crate) fn settings(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), QueueError>> + use<'_> {
        let items = [self.tree.range(..[GROUP]), self.tree.range([GROUP + 1]..)];
        let is_setting =
            |item: &sled::Result<(sled::IVec, _)>| !matches!(item, Ok((key, _)) if key == FOLDED);
        items.into_iter().flatten().filter(is_setting).map(|item| match item {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(self.unreadable(&error)),
        })
    }
}

/// Puts a group together again from its chunks.
fn unpack(parts: &[sled::IVec]) -> Result<Joined, String> {
    match chunks::join(parts.iter().map(AsRef::as_ref))? {
        Joined::Partial => Ok(Joined::Partial),
        Joined::Complete(packed, checksum) => {
            let bytes = lz4_flex::decompress_size_prepended(&packed).map_err(|error| error.to_string())?;
            Ok(Joined::Complete(bytes, checksum))
        }
    }
}

/// Why sled did not open.
enum NotOpened {
    /// A condition of the machine.
    Machine(sled::Error),
    Damaged(String),
}

impl NotOpened {
    fn of(self, from: Option<&Path>) -> QueueError {
        match self {
            Self::Machine(error) => sled_failed(&error),
            Self::Damaged(why) => damaged(from, &why),
        }
    }
}

fn open_sled(path: &Path) -> Result<(sled::Tree, sled::Db), NotOpened> {
    let config = sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(64 << 20)
        .segment_size(512 << 10)
        .flush_every_ms(None);
    // sled reports some kinds of damage by panicking.
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| {
        config.open().and_then(|db| Ok((db.open_tree("ledger")?, db)))
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) if is_of_the_machine(&error) => Err(NotOpened::Machine(error)),
        Ok(Err(error)) => Err(NotOpened::Damaged(error.to_string())),
        Err(_) => Err(NotOpened::Damaged("sled panicked while it read it".to_owned())),
    }
}

/// The databases below the directory, by number.
fn generations(directory: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.strip_prefix("db.")?.parse().ok());
        if let Some(number) = number {
            found.insert(number, entry.path());
        }
    }
    Ok(found)
}

/// Copies a database, leaving out what sled was generating when it was cut off.
fn copy_database(from: &Path, to: &Path) -> Result<(), QueueError> {
    copy_directory(from, to).map_err(|error| failed("copy", from, &error))?;
    let blobs = to.join("blobs");
    let has_blobs = blobs.exists()
        && fs::read_dir(&blobs).map_err(|error| failed("read", &blobs, &error))?.next().is_some();
    if has_blobs {
        return Err(damaged(Some(from), "it holds blob files, which juggle never makes"));
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    safe_file::must_be_directory(from)?;
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else if entry.path().extension().is_none_or(|extension| extension != "generating") {
            io::copy(&mut safe_file::open(&entry.path())?, &mut File::create_new(target)?)?;
        }
    }
    Ok(())
}

fn sync_tree(directory: &Path, durability: Durability) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path(), durability)?;
        } else {
            sync(&entry.path(), durability)?;
        }
    }
    sync(directory, durability)
}

fn sync(path: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Power => File::open(path)?.sync_all(),
        Durability::Process => Ok(()),
    }
}

fn remove_tree(path: &Path) -> Result<(), QueueError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> QueueError {
    let message = format!("cannot {what} '{}': {}", path.display(), MachineFailure::describe(error));
    match MachineFailure::from_own_io(error) {
        Some(MachineFailure::DiskFull) => QueueError::DiskFull(message),
        Some(_) | None => QueueError::Broken(message),
    }
}

fn sled_failed(error: &sled::Error) -> QueueError {
    match error {
        sled::Error::Io(io) => failed("write", Path::new("queue/db"), io),
        _ => QueueError::Broken(error.to_string()),
    }
}

/// Returns whether an error of sled is a condition of the machine. Such an error says nothing about the data
/// on the disk.
fn is_of_the_machine(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if MachineFailure::from_own_io(error).is_some())
}

fn damaged(from: Option<&Path>, why: &str) -> QueueError {
    let path = from.unwrap_or_else(|| Path::new("queue"));
    QueueError::Damaged(format!("'{}' cannot be read: {why}. It was left as it is", path.display()))
}
