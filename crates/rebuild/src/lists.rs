//! Reads the source lists of a run from their beginning.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use flow::{document::DocumentId, queue::CursorMove};
use sources::{
    error::SourceError,
    snapshot::{self, entries, integrity},
};

use crate::salvage;

/// The contents of all lists.
#[derive(Debug, Default)]
pub struct Lists {
    /// One cursor for each list, at its beginning.
    pub cursors: Vec<CursorMove>,
    /// The number of their entries.
    pub entries: u64,
    /// The number of entries whose texts are not in the store.
    pub missing: u64,
    /// The damaged lists. The entries after the damage are left out.
    pub damaged: Vec<PathBuf>,
}

/// The treatment of a damaged list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Salvage {
    /// Write the entries before the damage as a new list.
    Beginning,
    /// Only count these entries.
    Nothing,
}

/// The documents in the store.
pub(crate) struct Stored<'a> {
    /// The documents with a meta, in order.
    pub(crate) all: &'a [DocumentId],
    /// The documents of these that must be fetched again.
    pub(crate) incomplete: &'a BTreeSet<DocumentId>,
}

impl Stored<'_> {
    fn lacks(&self, document: &DocumentId) -> bool {
        self.incomplete.contains(document) || self.all.binary_search(document).is_err()
    }
}

/// One list, read to its end or to its damage.
#[derive(Debug, Default)]
struct Read {
    entries: u64,
    missing: u64,
    /// The offset behind the last entry.
    bytes: u64,
    is_damaged: bool,
}

/// Reads all lists. Removes the documents that they name from `unlisted`.
///
/// # Errors
/// Returns an error if the directory or a list cannot be read, or the beginning of a damaged list cannot be
/// written.
pub(crate) fn read(
    directory: &Path,
    stored: &Stored<'_>,
    unlisted: &mut BTreeSet<DocumentId>,
    salvage: Salvage,
) -> Result<Lists, SourceError> {
    let (mut lists, mut cursors) = (Lists::default(), BTreeMap::new());
    for path in snapshot::paths(directory)? {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let list = read_one(&path, stored, unlisted)?;
        let mut source = name.to_owned();
        if list.is_damaged {
            // A list without entries before the damage leaves nothing to save.
            if salvage == Salvage::Beginning && list.entries > 0 {
                source = salvage::beginning(&path, list.bytes)?;
            }
            lists.damaged.push(path);
        }
        lists.missing += list.missing;
        lists.entries += list.entries;
        if list.entries > 0 {
            cursors.insert(source, list.entries);
        }
    }
    let cursor =
        |(source, entries_total)| CursorMove { source, from: None, offset: 0, entries: 0, entries_total };
    lists.cursors = cursors.into_iter().map(cursor).collect();
    Ok(lists)
}

fn read_one(
    path: &Path,
    stored: &Stored<'_>,
    unlisted: &mut BTreeSet<DocumentId>,
) -> Result<Read, SourceError> {
    let mut list = Read { is_damaged: !integrity::is_intact(path)?, ..Read::default() };
    for item in entries::read_from(path, 0)? {
        match item {
            Ok((entry, offset)) => {
                unlisted.remove(&entry.id);
                list.entries += 1;
                list.missing += u64::from(stored.lacks(&entry.id));
                list.bytes = offset;
            }
            Err(error @ SourceError::Damaged { .. }) => {
                tracing::warn!("{error}");
                list.is_damaged = true;
                // Offsets after the damage are unreliable, so nothing behind it is read.
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}
