//! Copies all blobs of a run directory to another, in whatever layouts.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore, Change, Publishing},
    document::DocumentId,
};

/// The number of documents that are being published at the same time.
const PUBLISHING_MAX: usize = 64;

/// The result of [`copy_blobs`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// The documents that `from` has.
    pub documents: u64,
    /// The documents that were there already.
    pub skipped: u64,
    /// The bytes that were copied.
    pub bytes: u64,
}

/// Copies all blobs of `from` to `to`, and removes blobs of `to` that `from` does not have. Skips documents
/// that are there already with the same bytes, so it continues an interrupted copy. Neither store may change
/// meanwhile. `on_progress` gets the number of documents so far and of all.
///
/// # Errors
/// An error if a blob cannot be read, is damaged or cannot be written. What was copied stays.
pub fn copy_blobs(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    mut on_progress: impl FnMut(u64, u64),
) -> Result<Copied, BlobError> {
    let documents = documents(from)?;
    let mut copied = Copied { documents: documents.len() as u64, ..Copied::default() };
    let mut publishing: VecDeque<Publishing> = VecDeque::new();
    for (at, document) in documents.iter().enumerate() {
        match copy(from, to, document)? {
            None => copied.skipped += 1,
            Some((begun, bytes)) => {
                copied.bytes += bytes;
                publishing.push_back(begun);
            }
        }
        if publishing.len() >= PUBLISHING_MAX
            && let Some(first) = publishing.pop_front()
        {
            first.wait()?;
        }
        on_progress(at as u64 + 1, copied.documents);
    }
    publishing.into_iter().try_for_each(Publishing::wait)?;
    for kind in BlobKind::IN_ORDER {
        let kept: BTreeSet<_> = from.list(kind)?.into_iter().collect();
        for document in to.list(kind)?.into_iter().filter(|document| !kept.contains(document)) {
            to.remove(&BlobName::new(kind, document))?;
        }
    }
    Ok(copied)
}

fn documents(blobs: &dyn BlobStore) -> Result<BTreeSet<DocumentId>, BlobError> {
    let mut documents = BTreeSet::new();
    for kind in BlobKind::IN_ORDER {
        documents.extend(blobs.list(kind)?);
    }
    Ok(documents)
}

/// Begins to publish the blobs of a document, and returns their bytes. Returns `None` if they are there.
fn copy(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    document: &DocumentId,
) -> Result<Option<(Publishing, u64)>, BlobError> {
    let names: Vec<_> =
        BlobKind::IN_ORDER.into_iter().map(|kind| BlobName::new(kind, document.clone())).collect();
    let mut is_there = true;
    for name in &names {
        is_there = is_there && is_same(from, to, name)?;
    }
    if is_there {
        return Ok(None);
    }
    let (mut changes, mut bytes) = (Vec::new(), 0);
    for name in names {
        let mut blob = match from.open(&name) {
            Err(BlobError::NotFound(_)) => continue,
            opened => opened?,
        };
        let mut staged = to.stage(&name)?;
        let written = io::copy(&mut blob, &mut staged);
        bytes += written.map_err(|error| BlobError::at(&name.relative_path(), error))?;
        changes.push(Change::Staged(staged));
    }
    Ok(Some((to.begin_publishing(changes), bytes)))
}

/// Returns whether both stores have a blob with the same bytes, or neither has it.
fn is_same(from: &dyn BlobStore, to: &dyn BlobStore, name: &BlobName) -> Result<bool, BlobError> {
    let (wanted, found) = (from.len(name)?, to.len(name)?);
    // The bytes are only read if there is something to compare them with.
    Ok(wanted == found && (found.is_none() || from.digest(name)? == to.digest(name)?))
}

#[cfg(test)]
mod tests {
    use flow::testing::{
        blob_contract::{name, publish},
        memory_blobs::MemoryBlobs,
    };

    use super::*;

    #[test]
    fn a_copy_is_continued_and_equals_its_original() {
        let (from, to) = (MemoryBlobs::default(), MemoryBlobs::default());
        for document in 0..PUBLISHING_MAX + 3 {
            publish(&from, &name(BlobKind::Raw, &format!("d{document}")), b"raw");
            publish(&from, &name(BlobKind::Stats, &format!("d{document}")), b"{}");
        }
        publish(&from, &name(BlobKind::Spool, "waiting"), b"bytes");
        // An earlier copy, of an earlier state.
        publish(&to, &name(BlobKind::Raw, "d0"), b"raw");
        publish(&to, &name(BlobKind::Stats, "d0"), b"{}");
        publish(&to, &name(BlobKind::Raw, "d1"), b"war");
        publish(&to, &name(BlobKind::Text, "gone"), b"text");
        let mut steps = Vec::new();
        let copied = copy_blobs(&from, &to, |at, of| steps.push((at, of))).unwrap();
        let documents = PUBLISHING_MAX as u64 + 4;
        let expected = Copied { documents, skipped: 1, bytes: 5 * (documents - 2) + 5 };
        assert_eq!(copied, expected);
        assert_eq!(steps.last(), Some(&(documents, documents)));
        assert_eq!(to.names(), from.names());
        assert_eq!(to.read(&name(BlobKind::Raw, "d1"), 9).unwrap(), b"raw");
        let again = copy_blobs(&from, &to, |_, _| ()).unwrap();
        assert_eq!(again, Copied { skipped: documents, bytes: 0, ..expected });
    }
}
