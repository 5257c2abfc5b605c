//! How far an export is: a bar on a terminal, a plain line every ten seconds elsewhere.

use std::{cell::Cell, time::Duration};

use ::export::corpus::Step;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::progress::Show;

const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far one form is.
pub(super) struct ExportProgress {
    format: &'static str,
    bar: ProgressBar,
    /// When a line is due; none where none is written.
    line_at: Cell<Option<Instant>>,
}

impl ExportProgress {
    pub(super) fn new(format: &'static str, show: &Show) -> Self {
        let style = ProgressStyle::with_template("{prefix:>10} {bar:24} {pos}/{len}, {per_sec}, {eta} left");
        let bar = show.bar(0, style.expect("the template is a constant")).with_prefix(format);
        let has_lines = show.is_shown() && bar.is_hidden();
        Self { format, bar, line_at: Cell::new(has_lines.then(|| Instant::now() + LINE_EVERY)) }
    }

    pub(super) fn see(&self, Step { done, of }: Step) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        if let Some(at) = self.line_at.get()
            && Instant::now() >= at
        {
            tracing::info!("{}: {done} of {of} done", self.format);
            self.line_at.set(Some(Instant::now() + LINE_EVERY));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
