//! Files that are written whole or not at all.

use std::{
    fs::{File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::exit::CliError;

/// What a file may be at most; the umask takes from it.
const MODE: u32 = 0o666;

/// A file on its way to its name: written beside it, forced to the medium, renamed. Dropped before that, it leaves what was
/// there. Blocking.
pub(crate) struct WholeFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl WholeFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Where none can be made there.
    pub(crate) fn begin(path: &Path) -> Result<Self, CliError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let made = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".tmp")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(above(path))
            .map_err(|error| CliError::unwritten(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(made) })
    }

    /// Writes the next part of it.
    ///
    /// # Errors
    /// Where there is no room, or the disk fails.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<T, CliError> {
        write(&mut self.file).map_err(|error| CliError::unwritten(&self.path, &error))
    }

    /// Gives it its name, durably, in place of what had it.
    ///
    /// # Errors
    /// Where that fails.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let Self { path, file } = self;
        let finish = || {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(above(&path))?.sync_all()
        };
        finish().map_err(|error: io::Error| CliError::unwritten(&path, &error))
    }
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
            file.write(|file| file.write_all(text.as_bytes())).unwrap();
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
    fn a_file_that_cannot_be_made_is_named() {
        let error = WholeFile::begin(Path::new("/nowhere/at/all/file")).err().unwrap().to_string();
        assert!(error.contains("'/nowhere/at/all/file'"), "{error}");
    }
}
