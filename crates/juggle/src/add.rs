//! `juggle add`: sources into the queue.
//!
//! A list is written down once, as a snapshot in the run directory, and registered as a cursor. Its entries become
//! jobs when the fetch lane has room for them. The sources of a command are added all or not at all: every list is read
//! to its end before the first of them is registered.

mod bulk;
mod sources;

use std::{fs, path::Path};

use flow::{
    clock::Clock,
    queue::{CursorMove, JobQueue, Push, QueueError},
    safe_file,
};

pub(crate) use self::bulk::Tally;
pub use self::{bulk::BULK_MAX, sources::Sources};
use ::sources::{
    error::SourceError,
    input::Form,
    reader::Reader,
    reading::Reading,
    report::Report,
    snapshot::{self, Drafted, Snapshot},
};

use crate::{
    attach::Attached,
    blocking::blocking,
    cli::AddArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes},
    plan,
    refresh::{self, Refresh},
    settings::{choice::Run, resolved::Settings},
};

/// What came of adding sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Texts listed.
    pub entries: u64,
    /// Lines that name no text.
    pub bad: u64,
}

/// What to say where there is nothing to do.
#[must_use]
pub fn no_sources() -> CliError {
    CliError::new(Exit::Usage, "there are no sources").advise(
        "name source lists, directories of texts, URLs, pg:NUMBER or pg:FIRST-LAST, as in 'juggle pipeline books.tsv', or use -i FILE or \
         --catalog FILE",
    )
}

/// Runs `juggle add`.
///
/// # Errors
/// As [`add`].
pub async fn run(args: &AddArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let sources = Sources::of(&args.sources, settings).await?;
    let refresh = sources.refresh;
    if sources.inputs.is_empty() && (refresh == Refresh::No || !directory::has_run(&settings.output_dir)) {
        return Err(no_sources());
    }
    if settings.run == Run::Dry {
        return plan::plan(sources, settings, out).await;
    }
    directory::prepare(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let added = add(sources, &settings.output_dir, &*attached.queue()).await;
    attached.close().await;
    let added = added?;
    if out.is_json() {
        let peak = peak_rss_bytes();
        let report =
            serde_json::json!({ "entries": added.entries, "bad_lines": added.bad, "peak_rss_bytes": peak });
        out.json(&report)?;
    } else {
        out.line(&format!("{} texts listed in '{}'", added.entries, settings.output_dir.display()))?;
        if refresh == Refresh::Yes {
            out.line("what is stored of them is asked for again by the next run")?;
        }
    }
    Ok(if added.bad > 0 { Exit::SomeFailed } else { Exit::Done })
}

/// Writes snapshots of the inputs and registers them. The same list a second time changes nothing. For a refresh, a round
/// over these lists begins; where there are none, over all that were added before.
///
/// # Errors
/// Where a list cannot be read to its end or a snapshot not be written; [`Exit::File`] where no line of the lists names
/// a text; [`Exit::Usage`] for [bulk](BULK_MAX) from the main site of Project Gutenberg, and for filters without a
/// catalogue. Where a list is at fault, nothing is added.
pub async fn add(sources: Sources, run: &Path, queue: &dyn JobQueue) -> Result<Added, CliError> {
    let (snapshots, refresh) = (directory::sources(run), sources.refresh);
    let now_ms = Clock::start().now_ms();
    let directory = snapshots.clone();
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
        refresh::begin(&lists, &snapshots, now_ms, queue).await?;
    }
    Ok(added)
}

/// Writes all snapshots, or none.
fn write(sources: &Sources, directory: &Path) -> Result<Vec<Snapshot>, CliError> {
    fs::create_dir_all(directory)
        .map_err(|source| SourceError::Write { path: directory.to_owned(), source })?;
    safe_file::must_be_directory(directory)
        .map_err(|source| SourceError::Write { path: directory.to_owned(), source })?;
    let reading = Reading::new(&sources.rules);
    let mut tally = Tally::new(&sources.rules.rewrites);
    let (mut drafts, mut catalogs) = (Vec::<Drafted>::new(), 0);
    for input in &sources.inputs {
        let reader = Reader::open(input.clone(), &reading)?;
        catalogs += usize::from(reader.form() == Form::Catalog);
        let mut report = Report::on(&reader);
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
    let sum = |of: fn(&Drafted) -> u64| drafts.iter().map(of).sum::<u64>();
    if sum(|draft| draft.entries) == 0 && sum(|draft| draft.bad) > 0 {
        return Err(CliError::new(Exit::File, "no line of the source lists names a text")
            .advise("a line holds a URL, pg:NUMBER or a path; a table needs a column 'url'"));
    }
    Ok(drafts.into_iter().map(Drafted::publish).collect::<Result<_, _>>()?)
}

async fn register(snapshot: Snapshot, queue: &dyn JobQueue) -> Result<(), CliError> {
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
