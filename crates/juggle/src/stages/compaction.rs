//! Compacts segments at the end of a run.

use std::sync::Arc;

use blob_store::packed::{Compacted, Compaction};
use indicatif::HumanBytes;

use super::Stages;
use crate::{blocking::blocking, exit::CliError, output::counted, telemetry::EVENTS};

impl Stages {
    /// Compacts segments of which less than half counts, unless a stage works on the run directory. Call it
    /// when the work has ended.
    ///
    /// # Errors
    /// Returns an error if the queue fails. If a segment cannot be compacted, a warning reports it: nothing
    /// is lost, and the work is done.
    pub async fn compact(&self) -> Result<(), CliError> {
        if self.queue.stats().await?.lanes.iter().any(|lane| lane.workers > 0) {
            return Ok(());
        }
        let blobs = Arc::clone(&self.blobs);
        match blocking(move || blobs.compact(Compaction::WhereWorthwhile)).await? {
            Ok(Compacted { segments, bytes }) if !segments.is_empty() => tracing::info!(
                target: EVENTS,
                "compacted {}: {} less",
                counted(segments.len() as u64, "segment"),
                HumanBytes(bytes)
            ),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!("the segments could not be compacted. 'juggle gc' tries it again: {error}")
            }
        }
        Ok(())
    }
}
