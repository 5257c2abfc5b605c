//! `juggle plan` and `--dry-run`: what a run would do, before anything is fetched or written.
//!
//! The lists are read once, as they stream; what is kept is a tally for each host, whatever the number of texts. So a
//! text that is listed twice counts twice. What a text costs is one request to its first URL, after the mirrors; what is
//! in the store costs none. Redirects, further URLs of a text, and tries after a failure come on top.
//!
//! In reading order: `tally` (listed texts by host), [`robots`] (what robots.txt would say), `estimate` (from a tally to
//! times and bytes), `report` (what people and machines read).

pub mod robots;

mod estimate;
mod report;
mod tally;

use std::{ffi::OsString, fs, io, path::Path};

use self::{estimate::Estimate, robots::RobotsVerdict, tally::Tally};
use crate::{
    add, directory,
    exit::{CliError, Exit},
    output::Out,
    settings::resolved::Settings,
    source::{
        error::{ReadError, SourceError},
        input::Input,
        reader::Reader,
        snapshot,
    },
};

/// Runs `juggle plan`.
///
/// # Errors
/// As [`plan`].
pub fn run(sources: &[OsString], settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    plan(add::inputs(sources, settings)?, settings, out)
}

/// Says what would be done for these inputs; without any, for the lists of the run directory. Touches nothing, asks
/// nobody.
///
/// # Errors
/// Where there is no source at all, or a list cannot be read to its end.
pub fn plan(inputs: Vec<Input>, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let robots = |_: &str| RobotsVerdict::NotAsked;
    let mut tally = Tally::new(settings, &robots);
    if inputs.is_empty() {
        add_own_lists(&settings.output_dir, &mut tally)?;
    }
    for input in inputs {
        add_list(input, &mut tally)?;
    }
    let estimate = Estimate::of(&tally, settings);
    if out.is_json() {
        out.json(&estimate)?;
    } else {
        report::print(&estimate, out)?;
    }
    Ok(if tally.bad_lines > 0 { Exit::SomeFailed } else { Exit::Done })
}

fn add_list(input: Input, tally: &mut Tally<'_>) -> Result<(), CliError> {
    let label = add::label(&input);
    for item in Reader::open(input)? {
        match item {
            Ok(entry) => tally.add(&entry),
            Err(ReadError::Line(bad)) => {
                tracing::warn!("{label}{bad}");
                tally.bad_lines += 1;
            }
            Err(ReadError::Source(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The lists that were added to the run before.
fn add_own_lists(run: &Path, tally: &mut Tally<'_>) -> Result<(), CliError> {
    let snapshots = directory::sources(run);
    let unread = |source| SourceError::Snapshot { path: snapshots.clone(), source };
    let mut lists = match fs::read_dir(&snapshots) {
        Ok(found) => found.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unread)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unread(error).into()),
    };
    lists.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    if lists.is_empty() {
        return Err(add::no_sources());
    }
    lists.sort();
    for list in lists {
        for item in snapshot::read_from(&list, 0)? {
            tally.add(&item?.0);
        }
    }
    Ok(())
}
