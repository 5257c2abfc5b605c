//! What a run must bring that keeps to a lock.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use flow::{document::DocumentId, queue::Cursor};

use super::{Difference, Head, Lock, compare, compare::What, documents};
use sources::{refresh, snapshot::integrity};

use crate::{
    exit::{CliError, Exit},
    rebuild::survey::Surveyor,
};

/// Differences that are named for people.
pub(crate) const NAMED_MAX: usize = 40;

/// What a run must bring. Holds an id and a hash a document.
#[derive(Debug)]
pub(crate) struct Expected {
    path: PathBuf,
    head: Head,
    raw: HashMap<DocumentId, String>,
}

impl Expected {
    /// Reads a lock to its end. Blocking.
    ///
    /// # Errors
    /// Where it cannot be read or is damaged.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let mut lock = Lock::open(path)?;
        let mut raw = HashMap::new();
        for document in &mut lock {
            let document = document?;
            raw.insert(document.id, document.raw.blake3);
        }
        Ok(Self { path: path.to_owned(), head: lock.head, raw })
    }

    /// Where the lock lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The BLAKE3 of the bytes that must be received for a document.
    pub(crate) fn raw_of(&self, document: &DocumentId) -> Option<&String> {
        self.raw.get(document)
    }

    /// Refuses a run of which it is known beforehand that its results would differ: by its settings, by what is listed, or
    /// by what is stored. Blocking.
    ///
    /// # Errors
    /// [`Exit::SomeFailed`] with the list; where lists or files cannot be read.
    pub(crate) fn check(
        &self,
        now: &Head,
        cursors: &[Cursor],
        snapshots: &Path,
        surveyor: &Surveyor<'_>,
    ) -> Result<(), CliError> {
        let mut found = self.head.differences(now);
        let mut differences = compare(&mut Lock::open(&self.path)?, documents(surveyor, &now.processor)?)?;
        let listed = self.look_at_lists(cursors, snapshots, &mut differences)?;
        // What is not there yet is brought, if a list names it.
        differences.retain(|one| one.what != [What::Missing] || !listed.contains(&one.id));
        differences.sort_by(|one, other| one.id.cmp(&other.id));
        found.extend(differences.iter().map(ToString::to_string));
        if found.is_empty() { Ok(()) } else { Err(self.refusal(&found)) }
    }

    /// The ids that are listed; those that are not in the lock, or with another hash, are differences.
    fn look_at_lists(
        &self,
        cursors: &[Cursor],
        snapshots: &Path,
        differences: &mut Vec<Difference>,
    ) -> Result<BTreeSet<DocumentId>, CliError> {
        let mut listed = BTreeSet::new();
        let is_told = |one: &&Difference| one.what != [What::Missing];
        let told: BTreeSet<DocumentId> =
            differences.iter().filter(is_told).map(|one| one.id.clone()).collect();
        for list in
            cursors.iter().map(|cursor| &cursor.source).filter(|name| refresh::list_of(name).is_none())
        {
            for item in integrity::read(&snapshots.join(format!("{list}.jsonl")))? {
                let (entry, _) = item?;
                let what = match (self.raw_of(&entry.id), &entry.listed.blake3) {
                    (None, _) => Some(What::NotLocked),
                    (Some(locked), Some(meant)) if !locked.eq_ignore_ascii_case(meant.trim()) => {
                        Some(What::Raw)
                    }
                    (Some(_), _) => None,
                };
                let is_new = listed.insert(entry.id.clone());
                if let Some(what) = what.filter(|_| is_new && !told.contains(&entry.id)) {
                    differences.push(Difference { id: entry.id, what: vec![what] });
                }
            }
        }
        Ok(listed)
    }

    fn refusal(&self, found: &[String]) -> CliError {
        let named = found.iter().take(NAMED_MAX).map(|one| format!("\n  {one}")).collect::<String>();
        let more = found.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
        let message = format!("this run would differ from '{}':{named}{more}", self.path.display());
        CliError::new(Exit::SomeFailed, message)
            .advise("nothing was fetched; without --locked the run goes on, and corpus.lock is written anew")
    }
}
