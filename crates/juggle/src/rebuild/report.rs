//! What a rebuild has brought, for people and as JSON.

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

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mood {
    Done,
    WouldBe,
}

/// The result of a rebuild.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether it was done or would be.
    rebuild: Mood,
    /// Documents found in the store.
    documents: u64,
    /// What is recorded as done.
    lanes: BTreeMap<&'static str, LaneReport>,
    /// Documents that are stored and not processed.
    to_process: u64,
    /// Entries of source lists whose texts are not in the store, and texts that no list names.
    to_fetch: u64,
    /// Documents of which a file is gone or cut.
    incomplete: u64,
    /// Documents of which nothing can be read, and that no list names.
    lost: Vec<DocumentId>,
    /// Source lists, and their entries.
    lists: u64,
    entries: u64,
    /// Lists that are damaged; they are kept under these names with `.damaged` after them.
    damaged_lists: Vec<PathBuf>,
    /// Where the old database lies.
    aside: Option<PathBuf>,
    seconds: f64,
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LaneReport {
    done: u64,
}

impl Report {
    /// Of a rebuild that was done.
    pub(super) fn of(built: &Built, aside: Option<PathBuf>, took: Duration) -> Self {
        Self { rebuild: Mood::Done, aside, seconds: seconds(took), ..Self::would_be(built) }
    }

    /// Of one that would be.
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

    /// The code that it means.
    pub(super) fn exit(&self) -> Exit {
        if self.lost.is_empty() && self.damaged_lists.is_empty() { Exit::Done } else { Exit::SomeFailed }
    }

    /// Prints it.
    ///
    /// # Errors
    /// Where standard output cannot be written to.
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
