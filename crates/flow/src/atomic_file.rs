//! Writes files atomically: a file has all of its bytes under its name, or does not change.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use crate::temporary::{self, Sweep};

/// The end of a temporary name.
const UNFINISHED: &str = ".tmp";

/// A file that is written under a temporary name in the same directory, then synced and renamed. If it is
/// dropped before that, an existing file stays as it was. Its methods block.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

/// A file that is complete and durable under its temporary name, so that several files can be committed
/// together. It is not open and therefore not locked, so its directory must not be swept before it is
/// committed. It is removed if it is dropped.
#[derive(Debug)]
pub struct SyncedFile {
    path: PathBuf,
    temporary: TempPath,
    /// The length in bytes.
    pub bytes: u64,
}

impl AtomicFile {
    /// Creates the temporary file for `path`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created or locked, and [`io::ErrorKind::InvalidInput`] if the
    /// path is that of a device, a pipe or a socket, or of a link to one.
    pub fn create(path: &Path) -> io::Result<Self> {
        // The rename would replace a device such as /dev/null, for every program.
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A rename is atomic only within one file system, so not in the system's temporary directory.
        let file = temporary::create(above(path), &format!(".{name}."), UNFINISHED)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Returns the path after the commit.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file. [`SyncedFile::commit`] renames it later.
    ///
    /// # Errors
    /// Returns an error if there is no room or the disk fails.
    pub fn sync(self) -> io::Result<SyncedFile> {
        let (path, file) = self.synced()?;
        let bytes = file.as_file().metadata()?.len();
        Ok(SyncedFile { path, temporary: file.into_temp_path(), bytes })
    }

    fn synced(self) -> io::Result<(PathBuf, NamedTempFile)> {
        let Self { path, file } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The bytes must be durable before the name is: a crash in between must not leave an empty file.
        file.as_file().sync_all()?;
        Ok((path, file))
    }

    /// Syncs the file and renames it durably. It replaces an existing file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be synced or renamed.
    pub fn commit(self) -> io::Result<()> {
        let (path, file) = self.synced()?;
        // The file stays open, and therefore locked, until it is renamed.
        let _held = file.persist(&path)?;
        // A rename is durable only after its directory is synced.
        File::open(above(&path))?.sync_all()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SyncedFile {
    /// Returns the path after the commit.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file durably. It replaces an existing file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be renamed or its directory cannot be synced.
    pub fn commit(self) -> io::Result<()> {
        // The bytes are durable since `sync`.
        self.temporary.persist(&self.path)?;
        File::open(above(&self.path))?.sync_all()
    }
}

/// Writes a whole file durably, in place of an existing one. Blocking.
///
/// # Errors
/// Returns an error if the file cannot be created, written, synced or renamed. The existing file stays then.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes.as_ref())?;
    file.commit()
}

/// Removes the temporary files of killed writers from a directory.
///
/// # Errors
/// Returns an error if the directory cannot be read or a file cannot be removed.
pub fn sweep(directory: &Path) -> io::Result<()> {
    temporary::sweep(directory, Sweep::Remove, is_unfinished).map(drop)
}

/// Returns whether a file name is a temporary name, as [`AtomicFile`] gives it to a file until it is renamed.
#[must_use]
pub fn is_unfinished(file_name: &str) -> bool {
    file_name.starts_with('.') && file_name.ends_with(UNFINISHED)
}

fn above(path: &Path) -> &Path {
    // The parent of a bare file name is the empty path, which cannot be opened.
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::{
        fs::{FileTypeExt, PermissionsExt, symlink},
        net::UnixListener,
    };

    use super::*;

    #[test]
    fn a_special_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [socket, link] = ["socket", "link"].map(|name| directory.path().join(name));
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink(&socket, &link).unwrap();
        for path in [&socket, &link] {
            assert_eq!(write(path, "x").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert!(fs::metadata(&link).unwrap().file_type().is_socket());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_the_existing_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (text, is_committed) in [("first", true), ("second", false), ("third", true)] {
            let before = fs::read(&path).ok();
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(fs::read(&path).ok(), before, "nobody sees it yet");
            if is_committed {
                file.commit().unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            } else {
                drop(file);
                assert_eq!(fs::read(&path).ok(), before);
            }
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o044, 0, "it is not for one alone");
    }

    #[test]
    fn a_synced_file_is_not_seen_before_it_is_committed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for is_to_be_committed in [false, true] {
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(b"whole").unwrap();
            let synced = file.sync().unwrap();
            assert_eq!((synced.bytes, synced.path(), path.exists()), (5, &*path, false));
            if is_to_be_committed {
                synced.commit().unwrap();
            }
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_has_left_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let (file, left) = AtomicFile::create(&directory.path().join("file"))
            .unwrap()
            .file
            .into_inner()
            .unwrap()
            .keep()
            .unwrap();
        for name in ["kept.tmp", ".kept"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        sweep(directory.path()).unwrap();
        assert!(left.exists(), "its writer lives");
        drop(file);
        sweep(directory.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
