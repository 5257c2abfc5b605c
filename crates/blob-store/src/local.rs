//! The blob store on files in a run directory.
//!
//! [`BlobPaths`] gives the path of a blob, which is plain or [compressed](compression). Disk format and
//! invariants:
//!
//! * Staged bytes are written in the directory of their final name: `.PG84_text.txt.<pid>-<n>.tmp`, or
//!   `PG84.spool.part` for those that can be resumed. Their writer holds a lock (`flock`) on the file for as
//!   long as it lives, so a `.tmp` that can be locked has lost its writer: [`LocalBlobs::sweep`] removes
//!   exactly those. A `.part` is kept.
//! * A publication syncs the file, renames it over its final name, syncs the directory, and also the
//!   directory above if the name of a shard was not synced yet. The changes of one publication are made in
//!   the order given; all directories are synced before it ends.
//! * After a failed sync nothing is published any more: what the system then still holds in memory is
//!   unknown.
//! * Symbolic links are never followed at the last component of a path: a planted one is replaced by
//!   publishing and refused by reading. Links above it (the run directory itself) are the user's.
//!
//! With [`Durability::Process`] nothing is synced; everything else stays the same.

pub mod compression;

mod committer;
pub(crate) mod directories;
mod file_system;
pub(crate) mod hard_links;
mod publish_op;
pub(crate) mod staging;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publisher, StagedBlob, StagedFile},
    document::DocumentId,
    durability::Durability,
    safe_file,
};

use crate::{
    layout::{BlobForm, BlobPaths, COMPRESSED},
    parts::{Parts, documents_in},
};

use self::{
    committer::Committer,
    compression::{BlobFile, Compression},
    directories::Directories,
    hard_links::LinkOutcome,
};

/// The blobs of one run directory. Several processes may have the same one open.
#[derive(Debug)]
pub struct LocalBlobs {
    paths: BlobPaths,
    durability: Durability,
    compression: Compression,
    committer: Committer,
}

/// The number of times that files were synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncCounts {
    /// Syncs of single files.
    pub files: u64,
    /// Syncs of whole file systems, with all files of a group.
    pub file_systems: u64,
    /// Syncs of directories.
    pub directories: u64,
}

