//! The documents that failed, and what can be done about them.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use flow::{
    job::{JobId, JobState, JobView},
    lane::Lane,
    queue::{BATCH_MAX, QueueError},
};
use maud::{Markup, html};
use monitor::{
    failures::{FailureGroup, kind},
    figures::{counted, grouped},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, Page,
    parts::{Row, ago, button, cell, choices, document, number, pair, table},
};
use crate::{
    api::{JobRow, JobsQuery},
    app::App,
    refusal::Refusal,
};

/// The number of documents on a page.
const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FailuresQuery {
    lane: String,
    kind: String,
    host: String,
    after: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    query: Result<Query<FailuresQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let page = Page::begin(Arc::clone(&app)).await?;
    let (jobs, next) = list(&app, &query).await?;
    let now_ms = page.now_ms();
    let groups = &page.snapshot.failures;
    let read: u64 = groups.iter().map(|group| group.count).sum();
    let content = html! {
        @if page.snapshot.dead == 0 { p class="good" { "Nothing failed." } }
        @else {
            (table("kind", "Failures by kind", &["Failure", "Lane", "#Documents", ""], &groups.iter().map(group).collect::<Vec<_>>()))
            @if read < page.snapshot.dead { p { (counted(page.snapshot.dead - read, "more document")) " failed; only the first " (grouped(read)) " were read." } }
            p class="soft" { "A retry makes sense once the cause is gone. A drop removes the document from the queue. It is fetched again if it is added again." }
            h2 { "Documents" }
            (filter(&query, groups))
            @if jobs.is_empty() { p { "No documents match." } }
            @else { (table("dead", "Documents that failed", &["Document", "Lane", "When", "#Tries", "Host", "Failure", ""], &jobs.iter().map(|job| row(job, now_ms)).collect::<Vec<_>>())) }
            @if let Some(next) = next {
                p { a href=(format!("/failures?{}&{}&{}&after={next}", pair("lane", &query.lane), pair("kind", &query.kind), pair("host", &query.host))) { "Next page" } }
            }
        }
    };
    page.end("/failures", "Failures", &content)
}

/// Returns a page of failed jobs, and the job after which the next page begins.
async fn list(app: &App, query: &FailuresQuery) -> Result<(Vec<JobRow>, Option<JobId>), Refusal> {
    let FailuresQuery { lane, kind: wanted, host, after } = query;
    let jobs_query = JobsQuery {
        lane: lane.clone(),
        host: host.clone(),
        after: after.clone(),
        state: JobState::Dead.name().to_owned(),
        ..JobsQuery::default()
    };
    let (selection, mut after, _) = jobs_query.parse()?;
    let open = app.run.open_queue().await?;
    let listing = async {
        let mut found: Vec<JobView> = Vec::new();
        // The queue knows reasons, and not kinds of them.
        loop {
            let jobs = open.queue.list(selection.clone(), after, BATCH_MAX).await?;
            let Some(last) = jobs.last().map(|job| job.id) else { return Ok((found, None)) };
            let is_end = jobs.len() < BATCH_MAX;
            for job in jobs {
                if found.len() == PAGE {
                    let next = found.last().map(|job| job.id);
                    return Ok::<_, QueueError>((found, next));
                }
                if wanted.is_empty() || job.last_failure().is_some_and(|failure| kind(failure) == *wanted) {
                    found.push(job);
                }
            }
            if is_end {
                return Ok((found, None));
            }
            after = Some(last);
        }
    };
    let listed = listing.await;
    let (jobs, next) = open.close(listed).await?;
    Ok((jobs.into_iter().map(JobRow::from).collect(), next))
}

fn filter(query: &FailuresQuery, groups: &[FailureGroup]) -> Markup {
    let mut kinds: Vec<&str> = groups.iter().map(|group| group.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    html! {
        form class="filter" action="/failures" {
            label { "Lane " select name="lane" { (choices(&query.lane, Lane::ALL.map(Lane::name))) } }
            label { "Failure " select name="kind" { (choices(&query.kind, kinds)) } }
            label { "Host " input name="host" value=(query.host) size="20" maxlength="300"; }
            button { "Filter" }
        }
    }
}

fn group(group: &FailureGroup) -> Row {
    let FailureGroup { lane, kind, count, .. } = group;
    let body = json!({ "filter": { "lane": lane, "kind": kind } });
    let documents = counted(*count, "document");
    let named = format!("{documents} with {kind}");
    let cells = vec![
        html! { a href=(format!("/failures?lane={lane}&{}", pair("kind", kind))) { (kind) } },
        cell(lane),
        number(*count),
        html! {
            (button("Retry", &format!("Retry {named}"), "/api/retry", &body, Some(&format!("Retry {named}?")))) " "
            (button("Drop", &format!("Drop {named}"), "/api/drop", &body, Some(&format!("Drop {named} from the queue?"))))
        },
    ];
    (format!("{lane}-{kind}").replace(' ', "-"), cells)
}

fn row(job: &JobRow, now_ms: u64) -> Row {
    let (id, name) = (json!({ "ids": [job.id] }), &job.document);
    let cells = vec![
        document(name),
        cell(job.lane),
        ago(now_ms, job.changed_ms),
        number(job.attempts.into()),
        cell(job.host.as_deref().unwrap_or("–")),
        html! { @if let Some(message) = &job.message { (message) } },
        html! {
            (button("Retry", &format!("Retry {name}"), "/api/retry", &id, Some(&format!("Retry {name}?")))) " "
            (button("Drop", &format!("Drop {name}"), "/api/drop", &id, Some(&format!("Drop {name} from the queue?"))))
        },
    ];
    (job.id.to_string(), cells)
}
