//! The result of a rebuild, for people and as JSON.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use flow::{document::DocumentId, lane::Lane, shell::quoted_path};
use serde::Serialize;

use super::build::Built;
use crate::{
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes, seconds},
};

/// The mode of a rebuild: real or a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mood {
    Done,
    WouldBe,
}

/// The result of a rebuild.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `done`, or `would_be` for a dry run.
    rebuild: Mood,
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
    /// Creates the report of a rebuild that was done.
    pub(super) fn of(built: &Built, aside: Option<PathBuf>, took: Duration) -> Self {
        Self { rebuild: Mood::Done, aside, seconds: seconds(took), ..Self::would_be(built) }
    }

    /// Creates the report of a dry run.
    pub(super) fn would_be(built: &Built) -> Self {
        let stored = built.processed + built.to_process;
        let done = |lane: Lane| match lane {
            Lane::Fetch | Lane::Store => stored,
            Lane::Process => built.processed,
        };
        Self {
            rebuild: Mood::WouldBe,
            documents: built.documents,
            lanes: Lane::ALL.map(|lane| (lane.name(), LaneReport { done: done(lane) })).into(),
            to_process: built.to_process,
            to_fetch: built.lists.missing + built.unlisted,
            incomplete: built.incomplete,
            lost: built.lost.clone(),
            lists: built.lists.cursors.len() as u64,
            entries: built.lists.entries,
            damaged_lists: built.lists.damaged.clone(),
            aside: None,
            seconds: 0.0,
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
            "{} documents found in '{run}': {} fetched, {} stored, {} processed",
            self.documents,
            done(Lane::Fetch),
            done(Lane::Store),
            done(Lane::Process)
        ))?;
        out.line(&format!(
            "{} to process; {} to fetch, of {} listed in {} source lists",
            self.to_process, self.to_fetch, self.entries, self.lists
        ))?;
        if self.incomplete > 0 {
            out.line(&format!("{} are not whole and are fetched anew", self.incomplete))?;
        }
        for document in &self.lost {
            out.line(&format!(
                "meta/{document}.json cannot be read, and no list names it: add its source again"
            ))?;
        }
        for list in &self.damaged_lists {
            out.line(&format!(
                "'{}' is damaged: what stands before the damage is taken; add the list again",
                list.display()
            ))?;
        }
        match (&self.aside, self.rebuild) {
            (Some(aside), _) => out.line(&format!("the old database lies in '{}'", aside.display()))?,
            (None, Mood::WouldBe) => out.line("nothing was done")?,
            (None, Mood::Done) => {}
        }
        match self.rebuild {
            Mood::Done => out.line(&format!("go on with: juggle pipeline -o {word}")),
            Mood::WouldBe => Ok(()),
        }
    }
}
