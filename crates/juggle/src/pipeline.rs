//! `juggle pipeline`: sources in, all stages until nothing is left, a summary.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{
    blobs::BlobStore,
    lane::Lane,
    shutdown::{Phase, Shutdown, Trigger, shutdown},
    worker::{Ended, Until},
};
use tokio::time::Instant;

use crate::{
    add::{self, Added, Sources},
    cli::PipelineArgs,
    directory,
    exit::{CliError, Exit},
    lock::{
        self,
        keeping::{self, Keeping},
    },
    output::Out,
    plan,
    progress::{Progress, Show},
    queue_connection::QueueConnection,
    sample,
    settings::{
        enums::{Network, Run},
        resolved::Settings,
    },
    signals::{self, unless_stopped},
    stages::Stages,
    summary::{RunFacts, Summary, resting_hosts},
};

/// What holds for a run besides its settings.
struct RunContext {
    shutdown: Shutdown,
    trigger: Trigger,
    /// The lock that it keeps to, where it does; without a path the one in its directory.
    locked: Option<Option<PathBuf>>,
    show: Show,
}

/// Runs it.
///
/// # Errors
/// Where the sources, the run directory or the queue cannot be used, or the machine cannot go on.
pub async fn run(args: &PipelineArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let sources = Sources::of(&args.sources, settings).await?;
    if settings.run == Run::Dry {
        return plan::plan(sources, settings, out).await;
    }
    if sources.inputs.is_empty() && !directory::has_run(&settings.output_dir) {
        return Err(add::no_sources());
    }
    let (trigger, shutdown) = shutdown();
    signals::listen(trigger.clone()).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let context =
        RunContext { shutdown, trigger, locked: args.locked.clone(), show: Show::of(settings, out) };
    match (&args.sample, &args.sample_output) {
        // Without a request nobody knows whether a host can be reached, and the sample would have to be fetched too.
        (Some(sample), Some(output)) if settings.network == Network::Online && args.locked.is_none() => {
            with_fall_back(sources, sample, output, settings, &context, out).await
        }
        _ => all_stages(sources, settings, &context, out).await,
    }
}

/// Runs the sample library in place of lists none of whose hosts can be reached; their texts stay queued.
async fn with_fall_back(
    sources: Sources,
    sample: &Path,
    output: &Path,
    settings: &Settings,
    context: &RunContext,
    out: &Out,
) -> Result<Exit, CliError> {
    directory::prepare(&settings.output_dir)?;
    let connection = unless_stopped(&context.shutdown, QueueConnection::visit(&settings.output_dir)).await?;
    let queue = connection.queue();
    let adding = add::add(sources.clone(), &settings.output_dir, &*queue);
    let added = unless_stopped(&context.shutdown, adding).await;
    let stats = queue.stats().await;
    drop(queue);
    connection.close().await;
    added?;
    if stats?.pending() == 0 || sample::any_host_answers(&sources, settings).await? {
        return all_stages(sources, settings, context, out).await;
    }
    tracing::warn!(
        "no host of the source list can be reached: running the sample library into '{}' instead; the list stays queued \
         in '{}'",
        output.display(),
        settings.output_dir.display()
    );
    let served = sample::serve(sample, output, settings)?;
    all_stages(served.sources.clone(), &served.settings, context, out).await
}

async fn all_stages(
    sources: Sources,
    settings: &Settings,
    context: &RunContext,
    out: &Out,
) -> Result<Exit, CliError> {
    let started = Instant::now();
    directory::prepare(&settings.output_dir)?;
    let connecting = QueueConnection::own_or_join(&settings.output_dir, settings.durability);
    let connection = unless_stopped(&context.shutdown, connecting).await?;
    let worked = work(sources, settings, context, &connection, started).await;
    connection.close().await;
    let Some(summary) = worked? else { return Ok(Exit::Interrupted) };
    summary.print(&settings.output_dir, out)?;
    Ok(summary.exit(settings.on_failure))
}

/// Does everything; no summary where it was stopped at once.
async fn work(
    sources: Sources,
    settings: &Settings,
    context: &RunContext,
    connection: &QueueConnection,
    started: Instant,
) -> Result<Option<Summary>, CliError> {
    let queue = connection.queue();
    let before = queue.stats().await?;
    let refresh = sources.refresh;
    let own_lock = || lock::path_in(&settings.output_dir);
    let locked = context.locked.clone().map(|path| path.unwrap_or_else(own_lock));
    let expected = keeping::expected(locked).await?;
    let adding = add::add(sources, &settings.output_dir, &*queue);
    let Added { bad, .. } = unless_stopped(&context.shutdown, adding).await?;
    let stages =
        Stages::open(settings, Arc::clone(&queue), context.shutdown.clone(), context.trigger.clone()).await?;
    let keeping = Keeping::new(settings, Arc::clone(&stages.blobs), expected.clone());
    keeping.check(&*queue).await?;
    let stages = stages.expecting(expected);
    let progress = Progress::start(context.show.clone(), Arc::clone(&queue), &stages.metered(&Lane::ALL));
    let ended = stages.run(settings, &Lane::ALL, Until::Drained).await;
    progress.finish().await;
    let ended = ended?;
    match context.shutdown.phase() {
        Phase::Running => {
            stages.take_back(settings).await?;
            stages.mark_duplicates(settings).await?;
        }
        Phase::Draining => {}
        Phase::Now => return Ok(None),
    }
    let lock = match context.shutdown.phase() {
        Phase::Running => Some(keeping.finish().await?),
        Phase::Draining | Phase::Now => None,
    };
    let resting = match ended {
        Ended::Resting => resting_hosts(&*queue).await?,
        Ended::Finished | Ended::Blocked | Ended::Stopped => Vec::new(),
    };
    let facts = RunFacts {
        before,
        took: started.elapsed(),
        bad_lines: bad,
        conflicts: stages.conflicts(),
        refreshed: stages.refreshing.summary(refresh, &*queue).await?,
        resting,
        lock,
        network: settings.network,
        busy: stages.busy(),
        imbalance: stages.imbalance(),
        ways: stages.ways(settings),
    };
    let blobs = Arc::clone(&stages.blobs) as Arc<dyn BlobStore>;
    Summary::gather(facts, &*queue, blobs).await.map(Some)
}
