//! Files that are written whole or not at all, with errors for people.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::exit::CliError;

/// A [`flow::whole_file::WholeFile`] that names itself where it cannot be written. Blocking.
pub(crate) struct WholeFile {
    path: PathBuf,
    file: flow::whole_file::WholeFile,
}

impl WholeFile {
    /// Begins a file.
    ///
    /// # Errors
    /// Where none can be made there.
    pub(crate) fn begin(path: &Path) -> Result<Self, CliError> {
        let file = flow::whole_file::WholeFile::begin(path);
        let file = file.map_err(|error| CliError::unwritten(path, &error))?;
        Ok(Self { path: path.to_owned(), file })
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
        file.finish().map_err(|error| CliError::unwritten(&path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = WholeFile::begin(Path::new("/nowhere/at/all/file")).err().unwrap().to_string();
        assert!(error.contains("'/nowhere/at/all/file'"), "{error}");
    }
}
