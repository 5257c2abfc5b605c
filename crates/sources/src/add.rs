//! Adds sources to the queue.
//!
//! A list is stored once, as a snapshot in the run directory, and registered as a cursor. Its entries become
//! jobs when the fetch lane has room for them. The sources of one command are added all or not at all: every
//! list is read to its end before the first of them is registered.

use std::{fs, io, path::Path};

use flow::{clock::Clock, queue::QueueAdmin, safe_file};

use crate::{
    arguments::Input,
    blocking::blocking,
    bulk,
    config::{Config, ReadContext},
    cursors,
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    formats::ListKind,
    reader::EntryReader,
    refresh::{self, Refresh},
    report::ListReport,
    snapshot::{
        Snapshot,
        draft::{SnapshotDraft, write_draft},
    },
};

/// The sources of one command.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The inputs, in order.
    pub inputs: Vec<Input>,
    /// The options by which they are read.
    pub config: Config,
    /// The refresh mode of these sources.
    pub refresh: Refresh,
}

/// The result of adding sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// The number of entries.
    pub entries: u64,
    /// The number of invalid lines.
    pub bad: u64,
}

impl Sources {
    /// Reads all inputs to their ends, logs warnings about them, and calls `each` with every entry and every
    /// invalid line. Blocking.
    ///
    /// # Errors
    /// Returns [`SourceError::Argument`], [`SourceError::Read`] and [`SourceError::NotAList`] for an input
    /// that cannot be read, [`SourceError::NoCatalog`] if there are filters but no catalogue, and
    /// [`SourceError::Bulk`] for too many texts from the main site of Project Gutenberg.
    pub fn read(&self, mut each: impl FnMut(Result<&Entry, &BadLine>)) -> Result<(), SourceError> {
        self.read_inputs(|_, items| {
            for item in items {
                match item {
                    Ok(entry) => each(Ok(&entry)),
                    Err(ReadError::Line(bad)) => each(Err(&bad)),
                    Err(ReadError::Source(error)) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Opens each input and passes its name and items to `read`. Logs warnings about the items that were
    /// read.
    fn read_inputs(
        &self,
        mut read: impl FnMut(&str, &mut dyn Iterator<Item = Result<Entry, ReadError>>) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let context = ReadContext::new(&self.config);
        let (mut from_main_site, mut has_catalog) = (0, false);
        for input in &self.inputs {
            let reader = EntryReader::open(input.clone(), &context)?;
            has_catalog |= reader.kind() == ListKind::Catalog;
            let mut report = ListReport::new(&reader);
            let mut items = reader.inspect(|item| {
                report.add(item);
                let is_from_main_site = |entry| bulk::is_from_main_site(entry, &self.config.rewrites);
                from_main_site += u64::from(item.as_ref().is_ok_and(is_from_main_site));
            });
            let result = read(&input.name(), &mut items);
            // If the input is not a list, a report on its lines means nothing.
            if !matches!(result, Err(SourceError::NotAList { .. })) {
                report.warn(&self.config.filters);
            }
            result?;
        }
        if !has_catalog && !self.config.filters.is_empty() {
            return Err(SourceError::NoCatalog);
        }
        bulk::check(from_main_site)
    }
}

/// Writes snapshots of the inputs and registers them. Adding the same list again changes nothing.
///
/// For a refresh, a round over these lists starts, or, without inputs, a round over all lists that were added
/// before. `snapshots` is the directory of the snapshots; it is created if it does not exist. `on_counted`
/// gets the number of entries before the first snapshot is there.
///
/// # Errors
/// Returns the error of `on_counted`, the errors of [`Sources::read`], [`SourceError::Write`] if a snapshot
/// cannot be written, and [`SourceError::NoTexts`] if all lines are invalid; nothing is added then. Returns
/// [`SourceError::Queue`] if the queue fails.
pub async fn add<E: From<SourceError> + Send + 'static>(
    sources: Sources,
    snapshots: &Path,
    queue: &dyn QueueAdmin,
    on_counted: impl FnOnce(u64) -> Result<(), E> + Send + 'static,
) -> Result<Added, E> {
    let refresh = sources.refresh;
    // Read before the first push: jobs of this command must not count as older than its refresh.
    let now_ms = Clock::start().now_ms();
    let directory = snapshots.to_owned();
    let written = blocking(move || write(&sources, &directory, on_counted)).await??;
    let (mut added, mut lists) = (Added::default(), Vec::with_capacity(written.len()));
    for snapshot in written {
        added.entries += snapshot.entries;
        added.bad += snapshot.bad;
        lists.push(snapshot.name.clone());
        // Nothing changes for a list that was registered before.
        cursors::start(snapshot.name, None, snapshot.entries, queue).await.map_err(SourceError::from)?;
    }
    if refresh == Refresh::Yes {
        refresh::begin(&lists, snapshots, now_ms, queue).await?;
    }
    Ok(added)
}

/// Writes the snapshots of all inputs, or none.
fn write<E: From<SourceError>>(
    sources: &Sources,
    directory: &Path,
    on_counted: impl FnOnce(u64) -> Result<(), E>,
) -> Result<Vec<Snapshot>, E> {
    let failed = |source: io::Error| SourceError::Write { path: directory.to_owned(), source };
    fs::create_dir_all(directory).and_then(|()| safe_file::must_be_directory(directory)).map_err(failed)?;
    let mut drafts = Vec::<SnapshotDraft>::new();
    sources.read_inputs(|name, items| {
        drafts.push(write_draft(items, name, directory)?);
        Ok(())
    })?;
    let sum = |of: fn(&Snapshot) -> u64| drafts.iter().map(|draft| of(&draft.snapshot)).sum::<u64>();
    // Empty lists may be added: a watched list is filled later.
    let entries = sum(|snapshot| snapshot.entries);
    if entries == 0 && sum(|snapshot| snapshot.bad) > 0 {
        return Err(SourceError::NoTexts.into());
    }
    on_counted(entries)?;
    Ok(drafts.into_iter().map(SnapshotDraft::publish).collect::<Result<_, _>>()?)
}
