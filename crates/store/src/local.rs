//! Blobs as files in a run directory.
//!
//! A blob lies at [`BlobName::relative_path`]. Disk form and invariants:
//!
//! * Staged bytes lie in the directory of their final name: `.PG84_text.txt.<pid>-<n>.tmp`, or `PG84.spool.part` for
//!   those that can be resumed. Their writer holds the file locked (`flock`) for as long as it lives, so a `.tmp` that
//!   can be locked has lost its writer: [`LocalBlobs::sweep`] removes exactly those. A `.part` is kept.
//! * Publishing is: force the file to the medium, rename it over its final name, force the directory. The changes of
//!   one publication are made in the order given; all directories are forced before it ends.
//! * After a failed flush nothing is published any more: what the system then still holds in memory is unknown.
//! * Symbolic links are never followed at the last step of a path: a planted one is replaced by publishing and
//!   refused by reading. Links above it (the run directory itself) are the user's.
//!
//! With [`Durability::Process`] nothing is forced; everything else stays the same.

mod committer;
mod directories;
mod file_system;
mod staging;

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publishing, StagedBlob},
    document::DocumentId,
    durability::Durability,
};
use rustix::fs::OFlags;

use self::{committer::Committer, directories::Directories};

/// The blobs of one run directory. Several processes may have the same one open.
#[derive(Debug)]
pub struct LocalBlobs {
    dir: PathBuf,
    committer: Committer,
    /// Numbers this value's temporary files.
    staged: AtomicU64,
}

/// How often the medium was asked to hold on to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushes {
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
    /// Opens a run directory, making it and the directories of all kinds where they are missing, and sweeps it.
    ///
    /// # Errors
    /// Where a directory can neither be made nor opened.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        let directories = Directories::open(dir, durability)?;
        let blobs = Self {
            dir: dir.to_owned(),
            committer: Committer::start(dir, directories, durability)?,
            staged: AtomicU64::new(0),
        };
        blobs.sweep()?;
        Ok(blobs)
    }

    /// Removes temporary files whose writer is dead, and says how many. Those of live writers, in any process, stay.
    ///
    /// # Errors
    /// Where a directory cannot be read or a file cannot be removed.
    pub fn sweep(&self) -> Result<usize, BlobError> {
        BlobKind::ALL.iter().map(|kind| staging::sweep(&self.dir.join(kind.directory()))).sum()
    }

    /// The documents of which a download was begun and can be resumed.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn parts(&self) -> Result<Vec<DocumentId>, BlobError> {
        let path = self.dir.join(BlobKind::Spool.directory());
        let mut parts = listed(&path, &format!("{}{PART}", BlobKind::Spool.suffix()))
            .map_err(|error| BlobError::at(&path, error))?;
        parts.sort_unstable();
        Ok(parts)
    }

    /// Removes what was begun of a document's download, with what stands beside it. Nobody may be at work on it.
    ///
    /// # Errors
    /// Where it is there and cannot be removed.
    pub fn remove_part(&self, document: &DocumentId) -> Result<(), BlobError> {
        let name = BlobName::new(BlobKind::Spool, document.clone());
        let part = self.path(&name).with_file_name(format!("{}{PART}", name.file_name()));
        // What stands beside it says that it is a part: it goes first.
        for path in [part.with_file_name(format!("{}{PART}.json", name.file_name())), part] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(BlobError::at(&path, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// How often files and directories were forced to the medium since the start.
    #[must_use]
    pub fn flushes(&self) -> Flushes {
        self.committer.flushes()
    }

    /// Waits until no other process holds this kind's lock, then holds it. It keeps out other holders only: publishing
    /// goes on.
    ///
    /// # Errors
    /// Where the file system cannot lock.
    pub fn lock(&self, kind: BlobKind) -> Result<KindLock, BlobError> {
        let path = self.dir.join(kind.directory());
        let locked = File::open(&path).and_then(|directory| directory.lock().map(|()| directory));
        Ok(KindLock { _locked: locked.map_err(|error| BlobError::at(&path, error))? })
    }

    fn path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(name.relative_path())
    }
}

impl BlobStore for LocalBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        staging::stage(name, &self.path(name), || self.staged.fetch_add(1, Ordering::Relaxed))
    }

    fn resume(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        staging::resume(name, &self.path(name))
    }

    fn begin_publishing(&self, changes: Vec<Change>) -> Publishing {
        self.committer.begin_publishing(changes)
    }

    /// # Errors
    /// [`BlobError::Io`] where the name is a symbolic link, or anything else but a file.
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        let path = self.path(name);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = || {
            let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(&path)?;
            if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
        };
        open().map(|file| Box::new(file) as _).map_err(|error| BlobError::at(&path, error))
    }

    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        let path = self.path(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(BlobError::at(&path, not_a_file())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::at(&path, error)),
        }
    }

    /// Not forced to the medium: after power loss the blob may be there again.
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BlobError::at(&path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Files with other names than blobs have, and whatever is no file, are passed over.
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        let path = self.dir.join(kind.directory());
        let mut documents = listed(&path, kind.suffix()).map_err(|error| BlobError::at(&path, error))?;
        documents.sort_unstable();
        Ok(documents)
    }
}

/// The ending of what can be resumed.
const PART: &str = ".part";

fn listed(directory: &Path, suffix: &str) -> io::Result<Vec<DocumentId>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let document = entry
            .file_name()
            .to_str()
            .and_then(|file_name| file_name.strip_suffix(suffix))
            .and_then(|id| id.parse().ok());
        if let Some(document) = document
            && entry.file_type()?.is_file()
        {
            documents.push(document);
        }
    }
    Ok(documents)
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is a link or a special file, not a file")
}

#[cfg(test)]
mod tests;
