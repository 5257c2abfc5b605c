//! Finds the files that have settled. It reads directories but no clock: `now` is an argument.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::open_files::{self, Identity};
use crate::{
    directory,
    ignore_patterns::{companions, is_temporary},
};

/// The time for which a file must not have changed.
pub(super) const SETTLED: Duration = Duration::from_millis(500);

/// Scans files, and keeps the state of each.
#[derive(Debug)]
pub(super) struct Scanner {
    paths: Vec<PathBuf>,
    files: HashMap<PathBuf, FileState>,
    /// The directories in watched directories that a warning was logged for. They are not read.
    warned: HashSet<PathBuf>,
}

/// The state of a file at the last scan.
#[derive(Debug, Clone, Copy)]
struct FileState {
    version: FileVersion,
    since: Instant,
    stage: Settling,
}

/// The version of a file, without reading its content. A file that was replaced has another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    bytes: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settling {
    /// It may still change.
    Fresh,
    /// It has not changed, but is open for writing.
    Open,
    /// It was returned, or it is empty.
    Done,
}

impl Scanner {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, files: HashMap::new(), warned: HashSet::new() }
    }

    /// Returns the files whose current content has settled and was not returned before, in the order of their
    /// names.
    pub(super) fn scan(&mut self, now: Instant) -> Vec<PathBuf> {
        // Files that no longer exist are forgotten.
        let mut before = std::mem::take(&mut self.files);
        let mut settled = Vec::new();
        // A set, because the same directory may be named twice.
        let files: BTreeSet<PathBuf> = self.paths.iter().flat_map(|path| files(path)).collect();
        for path in files {
            let Some(version) = version(&path) else {
                self.warn_of_directory(path);
                continue;
            };
            // An empty file is ignored until it is filled.
            let stage = if version.bytes == 0 { Settling::Done } else { Settling::Fresh };
            let fresh = FileState { version, since: now, stage };
            let file = before.remove(&path).filter(|file| file.version == version).unwrap_or(fresh);
            if file.stage != Settling::Done && now.saturating_duration_since(file.since) >= SETTLED {
                settled.push(path.clone());
            }
            self.files.insert(path, file);
        }
        self.closed(settled)
    }

    /// Warns once that the texts of a directory in a watched directory are not taken. Ignores run
    /// directories.
    fn warn_of_directory(&mut self, path: PathBuf) {
        let is_directory = path.is_dir() && !self.paths.contains(&path) && !directory::has_run(&path);
        if is_directory && !self.warned.contains(&path) {
            tracing::warn!(
                "did not add '{}', because it is a directory. Add its files, or use it as a source.",
                path.display()
            );
            self.warned.insert(path);
        }
    }

    /// Returns the directories that a warning was logged for.
    #[cfg(test)]
    pub(super) fn warned(&self) -> &HashSet<PathBuf> {
        &self.warned
    }

    /// Returns whether a file is expected to settle soon.
    pub(super) fn is_waiting(&self) -> bool {
        self.files.values().any(|file| file.stage == Settling::Fresh)
    }

    /// Returns the files that are not open for writing.
    fn closed(&mut self, mut settled: Vec<PathBuf>) -> Vec<PathBuf> {
        if settled.is_empty() {
            return settled;
        }
        let open = open_files::open_for_writing(&settled);
        settled.retain(|path| {
            // Some downloaders close the file between writes but keep a control file.
            let is_open = open.contains(path) || companions(path).any(|companion| companion.exists());
            if let Some(file) = self.files.get_mut(path) {
                if is_open && file.stage == Settling::Fresh {
                    tracing::debug!("'{}' is open for writing: waiting until it is closed", path.display());
                }
                file.stage = if is_open { Settling::Open } else { Settling::Done };
            }
            !is_open
        });
        settled
    }
}

fn version(path: &Path) -> Option<FileVersion> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (bytes, modified) = (metadata.len(), metadata.modified().ok());
    Some(FileVersion { bytes, modified, identity: open_files::identity(&metadata) })
}

/// Returns the files of a directory, including links, or the file itself; empty if the path does not exist.
fn files(path: &Path) -> Vec<PathBuf> {
    let files = match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        // Not a directory, or not there: `version` decides.
        Err(_) => vec![path.to_owned()],
    };
    files.into_iter().filter(|path| !is_temporary(path)).collect()
}
