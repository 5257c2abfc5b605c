//! `juggle queue ls`: lists jobs as a table.

use flow::{
    clock::{Clock, Millis},
    job::{JobState, JobView},
};

use indicatif::HumanCount;

use super::{row::JobRow, select::filtered, visit};
use crate::{
    cli::queue::LsArgs,
    exit::{CliError, Exit},
    output::{Out, align_right, counted, short_span, table},
};
use settings::resolved::Settings;

const HEADER: [&str; 9] =
    ["document", "lane", "state", "age", "due in", "tries", "host", "job", "last failure"];

pub(super) async fn run(args: &LsArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let selection = filtered(&args.filter);
    let (mut jobs, unfed): (Vec<JobView>, u64) = visit(settings, async |queue| {
        let mut jobs = Vec::new();
        flow::queue::each_page(queue, &selection, args.limit, |page| jobs.extend(page)).await?;
        Ok((jobs, queue.stats().await?.unfed))
    })
    .await?;
    let now_ms = Clock::start().now_ms();
    if out.is_json() {
        let rows: Vec<_> = jobs.iter().map(|job| JobRow::of(job, now_ms)).collect();
        return out.json(&rows).map(|()| Exit::Done);
    }
    if jobs.is_empty() {
        out.line("No jobs match.")?;
        return print_unread(unfed, out).map(|()| Exit::Done);
    }
    jobs.sort_by(|a, b| (a.lane, a.pushed_ms, &a.key).cmp(&(b.lane, b.pushed_ms, &b.key)));
    out.line(&listed(&jobs, now_ms))?;
    // Exactly the limit may also be all jobs, hence "may be".
    if jobs.len() == args.limit {
        tracing::info!("there may be more jobs: --limit {} was reached", HumanCount(args.limit as u64));
    }
    print_unread(unfed, out).map(|()| Exit::Done)
}

/// Prints how many listed texts are not in the queue yet. A source list is a cursor: its texts become jobs
/// when the fetch lane has room.
fn print_unread(unfed: u64, out: &Out) -> Result<(), CliError> {
    if unfed == 0 {
        return Ok(());
    }
    out.line(&format!(
        "{} not in the queue yet, because the fetch lane is full",
        counted(unfed, "listed text")
    ))
}

fn listed(jobs: &[JobView], now_ms: Millis) -> String {
    let mut table = table(&HEADER);
    for job in jobs {
        table.add_row([
            job.key.clone(),
            job.lane.to_string(),
            job.state.to_string(),
            short_span(now_ms.saturating_sub(job.pushed_ms)),
            due_in(job, now_ms),
            job.attempts.to_string(),
            job.group.as_ref().map_or_else(|| "–".to_owned(), |group| group.0.clone()),
            job.id.to_string(),
            job.last_failure().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    align_right(&mut table, 3..6);
    table.trim_fmt()
}

/// Returns the time until a delayed job can be claimed.
fn due_in(job: &JobView, now_ms: Millis) -> String {
    match (job.state, job.due_ms) {
        (JobState::Delayed, Some(due_ms)) => short_span(due_ms.saturating_sub(now_ms)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use flow::{
        failure::{Failure, Reason},
        job::{Group, JobEvent, JobEventKind, JobId, Priority},
        lane::Lane,
    };

    use super::*;

    fn job(key: &str, state: JobState) -> JobView {
        JobView {
            id: JobId::of(Lane::Fetch, key),
            lane: Lane::Fetch,
            key: key.to_owned(),
            group: Some(Group("a.example".to_owned())),
            priority: Priority::default(),
            state,
            due_ms: Some(100_000),
            attempts: 1,
            failures: 1,
            pushed_ms: 10_000,
            changed_ms: 10_000,
            history: Vec::new(),
            payload: Vec::new(),
        }
    }

    #[test]
    fn the_columns_stand_below_their_names() {
        let failure = Failure::new(Reason::Timeout, "nothing came for 60 s");
        let history = vec![JobEvent { at_ms: 1, attempt: 1, what: JobEventKind::Failed(failure) }];
        let delayed = JobView { history, ..job("PG84", JobState::Delayed) };
        let leased = JobView { group: None, attempts: 12, ..job("a-longer-name", JobState::Leased) };
        let text = listed(&[delayed, leased], 70_000);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let (first, second) = (JobId::of(Lane::Fetch, "PG84"), JobId::of(Lane::Fetch, "a-longer-name"));
        let expected = [
            " document       lane   state    age  due in  tries  host       job                               last failure",
            &format!(
                " PG84           fetch  delayed  60s     30s      1  a.example  {first}  timeout: nothing came for 60 s"
            ),
            &format!(" a-longer-name  fetch  leased   60s             12  –          {second}"),
        ];
        assert_eq!(lines, expected);
    }
}
