//! Reports of the files that an export has written.

use std::path::PathBuf;

use flow::atomic_file::{AtomicFile, SyncedFile};

use crate::{corpus::DocumentTotals, error::ExportError};

/// The result of writing one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// The files, in the order in which they were renamed to their final names.
    pub files: Vec<WrittenFile>,
    /// The number of documents in them, and of documents left out.
    pub totals: DocumentTotals,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// The path.
    pub path: PathBuf,
    /// The length.
    pub bytes: u64,
    /// The number of rows or lines, without the header, or of documents for a format that has neither.
    pub rows: u64,
}

/// A complete file that is durable under its temporary name.
pub(crate) struct UncommittedFile {
    file: SyncedFile,
    rows: u64,
}

impl UncommittedFile {
    /// Syncs a complete file.
    pub(crate) fn sync(file: AtomicFile, rows: u64) -> Result<Self, ExportError> {
        let path = file.path().to_owned();
        Ok(Self { file: file.sync().map_err(ExportError::writing(&path))?, rows })
    }
}

/// Renames files that belong together to their final names.
pub(crate) fn commit_all(files: Vec<UncommittedFile>) -> Result<Vec<WrittenFile>, ExportError> {
    let commit = |UncommittedFile { file, rows }: UncommittedFile| {
        let written = WrittenFile { path: file.path().to_owned(), bytes: file.bytes, rows };
        file.commit().map_err(ExportError::writing(&written.path))?;
        Ok(written)
    };
    files.into_iter().map(commit).collect()
}
