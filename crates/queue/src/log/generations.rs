//! The directories of the database: `db.1`, `db.2`, … and the copy that the next start reads.
//!
//! Each start copies the newest one, and replaces all by the copy once that is known to be whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{durability::Durability, queue::QueueError, safe_file};

use crate::error::{damaged, storage_error};

/// Finds the databases below the queue's directory, by number.
pub(super) fn find(directory: &Path) -> Result<BTreeMap<u64, PathBuf>, QueueError> {
    let mut found = BTreeMap::new();
    let failed = |error: io::Error| storage_error("read", directory, &error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let number = entry.file_name().to_str().and_then(|name| name.strip_prefix("db.")?.parse().ok());
        if let Some(number) = number {
            found.insert(number, entry.path());
        }
    }
    Ok(found)
}

/// Copies a database, without the files that sled was generating when it was killed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), QueueError> {
    copy_directory(from, to).map_err(|error| storage_error("copy", from, &error))?;
    let blobs = to.join("blobs");
    // sled puts large values into blob files, and never forces them to the medium.
    let has_blobs = blobs.exists()
        && fs::read_dir(&blobs).map_err(|error| storage_error("read", &blobs, &error))?.next().is_some();
    if has_blobs {
        return Err(damaged(Some(from), "it has blob files, which juggle never writes"));
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
        // A snapshot that sled was writing may be incomplete, and sled does not need it.
        } else if entry.path().extension().is_none_or(|extension| extension != "generating") {
            io::copy(&mut safe_file::open(&entry.path())?, &mut File::create_new(target)?)?;
        }
    }
    Ok(())
}

/// Forces a directory and all below it to the medium.
pub(super) fn sync_tree(directory: &Path, durability: Durability) -> io::Result<()> {
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

/// Forces a file or the names in a directory to the medium, if `durability` asks for that.
pub(super) fn sync(path: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Power => File::open(path)?.sync_all(),
        Durability::Process => Ok(()),
    }
}

/// Removes a directory and all below it, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), QueueError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(storage_error("remove", path, &error)),
        Err(_) | Ok(()) => Ok(()),
    }
}
