//! `juggle queue …`: serve it, look into it, mend it.

use std::{fmt::Write, path::Path};

use flow::{
    clock::Millis,
    document::DocumentId,
    job::{Happened, JobId, JobView, Selection, State},
    lane::Lane,
    queue::{BATCH_MAX, JobQueue, Pause},
    shutdown::shutdown,
};
use queue::broker::Idle;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    attach::{self, Attached},
    cli::{Filter, LaneArgs, LsArgs, QueueCommand, SelectArgs, ServeArgs, ShowArgs},
    directory,
    exit::{CliError, Exit},
    output::{Out, timestamp},
    settings::{choice::Run, resolved::Settings},
    signals,
};

/// Runs one of them.
pub async fn run(command: &QueueCommand, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if let QueueCommand::Serve(args) = command {
        return serve(args, settings).await;
    }
    directory::must_exist(&settings.output_dir)?;
    let attached = Attached::visit(&settings.output_dir).await?;
    let queue = attached.queue();
    let result = match command {
        QueueCommand::Serve(_) => Ok(()),
        QueueCommand::Ls(args) => ls(args, &*queue, out).await,
        QueueCommand::Show(args) => show(args, &*queue, out).await,
        QueueCommand::Retry(args) => retry(args, settings.run, &*queue, out).await,
        QueueCommand::Drop(args) => forget(args, settings.run, &*queue, out).await,
        QueueCommand::Pause(args) => set_paused(args, Pause::Paused, settings.run, &*queue, out).await,
        QueueCommand::Resume(args) => set_paused(args, Pause::Running, settings.run, &*queue, out).await,
    };
    drop(queue);
    attached.close().await;
    result.map(|()| Exit::Done)
}

async fn serve(args: &ServeArgs, settings: &Settings) -> Result<Exit, CliError> {
    let run: &Path = &settings.output_dir;
    directory::prepare(run)?;
    let (trigger, stop) = shutdown();
    signals::listen(trigger).map_err(|error| CliError::caused(Exit::Bug, &error))?;
    if !attach::serve(run, settings.durability, Idle::EndAfter(args.idle.duration()), stop).await? {
        tracing::info!("the queue of '{}' is served already", run.display());
    }
    Ok(Exit::Done)
}

fn selection(filter: &Filter) -> Selection {
    Selection { lane: filter.lane, state: filter.state, reason: filter.reason, ..Selection::default() }
}

/// Ids may be of jobs or of documents; a document stands for its jobs in all lanes.
fn job_ids(ids: &[String]) -> Result<Vec<JobId>, CliError> {
    let mut found = Vec::new();
    for id in ids {
        match (id.parse::<JobId>(), id.parse::<DocumentId>()) {
            (Ok(job), _) => found.push(job),
            (Err(_), Ok(document)) => found.extend(Lane::ALL.map(|lane| JobId::of(lane, document.as_str()))),
            (Err(error), Err(_)) => return Err(CliError::new(Exit::Usage, error)),
        }
    }
    Ok(found)
}

async fn ls(args: &LsArgs, queue: &dyn JobQueue, out: &Out) -> Result<(), CliError> {
    let selection = selection(&args.filter);
    let (mut jobs, mut after): (Vec<JobView>, _) = (Vec::new(), None);
    while jobs.len() < args.limit {
        let limit = BATCH_MAX.min(args.limit - jobs.len());
        let page = queue.list(selection.clone(), after, limit).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        jobs.extend(page);
    }
    if out.is_json() {
        return out.json(&jobs.iter().map(JobRow::of).collect::<Vec<_>>());
    }
    if jobs.is_empty() {
        return out.line("no such jobs");
    }
    for job in &jobs {
        let failure = job.last_failure().map(|failure| format!("  {failure}")).unwrap_or_default();
        out.line(&format!(
            "{}  {:<7} {:<7} {:>2} tries  {}{failure}",
            job.id, job.lane, job.state, job.attempts, job.key
        ))?;
    }
    if jobs.len() == args.limit {
        tracing::info!("there may be more: --limit {} was reached", args.limit);
    }
    Ok(())
}

/// A job in JSON. The payload stands as it is: it is JSON itself.
#[derive(Serialize)]
struct JobRow<'a> {
    id: JobId,
    lane: Lane,
    document: &'a str,
    state: State,
    group: Option<&'a str>,
    attempts: u32,
    failures: u32,
    due_ms: Option<Millis>,
    pushed_ms: Millis,
    changed_ms: Millis,
    history: &'a [flow::job::Event],
    payload: Option<&'a RawValue>,
}

