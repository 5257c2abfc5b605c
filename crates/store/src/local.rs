//! Blobs as files in a run directory.
//!
//! A blob lies where [`BlobPaths`] says, plain or [compressed](compression). Disk form and invariants:
//!
//! * Staged bytes lie in the directory of their final name: `.PG84_text.txt.<pid>-<n>.tmp`, or `PG84.spool.part` for
//!   those that can be resumed. Their writer holds the file locked (`flock`) for as long as it lives, so a `.tmp` that
//!   can be locked has lost its writer: [`LocalBlobs::sweep`] removes exactly those. A `.part` is kept.
//! * Publishing is: force the file to the medium, rename it over its final name, force the directory, and the one above
//!   where that is a shard whose name was not forced yet. The changes of one publication are made in the order given;
//!   all directories are forced before it ends.
//! * After a failed flush nothing is published any more: what the system then still holds in memory is unknown.
//! * Symbolic links are never followed at the last step of a path: a planted one is replaced by publishing and
//!   refused by reading. Links above it (the run directory itself) are the user's.
//!
//! With [`Durability::Process`] nothing is forced; everything else stays the same.

pub mod compression;
pub mod layout;

mod committer;
mod directories;
mod file_system;
mod hard_links;
mod publish_op;
mod staging;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publishing, StagedBlob},
    document::DocumentId,
    durability::Durability,
    safe_file,
};

use self::{
    committer::Committer,
    compression::Compression,
    directories::Directories,
    hard_links::{Found, Shared},
    layout::{BlobPaths, PACKED},
};

/// The blobs of one run directory. Several processes may have the same one open.
#[derive(Debug)]
pub struct LocalBlobs {
    places: BlobPaths,
    durability: Durability,
    compression: Compression,
    committer: Committer,
    /// Numbers this value's temporary files.
    staged: AtomicU64,
}

/// How often the medium was asked to hold on to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncCounts {
    /// Files forced, each by itself.
    pub files: u64,
    /// File systems forced as a whole, with all files of a group.
    pub file_systems: u64,
    /// Directories forced.
    pub directories: u64,
}

/// Held while nobody else may change blobs of one kind as a whole. Given back when dropped or when the process dies.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct KindLock {
    _locked: File,
}

impl LocalBlobs {
    /// Opens a run directory, making it and the directories of all kinds where they are missing, and sweeps it. What is
    /// published is kept plain.
    ///
    /// # Errors
    /// Where a directory can neither be made nor opened.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        let places = BlobPaths::of(dir)?;
        let directories = Directories::open(&places, durability)?;
        let blobs = Self {
            places: places.clone(),
            durability,
            compression: Compression::default(),
            committer: Committer::start(places, directories, durability)?,
            staged: AtomicU64::new(0),
        };
        blobs.sweep()?;
        Ok(blobs)
    }

    /// The same blobs, of which these kinds are packed when they are published.
    #[must_use]
    pub fn compressing(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// Removes temporary files whose writer is dead, and says how many. Those of live writers, in any process, stay.
    ///
    /// # Errors
    /// Where a directory cannot be read or a file cannot be removed.
    pub fn sweep(&self) -> Result<usize, BlobError> {
        let mut swept = 0;
        for kind in BlobKind::ALL {
            for shelf in self.places.shelves(kind)? {
                swept += staging::sweep(&self.places.directory(shelf))?;
            }
        }
        Ok(swept)
    }

    /// Where a blob lies: its path below the run directory; none where it is not there.
    ///
    /// # Errors
    /// Where that cannot be found out.
    pub fn find(&self, name: &BlobName) -> Result<Option<PathBuf>, BlobError> {
        let found = self.found(name)?;
        Ok(found.and_then(|Found { path, .. }| path.strip_prefix(self.places.dir()).ok().map(Path::to_owned)))
    }

    /// The documents of which a download was begun and can be resumed.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn parts(&self) -> Result<Vec<DocumentId>, BlobError> {
        let parts = self.listed(BlobKind::Spool, |name| name.strip_suffix(PART))?;
        Ok(parts.into_iter().collect())
    }

    /// Removes what was begun of a document's download, with what stands beside it. Nobody may be at work on it.
    ///
    /// # Errors
    /// Where it is there and cannot be removed.
    pub fn remove_part(&self, document: &DocumentId) -> Result<(), BlobError> {
        let name = BlobName::new(BlobKind::Spool, document.clone());
        let part = self.places.path(&name).with_file_name(format!("{}{PART}", name.file_name()));
        // What stands beside it says that it is a part: it goes first.
        publish_op::remove_file(&part.with_file_name(format!("{}{PART}.json", name.file_name())))?;
        publish_op::remove_file(&part)
    }

    /// How often files and directories were forced to the medium since the start.
    #[must_use]
    pub fn sync_counts(&self) -> SyncCounts {
        self.committer.flushes()
    }

    /// Waits until no other process holds this kind's lock, then holds it. It keeps out other holders only: publishing
    /// goes on.
    ///
    /// # Errors
    /// Where the file system cannot lock.
    pub fn lock(&self, kind: BlobKind) -> Result<KindLock, BlobError> {
        let path = self.places.dir().join(kind.directory());
        let locked = File::open(&path).and_then(|directory| directory.lock().map(|()| directory));
        Ok(KindLock { _locked: locked.map_err(|error| BlobError::at(&path, error))? })
    }

    /// Makes the directory of a blob where that is one of many. It is forced when something is published in it.
    fn make_room(&self, name: &BlobName) -> Result<(), BlobError> {
        let shelf = self.places.shelf(name.kind, &name.document);
        match shelf.above() {
            Some(_) => {
                let path = self.places.directory(shelf);
                directories::ensure(&path, Durability::Process)?;
                safe_file::must_be_directory(&path).map_err(|error| BlobError::at(&path, error))
            }
            None => Ok(()),
        }
    }

    /// The file of a blob.
    fn found(&self, name: &BlobName) -> Result<Option<Found>, BlobError> {
        for path in [self.places.path(name), self.places.packed_path(name)] {
            match safe_file::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(BlobError::at(&path, error)),
                Ok(file) => return Ok(Some(Found { path, file })),
            }
        }
        Ok(None)
    }

    fn number(&self) -> u64 {
        self.staged.fetch_add(1, Ordering::Relaxed)
    }

    /// What `read` makes of the blob's file: of the plain one, else of the packed one. One that changes its form meanwhile
    /// is plain at last.
    fn either<T>(
        &self,
        name: &BlobName,
        plain: impl Fn(File) -> io::Result<T>,
        packed: impl Fn(File) -> io::Result<T>,
    ) -> Result<T, BlobError> {
        let path = self.places.path(name);
        let read_plain = || safe_file::open(&path).and_then(&plain);
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match read_plain() {
            Err(error) if is_missing(&error) => {}
            read => return read.map_err(|error| BlobError::at(&path, error)),
        }
        let packed_path = self.places.packed_path(name);
        match safe_file::open(&packed_path).and_then(&packed) {
            Err(error) if is_missing(&error) => read_plain().map_err(|error| BlobError::at(&path, error)),
            read => read.map_err(|error| BlobError::at(&packed_path, error)),
        }
    }

    /// The documents that a kind's directories hold files of whose names are theirs once `named` has taken off what follows.
    fn listed(
        &self,
        kind: BlobKind,
        named: impl Fn(&str) -> Option<&str>,
    ) -> Result<BTreeSet<DocumentId>, BlobError> {
        let mut documents = BTreeSet::new();
        for shelf in self.places.shelves(kind)? {
            let path = self.places.directory(shelf);
            let found = listed(&path, |name| named(name)?.strip_suffix(kind.suffix()));
            let found = found.map_err(|error| BlobError::at(&path, error))?;
            // What lies in another shard than its own is nobody's.
            documents.extend(found.into_iter().filter(|id| self.places.shelf(kind, id) == shelf));
        }
        Ok(documents)
    }
}

