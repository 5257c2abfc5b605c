//! Reads the source lists of a run from their beginning.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use flow::{document::DocumentId, queue::CursorMove};

use super::salvage;
use sources::{
    error::SourceError,
    snapshot::{entries, integrity},
};

/// The contents of all lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// One cursor for each list, at its beginning.
    pub(super) cursors: Vec<CursorMove>,
    /// The number of their entries.
    pub(super) entries: u64,
    /// The number of entries whose texts are not in the store.
    pub(super) missing: u64,
    /// The damaged lists. The entries after the damage are left out.
    pub(super) damaged: Vec<PathBuf>,
}

/// The treatment of a damaged list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Salvage {
    /// Write the entries before the damage as a new list.
    Beginning,
    /// Only count these entries.
    Nothing,
}

/// The documents in the store.
pub(super) struct Stored<'a> {
    /// The documents with a meta, in order.
    pub(super) all: &'a [DocumentId],
    /// The documents of these that must be fetched again.
    pub(super) incomplete: &'a BTreeSet<DocumentId>,
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
pub(super) fn read(
    directory: &Path,
    stored: &Stored<'_>,
    unlisted: &mut BTreeSet<DocumentId>,
    salvage: Salvage,
) -> Result<Lists, SourceError> {
    let (mut lists, mut cursors) = (Lists::default(), BTreeMap::new());
    for path in snapshots(directory)? {
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

/// Returns the complete lists, in order of their names. A list whose process died while it was added has
/// another extension.
fn snapshots(directory: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError::Snapshot { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}
