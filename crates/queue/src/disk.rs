//! Where the ledger is written: a sled database that survives power loss.
//!
//! sled 0.34.7 alone does not: `flush` does not fsync, values above a size go to files it never fsyncs, and opening
//! renames files that were never synced. Three rules make it safe:
//!
//! 1. **Commit** = one batch, `flush`, then fdatasync of the data file through an own handle. After a failed fsync
//!    nothing is acknowledged any more.
//! 2. **Small values**: every value is written as chunks of at most 6,500 bytes.
//! 3. **Copy and switch at every start**: the newest `db.N` is copied, the copy opened, read whole, flushed and synced
//!    file by file, and only then renamed to `db.N+1`. Whatever happens meanwhile, `db.N` is untouched.
//!
//! Keys: `j` + job id (16 bytes) + part (u16) · `c` + source (cursor) · `l` + lane number (lane settings). Numbers in
//! keys are big-endian.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, job::JobId, queue::QueueError};

use crate::chunks;

/// Most operations in one batch; above it sled's memory grows out of proportion.
pub(crate) const BATCH_OPERATIONS_MAX: usize = 256;

const OPENING: &str = "db.opening";

/// The open database.
#[derive(Debug)]
pub struct Disk {
    tree: sled::Tree,
    db: sled::Db,
    data_file: File,
    durability: Durability,
    /// fdatasyncs so far.
    pub(crate) syncs: u64,
}

/// A commit in the making.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    batch: sled::Batch,
    operations: usize,
}

impl Changes {
    pub(crate) const fn is_empty(&self) -> bool {
        self.operations == 0
    }

    /// Writes a job's record over one that had `parts_before` chunks; returns how many it has now.
    pub(crate) fn put_job(&mut self, id: JobId, value: &[u8], parts_before: u16) -> u16 {
        let parts = chunks::split(value);
        let count = u16::try_from(parts.len()).expect("records are bounded to a few hundred chunks");
        for (part, chunk) in (0..).zip(parts) {
            self.batch.insert(&job_key(id, part)[..], chunk);
        }
        self.operations += usize::from(count.max(parts_before));
        for part in count..parts_before {
            self.batch.remove(&job_key(id, part)[..]);
        }
        count
    }

    pub(crate) fn remove_job(&mut self, id: JobId, parts: u16) {
        for part in 0..parts {
            self.batch.remove(&job_key(id, part)[..]);
        }
        self.operations += usize::from(parts);
    }

    pub(crate) fn put_cursor(&mut self, source: &str, value: &[u8]) {
        self.batch.insert([b"c", source.as_bytes()].concat(), value);
        self.operations += 1;
    }

    pub(crate) fn put_lane(&mut self, lane: u8, value: &[u8]) {
        self.batch.insert(&[b'l', lane][..], value);
        self.operations += 1;
    }
}

