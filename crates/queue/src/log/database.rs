//! The database that holds the log: sled, made safe against power loss.
//!
//! sled 0.34.7 alone is not: its `flush` does not fsync, values above a size go to files that it never
//! fsyncs, and opening renames files that were never synced. Three rules make it safe:
//!
//! 1. **Write**: one batch, `flush`, then fdatasync of the data file through a handle of our own, before
//!    anything else is written. After a failed fsync nothing is acknowledged any more.
//! 2. **Small values**: every value is written as chunks of at most 6,500 bytes.
//! 3. **Copy and switch at every start**: the newest `db.N` is copied. The copy is opened, read whole,
//!    flushed and synced file by file, and only then renamed to `db.N+1`. Until then `db.N` is untouched.
//!
//! Keys, in the tree `ledger`; they stay as the first version of this format had them:
//!
//! * `g`, the number of a commit group (u64) and the number of a chunk (u16), big-endian: the chunk. The
//!   group is packed by LZ4, after its length (u32, little-endian);
//! * `m`: the number of the last checkpointed group (u64, big-endian);
//! * others: settings.
//!
//! Groups after `m` were being written when their owner was killed. The write-ahead log holds what they hold.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, machine::MachineFailure, queue::QueueError, safe_file};

use super::{
    chunks::{self, CHUNK_BYTES, Joined},
    generations,
    group_cache::GroupCache,
    manifest::Manifest,
};
use crate::error::{damaged, storage_error};

/// The number of chunks that are written before they are forced to the medium. sled says in each of its
/// buffers how far the ones before are safe; so few chunks never fill a buffer.
const CHUNKS_FORCED_MAX: usize = 16;
/// The number of chunks that are removed in one batch.
pub(super) const CHUNKS_REMOVED_MAX: usize = 64;
/// The directory of the copy, until it becomes `db.N+1`.
const OPENING: &str = "db.opening";
const GROUP: u8 = b'g';
const CHECKPOINT: &[u8] = b"m";

/// The open database.
#[derive(Debug)]
pub struct Database {
    tree: sled::Tree,
    db: sled::Db,
    data_file: File,
    pub(crate) durability: Durability,
    /// The run's `queue/`.
    directory: PathBuf,
    /// The databases that this one replaces, by number. It was copied from the last.
    replaced: BTreeMap<u64, PathBuf>,
    cache: RefCell<GroupCache>,
    /// The number of fdatasyncs so far.
    pub(crate) syncs: u64,
}

/// The chunks of a commit group in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupChunks {
    pub(crate) count: u16,
    /// The checksum of the packed group.
    pub(crate) checksum: u32,
}

/// A commit group as it was read from the database.
#[derive(Debug)]
pub(crate) struct StoredGroup {
    pub(crate) number: u64,
    pub(crate) chunk_count: u16,
    pub(crate) content: Joined,
}

fn chunk_key(group: u64, chunk: u16) -> [u8; 11] {
    let mut key = [GROUP; 11];
    key[1..9].copy_from_slice(&group.to_be_bytes());
    key[9..].copy_from_slice(&chunk.to_be_bytes());
    key
}

impl Database {
    /// Opens a copy of the newest database in the queue's `directory`, or a new database. The caller must
    /// hold the queue's lock, and give the database to [`Ledger::load`](crate::ledger::Ledger::load), which
    /// reads all of it and switches to it.
    ///
    /// # Errors
    /// Returns [`QueueError::Damaged`] if the database does not open, and [`QueueError::DiskFull`] or
    /// [`QueueError::Broken`] if it cannot be copied. The database is left as it is in each case.
    pub fn open(directory: &Path, durability: Durability) -> Result<Self, QueueError> {
        let replaced = generations::find(directory)?;
        let opening = directory.join(OPENING);
        // An earlier start may have been killed before it switched.
        generations::remove(&opening)?;
        let newest = replaced.last_key_value().map(|(_, path)| path.as_path());
        match newest {
            Some(newest) => generations::copy(newest, &opening)?,
            None => fs::create_dir(&opening).map_err(|error| storage_error("create", &opening, &error))?,
        }
        let (tree, db) = open_sled(&opening, newest)?;
        // sled takes a lost or cut file for a new database.
        if newest.is_some() && !db.was_recovered() {
            return Err(damaged(newest, "it opens empty"));
        }
        let data_file =
            safe_file::open(&opening.join("db")).map_err(|error| storage_error("open", &opening, &error))?;
        let directory = directory.to_owned();
        let cache = RefCell::default();
        Ok(Self { tree, db, data_file, durability, directory, replaced, cache, syncs: 0 })
    }