impl BlobStore for LocalBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        self.make_room(name)?;
        staging::stage(name, &self.places.path(name), || self.number())
    }

    fn resume(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        staging::resume(name, &self.places.path(name))
    }

    fn begin_publishing(&self, changes: Vec<Change>) -> Publishing {
        let mut targets = changes.iter().filter_map(|change| match change {
            Change::Renamed { to, .. } => Some(to),
            Change::Staged(_) | Change::Removed(_) => None,
        });
        if let Err(error) = targets.try_for_each(|to| self.make_room(to)) {
            return Publishing::ended(Err(error));
        }
        let steps = publish_op::steps(changes, &self.places, &self.compression, || self.number());
        self.committer.begin_publishing(steps)
    }

    /// # Errors
    /// [`BlobError::Io`] where the name is a symbolic link, or anything else but a file.
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.either(name, |file| Ok(Box::new(file) as _), compression::unpack)
    }

    /// # Errors
    /// [`BlobError::Io`] where the name is a symbolic link, or anything else but a file.
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        match self.either(name, |file| Ok(file.metadata()?.len()), compression::unpacked_len) {
            Err(BlobError::NotFound(_) | BlobError::Damaged { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Not forced to the medium: after power loss the blob may be there again.
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        publish_op::remove(&self.places, name)
    }

    /// By a hard link, where the file system has them. Whoever changes such a file in place changes both.
    fn share(&self, original: &BlobName, copy: &BlobName) -> Result<bool, BlobError> {
        let (Some(first), Some(second)) = (self.found(original)?, self.found(copy)?) else {
            return Ok(false);
        };
        let form = |found: &Found| found.path.as_os_str().as_encoded_bytes().ends_with(PACKED.as_bytes());
        let both = (self.places.path(copy), self.places.packed_path(copy));
        let (to, other) = if form(&first) { (both.1, both.0) } else { both };
        let temporary = staging::temporary_path(&to, self.number());
        let open = |found: &Found| {
            let file = found.file.try_clone()?;
            if form(found) { compression::unpack(file) } else { Ok(Box::new(file) as _) }
        };
        let shared = hard_links::share(&first, &second, &to, &temporary, open)?;
        // A process that shared them before may have been killed here.
        if shared != Shared::Never && fs::symlink_metadata(&other).is_ok() {
            // The name in the new form is forced first, or a power cut could take both.
            if self.durability == Durability::Power {
                directories::force_names(to.parent().unwrap_or(&to))?;
            }
            publish_op::remove_file(&other)?;
        }
        Ok(shared == Shared::Now)
    }

    /// Files with other names than blobs have, and whatever is no file, are passed over.
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        let documents = self.listed(kind, |name| Some(name.strip_suffix(PACKED).unwrap_or(name)))?;
        Ok(documents.into_iter().collect())
    }
}

/// The ending of what can be resumed.
const PART: &str = ".part";

/// The documents that the file names in a directory name.
fn listed(directory: &Path, named: impl Fn(&str) -> Option<&str>) -> io::Result<Vec<DocumentId>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let document = entry.file_name().to_str().and_then(&named).and_then(|id| id.parse().ok());
        if let Some(document) = document
            && entry.file_type()?.is_file()
        {
            documents.push(document);
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests;
