//! The directories of a run directory, made durably and held open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind},
    durability::Durability,
};

/// One open directory a kind.
#[derive(Debug)]
pub(super) struct Directories(Vec<(BlobKind, PathBuf, File)>);

impl Directories {
    /// Opens the directories of all kinds; those made for it survive what `durability` says.
    pub(super) fn open(dir: &Path, durability: Durability) -> Result<Self, BlobError> {
        let open = |kind: &BlobKind| {
            let path = dir.join(kind.directory());
            ensure(&path, durability)?;
            let directory = File::open(&path).map_err(|error| BlobError::at(&path, error))?;
            Ok((*kind, path, directory))
        };
        BlobKind::ALL.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Forces the names in a kind's directory to the medium.
    pub(super) fn sync(&self, kind: BlobKind) -> Result<(), BlobError> {
        let (_, path, directory) =
            self.0.iter().find(|(of, ..)| *of == kind).expect("every kind has been opened");
        directory.sync_all().map_err(|error| BlobError::at(path, error))
    }
}

/// Makes a directory with all above it. Each that was missing is forced into the one above.
fn ensure(path: &Path, durability: Durability) -> Result<(), BlobError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Err(BlobError::at(path, io::ErrorKind::NotFound.into())),
    };
    ensure(above, durability)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            return Err(BlobError::at(path, error));
        }
        Ok(()) | Err(_) => {}
    }
    match durability {
        Durability::Power => File::open(above)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| BlobError::at(above, error)),
        Durability::Process => Ok(()),
    }
}
