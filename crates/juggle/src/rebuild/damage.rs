//! Errors of a damaged queue, with the command that rebuilds it.

use std::path::PathBuf;

use flow::queue::QueueError;
use queue::directory::QueueDirectory;

use flow::shell::quoted_path;

/// Returns the path of the marker. It exists while the database in `queue/` is incomplete.
pub(super) fn marker(directory: &QueueDirectory) -> PathBuf {
    directory.path().join("REBUILDING")
}

/// Returns whether a rebuild was interrupted while it moved the new database into its place.
#[must_use]
pub fn is_unfinished(directory: &QueueDirectory) -> bool {
    marker(directory).exists()
}

/// Returns the error for the queue of an interrupted rebuild.
#[must_use]
pub fn unfinished(directory: &QueueDirectory) -> QueueError {
    let why = format!("a rebuild of '{}' was cut off", directory.path().display());
    QueueError::Damaged(format!("{why}. {}", way_out(directory)))
}

/// Adds advice to an error of opening the queue, if the database is damaged.
#[must_use]
pub fn with_advice(directory: &QueueDirectory, error: QueueError) -> QueueError {
    match error {
        QueueError::Damaged(why) => QueueError::Damaged(format!("{why}. {}", way_out(directory))),
        other => other,
    }
}

/// Returns the advice, on the same line as the error: a client repeats only the last line of an owner that it
/// started.
fn way_out(directory: &QueueDirectory) -> String {
    let run = directory.path().parent().unwrap_or_else(|| directory.path());
    format!(
        "A new one is made of the source lists and the store by: juggle rebuild -o {} (nothing stored is fetched again)",
        quoted_path(run)
    )
}
