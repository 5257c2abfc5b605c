//! `juggle pipeline`: adds the sources, runs all stages until nothing is left, prints a summary.

use std::path::Path;

use flow::{lane::Lane, worker::Until};
use queue::connection::QueueConnection;
use sources::add::Sources;

use crate::{
    cli::PipelineArgs,
    directory::{self, new_layout},
    exit::{CliError, Exit},
    output::Out,
    plan, sample,
    signals::unless_stopped,
    source_arguments,
    stage_run::StageRun,
};
use settings::{
    enums::{Network, Run},
    resolved::Settings,
};

/// Runs `juggle pipeline`.
///
/// # Errors
/// Returns an error if the sources, the run directory or the queue cannot be used, or if the machine fails.
pub async fn run(args: &PipelineArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let sources = source_arguments::sources_of(&args.sources, settings).await?;
    // Before anything is created: a dry run leaves no trace.
    if settings.run == Run::Dry {
        return plan::plan(sources, settings, out).await;
    }
    if sources.inputs.is_empty() && !directory::has_run(&settings.output_dir) {
        return Err(source_arguments::no_sources());
    }
    // Signals are caught from here on; before, Ctrl-C ends the process at once.
    let (locked, dashboard) = (args.locked.clone(), args.dashboard);
    let lanes = &Lane::ALL[..=args.until.unwrap_or(Lane::Process).index()];
    let run = StageRun { locked, dashboard, ..StageRun::new(lanes, Until::Drained)? };
    match (&args.sample, &args.sample_output) {
        // Offline, no host can be probed. A lock describes another corpus than the sample library.
        (Some(sample), Some(output)) if settings.network == Network::Online && args.locked.is_none() => {
            run_or_fall_back(run, sources, sample, output, settings, out).await
        }
        _ => run.run(sources, settings, out).await,
    }
}

/// Runs the sample library instead if no host of the sources can be reached. The sources stay queued.
async fn run_or_fall_back(
    run: StageRun,
    sources: Sources,
    sample: &Path,
    output: &Path,
    settings: &Settings,
    out: &Out,
) -> Result<Exit, CliError> {
    directory::prepare(&settings.output_dir)?;
    let connection = unless_stopped(&run.shutdown, QueueConnection::visit(&settings.output_dir)).await?;
    let queue = connection.queue();
    let adding = new_layout::add(sources.clone(), settings, &*queue);
    let added = unless_stopped(&run.shutdown, adding).await;
    let stats = queue.stats().await;
    // The owner ends only when no client is left; `close` would wait for this one.
    drop(queue);
    connection.close().await;
    // Reported after the queue is closed, so that an error does not leave it locked.
    added?;
    directory::remember(settings).await?;
    // Nothing to fetch needs no network: a repeated run must not switch to the sample.
    if stats?.pending() == 0 || sample::any_host_answers(&sources, settings).await? {
        return run.run(sources, settings, out).await;
    }
    tracing::warn!(
        "no host of the source list can be reached. Running the sample library in '{}' instead. The \
         sources stay in the queue of '{}'.",
        output.display(),
        settings.output_dir.display()
    );
    let served = sample::serve(sample, output, settings)?;
    run.run(served.sources.clone(), &served.settings, out).await
}