    /// Replaces the databases by this copy, after it was read whole and the write-ahead log was moved to it.
    ///
    /// # Errors
    /// Returns the errors of [`write_group`](Self::write_group). The replaced databases are untouched then.
    pub(crate) fn switch(&mut self, checkpoint: u64) -> Result<(), QueueError> {
        let opening = self.directory.join(OPENING);
        self.db.flush().map_err(|error| sled_error(&error))?;
        Manifest::Open { checkpoint }
            .write(&opening)
            .map_err(|error| storage_error("write the manifest of", &opening, &error))?;
        // All of the copy must be on the medium before its new name is, and that name before the old ones go.
        generations::sync_tree(&opening, self.durability)
            .map_err(|error| storage_error("sync", &opening, &error))?;
        let next = self.path();
        fs::rename(&opening, &next).map_err(|error| storage_error("rename", &opening, &error))?;
        generations::sync(&self.directory, self.durability)
            .map_err(|error| storage_error("sync", &self.directory, &error))?;
        // Also leftovers of starts that were killed before they removed them.
        for old in self.replaced.values() {
            generations::remove(old)?;
        }
        // The counter is for the owner's commits, and this was its start.
        self.syncs = 0;
        Ok(())
    }

    /// Returns whether there was no database before.
    pub(crate) fn is_new(&self) -> bool {
        self.replaced.is_empty()
    }

    /// Compares the copy with its manifest.
    ///
    /// # Errors
    /// Returns [`QueueError::Damaged`] if something is missing.
    pub(crate) fn check(&self, checkpoint: u64, checksums: &BTreeMap<u64, u32>) -> Result<(), QueueError> {
        if self.is_new() {
            return Ok(());
        }
        let opening = self.directory.join(OPENING);
        match Manifest::read(&opening) {
            Ok(manifest) => manifest.check(checkpoint, checksums).map_err(|why| self.damaged(why)),
            // An error such as too many open files says nothing about the manifest.
            Err(error) if MachineFailure::from_own_io(&error).is_some() => {
                Err(storage_error("read the manifest in", &opening, &error))
            }
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    /// Returns the path that this database has after [`switch`](Self::switch).
    fn path(&self) -> PathBuf {
        let number = self.replaced.last_key_value().map_or(1, |(number, _)| number + 1);
        self.directory.join(format!("db.{number}"))
    }

    /// Returns the error that the database from which this one was copied is damaged.
    pub(crate) fn damaged(&self, why: &str) -> QueueError {
        damaged(self.copied_from(), why)
    }

    fn copied_from(&self) -> Option<&Path> {
        self.replaced.last_key_value().map(|(_, path)| path.as_path())
    }

    /// Writes a commit group. It counts only after [`move_checkpoint`](Self::move_checkpoint).
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if it cannot be written or forced to the
    /// medium. The database must not be used any more then.
    pub(crate) fn write_group(&mut self, number: u64, group: &[u8]) -> Result<GroupChunks, QueueError> {
        let packed = lz4_flex::compress_prepend_size(group);
        let framed = chunks::frame(&packed);
        let numbered: Vec<_> = (0_u16..).zip(framed.chunks(CHUNK_BYTES)).collect();
        for some in numbered.chunks(CHUNKS_FORCED_MAX) {
            let mut batch = sled::Batch::default();
            for (chunk, bytes) in some {
                batch.insert(&chunk_key(number, *chunk)[..], *bytes);
            }
            self.apply(batch)?;
        }
        let count = u16::try_from(numbered.len()).expect("groups are bounded to some thousand chunks");
        Ok(GroupChunks { count, checksum: crc32fast::hash(&packed) })
    }

    /// Makes the groups up to `checkpoint` count, sets settings, and removes groups (given with the number of
    /// their chunks), in one step. The groups should have [`CHUNKS_REMOVED_MAX`] chunks in all, or be a
    /// single one.
    ///
    /// # Errors
    /// Returns the errors of [`write_group`](Self::write_group).
    pub(crate) fn move_checkpoint(
        &mut self,
        checkpoint: u64,
        settings: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        removed: &[(u64, u16)],
    ) -> Result<(), QueueError> {
        let mut batch = sled::Batch::default();
        batch.insert(CHECKPOINT, &checkpoint.to_be_bytes());
        for (key, value) in settings {
            batch.insert(key, value);
        }
        for (number, count) in removed {
            (0..*count).for_each(|chunk| batch.remove(&chunk_key(*number, chunk)[..]));
        }
        self.apply(batch)
    }

    /// Reads the number of the last group that counts.
    pub(crate) fn checkpoint(&self) -> Result<u64, QueueError> {
        let stored = self.tree.get(CHECKPOINT).map_err(|error| self.read_error(&error))?;
        let number = |bytes: sled::IVec| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?));
        // A new database has no mark.
        stored.map_or(Some(0), number).ok_or_else(|| self.damaged("it has no end marker"))
    }

