//! Checks that a snapshot is still what was written.
//!
//! The name of a snapshot ends with the hash of its content. A line that a damaged disk or an editor has
//! changed would bring another text under a listed id, so a snapshot is compared with its name before its
//! entries are used. The comparison reads the whole snapshot. The feeder reads a snapshot in many steps and
//! compares it again only if the file has changed in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use flow::{document::DocumentId, safe_file};

use super::entries::{self, Entries};
use crate::{entry::Entry, error::SourceError};

/// The number of hex digits of the hash in the name of a snapshot.
pub const HASH_DIGITS: usize = 16;

/// The snapshots that were found intact, each with the state that its file had then.
#[derive(Debug, Default)]
pub struct VerifiedSnapshots(Mutex<BTreeMap<PathBuf, FileStamp>>);

/// The state of a file, by which a change is noticed: device, inode, length and the time of the last change
/// (seconds and nanoseconds).
type FileStamp = (u64, u64, u64, i64, i64);

impl VerifiedSnapshots {
    /// Reads entries as [`entries::read_from`] does, from a snapshot that must be intact. Blocking.
    ///
    /// # Errors
    /// Returns the errors of [`entries::read_from`], and [`SourceError::Altered`] if the snapshot is not
    /// intact.
    pub fn read_from(&self, path: &Path, offset: u64) -> Result<Entries, SourceError> {
        // The stamp is taken before the hash, so a change during hashing leads to another comparison.
        let stamp = stamp(&open(path)?).map_err(|source| failed(path, source))?;
        // The lock is not held while the file is hashed; at worst, two threads hash the same file.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if known != Some(stamp) {
            if !is_intact(path)? {
                return Err(SourceError::Altered { path: path.to_owned() });
            }
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), stamp);
        }
        entries::read_from(path, offset)
    }
}

/// Reads all entries of a snapshot that must be intact. Blocking.
///
/// # Errors
/// Returns the errors of [`VerifiedSnapshots::read_from`].
pub fn read(path: &Path) -> Result<Entries, SourceError> {
    VerifiedSnapshots::default().read_from(path, 0)
}

/// Returns what the lists say of some documents. If several lists name a document, the first one counts.
/// Blocking.
///
/// `lists` are the names of snapshots in the directory `snapshots`.
///
/// # Errors
/// Returns the errors of [`read`] and of its iterator.
pub fn find_entries(
    wanted: &BTreeSet<DocumentId>,
    lists: &[String],
    snapshots: &Path,
) -> Result<BTreeMap<DocumentId, Entry>, SourceError> {
    let mut found = BTreeMap::new();
    // Without a wanted document no snapshot needs to be intact.
    if wanted.is_empty() {
        return Ok(found);
    }
    for list in lists {
        for item in read(&snapshots.join(format!("{list}.jsonl")))? {
            let (entry, _) = item?;
            if wanted.contains(&entry.id) {
                found.entry(entry.id.clone()).or_insert(entry);
            }
        }
    }
    Ok(found)
}

/// Returns whether the content of a file matches the hash in its name. A file whose name has no hash counts
/// as intact. Blocking.
///
/// # Errors
/// Returns [`SourceError::Altered`] if the file does not exist, and [`SourceError::Snapshot`] if it cannot be
/// read.
pub fn is_intact(path: &Path) -> Result<bool, SourceError> {
    let Some((_, hash)) = name_parts(path) else { return Ok(true) };
    let mut hasher = blake3::Hasher::new();
    // The hash is compared as a prefix, because the name holds only its first digits.
    hasher.update_reader(open(path)?).map_err(|source| failed(path, source))?;
    Ok(hasher.finalize().to_hex()[..HASH_DIGITS] == *hash)
}

/// Returns the name of the list and the hash from the name of a snapshot, or `None` if the name has no hash.
#[must_use]
pub fn name_parts(path: &Path) -> Option<(&str, &str)> {
    let (list, hash) = path.file_stem()?.to_str()?.rsplit_once('-')?;
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some((list, hash))
}

fn open(path: &Path) -> Result<File, SourceError> {
    safe_file::open(path).map_err(|source| failed(path, source))
}

/// Returns the error for a snapshot that cannot be read. A missing snapshot is repaired as an altered one is:
/// by adding its list again.
fn failed(path: &Path, source: io::Error) -> SourceError {
    let path = path.to_owned();
    if source.kind() == ErrorKind::NotFound {
        return SourceError::Altered { path };
    }
    SourceError::Snapshot { path, source }
}

fn stamp(file: &File) -> io::Result<FileStamp> {
    let of = |found: Metadata| (found.dev(), found.ino(), found.len(), found.ctime(), found.ctime_nsec());
    file.metadata().map(of)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a snapshot of two entries under the name that matches its content.
    fn snapshot(directory: &Path, list: &str, ids: [&str; 2]) -> PathBuf {
        let entry = |id: &str| format!("{{\"id\":\"{id}\",\"urls\":[\"https://a.example/{id}\"]}}\n");
        let bytes = ids.map(entry).concat();
        let hash = blake3::hash(bytes.as_bytes()).to_hex();
        let path = directory.join(format!("{list}-{}.jsonl", &hash[..HASH_DIGITS]));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn is_refused(read: Result<Entries, SourceError>) -> bool {
        matches!(read, Err(SourceError::Altered { .. }))
    }

    #[test]
    fn a_snapshot_that_was_altered_cut_swapped_or_removed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = snapshot(directory.path(), "list", ["one", "two"]);
        let other = snapshot(directory.path(), "list", ["three", "four"]);
        assert_eq!(read(&path).unwrap().count(), 2);
        let whole = fs::read(&path).unwrap();
        let line = whole.len() / 2;
        let edited = String::from_utf8(whole.clone()).unwrap().replace("example/two", "example/one");
        let fewer = whole[..line].to_vec();
        let more = [&whole[..], &whole[..line]].concat();
        for bytes in [edited.into_bytes(), fewer, more, fs::read(&other).unwrap(), Vec::new()] {
            fs::write(&path, bytes).unwrap();
            assert!(is_refused(read(&path)));
        }
        fs::remove_file(&path).unwrap();
        assert!(is_refused(read(&path)), "its list is to be added again");
    }

    #[test]
    fn a_snapshot_that_is_altered_between_two_steps_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = snapshot(directory.path(), "list", ["one", "two"]);
        let checked = VerifiedSnapshots::default();
        let (_, offset) = checked.read_from(&path, 0).unwrap().next().unwrap().unwrap();
        assert_eq!(checked.read_from(&path, offset).unwrap().count(), 1);
        let edited = fs::read_to_string(&path).unwrap().replace("two", "twice");
        fs::write(&path, edited).unwrap();
        assert!(is_refused(checked.read_from(&path, offset)));
    }

    #[test]
    fn a_snapshot_whose_name_has_no_hash_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list.jsonl");
        fs::write(&path, "{\"id\":\"one\",\"urls\":[\"https://a.example/1\"]}\n").unwrap();
        assert_eq!(read(&path).unwrap().count(), 1);
    }
}
