//! Starts a process that is watched from its beginning.

use std::path::Path;

/// The line by which a process reports that it waits for its start.
pub const READY: &str = "ready to begin";

/// Prints [`READY`] and waits for a line on the standard input, so that the watcher can attach before
/// anything happens.
#[expect(clippy::print_stdout, reason = "the watcher reads it")]
pub fn wait_for_start() {
    println!("{READY}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Creates a temporary directory, in memory if there is such a file system: the speed of the disk does not
/// matter here.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}
