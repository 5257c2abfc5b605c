//! What an export has written.

use std::path::PathBuf;

use flow::atomic_file::{AtomicFile, SyncedFile};

use crate::{corpus::Seen, error::ExportError};

/// The files of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// In the order in which they appeared.
    pub files: Vec<WrittenFile>,
    /// The documents that went into them.
    pub seen: Seen,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its rows or lines, without a header; documents for a form that has neither.
    pub rows: u64,
}

/// A file with all its rows, which nobody sees yet.
pub(crate) struct Ready {
    file: SyncedFile,
    rows: u64,
}

impl Ready {
    /// Forces a file to the medium.
    pub(crate) fn sync(file: AtomicFile, rows: u64) -> Result<Self, ExportError> {
        let path = file.path().to_owned();
        Ok(Self { file: file.sync().map_err(ExportError::writing(&path))?, rows })
    }
}

/// Gives files that belong together their names, when all of them are whole.
pub(crate) fn commit_all(files: Vec<Ready>) -> Result<Vec<WrittenFile>, ExportError> {
    let one = |Ready { file, rows }: Ready| {
        let written = WrittenFile { path: file.path().to_owned(), bytes: file.bytes, rows };
        file.commit().map_err(ExportError::writing(&written.path))?;
        Ok(written)
    };
    files.into_iter().map(one).collect()
}
