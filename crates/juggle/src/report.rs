//! `juggle report`: writes a run and its corpus as one HTML file.

use std::path::PathBuf;

use corpus::duplicate_list;
use flow::{atomic_file, blobs::BlobStore, clock::Clock, lane::Lane};
use indicatif::ProgressStyle;
use monitor::figures::run_name;
use process::error::ProcessError;
use report::{
    data::{CorpusFacts, EventFacts, ReportData},
    page,
};
use serde::Serialize;

use crate::{
    blocking::blocking,
    cli::ReportArgs,
    directory,
    exit::{CliError, Exit, MEND},
    output::{Out, counted},
    progress::Show,
    status,
};
use settings::{enums::Run, resolved::Settings};

/// The file name in the run directory.
const FILE: &str = "report.html";

/// The JSON of `juggle report`.
#[derive(Debug, Serialize)]
struct Written {
    path: PathBuf,
    bytes: u64,
    documents: u64,
    tokens: u64,
    distinct_tokens: u64,
}

/// Runs `juggle report`.
///
/// # Errors
/// Returns an error if there is no run, a record is missing or damaged, or the file cannot be written.
pub async fn run(args: &ReportArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let run = settings.output_dir.clone();
    directory::must_exist(&run)?;
    let snapshot = status::snapshot(settings).await?;
    let blobs = directory::open_blobs(settings).await?;
    let path = args.output.clone().unwrap_or_else(|| run.join(FILE));
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} documents, {per_sec}, {eta} left");
    let style = style.expect("the template is a constant");
    let bar = Show::of(settings, out).bar(snapshot.lanes[Lane::Process.name()].counts.done, style);
    let rows = settings.shown().iter();
    let shown = rows.map(|row| [row.name.clone(), row.values.join(" "), row.origin.to_string()]).collect();
    let (name, is_real) = (run_name(&run), settings.run == Run::Real);
    let writing = blocking(move || -> Result<Written, CliError> {
        let corpus =
            CorpusFacts::read(&blobs as &dyn BlobStore, || bar.inc(1)).map_err(|error| match error {
                ProcessError::Blob(error) => CliError::from(error),
                error => CliError::caused(Exit::File, &error).advise(MEND),
            })?;
        bar.finish_and_clear();
        let log = event_log::path_in(&run);
        let data = ReportData {
            name,
            made_at_ms: Clock::start().now_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            snapshot,
            corpus,
            events: EventFacts::read(&run).map_err(|error| CliError::unreadable(&log, &error))?,
            duplicates: duplicate_list::read(&run)?,
            settings: shown,
        };
        let text = page::render(&data);
        let (bytes, facts) = (text.len() as u64, &data.corpus);
        let (documents, tokens, distinct_tokens) = (facts.totals.documents, facts.tokens, facts.distinct);
        if is_real {
            atomic_file::write(&path, text).map_err(|error| CliError::unwritten(&path, &error))?;
        }
        Ok(Written { path, bytes, documents, tokens, distinct_tokens })
    });
    let written = writing.await??;
    if out.is_json() {
        out.json(&written)?;
    } else {
        let what = if is_real { "Wrote" } else { "Would write" };
        let documents = counted(written.documents, "document");
        out.line(&format!("{what} {} ({documents}). Open it in a browser.", written.path.display()))?;
    }
    Ok(Exit::Done)
}
