//! `juggle fetch|store|process` and the binaries of those names: one stage alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flow::{
    counters::Counters,
    lane::Lane,
    shutdown::{Phase, shutdown},
    worker::{Ended, Until},
};
use serde::Serialize;
use tokio::time::Instant;

use sources::catalog::Filters;

use crate::{
    add::{self, Added, Sources},
    cli::StageArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, describe_busy, peak_rss_bytes, seconds},
    partition_report::{self, Partition},
    plan,
    progress::{Progress, Show},
    queue_connection::QueueConnection,
    refresh::{Refresh, RefreshSummary},
    settings::{
        enums::{Network, OnFailure, Run},
        resolved::Settings,
    },
    signals::{self, unless_stopped},
    stages::Stages,
    summary::{RestingHost, resting_hosts},
    watch,
};

/// What a stage did in this run.
#[derive(Debug, Serialize)]
struct StageSummary {
    lanes: BTreeMap<&'static str, LaneDone>,
    seconds: f64,
    busy_seconds: Vec<f64>,
    ways: Vec<Partition>,
    /// What became of stored texts that were asked for again; none where that was not done.
    refreshed: Option<RefreshSummary>,
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LaneDone {
    done: u64,
    dead: u64,
    retried: u64,
    bytes: u64,
}

/// Runs one.
///
/// # Errors
/// Where the run directory or the queue cannot be used, or the machine cannot go on.
pub async fn run(lane: Lane, args: &StageArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let started = Instant::now();
    // Only fetching begins with sources; the other stages find theirs in the queue.
    let refresh = refresh_of(lane, args)?;
    let sources = match lane {
        Lane::Fetch => Sources { refresh, ..Sources::of_settings(settings).await? },
        Lane::Store | Lane::Process => Sources::default(),
    };
    if args.watch.is_empty() && !args.follow && sources.inputs.is_empty() {
        directory::must_exist(&settings.output_dir)?;
    }
    if settings.run == Run::Dry {
        return dry_run(lane, sources, settings, out).await;
    }
    directory::prepare(&settings.output_dir)?;
    let (trigger, stop) = shutdown();
    signals::listen(trigger.clone()).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    let joining = QueueConnection::join(&settings.output_dir, settings.durability);
    let connection = unless_stopped(&stop, joining).await?;
    let (queue, run) = (connection.queue(), &settings.output_dir);
    let Added { bad, .. } = unless_stopped(&stop, add::add(sources, run, &*queue)).await?;
    drop(queue);
    let stages = Stages::open(settings, connection.queue(), stop.clone(), trigger).await?;
    if args.explain {
        let exit = partition_report::explain(&stages, &*connection.queue(), settings, out).await;
        drop(stages);
        connection.close().await;
        return exit;
    }
    let progress = Progress::start(Show::of(settings, out), connection.queue(), &stages.metered(&[lane]));
    let until = match (args.once, args.follow || !args.watch.is_empty()) {
        (true, _) => Until::FirstEmpty,
        (false, true) => Until::Stopped,
        (false, false) => Until::Drained,
    };
    let lanes = [lane];
    let watching = async {
        if args.watch.is_empty() {
            std::future::pending().await
        } else {
            let rules = settings.rules(Filters::default());
            watch::run(args.watch.clone(), settings.output_dir.clone(), rules, connection.queue()).await
        }
    };
    let ended = tokio::select! {
        ended = stages.run(settings, &lanes, until) => ended,
        Err(error) = watching => Err(error),
    };
    progress.finish().await;
    let ended = ended?;
    if stop.phase() < Phase::Now {
        stages.take_back(settings).await?;
        if lane == Lane::Store {
            stages.mark_duplicates(settings).await?;
        }
    }
    if ended == Ended::Resting {
        warn_of_resting(&connection, settings).await?;
    }
    if ended == Ended::Blocked {
        tracing::warn!("the lane below is full and nobody works there: run the next stage too");
    }
    let counters = Arc::clone(&stages.counters[lane.index()]);
    let refreshed = stages.refreshing.summary(refresh, &*connection.queue()).await?;
    let ways = if lane == Lane::Process { stages.ways(settings) } else { Vec::new() };
    report(lane, &counters, started.elapsed(), &stages, ways, refreshed, out)?;
    drop(stages);
    connection.close().await;
    let exit = exit_of(ended, &counters, until, settings.on_failure);
    Ok(if exit == Exit::Done && bad > 0 { Exit::SomeFailed } else { exit })
}

async fn warn_of_resting(connection: &QueueConnection, settings: &Settings) -> Result<(), CliError> {
    for RestingHost { host, texts } in resting_hosts(&*connection.queue()).await? {
        match settings.network {
            Network::Online => tracing::warn!(
                "{texts} texts wait for {host}, which is left alone for now: run the same command later"
            ),
            Network::Offline => {
                tracing::warn!("{texts} texts wait for {host}, for --offline asks no server")
            }
        }
    }
    Ok(())
}

/// Whether stored texts are asked for again. Flags that this stage does not have are refused.
fn refresh_of(lane: Lane, args: &StageArgs) -> Result<Refresh, CliError> {
    if args.explain && lane != Lane::Process {
        return Err(CliError::new(
            Exit::Usage,
            format!("the {lane} stage divides no texts: it has no --explain"),
        )
        .advise("use it with process"));
    }
    match (args.refresh, lane) {
        (false, _) => Ok(Refresh::No),
        (true, Lane::Fetch) => Ok(Refresh::Yes),
        (true, Lane::Store | Lane::Process) => {
            Err(CliError::new(Exit::Usage, format!("the {lane} stage asks no server: it has no --refresh"))
                .advise(
                    "use it with pipeline, add or fetch; what changed then flows on through the other stages",
                ))
        }
    }
}

/// Says what there is to do. Touches nothing.
async fn dry_run(lane: Lane, sources: Sources, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if !sources.inputs.is_empty() || sources.refresh == Refresh::Yes {
        return plan::plan(sources, settings, out).await;
    }
    directory::must_exist(&settings.output_dir)?;
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let stats = connection.queue().stats().await;
    connection.close().await;
    let stats = stats?;
    let unfed = if lane == Lane::Fetch { stats.unfed } else { 0 };
    let pending = stats.lane(lane).pending() + unfed;
    if out.is_json() {
        out.json(&serde_json::json!({ "lane": lane, "pending": pending }))?;
    } else {
        out.line(&format!("{pending} documents in the {lane} lane; nothing was done"))?;
    }
    Ok(Exit::Done)
}

fn exit_of(ended: Ended, counters: &Counters, until: Until, on_failure: OnFailure) -> Exit {
    let has_failures = counters.dead.get() > 0;
    let has_failed_fast = has_failures && on_failure == OnFailure::FailFast;
    match ended {
        // Whoever asked to go on until stopped is not interrupted by being stopped.
        Ended::Stopped if until != Until::Stopped && !has_failed_fast => Exit::Interrupted,
        Ended::Resting => Exit::SomeFailed,
        Ended::Finished | Ended::Blocked | Ended::Stopped if has_failures => Exit::SomeFailed,
        Ended::Finished | Ended::Blocked | Ended::Stopped => Exit::Done,
    }
}

fn report(
    lane: Lane,
    counters: &Counters,
    took: Duration,
    stages: &Stages,
    ways: Vec<Partition>,
    refreshed: Option<RefreshSummary>,
    out: &Out,
) -> Result<(), CliError> {
    let done = LaneDone {
        done: counters.done.get(),
        dead: counters.dead.get(),
        retried: counters.retried.get(),
        bytes: counters.bytes.get(),
    };
    let busy_seconds: Vec<f64> =
        if lane == Lane::Process { stages.busy().into_iter().map(seconds).collect() } else { Vec::new() };
    if out.is_quiet() && done.dead > 0 {
        tracing::error!("{lane}: {} documents failed; 'juggle queue ls --state dead' names them", done.dead);
    }
    if !out.is_json() {
        out.line(&format!(
            "{lane}: {} done, {} failed, {} tried again, {} bytes; {:.1} s",
            done.done,
            done.dead,
            done.retried,
            done.bytes,
            seconds(took)
        ))?;
        refreshed.map_or(Ok(()), |refreshed| out.line(&refreshed.line()))?;
        let said = [describe_busy(&busy_seconds, stages.imbalance()), partition_report::line(&ways)];
        return said.into_iter().flatten().try_for_each(|line| out.line(&line));
    }
    out.json(&StageSummary {
        lanes: [(lane.name(), done)].into(),
        seconds: seconds(took),
        busy_seconds,
        ways,
        refreshed,
        peak_rss_bytes: peak_rss_bytes(),
    })
}
