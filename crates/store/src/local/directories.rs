//! The directories of a run directory, made durably and held open.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind},
    durability::Durability,
    safe_file,
};

use super::{
    file_system,
    layout::{BlobDirectory, BlobPaths},
};

/// The directories that blobs lie in. Those of shards are made when they are needed, and not held open.
#[derive(Debug)]
pub(super) struct Directories {
    /// One a kind, in the order of [`BlobKind::ALL`].
    kinds: Vec<Directory>,
    /// The shards whose own names have been forced.
    shards: BTreeSet<BlobDirectory>,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    kind: BlobKind,
    path: PathBuf,
    file: File,
    /// The number of its file system.
    device: u64,
    /// Whether all of its file system can be forced to the medium in one call.
    forces_all: bool,
}

/// A file system that can be forced as a whole, by a directory in it.
#[derive(Debug)]
pub(super) struct FileSystem<'d>(&'d Directory);

impl Directories {
    /// Opens the directories of all kinds; those made for it survive what `durability` says.
    pub(super) fn open(places: &BlobPaths, durability: Durability) -> Result<Self, BlobError> {
        let open = |kind: &BlobKind| {
            let path = places.dir().join(kind.directory());
            // `logs/arrival` has a parent directory of its own. Nothing may be created through that parent if
            // it is a link.
            let ours: Vec<&Path> = path.ancestors().take_while(|part| *part != places.dir()).collect();
            for part in ours.into_iter().rev() {
                ensure(part, durability)?;
                safe_file::must_be_directory(part).map_err(|error| BlobError::at(part, error))?;
            }
            Directory::open(*kind, path)
        };
        let kinds: Vec<_> = BlobKind::ALL.iter().map(open).collect::<Result<_, _>>()?;
        // One that was there may be of a process that died before it had forced it. Shards are forced as they are used.
        if durability == Durability::Power {
            let above: BTreeSet<&Path> = kinds.iter().filter_map(|kind| kind.path.parent()).collect();
            above.into_iter().try_for_each(force_names)?;
        }
        Ok(Self { kinds, shards: BTreeSet::new() })
    }

    /// As if no file system could be forced as a whole.
    #[cfg(test)]
    pub(super) fn each_by_itself(mut self) -> Self {
        self.kinds.iter_mut().for_each(|directory| directory.forces_all = false);
        self
    }

    /// With those above them where the names of these are not known to be forced: they may be new, made by whomever.
    pub(super) fn with_above(&self, shelves: BTreeSet<BlobDirectory>) -> BTreeSet<BlobDirectory> {
        let above: Vec<_> = shelves.difference(&self.shards).filter_map(|shelf| shelf.above()).collect();
        shelves.into_iter().chain(above).collect()
    }

    /// The names of these have been forced.
    pub(super) fn are_forced(&mut self, shelves: BTreeSet<BlobDirectory>) {
        self.shards.extend(shelves.into_iter().filter(|shelf| shelf.above().is_some()));
    }

    /// Forces the names in a directory to the medium.
    pub(super) fn force(&self, shelf: BlobDirectory, places: &BlobPaths) -> Result<(), BlobError> {
        let (path, directory) = (places.directory(shelf), self.of(shelf.kind));
        let forced = if path == directory.path {
            directory.file.sync_all()
        } else {
            File::open(&path).and_then(|shard| shard.sync_all())
        };
        forced.map_err(|error| BlobError::at(&path, error))
    }

    /// The file systems on which these kinds lie; none where one of them cannot be forced as a whole.
    pub(super) fn file_systems(
        &self,
        kinds: impl IntoIterator<Item = BlobKind>,
    ) -> Option<Vec<FileSystem<'_>>> {
        let mut found: Vec<FileSystem<'_>> = Vec::new();
        for kind in kinds {
            let directory = self.of(kind);
            if !directory.forces_all {
                return None;
            }
            if found.iter().all(|FileSystem(known)| known.device != directory.device) {
                found.push(FileSystem(directory));
            }
        }
        Some(found)
    }

    fn of(&self, kind: BlobKind) -> &Directory {
        self.kinds.iter().find(|directory| directory.kind == kind).expect("every kind has been opened")
    }
}

impl Directory {
    fn open(kind: BlobKind, path: PathBuf) -> Result<Self, BlobError> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.dev(), file)));
        let (device, file) = opened.map_err(|error| BlobError::at(&path, error))?;
        let forces_all = file_system::can_be_forced(&file);
        Ok(Self { kind, path, file, device, forces_all })
    }
}

impl FileSystem<'_> {
    /// Forces all that was written there, by whomever.
    pub(super) fn force(&self) -> Result<(), BlobError> {
        file_system::force(&self.0.file).map_err(|error| BlobError::at(&self.0.path, error))
    }
}

/// Makes a directory with all above it. Each that was missing is forced into the one above.
pub(super) fn ensure(path: &Path, durability: Durability) -> Result<(), BlobError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Err(BlobError::at(path, io::ErrorKind::NotFound.into())),
    };
    ensure(above, durability)?;
    // Another process may make it at the same time.
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            return Err(BlobError::at(path, error));
        }
        Ok(()) | Err(_) => {}
    }
    match durability {
        Durability::Power => force_names(above),
        Durability::Process => Ok(()),
    }
}

/// Forces the names in a directory to the medium.
pub(super) fn force_names(directory: &Path) -> Result<(), BlobError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| BlobError::at(directory, error))
}
