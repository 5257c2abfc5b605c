//! The log of events of a run: `logs/events.jsonl`, one line for each attempt at a job.
//!
//! An attempt of the fetch stage makes one request, so the log has one line for each request. Several
//! processes may write to the same log.
//!
//! * [`mod@line`]: a line, and what is left out of it;
//! * [`writer`]: writes lines without making the stages wait;
//! * [`reader`]: reads the lines of a run, and follows them.

pub mod line;
pub mod reader;
pub mod writer;

use std::path::{Path, PathBuf};

/// The number of older files that are kept.
pub const KEPT: usize = 2;

/// Returns the path of the log in a run directory.
#[must_use]
pub fn path_in(run: &Path) -> PathBuf {
    run.join("logs").join("events.jsonl")
}

/// Returns whether lines of the log at a path may have been removed by rotation.
#[must_use]
pub fn is_rotated_away(path: &Path) -> bool {
    // Without a second older file, nothing has been removed yet.
    older(path, KEPT).exists()
}

/// Returns the path of an older file; 1 is the newest of them.
fn older(path: &Path, number: usize) -> PathBuf {
    path.with_file_name(format!("events.{number}.jsonl"))
}
