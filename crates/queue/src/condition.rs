//! The condition of a queue: examines it by opening it, and refuses a database that is damaged or incomplete.

use std::{fs, path::PathBuf, sync::Arc};

use flow::{clock::Clock, durability::Durability, queue::QueueError, shell::quoted_path};

use crate::{
    directory::{FORMAT, QueueDirectory},
    ledger::LANE_CAPACITY,
    owner::Owned,
};

/// The condition of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
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

impl Condition {
    /// Examines a queue. Opens it if no process owns it. Blocking.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read, a newer juggle created the queue, or the disk is too
    /// full to open it.
    pub fn of(directory: &QueueDirectory) -> Result<Self, QueueError> {
        // Before the queue is opened: half a database may open and lose what the other half holds.
        if directory.is_unfinished() {
            return Ok(Self::Unfinished);
        }
        if directory.contents()?.is_empty() {
            return Ok(Self::Missing);
        }
        match directory.own_whole(Durability::Power) {
            Ok(Some((link, thread))) => {
                // Examining must not keep the lock, which the rebuild takes next.
                drop(link);
                thread.join().map_err(|_| QueueError::Broken("the queue's thread panicked".to_owned()))?;
                Ok(Self::Whole)
            }
            Ok(None) => Ok(Self::InUse),
            // An older or unreadable version can be rebuilt; a newer one is left for the newer juggle.
            Err(QueueError::Version(why)) if !directory.is_newer() => Ok(Self::Damaged(why)),
            Err(QueueError::Damaged(why)) => Ok(Self::Damaged(why)),
            Err(error) => Err(error),
        }
    }
}

impl QueueDirectory {
    /// Returns the path of the marker of a rebuild. It exists while the database in `queue/` is incomplete.
    #[must_use]
    pub fn rebuilding_marker(&self) -> PathBuf {
        self.path().join("REBUILDING")
    }

    /// Becomes the owner of the queue as [`own`](Self::own) does. Refuses a damaged queue and one of an
    /// unfinished rebuild with advice. Blocking.
    ///
    /// # Errors
    /// Returns the errors of [`own`](Self::own), and [`QueueError::Damaged`] for an unfinished rebuild.
    pub fn own_whole(&self, durability: Durability) -> Result<Option<Owned>, QueueError> {
        let clock = Clock::start();
        match self.own(durability, LANE_CAPACITY, Arc::new(move || clock.now_ms())) {
            // Checked after the lock was taken or refused: a rebuild holds the lock while it changes this.
            Ok(Some(_)) | Err(QueueError::Damaged(_)) if self.is_unfinished() => {
                let why = format!("a rebuild of '{}' was interrupted", self.path().display());
                Err(QueueError::Damaged(format!("{why}. {}", self.way_out())))
            }
            Err(QueueError::Damaged(why)) => Err(QueueError::Damaged(format!("{why}. {}", self.way_out()))),
            owned => owned,
        }
    }

    /// Returns whether a rebuild was interrupted while it moved the new database into its place.
    fn is_unfinished(&self) -> bool {
        self.rebuilding_marker().exists()
    }

    /// Returns whether a newer juggle wrote the format. Such a queue is not damaged.
    fn is_newer(&self) -> bool {
        let version = fs::read_to_string(self.path().join("VERSION")).unwrap_or_default();
        version.trim().parse::<u32>().is_ok_and(|version| version > FORMAT)
    }

    /// Returns the advice, on the same line as the error: a client repeats only the last line of an owner
    /// that it started.
    fn way_out(&self) -> String {
        let run = self.path().parent().unwrap_or_else(|| self.path());
        format!(
            "Stored texts are not fetched again. To make a new queue from the source lists and the stored \
             files: juggle rebuild -o {}",
            quoted_path(run)
        )
    }
}
