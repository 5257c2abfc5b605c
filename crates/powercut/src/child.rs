//! A process that is to be watched from its beginning.

use std::path::Path;

/// What a process says when it waits to be told.
pub const READY: &str = "ready to begin";

/// Says [`READY`] and waits for a line: whoever watches the process is there by then.
#[expect(clippy::print_stdout, reason = "whoever watches reads it")]
pub fn wait_to_be_told() {
    println!("{READY}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// A directory for what a test makes: in memory where there is such a file system, since how long a disk takes to force
/// its files says nothing here.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}