    /// Applies a batch and forces it to the medium. Nothing may be written on top of what is not on the
    /// medium: sled says in each buffer how far the ones before are safe, and takes a file that breaks such a
    /// promise for damaged.
    fn apply(&mut self, batch: sled::Batch) -> Result<(), QueueError> {
        self.tree.apply_batch(batch).map_err(|error| sled_error(&error))?;
        self.db.flush().map_err(|error| sled_error(&error))?;
        if self.durability == Durability::Power {
            self.syncs += 1;
            self.data_file
                .sync_data()
                .map_err(|error| storage_error("sync", Path::new("queue/db"), &error))?;
        }
        Ok(())
    }

    /// Returns the run's `queue/`.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the manifest of a clean end.
    ///
    /// # Errors
    /// Returns the errors of [`write_group`](Self::write_group). Everything acknowledged is safe all the
    /// same.
    pub(crate) fn close(
        &mut self,
        checkpoint: u64,
        checksums: &BTreeMap<u64, u32>,
    ) -> Result<(), QueueError> {
        let path = self.path();
        Manifest::closed(checkpoint, checksums)
            .write(&path)
            .and_then(|()| generations::sync(&path, self.durability))
            .map_err(|error| storage_error("write the manifest of", &path, &error))
    }

    /// Reads all commit groups, in the order of their numbers.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Result<StoredGroup, QueueError>> + use<'_> {
        let mut items = self.tree.scan_prefix([GROUP]).peekable();
        std::iter::from_fn(move || {
            let (first, chunk) = match items.next()? {
                Ok(item) => item,
                Err(error) => return Some(Err(self.read_error(&error))),
            };
            // The chunks of a group are neighbours, in order: their keys are big-endian.
            let mut parts = vec![chunk];
            while let Some(Ok((_, chunk))) =
                items.next_if(|item| item.as_ref().is_ok_and(|(key, _)| key[..9] == first[..9]))
            {
                parts.push(chunk);
            }
            Some(self.stored_group(&first, &parts))
        })
    }

    fn stored_group(&self, first: &[u8], parts: &[sled::IVec]) -> Result<StoredGroup, QueueError> {
        let number = first.get(1..9).and_then(|number| Some(u64::from_be_bytes(number.try_into().ok()?)));
        let number = number.ok_or_else(|| self.damaged("a key in it has the wrong length"))?;
        let content =
            unpack(parts).map_err(|why| self.damaged(&format!("commit group {number} is damaged: {why}")))?;
        let chunk_count = u16::try_from(parts.len()).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(StoredGroup { number, chunk_count, content })
    }

    /// Reads bytes of a commit group.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the bytes are not there.
    pub(crate) fn read(&self, group: u64, offset: u32, length: u32) -> Result<Vec<u8>, QueueError> {
        let mut cache = self.cache.borrow_mut();
        let bytes = cache.get(group, || self.group(group))?;
        let bytes = bytes.get(offset as usize..).and_then(|rest| rest.get(..length as usize));
        bytes
            .map(<[u8]>::to_vec)
            .ok_or_else(|| QueueError::Broken(format!("commit group {group} is shorter than it was")))
    }

    /// Reads a commit group.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the group is no longer there, or damaged.
    pub(crate) fn group(&self, group: u64) -> Result<Vec<u8>, QueueError> {
        let mut parts = Vec::new();
        for item in self.tree.scan_prefix(&chunk_key(group, 0)[..9]) {
            parts.push(item.map_err(|error| sled_error(&error))?.1);
        }
        match unpack(&parts) {
            Ok(Joined::Complete(bytes, _)) => Ok(bytes),
            Ok(Joined::Partial) => Err(QueueError::Broken(format!("commit group {group} is incomplete"))),
            Err(why) => Err(QueueError::Broken(format!("commit group {group} is damaged: {why}"))),
        }
    }

    /// Reads all settings: pairs of key and value.
    pub(crate) fn settings(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), QueueError>> + use<'_> {
        let items = [self.tree.range(..[GROUP]), self.tree.range([GROUP + 1]..)];
        let is_setting =
            |item: &sled::Result<(sled::IVec, _)>| !matches!(item, Ok((key, _)) if key == CHECKPOINT);
        items.into_iter().flatten().filter(is_setting).map(|item| match item {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(self.read_error(&error)),
        })
    }

    fn read_error(&self, error: &sled::Error) -> QueueError {
        sled_read_error(error, self.copied_from())
    }
}

