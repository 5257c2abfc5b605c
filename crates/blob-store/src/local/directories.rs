//! The directories of a run directory, created durably and held open.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName},
    durability::Durability,
    safe_file,
};

use crate::layout::{BlobDirectory, BlobPaths};

use super::file_system;

/// The directories that hold blobs. Those of shards are created when they are needed, and not held open.
#[derive(Debug)]
pub(super) struct Directories {
    kinds: BTreeMap<BlobKind, OpenDirectory>,
    /// The shards whose own names have been synced.
    synced_shards: BTreeSet<BlobDirectory>,
}

/// The open directory of a kind.
#[derive(Debug)]
pub(super) struct OpenDirectory {
    path: PathBuf,
    file: File,
    /// The number of its file system.
    device: u64,
    /// Its whole file system can be synced in one call.
    has_syncfs: bool,
}

impl Directories {
    /// Opens the directories of all kinds. With [`Durability::Power`], new ones survive a power cut.
    pub(super) fn open(paths: &BlobPaths, durability: Durability) -> Result<Self, BlobError> {
        let open = |kind: BlobKind| {
            let path = paths.dir().join(kind.directory());
            // `logs/arrival` has a parent directory of its own. Nothing may be created through that parent if
            // it is a link.
            let ours: Vec<&Path> = path.ancestors().take_while(|part| *part != paths.dir()).collect();
            for part in ours.into_iter().rev() {
                create(part, durability)?;
                safe_file::must_be_directory(part).map_err(|error| BlobError::at(part, error))?;
            }
            Ok((kind, OpenDirectory::open(path)?))
        };
        let kinds: BTreeMap<_, _> = BlobKind::ALL.into_iter().map(open).collect::<Result<_, BlobError>>()?;
        // A directory that existed may have been created by a process that died before its sync. Shards are
        // synced when they are used.
        if durability == Durability::Power {
            let above: BTreeSet<&Path> =
                kinds.values().filter_map(|directory| directory.path.parent()).collect();
            above.into_iter().try_for_each(sync_names)?;
        }
        Ok(Self { kinds, synced_shards: BTreeSet::new() })
    }

    /// Treats every file system as one that cannot be synced as a whole.
    #[cfg(test)]
    pub(super) fn without_syncfs(mut self) -> Self {
        self.kinds.values_mut().for_each(|directory| directory.has_syncfs = false);
        self
    }

    /// Adds the directories above those whose own names may not be synced yet: any process may have created
    /// them.
    pub(super) fn with_above(&self, directories: BTreeSet<BlobDirectory>) -> BTreeSet<BlobDirectory> {
        let above: Vec<_> =
            directories.difference(&self.synced_shards).filter_map(|directory| directory.above()).collect();
        directories.into_iter().chain(above).collect()
    }

    /// Remembers that the names of these directories have been synced.
    pub(super) fn mark_synced(&mut self, directories: BTreeSet<BlobDirectory>) {
        self.synced_shards.extend(directories.into_iter().filter(|directory| directory.above().is_some()));
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync(&self, directory: BlobDirectory, paths: &BlobPaths) -> Result<(), BlobError> {
        let (path, open) = (paths.path_of(directory), &self.kinds[&directory.kind]);
        if path == open.path {
            return open.file.sync_all().map_err(|error| BlobError::at(&path, error));
        }
        sync_names(&path)
    }

    /// Returns one directory on each file system on which these kinds lie, or `None` if one of the file
    /// systems cannot be synced as a whole.
    pub(super) fn file_systems(
        &self,
        kinds: impl IntoIterator<Item = BlobKind>,
    ) -> Option<Vec<&OpenDirectory>> {
        let mut found: Vec<&OpenDirectory> = Vec::new();
        for kind in kinds {
            let directory = &self.kinds[&kind];
            if !directory.has_syncfs {
                return None;
            }
            if found.iter().all(|known| known.device != directory.device) {
                found.push(directory);
            }
        }
        Some(found)
    }
}

impl OpenDirectory {
    fn open(path: PathBuf) -> Result<Self, BlobError> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.dev(), file)));
        let (device, file) = opened.map_err(|error| BlobError::at(&path, error))?;
        let has_syncfs = file_system::can_sync(&file);
        Ok(Self { path, file, device, has_syncfs })
    }

    /// Makes durable all that any process has written to its file system.
    pub(super) fn sync_file_system(&self) -> Result<(), BlobError> {
        file_system::sync(&self.file).map_err(|error| BlobError::at(&self.path, error))
    }
}

/// Creates a directory and all above it. With [`Durability::Power`], the name of each new one is synced.
pub(crate) fn create(path: &Path, durability: Durability) -> Result<(), BlobError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Err(BlobError::at(path, io::ErrorKind::NotFound.into())),
    };
    create(above, durability)?;
    // Another process may create it at the same time, which is no error here.
    fs::create_dir_all(path).map_err(|error| BlobError::at(path, error))?;
    match durability {
        Durability::Power => sync_names(above),
        Durability::Process => Ok(()),
    }
}

/// Creates the shard of a blob. It is synced when something is published in it.
pub(super) fn create_shard(paths: &BlobPaths, name: &BlobName) -> Result<(), BlobError> {
    let directory = paths.directory(name);
    if directory.above().is_none() {
        return Ok(());
    }
    let path = paths.path_of(directory);
    create(&path, Durability::Process)?;
    safe_file::must_be_directory(&path).map_err(|error| BlobError::at(&path, error))
}

/// Makes the names in a directory durable.
pub(super) fn sync_names(directory: &Path) -> Result<(), BlobError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| BlobError::at(directory, error))
}
