//! Reads the entries of a snapshot from any of its line starts.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use flow::safe_file;

use crate::{entry::Entry, error::SourceError};

/// The maximum length of a line, in bytes. An entry has at most 60 KiB.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads the entries of a snapshot from a byte offset on, without checking its hash. Blocking.
///
/// Each entry comes with the offset after it, at which a later call may start.
///
/// # Errors
/// Returns [`SourceError::Snapshot`] if the file cannot be read, and [`SourceError::Damaged`] if no line
/// starts at `offset`.
pub fn read_from(path: &Path, offset: u64) -> Result<Entries, SourceError> {
    let failed = |source| SourceError::Snapshot { path: path.to_owned(), source };
    // The run directory may be writable for others: links are not followed.
    let mut file = safe_file::open(path).map_err(failed)?;
    if offset > file.metadata().map_err(failed)?.len() {
        return Err(damaged(path, offset, "the file is shorter"));
    }
    // A line starts at the beginning of the file and after every LF.
    if let Some(last) = offset.checked_sub(1) {
        let mut before = [0];
        file.seek(SeekFrom::Start(last)).and_then(|_| file.read_exact(&mut before)).map_err(failed)?;
        if before != *b"\n" {
            return Err(damaged(path, offset, "no line starts there"));
        }
    }
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    Ok(Entries { path: path.to_owned(), file: Some(file), offset, line: Vec::new() })
}

fn damaged(path: &Path, offset: u64, message: &str) -> SourceError {
    SourceError::Damaged { path: path.to_owned(), offset, message: message.to_owned() }
}

/// An iterator over the entries of a snapshot. It ends after the last entry or the first error.
pub struct Entries {
    path: PathBuf,
    /// `None` after the end.
    file: Option<BufReader<File>>,
    offset: u64,
    line: Vec<u8>,
}

impl Entries {
    fn read(&mut self) -> Result<Option<(Entry, u64)>, SourceError> {
        let Some(file) = &mut self.file else { return Ok(None) };
        self.line.clear();
        let read = file.take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        let bytes =
            read.map_err(|source: io::Error| SourceError::Snapshot { path: self.path.clone(), source })?;
        if bytes == 0 {
            return Ok(None);
        }
        // A line without its LF was truncated, or it is longer than any entry.
        if self.line.last() != Some(&b'\n') {
            return Err(damaged(&self.path, self.offset, "the line is truncated or too long"));
        }
        let entry = serde_json::from_slice(&self.line)
            .map_err(|error| damaged(&self.path, self.offset, &format!("not an entry: {error}")))?;
        self.offset += bytes as u64;
        Ok(Some((entry, self.offset)))
    }
}

impl Iterator for Entries {
    type Item = Result<(Entry, u64), SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read().transpose();
        if !matches!(item, Some(Ok(_))) {
            // Nothing follows the end or an error.
            self.file = None;
        }
        item
    }
}