/// Joins the chunks of a commit group and unpacks it.
fn unpack(parts: &[sled::IVec]) -> Result<Joined, String> {
    match chunks::join(parts.iter().map(AsRef::as_ref))? {
        Joined::Partial => Ok(Joined::Partial),
        Joined::Complete(packed, checksum) => {
            let bytes = lz4_flex::decompress_size_prepended(&packed).map_err(|error| error.to_string())?;
            Ok(Joined::Complete(bytes, checksum))
        }
    }
}

fn open_sled(path: &Path, copied_from: Option<&Path>) -> Result<(sled::Tree, sled::Db), QueueError> {
    let config = sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(64 << 20)
        .segment_size(512 << 10)
        // Every write is flushed at once, so sled needs no thread that does.
        .flush_every_ms(None);
    // sled reports some kinds of damage by panicking.
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| {
        config.open().and_then(|db| Ok((db.open_tree("ledger")?, db)))
    }));
    match opened {
        Ok(opened) => opened.map_err(|error| sled_read_error(&error, copied_from)),
        Err(_) => Err(damaged(copied_from, "sled panicked while it read it")),
    }
}

fn sled_error(error: &sled::Error) -> QueueError {
    match error {
        sled::Error::Io(io) => storage_error("write", Path::new("queue/db"), io),
        _ => QueueError::Broken(error.to_string()),
    }
}

/// Returns the error for a failed read: a condition of the machine, which says nothing about the data on the
/// disk, or damage.
fn sled_read_error(error: &sled::Error, copied_from: Option<&Path>) -> QueueError {
    let is_of_the_machine = matches!(error, sled::Error::Io(io) if MachineFailure::from_own_io(io).is_some());
    if is_of_the_machine { sled_error(error) } else { damaged(copied_from, &error.to_string()) }
}
