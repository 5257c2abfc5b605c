//! `juggle fetch|store|process` and the binaries of those names: one stage alone.

use std::slice;

use flow::{lane::Lane, worker::Until};
use queue::connection::QueueConnection;
use sources::{add::Sources, refresh::Refresh};

use crate::{
    cli::{StageArgs, sources::SourceArgs},
    directory,
    exit::{CliError, Exit},
    output::{Out, counted},
    partition_report, plan, source_arguments,
    stage_run::StageRun,
};
use settings::{enums::Run, resolved::Settings};

/// Runs one stage until its lane is drained, then prints its summary.
///
/// # Errors
/// Returns an error if a flag is not one of this stage, the run directory or the queue cannot be used, or
/// the machine fails.
pub async fn run(lane: Lane, args: &StageArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    // Only the fetch stage has sources; the other stages find their documents in the queue.
    let refresh = refresh_of(lane, args)?;
    let sources = match lane {
        Lane::Fetch => {
            Sources { refresh, ..source_arguments::sources_of(&SourceArgs::default(), settings).await? }
        }
        Lane::Store | Lane::Process => Sources::default(),
    };
    // A stage that follows may start before the first source is added.
    if args.watch.is_empty() && !args.follow && sources.inputs.is_empty() {
        directory::must_exist(&settings.output_dir)?;
    }
    if settings.run == Run::Dry {
        return dry_run(lane, sources, settings, out).await;
    }
    if args.explain {
        return partition_report::explain(settings, out).await;
    }
    let until = match (args.once, args.follow || !args.watch.is_empty()) {
        (true, _) => Until::FirstEmpty,
        (false, true) => Until::Stopped,
        (false, false) => Until::Drained,
    };
    let lanes = slice::from_ref(&Lane::ALL[lane.index()]);
    let run = StageRun { watch: args.watch.clone(), ..StageRun::new(lanes, until)? };
    run.run(sources, settings, out).await
}

/// Returns whether stored texts are requested again.
///
/// # Errors
/// Returns an error with [`Exit::Usage`] if a flag belongs to another stage.
fn refresh_of(lane: Lane, args: &StageArgs) -> Result<Refresh, CliError> {
    let refuse = |flag: &str, stages: &str| {
        let message = format!("the {lane} stage has no {flag}");
        Err(CliError::new(Exit::Usage, message).advise(format!("Use {flag} with {stages}.")))
    };
    match lane {
        _ if args.explain && lane != Lane::Process => refuse("--explain", "process"),
        Lane::Store | Lane::Process if args.refresh => refuse("--refresh", "pipeline, add or fetch"),
        _ => Ok(if args.refresh { Refresh::Yes } else { Refresh::No }),
    }
}

/// Prints how much there is to do. Changes nothing.
async fn dry_run(lane: Lane, sources: Sources, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if !sources.inputs.is_empty() || sources.refresh == Refresh::Yes {
        return plan::plan(sources, settings, out).await;
    }
    let stats = QueueConnection::stats(&settings.output_dir).await?;
    let unread = if lane == Lane::Fetch { stats.unfed } else { 0 };
    let pending = stats.lane(lane).pending() + unread;
    if out.is_json() {
        out.json(&serde_json::json!({ "lane": lane, "pending": pending }))?;
    } else {
        out.line(&format!(
            "{} in the {lane} lane. Dry run: nothing was changed.",
            counted(pending, "document")
        ))?;
    }
    Ok(Exit::Done)
}
