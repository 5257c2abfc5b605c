//! `--watch PATH`: source lists and texts that are dropped there go into the queue.
//!
//! The system says that something changed (`notify`); what changed is found by looking. A file is taken when it has
//! stood still for half a second, so half-written ones wait; hidden and temporary names are left alone. A list or text
//! that was taken before changes nothing.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use flow::queue::JobQueue;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::{
    add::{self, Sources},
    exit::{CliError, Exit},
    source::{
        input::{Input, Place},
        reading::Rules,
    },
};

/// How long a file must not have changed.
const SETTLED: Duration = Duration::from_millis(500);
/// How often files that are not yet settled are looked at.
const BEAT: Duration = Duration::from_millis(250);
/// How often to look without being told, for file systems that tell nothing.
const RESCAN: Duration = Duration::from_secs(5);

/// Watches until dropped.
///
/// # Errors
/// Where a path is not there, or the queue fails.
pub async fn run(
    paths: Vec<PathBuf>,
    run: PathBuf,
    rules: Rules,
    queue: Arc<dyn JobQueue>,
) -> Result<(), CliError> {
    // From the watcher's thread; one waiting signal is enough, since everything is looked at.
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let _watcher = watch(&paths, changed)?;
    let mut seen: HashMap<PathBuf, Seen> = HashMap::new();
    loop {
        let (paths, mut known) = (paths.clone(), std::mem::take(&mut seen));
        let looking = tokio::task::spawn_blocking(move || {
            let settled = look(&paths, &mut known);
            (settled, known)
        });
        let (settled, known) = looking.await.map_err(|error| CliError::caused(Exit::Bug, &error))?;
        seen = known;
        for path in settled {
            take(&path, &run, &rules, &*queue).await?;
        }
        let has_unsettled = seen.values().any(|seen| !seen.is_taken);
        let wait = if has_unsettled { BEAT } else { RESCAN };
        tokio::select! {
            _ = changes.recv() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn watch(paths: &[PathBuf], changed: mpsc::Sender<()>) -> Result<RecommendedWatcher, CliError> {
    let mut watcher = notify::recommended_watcher(move |_| {
        if let Err(mpsc::error::TrySendError::Closed(())) = changed.try_send(()) {
            tracing::debug!("something changed after the watch was over");
        }
    })
    .map_err(|error| CliError::caused(Exit::File, &error))?;
    for path in paths {
        watcher.watch(path, RecursiveMode::NonRecursive).map_err(|error| {
            CliError::new(Exit::File, format!("cannot watch '{}': {error}", path.display()))
                .advise("name a directory or file that is there")
        })?;
    }
    Ok(watcher)
}

/// What was last seen of a file.
struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
    since: Instant,
    is_taken: bool,
}

/// Files that have settled since the last look.
fn look(paths: &[PathBuf], seen: &mut HashMap<PathBuf, Seen>) -> Vec<PathBuf> {
    let mut settled = Vec::new();
    for path in paths.iter().flat_map(|path| files(path)) {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let (bytes, modified) = (metadata.len(), metadata.modified().ok());
        let now = Seen { bytes, modified, since: Instant::now(), is_taken: false };
        match seen.get_mut(&path) {
            Some(last) if (last.bytes, last.modified) == (bytes, modified) => {
                if !last.is_taken && last.since.elapsed() >= SETTLED {
                    last.is_taken = true;
                    settled.push(path);
                }
            }
            _ => {
                seen.insert(path, now);
            }
        }
    }
    seen.retain(|path, _| path.exists());
    settled
}

fn files(path: &Path) -> Vec<PathBuf> {
    let is_wanted = |path: &PathBuf| path.is_file() && !is_temporary(path);
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect(),
        Err(_) => Some(path.to_owned()).filter(is_wanted).into_iter().collect(),
    }
}

/// Names that editors and downloaders give to files that are not finished.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".tmp", ".part", ".partial", ".crdownload", ".download", ".swp", ".swx", ".bak", "~"];
    name.starts_with(['.', '#']) || endings.iter().any(|ending| name.ends_with(ending))
}

async fn take(path: &Path, run: &Path, rules: &Rules, queue: &dyn JobQueue) -> Result<(), CliError> {
    let path = std::path::absolute(path).map_err(|error| CliError::caused(Exit::File, &error))?;
    let input = match url::Url::from_file_path(&path) {
        Ok(url) if is_text(&path) => Input::Texts(vec![url.into()]),
        _ => Input::List(Place::File(path.clone())),
    };
    let sources = Sources { inputs: vec![input], rules: rules.clone(), ..Sources::default() };
    match add::add(sources, run, queue).await {
        Ok(added) => tracing::info!("took '{}': {} texts", path.display(), added.entries),
        Err(error) if matches!(error.exit, Exit::File | Exit::Usage) => {
            tracing::warn!("did not take '{}': {error}", path.display());
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Whether a file is a text itself and not a list of texts: it is called `.txt` and its first line names no source.
fn is_text(path: &Path) -> bool {
    const FIRST_BYTES: u64 = 64 * 1024;
    if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("txt")) {
        return false;
    }
    let Ok(file) = fs::File::open(path) else { return false };
    let first = BufReader::new(file.take(FIRST_BYTES))
        .split(b'\n')
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).trim().to_owned())
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    let names_source = ["http://", "https://", "file:", "pg:"].iter().any(|start| first.starts_with(start));
    !names_source && !first.split('\t').any(|column| column.trim() == "url")
}
