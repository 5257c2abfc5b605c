//! Shows the progress of an export: a bar on a terminal, a line every ten seconds elsewhere.

use std::{cell::Cell, time::Duration};

use ::export::corpus::ProgressUpdate;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::{output::counted, progress::Show};

// Rare enough for a log file, often enough to show that the command is alive.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress of one format.
pub(super) struct ExportProgress {
    format: String,
    bar: ProgressBar,
    /// The time of the next line, if lines are written.
    line_at: Cell<Option<Instant>>,
}

impl ExportProgress {
    pub(super) fn new(format: String, show: &Show) -> Self {
        let style = ProgressStyle::with_template("{prefix:>10} {bar:24} {pos}/{len}, {per_sec}, {eta} left");
        let bar = show.bar(0, style.expect("the template is a constant")).with_prefix(format.clone());
        let has_lines = show.is_shown() && bar.is_hidden();
        Self { format, bar, line_at: Cell::new(has_lines.then(|| Instant::now() + LINE_EVERY)) }
    }

    pub(super) fn see(&self, ProgressUpdate { done, total }: ProgressUpdate) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if let Some(at) = self.line_at.get()
            && Instant::now() >= at
        {
            tracing::info!("{}: {} of {}", self.format, HumanCount(done), counted(total, "document"));
            self.line_at.set(Some(Instant::now() + LINE_EVERY));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
