//! `juggle add`: sources into the queue.
//!
//! A list is written down once, as a snapshot in the run directory, and registered as a cursor. Its entries become
//! jobs when the fetch lane has room for them.

use std::{ffi::OsString, fs, path::Path};

use flow::queue::{CursorMove, JobQueue, Push, QueueError};

use crate::{
    attach::Attached,
    cli::AddArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes},
    plan,
    settings::{choice::Run, resolved::Settings},
    source::{error::SourceError, input::Input, reader::Reader, snapshot},
};

/// What came of adding sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Texts listed.
    pub entries: u64,
    /// Lines that name no text.
    pub bad: u64,
}

/// The sources named on the command line and in the settings.
///
/// # Errors
/// Where one of them is no source or cannot be read.
pub fn inputs(sources: &[OsString], settings: &Settings) -> Result<Vec<Input>, CliError> {
    let mut inputs = Input::of_arguments(sources.iter().cloned())?;
    for file in &settings.input_files {
        let input = Input::file(file)?;
        if !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    Ok(inputs)
}

/// What to say where there is nothing to do.
#[must_use]
pub fn no_sources() -> CliError {
    CliError::new(Exit::Usage, "there are no sources")
        .advise("name source lists, URLs or pg:NUMBER, as in 'juggle pipeline books.tsv', or use -i FILE")
}

/// Runs `juggle add`.
///
/// # Errors
/// As [`add`].
pub async fn run(args: &AddArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let inputs = inputs(&args.sources, settings)?;
    if inputs.is_empty() {
        return Err(no_sources());
    }
    if settings.run == Run::Dry {
        return plan::plan(inputs, settings, out);
    }
    directory::prepare(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let added = add(inputs, &settings.output_dir, &*attached.queue()).await;
    attached.close().await;
    let added = added?;
    if out.is_json() {
        let peak = peak_rss_bytes();
        let report =
            serde_json::json!({ "entries": added.entries, "bad_lines": added.bad, "peak_rss_bytes": peak });
        out.json(&report)?;
    } else {
        out.line(&format!("{} texts listed in '{}'", added.entries, settings.output_dir.display()))?;
    }
    Ok(if added.bad > 0 { Exit::SomeFailed } else { Exit::Done })
}

/// Writes snapshots of the inputs and registers them. The same list a second time changes nothing.
///
/// # Errors
/// Where a list cannot be read to its end or a snapshot not be written; [`Exit::File`] where no line of a list names a
/// text.
pub async fn add(inputs: Vec<Input>, run: &Path, queue: &dyn JobQueue) -> Result<Added, CliError> {
    let snapshots = directory::sources(run);
    fs::create_dir_all(&snapshots)
        .map_err(|source| SourceError::Write { path: snapshots.clone(), source })?;
    let mut added = Added::default();
    for input in inputs {
        let (directory, label) = (snapshots.clone(), label(&input));
        let writing = tokio::task::spawn_blocking(move || {
            let reader = Reader::open(input)?;
            snapshot::write(reader, &directory, |bad| tracing::warn!("{label}{bad}"))
        });
        let snapshot = writing.await.map_err(|error| CliError::caused(Exit::Bug, &error))??;
        added.entries += snapshot.entries;
        added.bad += snapshot.bad;
        let step = CursorMove {
            source: snapshot.name,
            from: None,
            offset: 0,
            entries: 0,
            entries_total: snapshot.entries,
        };
        match queue.push(Push { jobs: Vec::new(), cursor: Some(step) }).await {
            // Registered before.
            Ok(_) | Err(QueueError::CursorMoved(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if added.entries == 0 && added.bad > 0 {
        return Err(CliError::new(Exit::File, "no line of the source lists names a text")
            .advise("a line holds a URL, pg:NUMBER or a path; a table needs a column 'url'"));
    }
    Ok(added)
}

/// How the lines of an input are told.
pub(crate) fn label(input: &Input) -> String {
    match input {
        Input::List(path) => format!("{}, ", path.display()),
        Input::Stdin => "standard input, ".to_owned(),
        Input::Texts(_) => String::new(),
    }
}
