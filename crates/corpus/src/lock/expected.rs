//! The lock that a run must match.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use flow::{blobs::BlobStore, document::DocumentId};

use super::{
    Difference, DifferenceKind, LockError, LockHead, LockReader, LockReport, RootHasher, Seal, compare,
    documents,
};

/// The lock that a run must match. Holds an id and a hash for each document in memory.
#[derive(Debug)]
pub struct ExpectedLock {
    path: PathBuf,
    head: LockHead,
    raw: HashMap<DocumentId, String>,
}

impl ExpectedLock {
    /// Reads a lock to its end. Blocking.
    ///
    /// # Errors
    /// [`LockError::Read`] and [`LockError::Damaged`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let mut lock = LockReader::open(path)?;
        let mut raw = HashMap::new();
        for document in &mut lock {
            let document = document?;
            raw.insert(document.id, document.raw.blake3);
        }
        Ok(Self { path: path.to_owned(), head: lock.head, raw })
    }

    /// Returns the path of the lock.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the BLAKE3 hash that the bytes as received of a document must have.
    #[must_use]
    pub fn raw_of(&self, document: &DocumentId) -> Option<&String> {
        self.raw.get(document)
    }

    /// Returns how the results of a run would differ from the lock, for people, as far as its settings, its
    /// source lists and the stored documents show it before anything is fetched. `listed` yields the
    /// documents of the source lists, each with the hash that the list gives for it. Blocking.
    ///
    /// # Errors
    /// Returns the first error of `listed`, and the errors of reading the lock and the store.
    pub fn check<E: From<LockError>>(
        &self,
        now: &LockHead,
        listed: impl Iterator<Item = Result<(DocumentId, Option<String>), E>>,
        blobs: &dyn BlobStore,
    ) -> Result<Vec<String>, E> {
        let mut found = self.head.differences(now);
        let here = documents(blobs, &now.processor)?;
        let mut differences = compare(&mut LockReader::open(&self.path)?, here)?;
        let listed = self.compare_listed(listed, &mut differences)?;
        // A document that is not stored yet will be fetched if a list names it.
        differences.retain(|one| one.what != [DifferenceKind::Missing] || !listed.contains(&one.id));
        differences.sort_by(|one, other| one.id.cmp(&other.id));
        found.extend(differences.iter().map(ToString::to_string));
        Ok(found)
    }

    /// Compares the lock with a corpus at the end of a run. Blocking.
    ///
    /// # Errors
    /// Returns the errors of reading the lock and the store.
    pub fn compare(&self, head: &LockHead, blobs: &dyn BlobStore) -> Result<LockReport, LockError> {
        let mut root = RootHasher::default();
        let here = documents(blobs, &head.processor)?.inspect(|one| one.iter().for_each(|one| root.add(one)));
        let differences = compare(&mut LockReader::open(&self.path)?, here)?;
        let Seal { documents, root } = root.seal();
        Ok(LockReport { path: self.path.clone(), documents, root, differences: Some(differences) })
    }

    /// Returns the ids that are listed, and adds the listed documents that are not in the lock, or have
    /// another hash there, to the differences.
    fn compare_listed<E>(
        &self,
        all: impl Iterator<Item = Result<(DocumentId, Option<String>), E>>,
        differences: &mut Vec<Difference>,
    ) -> Result<BTreeSet<DocumentId>, E> {
        let is_reported = |one: &&Difference| one.what != [DifferenceKind::Missing];
        let reported: BTreeSet<DocumentId> =
            differences.iter().filter(is_reported).map(|one| one.id.clone()).collect();
        let mut listed = BTreeSet::new();
        for item in all {
            let (id, blake3) = item?;
            let what = match (self.raw_of(&id), blake3) {
                (None, _) => Some(DifferenceKind::NotLocked),
                (Some(locked), Some(given)) if !locked.eq_ignore_ascii_case(given.trim()) => {
                    Some(DifferenceKind::Raw)
                }
                (Some(_), _) => None,
            };
            // A document that is listed twice is reported at most once.
            let is_new = listed.insert(id.clone());
            if let Some(what) = what.filter(|_| is_new && !reported.contains(&id)) {
                differences.push(Difference { id, what: vec![what] });
            }
        }
        Ok(listed)
    }
}
