//! `juggle distance`: measures how different the words of documents are.

mod report;

use std::{path::Path, sync::Arc};

use distance::{
    comparer::ComparisonPlan,
    documents::{Documents, ManyComparison, PairComparison},
    error::DistanceError,
};
use flow::shell::quoted_path;
use serde::Serialize;

use crate::{
    blocking::blocking,
    cli::distance::DistanceArgs,
    directory,
    exit::{CliError, Exit, MEND},
    output::Out,
};
use settings::resolved::Settings;

/// The result, whose JSON is that of its variant.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Comparison {
    Pair(PairComparison),
    Many(ManyComparison),
}

/// Runs `juggle distance`.
///
/// # Errors
/// Returns an error if there is no run, a document is missing, not processed or without tokens, or a file
/// cannot be read.
pub async fn run(args: &DistanceArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let blobs = Arc::new(directory::open_blobs(settings).await?);
    let (threads, max_pairs, ids) = (settings.threads, args.max_pairs, args.ids.clone());
    let plan = ComparisonPlan { measures: args.measures(), pairs: args.pairs, seed: args.seed };
    let comparing = blocking(move || {
        let documents = Documents { blobs: &*blobs, plan: &plan, threads };
        match &ids[..] {
            [first, second] => documents.compare(first, second).map(Comparison::Pair),
            ids => documents.compare_many(ids.first().map(String::as_str), max_pairs).map(Comparison::Many),
        }
    });
    let found = comparing.await?.map_err(|error| failed(error, &settings.output_dir))?;
    match &found {
        found if out.is_json() => out.json(found)?,
        Comparison::Pair(two) => out.line(&report::render_pair(two))?,
        Comparison::Many(many) => out.line(&report::render_many(many))?,
    }
    Ok(Exit::Done)
}

fn failed(error: DistanceError, run: &Path) -> CliError {
    let (file, word) = (CliError::caused(Exit::File, &error), quoted_path(run));
    match error {
        DistanceError::Blob(error) => error.into(),
        DistanceError::Threads { .. } => {
            CliError::caused(Exit::Bug, &error).advise("Use fewer threads: --threads N")
        }
        DistanceError::NoTokens(_) => file
            .advise("Use another document. The files in stats/ have the number of words of each document."),
        DistanceError::InvalidLine { .. } | DistanceError::MissingTokens(_) => file.advise(MEND),
        DistanceError::NotProcessed(_) => file.advise(format!("process it: juggle process -o {word}")),
        DistanceError::TooFew(documents) => {
            let run = run.display();
            CliError::new(
                Exit::File,
                format!("two documents with tokens are needed, but '{run}' has {documents}"),
            )
            .advise(
                "Use 'juggle pipeline SOURCES' to add documents, or 'juggle status' to see their progress.",
            )
        }
        DistanceError::Unknown { id, similar, stored } => {
            let similar: Vec<String> = similar.iter().map(|id| format!("'{id}'")).collect();
            let message = format!("no document '{id}' is stored in '{}'", run.display());
            CliError::new(Exit::File, message).advise(match (&similar[..], stored) {
                (_, 0) => "No document is stored yet. Use 'juggle status' to see the progress.".to_owned(),
                ([], _) => "The ids are the file names in meta/. Use 'juggle queue ls' to list documents in \
                     progress."
                    .to_owned(),
                (similar, _) => format!("Did you mean {}?", similar.join(" or ")),
            })
        }
    }
}
