//! `--watch PATH`: source lists and texts that are dropped there go into the queue.
//!
//! The system says that something changed; what changed is found by looking, and without being told there is a look
//! every five seconds. So file systems that tell nothing (those of the network, most of all) are only slower, and nothing
//! is lost with an event. In reading order:
//!
//! * [`ignore_patterns`](crate::ignore_patterns): which files are somebody's unfinished work, by their names;
//! * `open_files`: which files are open for writing;
//! * `scanner`: which files have settled since they were last taken;
//! * `notifier`: who says when to look.
//!
//! A file is taken when it has something in it, has stood still for half a second and is not open for writing (as far as
//! this system tells: Linux does, of the user's own processes). A list that changes later is taken again, and what it said
//! before changes nothing; a text is taken once. The directories in a watched directory are not watched, and
//! a warning is logged once for each. What is not there yet, or
//! vanishes, is waited for.

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
    notifier::{Make, Notifier},
    scanner::Scanner,
};
use crate::{
    add::{self, Sources},
    arguments::{Input, ListLocation},
    blocking::blocking,
    config::Config,
    directory,
    error::SourceError,
};

/// How often files that are not yet settled are looked at.
const BEAT: Duration = Duration::from_millis(250);
/// How often to look without being told.
const RESCAN: Duration = Duration::from_secs(5);
/// What changes seldom comes alone: so long it is let come before the next look.
const BREATH: Duration = Duration::from_millis(50);
/// So many texts are added at once.
const TEXTS_MAX: usize = 1000;

/// Is called with a source that is not taken, and why.
pub type Refused = dyn Fn(&str, SourceError) + Send + Sync;

/// Watches until dropped.
///
/// # Errors
/// Where the queue or the run directory fails.
pub async fn run(
    paths: Vec<PathBuf>,
    snapshots: PathBuf,
    rules: Config,
    queue: Arc<dyn QueueAdmin>,
    refused: &Refused,
) -> Result<(), SourceError> {
    run_with(notifier::system, paths, snapshots, rules, queue, refused).await
}

/// The same, told of changes by whom `make` makes.
async fn run_with(
    make: Make,
    paths: Vec<PathBuf>,
    snapshots: PathBuf,
    rules: Config,
    queue: Arc<dyn QueueAdmin>,
    refused: &Refused,
) -> Result<(), SourceError> {
    // From the watcher's thread; one waiting signal is enough, since everything is looked at.
    let (changed, mut changes) = mpsc::channel::<()>(1);
    for path in paths.iter().filter(|path| !path.exists()) {
        tracing::warn!("'{}' is not there yet: it is waited for", path.display());
    }
    let mut watch = (Notifier::new(make, changed), Scanner::new(paths.clone()));
    loop {
        let (now, paths) = (Instant::now(), paths.clone());
        let looking = blocking(move || {
            let (mut notifier, mut scanner) = watch;
            // First listened, then looked: what changes in between is heard.
            notifier.attend(&paths);
            let inputs = inputs(scanner.look(now));
            ((notifier, scanner), inputs)
        });
        let (again, inputs) = looking.await?;
        watch = again;
        for input in inputs {
            take(input, &snapshots, &rules, &*queue, refused).await?;
        }
        let wait = if watch.1.is_waiting() { BEAT } else { RESCAN };
        tokio::select! {
            Some(()) = changes.recv() => tokio::time::sleep(BREATH).await,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What the files are as sources: each list by itself, texts together.
fn inputs(files: Vec<PathBuf>) -> Vec<Input> {
    let (mut inputs, mut texts) = (Vec::new(), Vec::new());
    for path in files {
        let Ok(path) = std::path::absolute(&path) else { continue };
        match url::Url::from_file_path(&path) {
            Ok(url) if is_text(&path) => texts.push(String::from(url)),
            Ok(_) | Err(()) => inputs.push(Input::List(ListLocation::File(path))),
        }
    }
    inputs.extend(texts.chunks(TEXTS_MAX).map(|texts| Input::Texts(texts.to_vec())));
    inputs
}

async fn take(
    input: Input,
    snapshots: &Path,
    rules: &Config,
    queue: &dyn QueueAdmin,
    refused: &Refused,
) -> Result<(), SourceError> {
    let what = match &input {
        Input::Texts(texts) if texts.len() == 1 => texts[0].clone(),
        Input::Texts(_) => "the texts".to_owned(),
        Input::List(_) | Input::Catalog(_) | Input::Directory(_) => format!("'{}'", input.path().display()),
    };
    let sources = Sources { inputs: vec![input], rules: rules.clone(), ..Sources::default() };
    match add::add(sources, snapshots, queue).await {
        Ok(added) => tracing::info!("took {what}: {} texts", added.entries),
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
