//! Files that are written whole or not at all.

use std::{
    fs::{File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use crate::temporary::{self, Held, Sweep};

/// What a file may be at most; the umask takes from it.
const MODE: u32 = 0o666;
/// The maximum number of temporary files that are created for one file, if sweeps remove them.
const TRIES_MAX: usize = 64;
/// The ending of a file that has no name yet.
const UNFINISHED: &str = ".tmp";

/// A file on its way to its name: written beside it, forced to the medium, renamed. Dropped before that, it leaves what was
/// there. Blocking.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

/// A file that is written whole and durable, though nobody sees it yet, so that several can appear together. No file is
/// held open for it, so nobody may sweep its directory meanwhile. It is removed if it is dropped.
#[derive(Debug)]
pub struct SettledFile {
    path: PathBuf,
    temporary: TempPath,
    /// Its length.
    pub bytes: u64,
}

impl WholeFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Where none can be made there.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for _ in 0..TRIES_MAX {
            let made = tempfile::Builder::new()
                .prefix(&format!(".{name}."))
                .suffix(UNFINISHED)
                .permissions(Permissions::from_mode(MODE))
                .tempfile_in(above(path))?;
            if temporary::hold(made.as_file(), made.path())? == Held::Ours {
                return Ok(Self { path: path.to_owned(), file: BufWriter::new(made) });
            }
        }
        Err(io::Error::other("its temporary file is taken away again and again"))
    }

    /// The name that it will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Forces it to the medium; it gets its name later.
    ///
    /// # Errors
    /// Where there is no room, or the disk fails.
    pub fn settle(self) -> io::Result<SettledFile> {
        let (path, file) = self.forced()?;
        let bytes = file.as_file().metadata()?.len();
        Ok(SettledFile { path, temporary: file.into_temp_path(), bytes })
    }

    fn forced(self) -> io::Result<(PathBuf, NamedTempFile)> {
        let Self { path, file } = self;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        Ok((path, file))
    }

    /// Gives it its name, durably, in place of what had it.
    ///
    /// # Errors
    /// Where that fails.
    pub fn finish(self) -> io::Result<()> {
        let (path, file) = self.forced()?;
        // The file stays open, and therefore locked, until it is renamed.
        let _held = file.persist(&path)?;
        File::open(above(&path))?.sync_all()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SettledFile {
    /// The name that it will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, durably, in place of what had it.
    ///
    /// # Errors
    /// Where that fails.
    pub fn appear(self) -> io::Result<()> {
        self.temporary.persist(&self.path)?;
        File::open(above(&self.path))?.sync_all()
    }
}

/// Removes the files that killed writers have left in a directory.
///
/// # Errors
/// Where it cannot be read, or a file cannot be removed.
pub fn sweep(directory: &Path) -> io::Result<()> {
    temporary::sweep(directory, Sweep::Remove, is_unfinished).map(drop)
}

/// Returns whether a file name is a temporary name, as [`WholeFile`] gives it to a file until it is renamed.
#[must_use]
pub fn is_unfinished(file_name: &str) -> bool {
    file_name.starts_with('.') && file_name.ends_with(UNFINISHED)
}

fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_not_finished_leaves_the_one_that_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (text, is_finished) in [("first", true), ("second", false), ("third", true)] {
            let before = fs::read(&path).ok();
            let mut file = WholeFile::begin(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(fs::read(&path).ok(), before, "nobody sees it yet");
            if is_finished {
                file.finish().unwrap();
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
    fn a_settled_file_is_not_seen_before_it_appears() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for is_to_appear in [false, true] {
            let mut file = WholeFile::begin(&path).unwrap();
            file.write_all(b"whole").unwrap();
            let settled = file.settle().unwrap();
            assert_eq!((settled.bytes, settled.path(), path.exists()), (5, &*path, false));
            if is_to_appear {
                settled.appear().unwrap();
            }
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_has_left_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let (file, left) = WholeFile::begin(&directory.path().join("file"))
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
