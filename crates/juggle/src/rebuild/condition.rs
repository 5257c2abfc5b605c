//! Examines the condition of a queue by opening it.

use std::{fs, sync::Arc};

use flow::{clock::Clock, durability::Durability, queue::QueueError};
use queue::{
    directory::{FORMAT, QueueDirectory},
    ledger::LANE_CAPACITY,
};

use super::damage;
use crate::{blocking::blocking, exit::CliError};

/// The condition of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// There is no database.
    Missing,
    /// A rebuild was interrupted.
    Unfinished,
    /// This version of juggle cannot use the queue, for this reason.
    Damaged(String),
    /// The queue opens.
    Whole,
    /// A process owns the queue.
    InUse,
}

/// Returns the condition of a queue.
///
/// # Errors
/// Returns an error if the directory cannot be read, a newer juggle created the queue, or the disk is too
/// full to open it.
pub(super) async fn examine(directory: &QueueDirectory) -> Result<Condition, CliError> {
    let directory = directory.clone();
    let examining = blocking(move || examined(&directory));
    Ok(examining.await??)
}

fn examined(directory: &QueueDirectory) -> Result<Condition, QueueError> {
    // Before the queue is opened: half a database may open and lose what the other half holds.
    if damage::is_unfinished(directory) {
        return Ok(Condition::Unfinished);
    }
    if directory.contents()?.is_empty() {
        return Ok(Condition::Missing);
    }
    let clock = Clock::start();
    let now_ms = Arc::new(move || clock.now_ms());
    match directory.own(Durability::Power, LANE_CAPACITY, now_ms) {
        Ok(Some((link, thread))) => {
            // Examining must not keep the lock, which the rebuild takes next.
            drop(link);
            thread.join().map_err(|_| QueueError::Broken("the queue's thread panicked".to_owned()))?;
            Ok(Condition::Whole)
        }
        Ok(None) => Ok(Condition::InUse),
        // An older or unreadable version can be rebuilt; a newer one is left for the newer juggle.
        Err(QueueError::Version(why)) if !is_newer(directory) => Ok(Condition::Damaged(why)),
        Err(error) => match damage::with_advice(directory, error) {
            QueueError::Damaged(why) => Ok(Condition::Damaged(why)),
            other => Err(other),
        },
    }
}

/// Returns whether a newer juggle wrote the format. Such a queue is not damaged.
fn is_newer(directory: &QueueDirectory) -> bool {
    let version = fs::read_to_string(directory.path().join("VERSION")).unwrap_or_default();
    version.trim().parse::<u32>().is_ok_and(|version| version > FORMAT)
}