impl<'a> JobRow<'a> {
    fn of(job: &'a JobView) -> Self {
        Self {
            id: job.id,
            lane: job.lane,
            document: &job.key,
            state: job.state,
            group: job.group.as_ref().map(|group| group.0.as_str()),
            attempts: job.attempts,
            failures: job.failures,
            due_ms: job.due_ms,
            pushed_ms: job.pushed_ms,
            changed_ms: job.changed_ms,
            history: &job.history,
            payload: serde_json::from_slice(&job.payload).ok(),
        }
    }
}

async fn show(args: &ShowArgs, queue: &dyn JobQueue, out: &Out) -> Result<(), CliError> {
    let ids = job_ids(std::slice::from_ref(&args.id))?;
    let mut jobs = queue.list(Selection { ids, ..Selection::default() }, None, BATCH_MAX).await?;
    jobs.sort_by_key(|job| job.lane);
    if jobs.is_empty() {
        let message = format!("there is no job or document '{}'", args.id);
        return Err(CliError::new(Exit::Usage, message).advise("'juggle queue ls' shows what there is"));
    }
    if out.is_json() {
        return out.json(&jobs.iter().map(JobRow::of).collect::<Vec<_>>());
    }
    jobs.iter().try_for_each(|job| out.line(&describe(job)))
}

fn describe(job: &JobView) -> String {
    let mut text = format!("{}  {} {}\n", job.key, job.lane, job.state);
    let mut field = |name: &str, value: &str| {
        writeln!(text, "  {name:<9} {value}").expect("a string takes all that is written");
    };
    field("job", &job.id.to_string());
    if let Some(group) = &job.group {
        field("host", &group.0);
    }
    field("pushed", &timestamp(job.pushed_ms));
    field("changed", &timestamp(job.changed_ms));
    if let Some(due) = job.due_ms {
        field("due", &timestamp(due));
    }
    field("attempts", &format!("{} ({} failed)", job.attempts, job.failures));
    for event in &job.history {
        let what = match &event.what {
            Happened::Failed(failure) => format!("failed: {failure}"),
            Happened::Died(failure) => format!("given up: {failure}"),
            Happened::Lost => "its worker died".to_owned(),
            Happened::Retried => "another round, by hand".to_owned(),
        };
        field("", &format!("{}  attempt {}: {what}", timestamp(event.at_ms), event.attempt));
    }
    if !job.payload.is_empty() {
        field("payload", &String::from_utf8_lossy(&job.payload));
    }
    text
}

async fn retry(args: &SelectArgs, run: Run, queue: &dyn JobQueue, out: &Out) -> Result<(), CliError> {
    let selection = Selection { ids: job_ids(&args.ids)?, ..selection(&args.filter) };
    if run == Run::Dry {
        let dead = Selection { state: Some(State::Dead), ..selection };
        return report(out, count(queue, dead, |_| true).await?, "jobs would be tried again", "would_retry");
    }
    report(out, queue.retry(selection).await?, "jobs will be tried again", "retried")
}

async fn forget(args: &SelectArgs, run: Run, queue: &dyn JobQueue, out: &Out) -> Result<(), CliError> {
    let selection = Selection { ids: job_ids(&args.ids)?, ..selection(&args.filter) };
    if selection == Selection::default() {
        let message = "'juggle queue drop' would forget every job: say which ones";
        return Err(CliError::new(Exit::Usage, message)
            .advise("name ids, or use --lane, --state or --reason, such as --state dead"));
    }
    if run == Run::Dry {
        let would = count(queue, selection, |job| job.state != State::Leased).await?;
        return report(out, would, "jobs would be forgotten", "would_drop");
    }
    report(out, queue.drop_jobs(selection).await?, "jobs are forgotten", "dropped")
}

async fn count(
    queue: &dyn JobQueue,
    selection: Selection,
    counts: impl Fn(&JobView) -> bool,
) -> Result<u64, CliError> {
    let (mut total, mut after) = (0, None);
    loop {
        let page = queue.list(selection.clone(), after, BATCH_MAX).await?;
        let Some(last) = page.last() else { return Ok(total) };
        after = Some(last.id);
        total += page.iter().filter(|job| counts(job)).count() as u64;
    }
}

async fn set_paused(
    args: &LaneArgs,
    pause: Pause,
    run: Run,
    queue: &dyn JobQueue,
    out: &Out,
) -> Result<(), CliError> {
    if run == Run::Dry {
        return out.line("nothing was done");
    }
    queue.set_paused(args.lane, pause).await?;
    let what = match pause {
        Pause::Paused => "paused",
        Pause::Running => "running",
    };
    if out.is_json() {
        return out.json(&serde_json::json!({ "lane": args.lane, "state": what }));
    }
    out.line(&format!("the {} lane is {what}", args.lane))
}

fn report(out: &Out, count: u64, sentence: &str, name: &str) -> Result<(), CliError> {
    if out.is_json() {
        out.json(&serde_json::json!({ name: count }))
    } else {
        out.line(&format!("{count} {sentence}"))
    }
}
