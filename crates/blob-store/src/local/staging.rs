//! Temporary files, which are written under names that nobody reads, and swept if their writer dies.
//!
//! A writer creates its file, then locks it. A sweeper may remove the file in between. So when the writer has
//! the lock, it checks that the file still has its name, and begins again if not. A sweeper that gets the
//! lock knows that no writer has it or will have it.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use flow::{
    blobs::{BlobError, BlobName, Kept, StagedFile},
    machine::MachineFailure,
    safe_file,
    temporary::{self, Held, Sweep},
};

/// The maximum number of times that a writer begins again because its file was removed.
const TRIES_MAX: usize = 64;

/// The number of temporary files of this process so far, which numbers them.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// Creates a temporary file beside `path`.
pub(super) fn stage(name: &BlobName, path: &Path) -> Result<StagedFile, BlobError> {
    for _ in 0..TRIES_MAX {
        let path = temporary_path(path);
        // `create_new` creates the file itself or fails: it never opens a planted link or a leftover with
        // this name.
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => {
                if let Held::Ours = hold(&file, &path)? {
                    return Ok(StagedFile { name: name.clone(), path, file, kept: Kept::No });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot_create(&path, error)),
        }
    }
    Err(BlobError::Busy(path.to_owned()))
}

/// Returns the error for a file that cannot be created at `path`. If its directory, which existed at the
/// start, is gone, the run must stop: every other text would fail for the same reason.
fn cannot_create(path: &Path, error: io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound => BlobError::machine(path, MachineFailure::Disk, error),
        _ => BlobError::at(path, error),
    }
}

/// Returns another path of a temporary file beside `path` at each call.
pub(super) fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = STAGED.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()))
}

/// Opens the resumable file beside `path`, positioned at its end. Creates it if it does not exist.
pub(crate) fn resume(name: &BlobName, path: &Path) -> Result<StagedFile, BlobError> {
    let path = path.with_file_name(format!("{}{}", name.file_name(), crate::parts::PART));
    for _ in 0..TRIES_MAX {
        // Without O_EXCL: a part that exists is continued.
        let mut file = safe_file::open_with(&path, File::options().read(true).append(true).create(true))
            .map_err(|error| cannot_create(&path, error))?;
        match hold(&file, &path)? {
            Held::Ours => {
                file.seek(SeekFrom::End(0)).map_err(|error| BlobError::at(&path, error))?;
                return Ok(StagedFile { name: name.clone(), path, file, kept: Kept::Yes });
            }
            Held::Other => return Err(BlobError::Busy(path)),
            // Its last writer has published it meanwhile, so a new one is created.
            Held::Gone => {}
        }
    }
    Err(BlobError::Busy(path))
}

/// Removes the temporary files of a directory that nobody has locked, and returns their number.
pub(super) fn sweep(directory: &Path) -> Result<usize, BlobError> {
    let swept = temporary::sweep(directory, Sweep::Remove, is_temporary);
    swept.map(|paths| paths.len()).map_err(|error| BlobError::at(directory, error))
}

/// Returns whether a name is one that [`stage`] gives: `.` … `.<digits>-<digits>.tmp`.
fn is_temporary(file_name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    file_name.starts_with('.')
        && file_name
            .strip_suffix(".tmp")
            .and_then(|stem| stem.rsplit_once('.'))
            .and_then(|(_, owner)| owner.split_once('-'))
            .is_some_and(|(pid, number)| digits(pid) && digits(number))
}

fn hold(file: &File, path: &Path) -> Result<Held, BlobError> {
    temporary::hold(file, path).map_err(|error| BlobError::at(path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_lost_its_name_while_it_was_waited_for_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("PG84.spool.part");
        let file = File::create(&path).unwrap();
        assert!(matches!(hold(&file, &path).unwrap(), Held::Ours));

        fs::rename(&path, dir.path().join("PG84.spool")).unwrap();
        assert!(matches!(hold(&file, &path).unwrap(), Held::Gone), "published");
        let next = File::create(&path).unwrap();
        assert!(matches!(hold(&file, &path).unwrap(), Held::Gone), "published, and begun again by another");
        assert!(matches!(hold(&next, &path).unwrap(), Held::Ours));
        assert!(matches!(hold(&File::open(&path).unwrap(), &path).unwrap(), Held::Other));
    }
}