impl LocalBlobs {
    /// Opens a run directory, and removes temporary files of dead writers. Creates the directory and those of
    /// all kinds if they do not exist. Published blobs are kept plain. Starts the thread that commits
    /// publications; it ends with the last clone. Several processes may have the same directory open.
    /// Blocking.
    ///
    /// # Errors
    /// Returns an error if a directory can be neither created nor opened, or a temporary file not removed.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        let paths = BlobPaths::of(dir)?;
        let directories = Directories::open(&paths, durability)?;
        let blobs = Self {
            paths: paths.clone(),
            durability,
            compression: Compression::default(),
            committer: Committer::start(paths, directories, durability)?,
        };
        blobs.sweep()?;
        Ok(blobs)
    }

    /// Returns the same blobs, with these kinds compressed when they are published.
    #[must_use]
    pub fn compressing(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// Removes temporary files whose writer is dead, and returns their number. Those of live writers, in any
    /// process, stay.
    ///
    /// # Errors
    /// An error if a directory cannot be read or a file cannot be removed.
    pub fn sweep(&self) -> Result<usize, BlobError> {
        let mut swept = 0;
        for kind in BlobKind::ALL {
            for directory in self.paths.directories(kind)? {
                // Every kind is swept, because a process may have died with a file of any kind.
                swept += staging::sweep(&self.paths.path_of(directory))?;
            }
        }
        Ok(swept)
    }

    /// Returns the path of a blob below the run directory, or `None` if there is no such blob.
    ///
    /// # Errors
    /// An error if the blob cannot be looked at.
    pub(crate) fn find(&self, name: &BlobName) -> Result<Option<PathBuf>, BlobError> {
        let found = self.locate(name)?;
        Ok(found.and_then(|found| found.path.strip_prefix(self.paths.dir()).ok().map(Path::to_owned)))
    }

    /// Returns the downloads that can be resumed.
    pub(crate) fn parts(&self) -> Parts {
        Parts { spool: self.paths.dir().join(BlobKind::Spool.directory()) }
    }

    /// Returns the number of syncs since the start.
    #[must_use]
    pub fn sync_counts(&self) -> SyncCounts {
        self.committer.sync_counts()
    }

    /// Locks the directory of a kind, for those who change many blobs of it. Publishing goes on.
    pub(crate) fn lock(&self, kind: BlobKind) -> Result<File, BlobError> {
        let path = self.paths.dir().join(kind.directory());
        let locked = File::open(&path).and_then(|directory| directory.lock().map(|()| directory));
        locked.map_err(|error| BlobError::at(&path, error))
    }

    /// Opens the file of a blob, or returns `None` if there is no such blob.
    fn locate(&self, name: &BlobName) -> Result<Option<BlobFile>, BlobError> {
        match self.open_file(name) {
            Err(BlobError::NotFound(_)) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the file of a blob, in the form that the blob has.
    fn open_file(&self, name: &BlobName) -> Result<BlobFile, BlobError> {
        let in_form = |form| {
            let path = self.paths.in_form(name, form);
            let file = safe_file::open(&path).map_err(|error| BlobError::at(&path, error))?;
            Ok(BlobFile { form, path, file })
        };
        // A blob that changes its form at this moment is found in the plain form at last.
        for form in [BlobForm::Plain, BlobForm::Compressed] {
            match in_form(form) {
                Err(BlobError::NotFound(_)) => {}
                opened => return opened,
            }
        }
        in_form(BlobForm::Plain)
    }

    /// Returns the documents that have a file of this kind, in order, each once. `stem` removes the ending
    /// after the name of the blob.
    fn documents(
        &self,
        kind: BlobKind,
        stem: impl Fn(&str) -> Option<&str>,
    ) -> Result<Vec<DocumentId>, BlobError> {
        let mut documents = BTreeSet::new();
        for directory in self.paths.directories(kind)? {
            let path = self.paths.path_of(directory);
            let found = documents_in(&path, |name| stem(name)?.strip_suffix(kind.suffix()));
            let found = found.map_err(|error| BlobError::at(&path, error))?;
            // A file in another shard than its own is no blob.
            documents.extend(found.into_iter().filter(|id| self.paths.directory_of(kind, id) == directory));
        }
        Ok(documents.into_iter().collect())
    }
}

impl BlobStore for LocalBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        directories::create_shard(&self.paths, name)?;
        staging::stage(name, &self.paths.path(name)).map(Into::into)
    }

    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        staging::resume(name, &self.paths.path(name))
    }

    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        for change in &changes {
            // The shard of a staged blob exists.
            if let Change::Renamed { to, .. } = change
                && let Err(error) = directories::create_shard(&self.paths, to)
            {
                return publisher.end(Err(error));
            }
        }
        self.committer
            .publish_for(publish_op::operations(changes, &self.paths, &self.compression), publisher);
    }

    /// # Errors
    /// [`BlobError::Io`] if the name is a symbolic link, or anything else but a file.
    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        self.open_file(name)?.into_reader()
    }

    /// # Errors
    /// [`BlobError::Io`] if the name is a symbolic link, or anything else but a file.
    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        match self.open_file(name).and_then(BlobFile::into_content_len) {
            // A damaged blob has no length that anybody may rely on, so it counts as missing.
            Err(BlobError::NotFound(_) | BlobError::Damaged { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Removes a blob without a sync: after a power cut the blob may be there again.
    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        publish_op::remove(&self.paths, name)
    }

    /// Makes a hard link, if the file system has them. Whoever changes such a file in place changes both
    /// blobs.
    fn share(&self, original: &BlobName, copy: &BlobName) -> Result<bool, BlobError> {
        let (Some(first), Some(second)) = (self.locate(original)?, self.locate(copy)?) else {
            return Ok(false);
        };
        let form = first.form;
        let (to, other) = (self.paths.in_form(copy, form), self.paths.in_form(copy, form.other()));
        let outcome = hard_links::link(first, second, &to)?;
        // An earlier process may have linked them, and have been killed before this.
        if outcome != LinkOutcome::Apart && fs::symlink_metadata(&other).is_ok() {
            // The name in the new form is synced first, or a power cut could take both.
            if self.durability == Durability::Power {
                directories::sync_names(to.parent().unwrap_or(&to))?;
            }
            publish_op::remove_file(&other)?;
        }
        Ok(outcome == LinkOutcome::Linked)
    }

    /// Lists the documents of a kind. Skips files whose names are not those of blobs, and everything that is
    /// no file.
    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        self.documents(kind, |name| Some(name.strip_suffix(COMPRESSED).unwrap_or(name)))
    }
}

#[cfg(test)]
mod tests;
