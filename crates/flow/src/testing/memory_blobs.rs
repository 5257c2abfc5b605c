//! A [`BlobStore`] in memory.

use std::{
    collections::{BTreeMap, HashSet},
    fs::OpenOptions,
    io::{Cursor, Read, Seek},
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    blobs::{
        BlobError, BlobKind, BlobName, BlobStore, Change, Kept, Publisher, StagedBlob, StagedBytes,
        StagedFile,
    },
    document::DocumentId,
};

/// The number of bytes that a staged blob holds in memory.
const MEMORY_MAX: usize = 1 << 20;

/// A blob store with published blobs in memory, and those that can be resumed in a temporary directory.
#[derive(Debug)]
pub struct MemoryBlobs {
    published: Mutex<BTreeMap<BlobName, Arc<[u8]>>>,
    staging: tempfile::TempDir,
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        let staging = tempfile::tempdir().expect("tests need a temporary directory");
        Self { published: Mutex::default(), staging }
    }
}

impl MemoryBlobs {
    /// Publishes bytes at once.
    pub fn put(&self, name: BlobName, bytes: &[u8]) {
        self.published().insert(name, bytes.into());
    }

    /// Returns the names of all published blobs.
    #[must_use]
    pub fn names(&self) -> HashSet<BlobName> {
        self.published().keys().cloned().collect()
    }

    fn published(&self) -> MutexGuard<'_, BTreeMap<BlobName, Arc<[u8]>>> {
        self.published.lock().expect("no test panics while it holds this lock")
    }

    fn make(&self, change: Change) -> Result<(), BlobError> {
        match change {
            Change::Staged(blob) => {
                let at = |error| BlobError::at(&blob.name.relative_path(), error);
                let bytes = match blob.bytes {
                    StagedBytes::File(staged) => {
                        let bytes = std::fs::read(&staged.path).map_err(at)?;
                        std::fs::remove_file(&staged.path).map_err(at)?;
                        bytes
                    }
                    StagedBytes::Memory(bytes) => bytes,
                    StagedBytes::Unnamed(mut staged) => {
                        let mut bytes = Vec::new();
                        staged.rewind().and_then(|()| staged.read_to_end(&mut bytes)).map_err(at)?;
                        bytes
                    }
                };
                self.put(blob.name, &bytes);
            }
            Change::Renamed { from, to } => {
                let mut published = self.published();
                let bytes =
                    published.remove(&from).ok_or_else(|| BlobError::NotFound(from.relative_path()))?;
                published.insert(to, bytes);
            }
            Change::Removed(name) => {
                self.published().remove(&name);
            }
        }
        Ok(())
    }
}

impl BlobStore for MemoryBlobs {
    fn stage(&self, name: &BlobName) -> Result<StagedBlob, BlobError> {
        Ok(StagedBlob::in_memory(name.clone(), MEMORY_MAX, self.staging.path()))
    }

    fn resume(&self, name: &BlobName) -> Result<StagedFile, BlobError> {
        let path = self.staging.path().join(format!("{}.part", name.file_name()));
        let opened = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let file = opened.map_err(|error| BlobError::at(&path, error))?;
        // One writer at a time, as the contract demands. The lock ends with the file.
        file.try_lock().map_err(|_| BlobError::Busy(path.clone()))?;
        Ok(StagedFile { name: name.clone(), path, file, kept: Kept::Yes })
    }

    fn publish_for(&self, changes: Vec<Change>, publisher: Publisher) {
        publisher.end(changes.into_iter().try_for_each(|change| self.make(change)));
    }

    fn open(&self, name: &BlobName) -> Result<Box<dyn Read + Send>, BlobError> {
        let bytes = self.published().get(name).cloned();
        bytes.map_or_else(
            || Err(BlobError::NotFound(name.relative_path())),
            |bytes| Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>),
        )
    }

    fn len(&self, name: &BlobName) -> Result<Option<u64>, BlobError> {
        Ok(self.published().get(name).map(|bytes| bytes.len() as u64))
    }

    fn remove(&self, name: &BlobName) -> Result<(), BlobError> {
        self.published().remove(name);
        Ok(())
    }

    fn share(&self, original: &BlobName, copy: &BlobName) -> Result<bool, BlobError> {
        let mut published = self.published();
        let (Some(bytes), Some(other)) = (published.get(original).cloned(), published.get(copy)) else {
            return Ok(false);
        };
        // Two blobs that share their bytes already are left alone.
        let is_due = !Arc::ptr_eq(&bytes, other) && bytes == *other;
        if is_due {
            published.insert(copy.clone(), bytes);
        }
        Ok(is_due)
    }

    fn list(&self, kind: BlobKind) -> Result<Vec<DocumentId>, BlobError> {
        let published = self.published();
        let mut documents: Vec<_> =
            published.keys().filter(|name| name.kind == kind).map(|name| name.document.clone()).collect();
        documents.sort();
        Ok(documents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blob_contract::blob_contract;

    #[test]
    fn blobs_in_memory_keep_the_contract() {
        blob_contract(|| Arc::new(MemoryBlobs::default()));
    }
}
