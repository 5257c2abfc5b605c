//! How a queue that cannot be used is told, with the way out.

use std::path::PathBuf;

use flow::queue::QueueError;
use queue::directory::QueueDirectory;

use flow::shell::quoted_path;

/// Says that the database in `queue/` is not whole yet.
pub(super) fn marker(directory: &QueueDirectory) -> PathBuf {
    directory.path().join("REBUILDING")
}

/// Whether a rebuild was cut off while it moved the new database into its place.
#[must_use]
pub fn is_unfinished(directory: &QueueDirectory) -> bool {
    marker(directory).exists()
}

/// What to say of that.
#[must_use]
pub fn unfinished(directory: &QueueDirectory) -> QueueError {
    let why = format!("a rebuild of '{}' was cut off", directory.path().display());
    QueueError::Damaged(format!("{why}. {}", way_out(directory)))
}

/// An error of opening, with what to do where the database is damaged.
#[must_use]
pub fn told(directory: &QueueDirectory, error: QueueError) -> QueueError {
    match error {
        QueueError::Damaged(why) => QueueError::Damaged(format!("{why}. {}", way_out(directory))),
        other => other,
    }
}

/// On the same line: a client passes on the line that the owner it started ended with.
fn way_out(directory: &QueueDirectory) -> String {
    let run = directory.path().parent().unwrap_or_else(|| directory.path());
    format!(
        "A new one is made of the source lists and the store by: juggle rebuild -o {} (nothing stored is fetched again)",
        quoted_path(run)
    )
}
