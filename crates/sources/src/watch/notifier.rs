//! Who says that something changed, where anybody does.
//!
//! Directories are listened to, never files: one that is replaced by a rename would take its watch with it. A directory that
//! comes back, or is replaced, is listened to anew.

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
    RESCAN,
    open_files::{Identity, identity},
};

/// Makes who tells of changes.
pub(super) type Make = fn(mpsc::Sender<()>) -> notify::Result<Box<dyn Watcher + Send>>;

/// What the system offers.
pub(super) fn system(changed: mpsc::Sender<()>) -> notify::Result<Box<dyn Watcher + Send>> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if !event.as_ref().is_ok_and(is_reading)
            && let Err(mpsc::error::TrySendError::Closed(())) = changed.try_send(())
        {
            tracing::debug!("something changed after the watch was over");
        }
    })?;
    Ok(Box::new(watcher))
}

/// Whether an event tells that somebody reads, as each look does: it must not lead to the next.
fn is_reading(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => false,
    }
}

/// Listens to directories. Where that does not work it says so once, and there are only looks.
pub(super) struct Notifier {
    watcher: Option<Box<dyn Watcher + Send>>,
    /// The directories, as they were when they were first listened to.
    heard: HashMap<PathBuf, Instance>,
    told: Told,
}

/// One directory of those that may stand under a name one after the other. Its birth counts, for identities are used again.
type Instance = (Identity, Option<SystemTime>);

/// Whether it was said that something is not heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

impl Notifier {
    pub(super) fn new(make: Make, changed: mpsc::Sender<()>) -> Self {
        let mut notifier = Self { watcher: None, heard: HashMap::new(), told: Told::No };
        match make(changed) {
            Ok(watcher) => notifier.watcher = Some(watcher),
            Err(error) => notifier.tell(&error),
        }
        notifier
    }

    /// Listens to all of these that are there and are not listened to.
    pub(super) fn attend(&mut self, paths: &[PathBuf]) {
        let present: HashMap<PathBuf, Instance> = paths
            .iter()
            .map(|path| directory(path))
            .filter_map(|directory| Some((directory.to_owned(), instance(directory)?)))
            .collect();
        for (directory, instance) in &present {
            if self.heard.get(directory) != Some(instance) {
                self.listen(directory);
            }
        }
        self.heard = present;
    }

    fn listen(&mut self, directory: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        // What stood there before may still be listened to under this name.
        if let Err(error) = watcher.unwatch(directory) {
            tracing::debug!(%error, "nothing was listened to before");
        }
        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
            self.tell(&error);
        }
    }

    fn tell(&mut self, error: &notify::Error) {
        if self.told == Told::No {
            tracing::warn!(
                "the system does not say what changes ({error}): there is a look every {} seconds",
                RESCAN.as_secs()
            );
        }
        self.told = Told::Yes;
    }
}

fn instance(directory: &Path) -> Option<Instance> {
    let metadata = fs::metadata(directory).ok()?;
    Some((identity(&metadata), metadata.created().ok()))
}

/// The directory whose changes concern a path.
fn directory(path: &Path) -> &Path {
    match path.parent() {
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
    fn reading_is_no_change() {
        let is_reading = |kind| is_reading(&Event::new(kind));
        for access in [
            AccessKind::Open(AccessMode::Any),
            AccessKind::Close(AccessMode::Read),
            AccessKind::Read,
            AccessKind::Any,
        ] {
            assert!(is_reading(EventKind::Access(access)), "{access:?}");
        }
        for change in [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
            EventKind::Remove(RemoveKind::File),
            EventKind::Other,
        ] {
            assert!(!is_reading(change), "{change:?}");
        }
    }
}
