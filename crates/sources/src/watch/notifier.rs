//! Receives notifications of the system about changed directories.
//!
//! Directories are watched, never files: a file that is replaced by a rename would end its watch. A directory
//! that reappears or is replaced is watched again.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use notify::{
    Event, EventKind, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::sync::mpsc;

use super::{
    RESCAN_INTERVAL,
    open_files::{Identity, identity},
};

/// Creates a watcher that sends a message for each change.
pub(super) type MakeWatcher = fn(mpsc::Sender<()>) -> notify::Result<Box<dyn Watcher + Send>>;

/// Creates the watcher of the system.
pub(super) fn system(changed: mpsc::Sender<()>) -> notify::Result<Box<dyn Watcher + Send>> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if !event.as_ref().is_ok_and(is_read_access)
            && let Err(mpsc::error::TrySendError::Closed(())) = changed.try_send(())
        {
            tracing::debug!("something changed after the end of the watch");
        }
    })?;
    Ok(Box::new(watcher))
}

/// Returns whether an event is a read access. Each scan reads, so such an event must not cause the next scan.
fn is_read_access(event: &Event) -> bool {
    // Closing a written file is the event after which the file can be added.
    let written = AccessKind::Close(AccessMode::Write);
    matches!(event.kind, EventKind::Access(access) if access != written)
}

/// Watches directories. If that fails, a warning is logged once, and only the regular scans remain.
pub(super) struct Notifier {
    watcher: Option<Box<dyn Watcher + Send>>,
    /// The watched directories, as they were when their watch started.
    watched: HashMap<PathBuf, Instance>,
    /// Set once a failure is logged.
    is_warned: bool,
}

/// One of the directories that a path names over time. The creation time is part of it, because identities
/// are reused.
type Instance = (Identity, Option<SystemTime>);

impl Notifier {
    pub(super) fn new(make: MakeWatcher, changed: mpsc::Sender<()>) -> Self {
        let mut notifier = Self { watcher: None, watched: HashMap::new(), is_warned: false };
        match make(changed) {
            Ok(watcher) => notifier.watcher = Some(watcher),
            Err(error) => notifier.warn(&error),
        }
        notifier
    }

    /// Watches the directories of all these paths that exist and are not watched yet.
    pub(super) fn watch(&mut self, paths: &[PathBuf]) {
        let present: HashMap<PathBuf, Instance> = paths
            .iter()
            .map(|path| directory(path))
            .filter_map(|directory| Some((directory.to_owned(), instance(directory)?)))
            .collect();
        for (directory, instance) in &present {
            if self.watched.get(directory) != Some(instance) {
                self.watch_directory(directory);
            }
        }
        // A directory that does not exist is forgotten, so that it is watched again once it exists.
        self.watched = present;
    }

    fn watch_directory(&mut self, directory: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        // The directory that had this path before may still be watched under it.
        if let Err(error) = watcher.unwatch(directory) {
            tracing::debug!(%error, "nothing was watched before");
        }
        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
            self.warn(&error);
        }
    }

    fn warn(&mut self, error: &notify::Error) {
        if !self.is_warned {
            tracing::warn!(
                "the system sends no notifications of changes ({error}): scanning every {} seconds",
                RESCAN_INTERVAL.as_secs()
            );
        }
        self.is_warned = true;
    }
}

fn instance(directory: &Path) -> Option<Instance> {
    let metadata = fs::metadata(directory).ok()?;
    Some((identity(&metadata), metadata.created().ok()))
}

/// Returns the directory whose changes concern a path.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        // The parent of a bare file name is the empty path.
        Some(parent) if !path.is_dir() && parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) if !path.is_dir() => parent,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, MetadataKind, ModifyKind, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn a_read_access_is_no_change() {
        let is_read_access = |kind| is_read_access(&Event::new(kind));
        for access in [
            AccessKind::Open(AccessMode::Any),
            AccessKind::Close(AccessMode::Read),
            AccessKind::Read,
            AccessKind::Any,
        ] {
            assert!(is_read_access(EventKind::Access(access)), "{access:?}");
        }
        for change in [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
            EventKind::Remove(RemoveKind::File),
            EventKind::Other,
        ] {
            assert!(!is_read_access(change), "{change:?}");
        }
    }
}
