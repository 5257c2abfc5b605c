//! `juggle queue show`: shows everything about a job, or about a document's jobs in all lanes.

use std::fmt::Write;

use flow::{
    clock::{Clock, Millis},
    job::{JobEvent, JobEventKind, JobState, JobView, Selection},
    queue::BATCH_MAX,
};

use super::{row::JobRow, select::job_ids, visit};
use crate::{
    cli::queue::ShowArgs,
    exit::{CliError, Exit},
    output::{Out, short_span, timestamp},
};
use settings::resolved::Settings;

pub(super) async fn run(args: &ShowArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let ids = job_ids(std::slice::from_ref(&args.id))?;
    let selection = Selection { ids, ..Selection::default() };
    let mut jobs = visit(settings, async |queue| Ok(queue.list(selection, None, BATCH_MAX).await?)).await?;
    // The queue lists by id, which is a hash; people read in the order of the stages.
    jobs.sort_by_key(|job| job.lane);
    if jobs.is_empty() {
        let message = format!("there is no job or document '{}'", args.id);
        return Err(CliError::new(Exit::Usage, message).advise("Use 'juggle queue ls' to list the jobs."));
    }
    let now_ms = Clock::start().now_ms();
    if out.is_json() {
        let rows: Vec<_> = jobs.iter().map(|job| JobRow::of(job, now_ms)).collect();
        return out.json(&rows).map(|()| Exit::Done);
    }
    jobs.iter().try_for_each(|job| out.line(&describe(job, now_ms)))?;
    Ok(Exit::Done)
}

fn describe(job: &JobView, now_ms: Millis) -> String {
    let mut text = format!("{}  {} {}\n", job.key, job.lane, job.state);
    let mut field = |name: &str, value: &str| {
        writeln!(text, "  {name:<9} {value}").expect("a string takes all that is written");
    };
    let ago =
        |at_ms: Millis| format!("{}  {} ago", timestamp(at_ms), short_span(now_ms.saturating_sub(at_ms)));
    field("job", &job.id.to_string());
    if let Some(group) = &job.group {
        field("host", &group.0);
    }
    if job.priority.0 > 0 {
        field("priority", &job.priority.0.to_string());
    }
    field("queued", &ago(job.pushed_ms));
    field("changed", &ago(job.changed_ms));
    if let Some((name, due_ms)) = due(job) {
        field(name, &format!("{}  in {}", timestamp(due_ms), short_span(due_ms.saturating_sub(now_ms))));
    }
    field("attempts", &format!("{} ({} failed)", job.attempts, job.failures));
    for (at, event) in job.history.iter().enumerate() {
        field(if at == 0 { "history" } else { "" }, &describe_event(event));
    }
    for (at, line) in indented(&job.payload).lines().enumerate() {
        field(if at == 0 { "payload" } else { "" }, line);
    }
    text
}

/// Returns what a job waits for, and until which time.
const fn due(job: &JobView) -> Option<(&'static str, Millis)> {
    match (job.state, job.due_ms) {
        (JobState::Delayed, Some(due_ms)) => Some(("due", due_ms)),
        (JobState::Leased, Some(due_ms)) => Some(("lease end", due_ms)),
        (JobState::Ready | JobState::Done | JobState::Dead, _) | (_, None) => None,
    }
}

fn describe_event(event: &JobEvent) -> String {
    let what = match &event.what {
        JobEventKind::Failed(failure) => format!("failed: {failure}"),
        JobEventKind::Died(failure) => format!("given up: {failure}"),
        JobEventKind::Lost => "its worker died".to_owned(),
        JobEventKind::Retried => "retried by a command".to_owned(),
        JobEventKind::Moved(why) => format!("moved: {}", why.message),
    };
    format!("{}  attempt {}: {what}", timestamp(event.at_ms), event.attempt)
}

/// Returns the payload, over several lines if it is JSON.
fn indented(payload: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(payload)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned())
}

#[cfg(test)]
mod tests {
    use flow::{
        failure::{Failure, Reason},
        job::{Group, JobId, Priority},
        lane::Lane,
    };

    use super::*;

    #[test]
    fn everything_that_happened_is_told_in_order() {
        let at = |at_ms, attempt, what| JobEvent { at_ms, attempt, what };
        let failure = || Failure::new(Reason::Timeout, "nothing came for 60 s");
        let job = JobView {
            id: JobId::of(Lane::Fetch, "PG84"),
            lane: Lane::Fetch,
            key: "PG84".to_owned(),
            group: Some(Group("a.example".to_owned())),
            priority: Priority(3),
            state: JobState::Delayed,
            due_ms: Some(90_061_000),
            attempts: 4,
            failures: 1,
            pushed_ms: 0,
            changed_ms: 86_400_000,
            history: vec![
                at(1_000, 1, JobEventKind::Failed(failure())),
                at(2_000, 2, JobEventKind::Died(failure())),
                at(3_000, 2, JobEventKind::Retried),
                at(4_000, 3, JobEventKind::Lost),
            ],
            payload: br#"{"document":"PG84","urls":["https://a.example/84"]}"#.to_vec(),
        };
        let expected = format!(
            r#"PG84  fetch delayed
  job       {}
  host      a.example
  priority  3
  queued    1970-01-01T00:00:00Z  24h ago
  changed   1970-01-02T00:00:00Z  61s ago
  due       1970-01-02T01:01:01Z  in 60m
  attempts  4 (1 failed)
  history   1970-01-01T00:00:01Z  attempt 1: failed: timeout: nothing came for 60 s
            1970-01-01T00:00:02Z  attempt 2: given up: timeout: nothing came for 60 s
            1970-01-01T00:00:03Z  attempt 2: retried by a command
            1970-01-01T00:00:04Z  attempt 3: its worker died
  payload   {{
              "document": "PG84",
              "urls": [
                "https://a.example/84"
              ]
            }}
"#,
            job.id
        );
        assert_eq!(describe(&job, 86_461_000), expected);
    }
}
