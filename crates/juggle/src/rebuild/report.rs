//! The result of a rebuild, for people and as JSON.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use flow::{document::DocumentId, lane::Lane, shell::quoted_path};
use rebuild::build::Rebuilt;
use serde::Serialize;

use crate::{
    exit::{CliError, Exit},
    output::{Out, counted, peak_rss_bytes, seconds},
};

/// The mode of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Kind {
    #[serde(rename = "done")]
    Done,
    #[serde(rename = "would_be")]
    DryRun,
}

/// The result of a rebuild.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `done`, or `would_be` for a dry run.
    rebuild: Kind,
    /// The number of documents in the store.
    documents: u64,
    /// The number of jobs recorded as done, by lane.
    lanes: BTreeMap<&'static str, LaneReport>,
    /// The number of documents that are stored but not processed.
    to_process: u64,
    /// The number of listed texts that are not in the store, and of incomplete documents that no list names.
    to_fetch: u64,
    /// The number of documents with a missing or truncated file.
    incomplete: u64,
    /// Documents that no list names and whose meta cannot be read.
    lost: Vec<DocumentId>,
    /// The number of source lists.
    lists: u64,
    /// The number of their entries.
    entries: u64,
    /// The damaged lists. Each is kept under its name with `.damaged` appended.
    damaged_lists: Vec<PathBuf>,
    /// The directory of the old database, if there was one.
    aside: Option<PathBuf>,
    seconds: f64,
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LaneReport {
    done: u64,
}

impl Report {
    /// Creates the report of a rebuild that took this time.
    pub(super) fn of(rebuild: Kind, found: Rebuilt, took: Duration) -> Self {
        let stored = found.processed + found.to_process;
        let done = |lane: Lane| match lane {
            Lane::Fetch | Lane::Store => stored,
            Lane::Process => found.processed,
        };
        Self {
            rebuild,
            documents: found.documents,
            lanes: Lane::ALL.map(|lane| (lane.name(), LaneReport { done: done(lane) })).into(),
            to_process: found.to_process,
            to_fetch: found.lists.missing + found.unlisted,
            incomplete: found.incomplete,
            lost: found.lost,
            lists: found.lists.cursors.len() as u64,
            entries: found.lists.entries,
            damaged_lists: found.lists.damaged,
            aside: found.aside,
            seconds: seconds(took),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }

    /// Returns the exit code.
    pub(super) fn exit(&self) -> Exit {
        if self.lost.is_empty() && self.damaged_lists.is_empty() { Exit::Done } else { Exit::SomeFailed }
    }

    /// Prints the report.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written.
    pub(super) fn print(&self, run: &Path, out: &Out) -> Result<(), CliError> {
        if out.is_json() {
            return out.json(self);
        }
        let (word, run) = (quoted_path(run), run.display());
        let done = |lane: Lane| self.lanes.get(lane.name()).map_or(0, |lane| lane.done);
        out.line(&format!(
            "{} found in '{run}': {} fetched, {} stored, {} processed",
            counted(self.documents, "document"),
            done(Lane::Fetch),
            done(Lane::Store),
            done(Lane::Process)
        ))?;
        out.line(&format!(
            "{} to process, {} to fetch ({} in {})",
            self.to_process,
            self.to_fetch,
            counted(self.entries, "listed text"),
            counted(self.lists, "source list")
        ))?;
        if self.incomplete > 0 {
            out.line(&format!("{} will be fetched again", counted(self.incomplete, "incomplete document")))?;
        }
        for document in &self.lost {
            out.line(&format!(
                "meta/{document}.json cannot be read, and no source list names this document. Add its \
                 source again."
            ))?;
        }
        for list in &self.damaged_lists {
            out.line(&format!(
                "'{}' is damaged. Only the entries before the damage were used. Add the list again.",
                list.display()
            ))?;
        }
        match (&self.aside, self.rebuild) {
            (Some(aside), _) => out.line(&format!("The old database is in '{}'.", aside.display()))?,
            (None, Kind::DryRun) => out.line("Dry run: nothing was changed.")?,
            (None, Kind::Done) => {}
        }
        match self.rebuild {
            Kind::Done => out.line(&format!("To continue: juggle pipeline -o {word}")),
            Kind::DryRun => Ok(()),
        }
    }
}
