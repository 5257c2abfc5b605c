//! `juggle plan` and `--dry-run`: print what a run would do, before anything is fetched or written.
//!
//! The lists are read once, as they stream; memory holds one set of counts for each host, whatever the
//! number of texts. So a text that is listed twice counts twice. A text costs one request to its first URL,
//! after the mirrors are applied. A stored text costs none, except in a refresh, which requests it again.
//! Redirects, further URLs of a text, and retries are not counted.
//!
//! In reading order: `counts` (listed texts by host), [`robots`] (verdicts of robots.txt), `estimate` (times
//! and bytes from the counts; the JSON of a plan), `report` (the text for people).

pub mod robots;

mod counts;
mod estimate;
mod report;

use std::{fs, io, path::Path};

use self::{
    counts::PlanCounts,
    estimate::Estimate,
    robots::{RobotsChecker, RobotsVerdict},
};
use sources::{add::Sources, error::SourceError, snapshot::integrity};

use crate::{
    blocking::blocking,
    cli::PlanArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
    settings::resolved::Settings,
    source_arguments,
};

/// Runs `juggle plan`.
///
/// # Errors
/// Returns the errors of [`plan`].
pub async fn run(args: &PlanArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    plan(source_arguments::sources_of(&args.sources, settings).await?, settings, out).await
}

/// Prints what would be done for these sources, or without any for the lists of the run directory. Writes
/// nothing. Requests only robots.txt.
///
/// # Errors
/// Returns an error if there is no source, a list cannot be read to its end, or the sources would be refused.
pub async fn plan(sources: Sources, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let checker = RobotsChecker::new(settings)?;
    let settings = settings.clone();
    let reading = blocking(move || {
        let ask = |url: &str| checker.ask(url);
        let (estimate, bad_lines) = estimate(&sources, &settings, &ask)?;
        Ok::<_, CliError>((estimate, bad_lines))
    });
    let (estimate, bad_lines) = reading.await??;
    if out.is_json() {
        out.json(&estimate)?;
    } else {
        report::print(&estimate, out)?;
    }
    Ok(if bad_lines > 0 { Exit::SomeFailed } else { Exit::Done })
}

fn estimate(
    sources: &Sources,
    settings: &Settings,
    robots: &dyn Fn(&str) -> RobotsVerdict,
) -> Result<(Estimate, u64), CliError> {
    let mut counts = PlanCounts::new(settings, robots, sources.refresh);
    if sources.inputs.is_empty() {
        add_own_lists(&settings.output_dir, &mut counts)?;
    } else {
        add_sources(sources, &mut counts)?;
    }
    Ok((Estimate::of(&counts, settings), counts.bad_lines))
}

fn add_sources(sources: &Sources, counts: &mut PlanCounts<'_>) -> Result<(), CliError> {
    sources.read(|item| match item {
        Ok(entry) => counts.add(entry),
        Err(_) => counts.bad_lines += 1,
    })?;
    Ok(())
}

/// Counts the lists that were added to the run before.
fn add_own_lists(run: &Path, counts: &mut PlanCounts<'_>) -> Result<(), CliError> {
    let snapshots = directory::sources(run);
    let unread = |source| SourceError::Snapshot { path: snapshots.clone(), source };
    let mut lists = match fs::read_dir(&snapshots) {
        Ok(found) => found.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unread)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unread(error).into()),
    };
    // A list that is still being added has another extension.
    lists.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    if lists.is_empty() {
        return Err(source_arguments::no_sources());
    }
    // The order of a directory is arbitrary, and the first 50 hosts are asked for their robots.txt.
    lists.sort();
    for list in lists {
        for item in integrity::read(&list)? {
            counts.add(&item?.0);
        }
    }
    Ok(())
}