fn job_key(id: JobId, part: u16) -> [u8; 19] {
    let mut key = [b'j'; 19];
    key[1..17].copy_from_slice(id.as_bytes());
    key[17..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The rest of a key, and its value.
pub(crate) type KeyValue = (Vec<u8>, Vec<u8>);

/// A job's stored bytes and in how many chunks they lie.
pub(crate) type StoredJob = (JobId, Vec<u8>, u16);

impl Disk {
    /// Opens the newest database below `directory`, or makes the first, by copy and switch. The caller must hold the
    /// queue's lock.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`]; [`QueueError::Broken`] where the database does not open or does not read whole. It is
    /// left as it is.
    pub fn open(directory: &Path, durability: Durability) -> Result<Self, QueueError> {
        let generations = generations(directory).map_err(|error| failed("read", directory, &error))?;
        let opening = directory.join(OPENING);
        remove_tree(&opening)?;
        let newest = generations.last_key_value();
        match newest {
            Some((_, current)) => copy_database(current, &opening)?,
            None => fs::create_dir(&opening).map_err(|error| failed("create", &opening, &error))?,
        }
        let mut disk = Self::open_copy(&opening, durability, newest.map(|(_, path)| path.as_path()))?;
        disk.read_whole()?;
        disk.db.flush().map_err(|error| sled_failed(&error))?;
        sync_tree(&opening, durability).map_err(|error| failed("sync", &opening, &error))?;
        let next = directory.join(format!("db.{}", newest.map_or(1, |(n, _)| n + 1)));
        fs::rename(&opening, &next).map_err(|error| failed("rename", &opening, &error))?;
        sync(directory, durability).map_err(|error| failed("sync", directory, &error))?;
        for old in generations.values() {
            remove_tree(old)?;
        }
        disk.syncs = 0;
        Ok(disk)
    }

    fn open_copy(opening: &Path, durability: Durability, from: Option<&Path>) -> Result<Self, QueueError> {
        let config = sled::Config::new()
            .path(opening)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(64 << 20)
            .segment_size(512 << 10)
            .flush_every_ms(None);
        // sled reports some kinds of damage by panicking.
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| {
            config.open().and_then(|db| Ok((db.open_tree("ledger")?, db)))
        }));
        let (tree, db) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(sled::Error::Io(error))) if is_full(&error) => {
                return Err(sled_failed(&sled::Error::Io(error)));
            }
            Ok(Err(error)) => return Err(unreadable(from, &error.to_string())),
            Err(_) => return Err(unreadable(from, "sled panicked while it read it")),
        };
        if from.is_some() && !db.was_recovered() {
            return Err(unreadable(from, "it opens empty"));
        }
        let data_file = File::open(opening.join("db")).map_err(|error| failed("open", opening, &error))?;
        Ok(Self { tree, db, data_file, durability, syncs: 0 })
    }

    /// Reads every value, so that damage shows now.
    fn read_whole(&self) -> Result<(), QueueError> {
        self.tree.iter().try_for_each(|item| item.map(drop)).map_err(|error| sled_failed(&error))
    }

    /// Makes the changes durable.
    ///
    /// # Errors
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`]: what was in it may or may not be there after the next start,
    /// and this value must not be used any more.
    pub(crate) fn commit(&mut self, changes: Changes) -> Result<(), QueueError> {
        self.tree.apply_batch(changes.batch).map_err(|error| sled_failed(&error))?;
        self.db.flush().map_err(|error| sled_failed(&error))?;
        if self.durability == Durability::Power {
            self.syncs += 1;
            self.data_file.sync_data().map_err(|error| failed("sync", Path::new("queue/db"), &error))?;
        }
        Ok(())
    }

    /// A job's stored bytes.
    pub(crate) fn job(&self, id: JobId) -> Result<Option<StoredJob>, QueueError> {
        self.jobs_in(self.tree.scan_prefix([b"j", &id.as_bytes()[..]].concat())).next().transpose()
    }

    /// All jobs in order of their ids, after the given one.
    pub(crate) fn jobs(
        &self,
        after: Option<JobId>,
    ) -> impl Iterator<Item = Result<StoredJob, QueueError>> + use<> {
        let from = after.map_or_else(|| vec![b'j'], |id| job_key(id, u16::MAX).to_vec());
        self.jobs_in(self.tree.range(from..vec![b'k']))
    }

    fn jobs_in(&self, items: sled::Iter) -> impl Iterator<Item = Result<StoredJob, QueueError>> + use<> {
        let mut items = items.peekable();
        std::iter::from_fn(move || {
            let mut parts = Vec::new();
            let first = match items.next()? {
                Ok((key, value)) => {
                    parts.push(value);
                    key
                }
                Err(error) => return Some(Err(sled_failed(&error))),
            };
            while let Some(Ok((_, value))) =
                items.next_if(|item| item.as_ref().is_ok_and(|(key, _)| key[..17] == first[..17]))
            {
                parts.push(value);
            }
            let mut id = [0; 16];
            id.copy_from_slice(&first[1..17]);
            let id = JobId::from_bytes(id);
            let count = u16::try_from(parts.len()).expect("parts are numbered by u16");
            Some(match chunks::join(parts.iter().map(AsRef::as_ref)) {
                Ok(value) => Ok((id, value, count)),
                Err(why) => Err(QueueError::Broken(format!("the record of job {id} is damaged: {why}"))),
            })
        })
    }

    /// All values whose key begins with `prefix`, with the rest of the key.
    pub(crate) fn values(&self, prefix: u8) -> Result<Vec<KeyValue>, QueueError> {
        self.tree
            .scan_prefix([prefix])
            .map(|item| item.map(|(key, value)| (key[1..].to_vec(), value.to_vec())))
            .collect::<Result<_, _>>()
            .map_err(|error| sled_failed(&error))
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
        return Err(unreadable(Some(from), "it holds blob files, which juggle never makes"));
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else if entry.path().extension().is_none_or(|extension| extension != "generating") {
            fs::copy(entry.path(), target)?;
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

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> QueueError {
    let message = format!("cannot {what} '{}': {error}", path.display());
    if is_full(error) { QueueError::DiskFull(message) } else { QueueError::Broken(message) }
}

fn sled_failed(error: &sled::Error) -> QueueError {
    match error {
        sled::Error::Io(io) if is_full(io) => QueueError::DiskFull(error.to_string()),
        _ => QueueError::Broken(error.to_string()),
    }
}

fn unreadable(from: Option<&Path>, why: &str) -> QueueError {
    let path = from.unwrap_or_else(|| Path::new("queue"));
    QueueError::Broken(format!(
        "the database '{}' cannot be opened: {why}. It was left as it is; move it away and run with the sources \
         again: their texts are fetched anew",
        path.display()
    ))
}
