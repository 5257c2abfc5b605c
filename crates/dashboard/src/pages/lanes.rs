//! The lanes and their jobs.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use flow::{failure::Reason, job::JobState, lane::Lane};
use maud::{Markup, html};

use super::{
    Answer, Page, overview,
    parts::{Row, ago, cell, choices, document, number, pair, table, until},
};
use crate::{
    api::{self, JobRow, JobsQuery},
    app::App,
};

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let page = Page::begin(Arc::clone(&app)).await?;
    let jobs = api::list(&app, &query).await?;
    let rows: Vec<Row> = jobs.jobs.iter().map(|job| row(job, page.now_ms())).collect();
    let content = html! {
        (overview::lanes(&page.snapshot))
        h2 id="jobs" { "Jobs" }
        (filter(&query))
        @if rows.is_empty() { p { "No jobs match." } }
        @else { (table("job", "Jobs", &["Document", "Lane", "State", "Since", "Due", "#Tries", "Host", "Last failure"], &rows)) }
        @if let Some(next) = jobs.next {
            p { a href=(format!("/lanes?{}&after={next}#jobs", query_of(&query))) { "Next page" } }
        }
    };
    page.end("/lanes", "Lanes", &content)
}

fn query_of(query: &JobsQuery) -> String {
    [("lane", &query.lane), ("state", &query.state), ("reason", &query.reason), ("host", &query.host)]
        .map(|(name, value)| pair(name, value))
        .join("&")
}

fn filter(query: &JobsQuery) -> Markup {
    html! {
        form class="filter" action="/lanes#jobs" {
            label { "Lane " select name="lane" { (choices(&query.lane, Lane::ALL.map(Lane::name))) } }
            label { "State " select name="state" { (choices(&query.state, JobState::ALL.map(JobState::name))) } }
            label { "Reason " select name="reason" { (choices(&query.reason, Reason::ALL.iter().map(|reason| reason.name()))) } }
            label { "Host " input name="host" value=(query.host) size="20" maxlength="300"; }
            button { "Filter" }
        }
    }
}

fn row(job: &JobRow, now_ms: u64) -> Row {
    let due = match (job.state, job.due_ms) {
        (JobState::Delayed, Some(due_ms)) => until(now_ms, due_ms.saturating_sub(now_ms)),
        _ => html! {},
    };
    let cells = vec![
        document(&job.document),
        cell(job.lane),
        cell(job.state),
        ago(now_ms, job.changed_ms),
        due,
        number(job.attempts.into()),
        cell(job.host.as_deref().unwrap_or("–")),
        html! { @if let Some(message) = &job.message { (message) } },
    ];
    (job.id.to_string(), cells)
}
