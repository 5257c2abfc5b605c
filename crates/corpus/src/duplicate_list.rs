//! `duplicates.tsv`: the list of the documents that have the text of another one. It is for people, and for
//! `juggle status`, which cannot read all metas each time.
//!
//! Disk form: a header `id<TAB>duplicate_of`, then a line for each duplicate, in order of ids. The file is
//! written after texts were stored and compared. It does not exist if there are no duplicates.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flow::{atomic_file, blobs::BlobError, document::DocumentId, safe_file};
use serde::Serialize;

const HEADER: &str = "id\tduplicate_of\n";
/// The maximum size of the file that is read, in bytes.
// A line has at most 242 bytes, so a file of this size names more than 4 million duplicates.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A document with the text of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The id of the document.
    pub id: DocumentId,
    /// The id of the first document with this text.
    pub duplicate_of: DocumentId,
}

/// Returns the path of the list in a run directory, `duplicates.tsv`. The file need not exist.
#[must_use]
pub fn path_in(run: &Path) -> PathBuf {
    run.join("duplicates.tsv")
}

/// Writes the list, if it differs from the one that exists. Blocking.
///
/// # Errors
/// Returns an error if the file cannot be written or removed.
pub fn write(run: &Path, duplicates: &[(DocumentId, DocumentId)]) -> Result<(), BlobError> {
    let path = path_in(run);
    let failed = |error| BlobError::at(&path, error);
    if duplicates.is_empty() {
        // A list of an earlier run would be wrong now. Usually there is none.
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let lines = duplicates.iter().map(|(id, first)| format!("{id}\t{first}\n"));
    let text: String = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    // An unchanged list costs no write and no sync.
    if safe_file::read_to_string(&path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    atomic_file::write(&path, text).map_err(failed)
}

/// Reads the list. Skips invalid lines. Blocking.
///
/// # Errors
/// Returns an error if the file exists and cannot be read.
pub fn read(run: &Path) -> Result<Vec<Duplicate>, BlobError> {
    let path = path_in(run);
    let mut text = String::new();
    match safe_file::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| BlobError::at(&path, error))?,
    };
    let duplicate = |line: &str| {
        let (id, first) = line.split_once('\t')?;
        Some(Duplicate { id: id.parse().ok()?, duplicate_of: first.parse().ok()? })
    };
    Ok(text.strip_prefix(HEADER).unwrap_or(&text).lines().filter_map(duplicate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back_and_goes_with_the_last_duplicate() {
        let run = tempfile::tempdir().unwrap();
        let id = |id: &str| id.parse::<DocumentId>().unwrap();
        assert_eq!(read(run.path()).unwrap(), []);
        write(run.path(), &[(id("PG9"), id("PG10")), (id("x"), id("PG10"))]).unwrap();
        let text = fs::read_to_string(path_in(run.path())).unwrap();
        assert_eq!(text, "id\tduplicate_of\nPG9\tPG10\nx\tPG10\n");
        let of = |name| Duplicate { id: id(name), duplicate_of: id("PG10") };
        assert_eq!(read(run.path()).unwrap(), [of("PG9"), of("x")]);
        write(run.path(), &[]).unwrap();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
    }
}
