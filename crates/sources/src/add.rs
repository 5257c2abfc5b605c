//! Adds sources to the queue.
//!
//! A list is written down once, as a snapshot in the run directory, and registered as a cursor. Its entries become
//! jobs when the fetch lane has room for them. The sources of a command are added all or not at all: every list is read
//! to its end before the first of them is registered.

use std::{fs, path::Path};

use flow::{
    clock::Clock,
    queue::{CursorMove, Push, QueueAdmin, QueueError},
    safe_file,
};

use crate::{
    arguments::Input,
    blocking::blocking,
    bulk::BulkCounter,
    config::{Config, ReadContext},
    error::SourceError,
    formats::{ListKind, catalog::Filters},
    reader::EntryReader,
    refresh::{self, Refresh},
    report::ListReport,
    snapshot::{self, Snapshot, SnapshotDraft},
};

/// What is to be read, and how.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Where entries come from, in order.
    pub inputs: Vec<Input>,
    /// What holds for all of them.
    pub rules: Config,
    /// Whether what is stored of them is asked for again.
    pub refresh: Refresh,
}

impl Sources {
    /// Refuses filters without a catalogue.
    ///
    /// # Errors
    /// Returns [`SourceError::NoCatalog`] if there are filters but none of the inputs, of which `catalogs` were
    /// catalogues, is one.
    pub fn check_filters(&self, catalogs: usize) -> Result<(), SourceError> {
        if catalogs > 0 || self.rules.filters == Filters::default() {
            return Ok(());
        }
        Err(SourceError::NoCatalog)
    }
}

/// What came of adding sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Texts listed.
    pub entries: u64,
    /// Lines that name no text.
    pub bad: u64,
}

/// Writes snapshots of the inputs and registers them. The same list a second time changes nothing. For a refresh, a round
/// over these lists begins; where there are none, over all that were added before.
///
/// # Errors
/// Where a list cannot be read to its end or a snapshot not be written; [`SourceError::NoTexts`] where no line of the lists names
/// a text; [`SourceError::Bulk`] for [bulk](crate::bulk::BULK_MAX) from the main site of Project Gutenberg, and for filters without a
/// catalogue. Where a list is at fault, nothing is added.
pub async fn add(sources: Sources, snapshots: &Path, queue: &dyn QueueAdmin) -> Result<Added, SourceError> {
    let refresh = sources.refresh;
    let now_ms = Clock::start().now_ms();
    let directory = snapshots.to_owned();
    let writing = blocking(move || write(&sources, &directory));
    let written = writing.await??;
    let (mut added, mut lists) = (Added::default(), Vec::with_capacity(written.len()));
    for snapshot in written {
        added.entries += snapshot.entries;
        added.bad += snapshot.bad;
        lists.push(snapshot.name.clone());
        register(snapshot, queue).await?;
    }
    if refresh == Refresh::Yes {
        refresh::begin(&lists, snapshots, now_ms, queue).await?;
    }
    Ok(added)
}

/// Writes all snapshots, or none.
fn write(sources: &Sources, directory: &Path) -> Result<Vec<Snapshot>, SourceError> {
    fs::create_dir_all(directory)
        .map_err(|source| SourceError::Write { path: directory.to_owned(), source })?;
    safe_file::must_be_directory(directory)
        .map_err(|source| SourceError::Write { path: directory.to_owned(), source })?;
    let reading = ReadContext::new(&sources.rules);
    let mut tally = BulkCounter::new(&sources.rules.rewrites);
    let (mut drafts, mut catalogs) = (Vec::<SnapshotDraft>::new(), 0);
    for input in &sources.inputs {
        let reader = EntryReader::open(input.clone(), &reading)?;
        catalogs += usize::from(reader.form() == ListKind::Catalog);
        let mut report = ListReport::on(&reader);
        let draft = snapshot::draft(reader, directory, |item| {
            report.add(item);
            if let Ok(entry) = item {
                tally.count(entry);
            }
        });
        // If the input is not a list, reports on its lines mean nothing.
        if !matches!(draft, Err(SourceError::NotAList { .. })) {
            report.warn(&sources.rules.filters);
        }
        drafts.push(draft?);
    }
    sources.check_filters(catalogs)?;
    tally.judge()?;
    let sum = |of: fn(&SnapshotDraft) -> u64| drafts.iter().map(of).sum::<u64>();
    if sum(|draft| draft.entries) == 0 && sum(|draft| draft.bad) > 0 {
        return Err(SourceError::NoTexts);
    }
    Ok(drafts.into_iter().map(SnapshotDraft::publish).collect::<Result<_, _>>()?)
}

async fn register(snapshot: Snapshot, queue: &dyn QueueAdmin) -> Result<(), SourceError> {
    let step = CursorMove {
        source: snapshot.name,
        from: None,
        offset: 0,
        entries: 0,
        entries_total: snapshot.entries,
    };
    match queue.push(Push { jobs: Vec::new(), cursor: Some(step) }).await {
        // Registered before.
        Ok(_) | Err(QueueError::CursorMoved(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
