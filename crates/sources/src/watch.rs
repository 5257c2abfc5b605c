//! Watches directories and files, and adds the source lists and texts that appear there to the queue.
//!
//! The system notifies that something changed; a scan finds out what. Without a notification there is a scan
//! every five seconds. So file systems without notifications (network file systems above all) are only
//! slower, and a lost notification loses nothing. In reading order:
//!
//! * `ignore_patterns`: recognises unfinished files by their names;
//! * `open_files`: finds the files that are open for writing;
//! * `scanner`: finds the files that have settled since they were last added;
//! * `notifier`: receives the notifications of the system.
//!
//! A file is added once it is not empty, has not changed for half a second and is not open for writing. Only
//! Linux tells the last, and only about the user's own processes. A list that changes later is added again,
//! which adds its new entries; a text is added once. The directories in a watched directory are not watched,
//! and a warning is logged once for each. A watched path that does not exist, or is removed, is waited for.

mod notifier;
mod open_files;
mod scanner;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flow::queue::QueueAdmin;
use tokio::{sync::mpsc, time::Instant};

use self::{
    notifier::{MakeWatcher, Notifier},
    scanner::Scanner,
};
use crate::{
    add::{self, Sources},
    arguments::{Input, ListLocation},
    blocking::blocking,
    config::Config,
    directory,
    error::SourceError,
    formats::ListKind,
};

/// The interval between scans if some files have not settled.
const SETTLING_INTERVAL: Duration = Duration::from_millis(250);
/// The interval between scans without a notification.
const RESCAN_INTERVAL: Duration = Duration::from_secs(5);
/// The delay after a notification, because changes come in groups.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// The maximum number of texts that are added at once.
const TEXTS_MAX: usize = 1000;

/// A function that is called with a source that was not added, and with the reason.
pub type OnRefused = dyn Fn(&str, SourceError) + Send + Sync;

/// Watches paths until it is dropped. `snapshots` is the directory of the snapshots.
///
/// # Errors
/// Returns [`SourceError::Queue`] if the queue fails, and [`SourceError::Write`] if the disk is full.
pub async fn run(
    paths: Vec<PathBuf>,
    snapshots: PathBuf,
    config: Config,
    queue: Arc<dyn QueueAdmin>,
    refused: &OnRefused,
) -> Result<(), SourceError> {
    run_with(notifier::system, paths, snapshots, config, queue, refused).await
}

/// Watches as [`run`] does, with notifications from another watcher.
async fn run_with(
    make: MakeWatcher,
    paths: Vec<PathBuf>,
    snapshots: PathBuf,
    config: Config,
    queue: Arc<dyn QueueAdmin>,
    refused: &OnRefused,
) -> Result<(), SourceError> {
    // From the watcher's thread; one pending notification is enough, because a scan covers everything.
    let (changed, mut changes) = mpsc::channel::<()>(1);
    for path in paths.iter().filter(|path| !path.exists()) {
        tracing::warn!("'{}' does not exist yet: waiting for it", path.display());
    }
    // Both move into the blocking task and back, because scanning reads directories.
    let mut watch = (Notifier::new(make, changed), Scanner::new(paths.clone()));
    loop {
        let (now, paths) = (Instant::now(), paths.clone());
        let scanning = blocking(move || {
            let (mut notifier, mut scanner) = watch;
            // The directories are watched before they are scanned: a change in between is notified.
            notifier.watch(&paths);
            let inputs = inputs(scanner.scan(now));
            ((notifier, scanner), inputs)
        });
        let (scanned, inputs) = scanning.await?;
        watch = scanned;
        for input in inputs {
            add_input(input, &snapshots, &config, &*queue, refused).await?;
        }
        let wait = if watch.1.is_waiting() { SETTLING_INTERVAL } else { RESCAN_INTERVAL };
        tokio::select! {
            Some(()) = changes.recv() => tokio::time::sleep(DEBOUNCE).await,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Returns the files as inputs: each list alone, texts together.
fn inputs(files: Vec<PathBuf>) -> Vec<Input> {
    let (mut inputs, mut texts) = (Vec::new(), Vec::new());
    for path in files {
        let Ok(path) = std::path::absolute(&path) else { continue };
        match url::Url::from_file_path(&path) {
            // A text is named by its URL, as on the command line.
            Ok(url) if is_text(&path) => texts.push(String::from(url)),
            Ok(_) | Err(()) => inputs.push(Input::List(ListLocation::File(path), ListKind::List)),
        }
    }
    inputs.extend(texts.chunks(TEXTS_MAX).map(|texts| Input::Texts(texts.to_vec())));
    inputs
}

async fn add_input(
    input: Input,
    snapshots: &Path,
    config: &Config,
    queue: &dyn QueueAdmin,
    refused: &OnRefused,
) -> Result<(), SourceError> {
    let what = match &input {
        Input::Texts(texts) if texts.len() == 1 => texts[0].clone(),
        Input::Texts(_) => "the texts".to_owned(),
        Input::List(..) | Input::Directory(_) => format!("'{}'", input.path().display()),
    };
    let sources = Sources { inputs: vec![input], config: config.clone(), ..Sources::default() };
    match add::add(sources, snapshots, queue, |_| Ok::<_, SourceError>(())).await {
        Ok(added) => tracing::info!("added {what}: {} texts", added.entries),
        // One invalid list must not end the watch.
        Err(error) if error.is_of_list() => refused(&what, error),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Returns whether a file is a text and not a list of texts: its name is that of a text with an extension,
/// and its first line names no source.
fn is_text(path: &Path) -> bool {
    path.extension().is_some() && directory::is_text_name(path) && !directory::is_list(path)
}

#[cfg(test)]
mod tests;
