//! Which files have settled. It reads directories and keeps no clock: `now` is an argument.

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

/// How long a file must not have changed.
pub(super) const SETTLED: Duration = Duration::from_millis(500);

/// Looks at files, and remembers what it saw of each.
#[derive(Debug)]
pub(super) struct Scanner {
    paths: Vec<PathBuf>,
    seen: HashMap<PathBuf, Seen>,
    /// The directories in watched directories that a warning was logged for. They are not read.
    told: HashSet<PathBuf>,
}

/// What was last seen of a file.
#[derive(Debug, Clone, Copy)]
struct Seen {
    version: Version,
    since: Instant,
    state: State,
}

/// One content of a file, as far as it can be told without reading it. A file that was replaced has another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    bytes: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may still change.
    Fresh,
    /// It stands still, but somebody may write to it.
    Held,
    /// It was handed out, or holds nothing.
    Done,
}

impl Scanner {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, seen: HashMap::new(), told: HashSet::new() }
    }

    /// Files whose present content has settled and was not handed out before, in the order of their names.
    pub(super) fn look(&mut self, now: Instant) -> Vec<PathBuf> {
        let mut before = std::mem::take(&mut self.seen);
        let mut settled = Vec::new();
        // A set: the same directory may be named twice.
        let files: BTreeSet<PathBuf> = self.paths.iter().flat_map(|path| files(path)).collect();
        for path in files {
            let Some(version) = version(&path) else {
                self.tell_of_directory(path);
                continue;
            };
            let fresh = Seen { version, since: now, state: version.state() };
            let seen = before.remove(&path).filter(|seen| seen.version == version).unwrap_or(fresh);
            if seen.state != State::Done && now.saturating_duration_since(seen.since) >= SETTLED {
                settled.push(path.clone());
            }
            self.seen.insert(path, seen);
        }
        self.unheld(settled)
    }

    /// Warns once that the texts of a directory in a watched directory are not taken. Ignores run
    /// directories.
    fn tell_of_directory(&mut self, path: PathBuf) {
        let is_directory = path.is_dir() && !self.paths.contains(&path) && !directory::has_run(&path);
        if is_directory && !self.told.contains(&path) {
            tracing::warn!(
                "did not take '{}': it is a directory: drop its files, or name it as a source",
                path.display()
            );
            self.told.insert(path);
        }
    }

    /// Returns the directories that a warning was logged for.
    #[cfg(test)]
    pub(super) fn told(&self) -> &HashSet<PathBuf> {
        &self.told
    }

    /// Whether a file is expected to settle soon.
    pub(super) fn is_waiting(&self) -> bool {
        self.seen.values().any(|seen| seen.state == State::Fresh)
    }

    /// Those that nobody may write to.
    fn unheld(&mut self, mut settled: Vec<PathBuf>) -> Vec<PathBuf> {
        if settled.is_empty() {
            return settled;
        }
        let held = open_files::held(&settled);
        settled.retain(|path| {
            let is_held = held.contains(path) || companions(path).any(|companion| companion.exists());
            if let Some(seen) = self.seen.get_mut(path) {
                if is_held && seen.state == State::Fresh {
                    tracing::debug!("'{}' is being written: it is taken when that is over", path.display());
                }
                seen.state = if is_held { State::Held } else { State::Done };
            }
            !is_held
        });
        settled
    }
}

impl Version {
    /// An empty file is one that somebody will fill.
    const fn state(self) -> State {
        if self.bytes == 0 { State::Done } else { State::Fresh }
    }
}

fn version(path: &Path) -> Option<Version> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (bytes, modified) = (metadata.len(), metadata.modified().ok());
    Some(Version { bytes, modified, identity: open_files::identity(&metadata) })
}

/// The files of a directory, links to files among them, or the file itself; none where there is nothing.
fn files(path: &Path) -> Vec<PathBuf> {
    let files = match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![path.to_owned()],
    };
    files.into_iter().filter(|path| !is_temporary(path)).collect()
}
