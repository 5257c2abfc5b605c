//! Moves the old database aside and the new one into its place.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{clock::Millis, queue::QueueError, safe_file};
use queue::{directory::QueueDirectory, error::storage_error};

use crate::salvage;

/// Replaces the old database by the new one. Returns the directory of the old one, if there was one. Renames
/// the damaged lists, whose beginnings are in the new database. The caller holds the lock of the queue.
///
/// If it is interrupted at any moment, the old database is unchanged or the marker exists.
///
/// # Errors
/// Returns [`QueueError::Broken`] if a file cannot be moved, and [`QueueError::DiskFull`] if the disk is
/// full.
pub(crate) fn put_in_place(
    directory: &QueueDirectory,
    new: &QueueDirectory,
    damaged_lists: &[PathBuf],
    now_ms: Millis,
) -> Result<Option<PathBuf>, QueueError> {
    let marker = directory.rebuilding_marker();
    // The marker must be durable before the first file moves.
    safe_file::create(&marker)
        .and_then(|file| file.sync_all())
        .map_err(|error| storage_error("create", &marker, &error))?;
    sync(directory.path())?;
    let aside = put_aside(directory, now_ms)?;
    // Before the new database is used, whose cursors name the saved beginnings instead.
    for list in damaged_lists {
        salvage::mark(list).map_err(|error| storage_error("rename", list, &error))?;
    }
    directory.take_over(new)?;
    // Only now is the new database in place; the marker goes last.
    fs::remove_file(&marker).map_err(|error| storage_error("remove", &marker, &error))?;
    sync(directory.path())?;
    Ok(aside)
}

/// Moves the files of the database to `queue/aside/<UTC time>/`. Never deletes anything.
fn put_aside(directory: &QueueDirectory, now_ms: Millis) -> Result<Option<PathBuf>, QueueError> {
    // An earlier rebuild may have moved everything aside before it was interrupted.
    if directory.contents()?.is_empty() {
        return Ok(None);
    }
    let all_aside = directory.path().join("aside");
    fs::create_dir_all(&all_aside).map_err(|error| storage_error("create", &all_aside, &error))?;
    let aside = fresh(&all_aside, now_ms)?;
    [&all_aside, directory.path()].into_iter().try_for_each(sync)?;
    directory.put_aside(&aside)?;
    Ok(Some(aside))
}

/// Creates a new directory named by the time: `2026-11-22T081530Z`.
fn fresh(all_aside: &Path, now_ms: Millis) -> Result<PathBuf, QueueError> {
    let time = i64::try_from(now_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| now_ms.to_string(), |at| at.strftime("%Y-%m-%dT%H%M%SZ").to_string());
    let names = std::iter::once(time.clone()).chain((2_u32..).map(|n| format!("{time}-{n}")));
    for name in names {
        let path = all_aside.join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(storage_error("create", &path, &error)),
        }
    }
    unreachable!("a directory holds fewer than 2^32 entries of one second")
}

fn sync(directory: &Path) -> Result<(), QueueError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| storage_error("sync", directory, &error))
}
