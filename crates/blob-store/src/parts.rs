//! Downloads that were begun and can be resumed: `spool/PG84.spool.part`, with a note beside it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName},
    document::DocumentId,
    safe_file,
};

/// The ending of files that can be resumed.
pub(crate) const PART: &str = ".part";

/// The unfinished downloads of a run directory.
pub(crate) struct Parts {
    /// The directory that they are in.
    pub(crate) spool: PathBuf,
}

impl Parts {
    /// Returns their documents, in the order of the ids.
    pub(crate) fn list(&self) -> Result<Vec<DocumentId>, BlobError> {
        let listed =
            documents_in(&self.spool, |name| name.strip_suffix(PART)?.strip_suffix(BlobKind::Spool.suffix()));
        let listed = listed.map_err(|error| BlobError::at(&self.spool, error))?;
        Ok(listed.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Removes one, with the file beside it. Nobody may be at work on it.
    pub(crate) fn remove(&self, document: &DocumentId) -> Result<(), BlobError> {
        // The file beside it shows that it is a part, so that file goes first.
        for ending in [".part.json", PART] {
            let path = self.path(document, ending);
            safe_file::remove(&path).map_err(|error| BlobError::at(&path, error))?;
        }
        Ok(())
    }

    fn path(&self, document: &DocumentId, ending: &str) -> PathBuf {
        let name = BlobName::new(BlobKind::Spool, document.clone());
        self.spool.join(format!("{}{ending}", name.file_name()))
    }
}

/// Returns the documents that the names of files in a directory name. `id` returns the part of a name that is
/// the id.
pub(crate) fn documents_in(
    directory: &Path,
    id: impl Fn(&str) -> Option<&str>,
) -> io::Result<Vec<DocumentId>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let document = entry.file_name().to_str().and_then(&id).and_then(|id| id.parse().ok());
        if let Some(document) = document
            && entry.file_type()?.is_file()
        {
            documents.push(document);
        }
    }
    Ok(documents)
}
